package prompt

import "bytes"

// names are the members of one kind of object. There are few, so a walk over them is faster than a map.
type names []struct {
	name  string
	field field
}

// find returns the field of a name as it is spelled.
func (n names) find(key []byte) (field, bool) {
	for i := range n {
		if string(key) == n[i].name {
			return n[i].field, true
		}
	}
	return fieldUnknown, false
}

// field is a member that means something to the gateway.
type field uint8

// Members of the request.
const (
	fieldUnknown field = iota // may be anything, also text that reaches the prompt
	fieldPassed               // known: it passes, and adds nothing to the prompt
	fieldModel
	fieldMessages
	fieldStream
	fieldStreamOptions
	fieldMaxTokens
	fieldMaxCompletionTokens
	fieldMaxOutputTokens
	fieldN
	fieldTools
	fieldFunctions
	fieldToolChoice
	fieldFunctionCall
	fieldResponseFormat
	fieldPrediction
	fieldWebSearch
	fieldUser
	fieldPrompt
	fieldInput
	fieldBestOf
	fieldLabel // as fieldPassed, and does not change the answer
	fieldCount
)

// capFields are the members that cap the output, as clients of any API write them.
var capFields = [...]field{fieldMaxTokens, fieldMaxCompletionTokens, fieldMaxOutputTokens}

// requestFields are the members of a chat request, as of OpenAI's specification, and those of other servers that reach no prompt.
var requestFields = names{
	{"model", fieldModel},
	{"messages", fieldMessages},
	{"stream", fieldStream},
	{"stream_options", fieldStreamOptions},
	{"max_tokens", fieldMaxTokens},
	{"max_completion_tokens", fieldMaxCompletionTokens},
	{"max_output_tokens", fieldMaxOutputTokens},
	{"n", fieldN},
	{"tools", fieldTools},
	{"functions", fieldFunctions},
	{"tool_choice", fieldToolChoice},
	{"function_call", fieldFunctionCall},
	{"response_format", fieldResponseFormat},
	{"prediction", fieldPrediction},
	{"web_search_options", fieldWebSearch},
	{"user", fieldUser},

	{"prompt", fieldPrompt},
	{"input", fieldInput},
	{"best_of", fieldBestOf},
	{"echo", fieldPassed},
	{"dimensions", fieldPassed},
	{"encoding_format", fieldPassed},

	{"metadata", fieldLabel},
	{"safety_identifier", fieldLabel},
	{"prompt_cache_key", fieldLabel},
	{"prompt_cache_retention", fieldLabel},

	{"audio", fieldPassed},
	{"frequency_penalty", fieldPassed},
	{"logit_bias", fieldPassed},
	{"logprobs", fieldPassed},
	{"min_p", fieldPassed},
	{"modalities", fieldPassed},
	{"parallel_tool_calls", fieldPassed},
	{"presence_penalty", fieldPassed},
	{"prompt_cache_options", fieldPassed},
	{"reasoning", fieldPassed},
	{"reasoning_effort", fieldPassed},
	{"repetition_penalty", fieldPassed},
	{"seed", fieldPassed},
	{"service_tier", fieldPassed},
	{"stop", fieldPassed},
	{"store", fieldPassed},
	{"temperature", fieldPassed},
	{"thinking", fieldPassed},
	{"top_k", fieldPassed},
	{"top_logprobs", fieldPassed},
	{"top_p", fieldPassed},
	{"verbosity", fieldPassed},
}

// Members of a message, of a part of its content, of a tool call, and of stream_options.
const (
	inUnknown field = iota
	inRole
	inContent
	inName
	inToolCalls
	inToolCallID
	inFunctionCall
	inRefusal
	inReasoning
	inSealed // marks bytes that must not be edited
	inOpaque // bytes that only their provider can read
	inType
	inText
	inImage
	inAudio
	inFile
	inURL
	inDetail
	inID
	inFunction
	inCustom
	inArguments
	inInput
	inIncludeUsage
)

var messageFields = names{
	{"role", inRole},
	{"content", inContent},
	{"name", inName},
	{"tool_calls", inToolCalls},
	{"tool_call_id", inToolCallID},
	{"function_call", inFunctionCall},
	{"refusal", inRefusal},
	{"reasoning_content", inReasoning},
}

var partFields = names{
	{"type", inType}, {"text", inText}, {"refusal", inRefusal}, {"image_url", inImage}, {"input_audio", inAudio}, {"file", inFile},
}

var (
	imageFields    = names{{"url", inURL}, {"detail", inDetail}}
	callFields     = names{{"id", inID}, {"type", inType}, {"function", inFunction}, {"custom", inCustom}}
	functionFields = names{{"name", inName}, {"arguments", inArguments}, {"input", inInput}}
	optionFields   = names{{"include_usage", inIncludeUsage}}
)

// sealedFields are members, at any depth of a message, that forbid to edit it.
var sealedFields = names{
	{"cache_control", inSealed},
	{"prompt_cache_breakpoint", inSealed},
	{"signature", inOpaque},
	{"thought_signature", inOpaque},
	{"thoughtSignature", inOpaque},
	{"encrypted_content", inOpaque},
	{"reasoning_details", inOpaque},
	{"redacted_thinking", inOpaque},
	{"thinking_blocks", inOpaque},
}

// aliasOf returns the known name that a key is another spelling of, "" if it is none. Decoders that ignore case, as Go's does, would
// take it for that member, and ours would not.
func aliasOf(key []byte, escaped bool, known names) string {
	if !escaped && isPlain(key) {
		return ""
	}
	for i := range known {
		if name := known[i].name; len(name) <= len(key) && bytes.EqualFold(key, []byte(name)) {
			return name
		}
	}
	return ""
}

// isPlain tells whether a key has no letter that folds to another: known names are all of lower-case ASCII.
func isPlain(key []byte) bool {
	for _, c := range key {
		if c >= 0x80 || c >= 'A' && c <= 'Z' {
			return false
		}
	}
	return true
}
