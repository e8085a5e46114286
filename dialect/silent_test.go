package dialect

import (
	"slices"
	"strconv"
	"strings"
)

// silence is members that are left out without a word, and why that loses nothing.
type silence struct {
	client  string // "" is any
	target  string // "" is any
	members []string
	why     string
}

var silent = []silence{
	{why: "It is written in the URL of the target.", members: []string{"stream"}},
	{why: "Nothing is stored, and a file of a batch or a bill has no place for it; metadata comes back with an answer of the Responses API.", members: []string{"store", "metadata", "labels"}},
	{why: "It says how a stream is padded and that usage is to be told, which the gateway sees to.", members: []string{"stream_options"}},
	{why: "It is a hint for the provider's cache, which changes no answer.", members: []string{
		"prompt_cache_key", "prompt_cache_retention", "prompt_cache_options", "cache_control", "tools[function].cache_control", "tools[custom].cache_control",
		"messages[tool].cache_control", "messages[user].cache_control", "system[text].cache_control", "messages[system].content[text].cache_control",
		"messages[user].content[text].cache_control", "messages[user].content[tool_result].cache_control", "messages[assistant].content[tool_use].cache_control",
		"messages[user].content[image base64].cache_control", "messages[user].content[document base64].cache_control",
		"messages[system].content[text].prompt_cache_breakpoint", "messages[user].content[text].prompt_cache_breakpoint", "messages[user].content[file].prompt_cache_breakpoint",
		"messages[user].content[image_url].prompt_cache_breakpoint", "messages[user].content[input_audio].prompt_cache_breakpoint",
		"input[user].content[input_text].prompt_cache_breakpoint", "input[user].content[input_image].prompt_cache_breakpoint", "input[user].content[input_file].prompt_cache_breakpoint",
	}},
	{why: "It tells the provider's own people who asks, and changes no answer. Anthropic has one place for both, `metadata.user_id`, where `user` goes before `safety_identifier`.", members: []string{"user", "safety_identifier"}},
	{why: "Which tier serves changes no answer; the one that did is told with it, and is what is paid for.", members: []string{"service_tier", "serviceTier"}},
	{why: "The target takes no other form of it.", members: []string{
		"tool_choice.type", "tool_choice.allowed_tools.tools[function].type", "tools[function].type", "tools[custom].type", "messages[assistant].tool_calls[function].type",
		"messages[assistant].tool_calls[function].index", "systemInstruction.role", "contents[user].role", "input[user].type", "input[developer].type", "input[assistant].type",
	}},
	{why: "It is the name of a schema, and no part of what a model sees.", members: []string{"response_format.json_schema.name", "text.format.name"}},
	{why: "The target keeps to the schema in any case, or, where a tool must be called, to that of the tool.", members: []string{
		"response_format.json_schema.strict", "text.format.strict", "tools[function].function.strict", "tools[function].strict", "tools[custom].strict",
	}},
	{why: "The thought's signature holds it, and goes along.", client: "openai", target: "gemini", members: []string{"messages[assistant].reasoning_content"}},
	{why: "It says in how large pieces a tool's input is streamed.", members: []string{"tools[custom].eager_input_streaming"}},
	{why: "It is about how thoughts are shown, which is seen to when the answer comes; a model does not think otherwise for it.", members: []string{
		"thinking.display", "generationConfig.thinkingConfig.includeThoughts", "reasoning.summary",
	}},
	{why: "A thought as Google shows it is for people; what the model must get back is signed.", client: "gemini", members: []string{"contents[model].parts[text]"}},
	{why: "It is the client's own, and Google shows it to no model.", client: "gemini", members: []string{"contents[user].parts[text].partMetadata"}},
	{why: "It is told by the call that it belongs to.", members: []string{"contents[user].parts[functionResponse].functionResponse.name", "input[function_call_output].name"}},
	{why: "It is the id or the state of something that a provider has stored; what it holds goes along whole.", client: "responses", members: []string{
		"input[assistant].id", "input[assistant].status", "input[function_call].id", "input[function_call].status", "input[function_call_output].id", "input[function_call_output].status",
	}},
	{why: "`direct` is what is usual: the model itself has called.", client: "responses", members: []string{"input[function_call].caller", "input[function_call_output].caller"}},
	{why: "What can be included is sent anyway, or belongs to tools that a provider runs; `message.output_text.logprobs` asks for log probabilities.", client: "responses", members: []string{"include"}},
	{why: "It bounds the calls of tools that a provider runs.", client: "responses", members: []string{"max_tool_calls"}},
	{why: "It goes with the part that holds it, which is named.", target: "openai", members: []string{
		"messages[assistant].content[server_tool_use].id", "messages[assistant].content[server_tool_use].input", "messages[assistant].content[server_tool_use].name",
		"messages[user].content[tool_result].content[tool_reference].tool_name", "contents[user].parts[fileData application/pdf].fileData.displayName", "input[web_search_call].action", "input[web_search_call].id", "input[web_search_call].status",
	}},

	{why: "It is the answer's form in the provider's API; the client's API has its own.", members: []string{
		"object", "role", "created", "type", "*.role", "stream[].object", "stream[].created", "stream[].obfuscation", "choices[].index", "*.choices[].index", "candidates[].index", "*.candidates[].index",
		"stream[message_start].message.type", "stream[message_start].message.content", "stream[message_start].message.stop_reason", "stream[message_start].message.stop_sequence",
		"*].index", "*.contentBlockIndex", "stream[content_block_start]", "stream[content_block_stop]", "*.content_block.text", "*.content_block.thinking", "*.content_block.signature", "*.content_block.input",
		"*.content_block.citations", "stream[]", "*.tool_calls[function].type", "*.tool_calls[].index", "*.images[image_url].type", "stream[].choices", "stream[].choices[].delta", "stream[].candidates[].content",
		"stream[content_block_delta].delta.citation.type",
	}},
	{client: "responses answers", why: "It repeats what was asked for, or where and when it was answered; a client of the Responses API is told it again.", members: []string{
		"background", "completed_at", "conversation", "created_at", "error", "instructions", "max_output_tokens", "output_text", "parallel_tool_calls", "previous_response_id", "reasoning", "status", "temperature", "text",
		"tool_choice", "tools", "top_p", "truncation", "metadata", "store", "user", "safety_identifier", "prompt_cache_key",
	}},
	{client: "responses answers", why: "An item's id, its state and its phase have no place in the client's API; its events are numbered, begun and ended there as it has them.", members: []string{
		"output[assistant].id", "output[assistant].phase", "output[assistant].status", "output[function_call].id", "output[function_call].status", "*.sequence_number", "*.item_id", "*.content_index", "*.annotation_index", "*.output_index",
		"stream[response.content_part.added]", "stream[response.created]", "stream[response.function_call_arguments.delta]", "stream[response.output_item.added]", "stream[response.output_item.done]", "stream[response.output_text.done]",
		"stream[response.reasoning_summary_text.delta]", "*.start_index",
	}},
	{client: "responses answers", target: "gemini", why: "A client of Google's API is told that it was refused, whatever else.", members: []string{"incomplete_details"}},
	{client: "responses answers", target: "anthropic", why: "Only what such a client cannot ask for is answered with it.", members: []string{"output[assistant].content[output_text].logprobs", "stream[response.output_text.delta]"}},
	{client: "responses answers", why: "Lost: it is what a tool of the provider's has done, which goes to clients of its own API alone.", members: []string{"output[image_generation_call]", "output[web_search_call]"}},
	{why: "The answer has an id in the client's API; the provider's is in the gateway's log and, of OpenAI's clients, in `x-request-id`.", members: []string{"id", "responseId", "stream[].id", "stream[].responseId"}},
	{why: "It is told again with a later event, or is the sum of what is told.", members: []string{
		"usage.total_tokens", "stream[].usage.total_tokens", "usage.totalTokens", "usageMetadata.totalTokenCount", "stream[].modelVersion", "stream[].usageMetadata", "*.usage.output_tokens", "usage.cache_creation.ephemeral_5m_input_tokens",
		"candidates[].avgLogprobs", "usageMetadata.serviceTier", "usageMetadata.trafficType",
	}},
	{why: "Why it ended is told in fewer words: an answer with calls, a refusal, a stop sequence and an end have one word there, or `STOP`.", members: []string{
		"stop_reason", "stop_sequence", "*.stop_sequence", "choices[].finish_reason", "stream[].choices[].finish_reason", "candidates[].finishReason", "candidates[].finishMessage", "stream[message_delta].delta",
	}},
	{why: "It is about the provider's own machines, and no part of what was answered.", members: []string{
		"system_fingerprint", "stream[].system_fingerprint", "createTime", "modelStatus", "metrics", "performanceConfig", "additionalModelResponseFields", "trace", "moderation",
	}},
	{why: "The client's API has no word for it in usage. What it costs is booked all the same.", members: []string{
		"*_tokens_details.audio_tokens", "*_tokens_details.image_tokens", "*_tokens_details.text_tokens", "*_prediction_tokens", "*_tokens_details.cache_write_tokens",
		"usage.cache_creation", "usage.inference_geo", "usage.server_tool_use", "usage.speed", "usage.cacheDetails", "usageMetadata.cacheTokensDetails", "usageMetadata.candidatesTokensDetails", "usageMetadata.promptTokensDetails",
		"candidates[].tokenCount",
	}},
	{why: "Only what such a client cannot ask for is answered with it.", members: []string{
		"choices[].logprobs", "stream[].choices[].logprobs", "candidates[].logprobsResult", "choices[].message.audio", "*.tool_calls[custom].custom", "*.tool_calls[custom].type",
		"choices[].message.function_call", "choices[].message", "choices[].message.content", "*.toolUse.type", "container", "*.delta.container", "context_management", "content[tool_use].caller", "content[tool_use].toolset_name",
	}},
	{why: "Lost: its API has no place for an image that a model made.", members: []string{"choices[].message.images", "*.parts[inlineData image/png]", "output.message.content[]"}},
	{why: "Lost: what Anthropic cites must have an index that it has sealed, so that an answer of another provider tells its client no citations.", target: "anthropic", members: []string{
		"*.annotations", "*.annotation", "stream[response.output_text.annotation.added]", "*.citationMetadata", "*.groundingMetadata", "*.citationsContent.citations",
	}},
	{why: "Lost: it is told where it is from (`annotations`, `citationSources`), and no more of it; a stretch that begins at 0 says the same without, and a text that a call has ended can be told no more.", members: []string{
		"content[text].citations", "*.citation.cited_text", "*.citation.encrypted_index", "*.citation.sourceContent", "*.web.domain", "*.citationSources[].license", "*.startIndex", "candidates[].groundingMetadata.webSearchQueries",
		"candidates[].urlContextMetadata", "stream[].candidates[].citationMetadata",
	}},
	{why: "Lost: it is what a tool of the provider's has done, which goes to clients of its own API alone.", members: []string{"content[server_tool_use]", "content[web_search_tool_result]", "*.parts[executableCode]"}},
	{why: "Lost: a category and a text beside a refusal, or ratings of what was let through.", members: []string{"stop_details", "candidates[].safetyRatings", "promptFeedback"}},
	{why: "Lost: an answer's blocks have no place for Google's signature; Gemini takes its own calls back without one.", target: "anthropic", members: []string{"*.thoughtSignature"}},
	{why: "It is a token's number in a vocabulary.", members: []string{"*.tokenId"}},
}

// mark is how a table tells of it.
func (s *silence) mark() string {
	return strconv.Itoa(slices.Index(reasons(), s.why) + 1)
}

// reasons are why, each once.
func reasons() (all []string) {
	for _, s := range silent {
		if !slices.Contains(all, s.why) {
			all = append(all, s.why)
		}
	}
	return all
}

// has tells whether a member is one of them; *.NAME is a NAME anywhere.
func (s *silence) has(member string) bool {
	return slices.ContainsFunc(s.members, func(m string) bool {
		name, anywhere := strings.CutPrefix(m, "*")
		return m == member || anywhere && strings.HasSuffix(member, name)
	})
}

func silenced(client, member, target string) *silence {
	for i := range silent {
		s := &silent[i]
		if (s.client == "" || s.client == client) && (s.target == "" || s.target == target) && s.has(member) {
			return s
		}
	}
	return nil
}
