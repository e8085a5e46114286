package dialect

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// chatBody is a chat completion that we write, of a client's request in another API.
type chatBody struct {
	Model               string          `json:"model"`
	Messages            []hubMessage    `json:"messages"`
	Tools               []any           `json:"tools,omitempty"`       // hubTool or native
	ToolChoice          any             `json:"tool_choice,omitempty"` // a word, namedTool or allowedTools
	ParallelToolCalls   json.RawMessage `json:"parallel_tool_calls,omitempty"`
	ResponseFormat      *hubFormat      `json:"response_format,omitempty"`
	MaxCompletionTokens json.RawMessage `json:"max_completion_tokens,omitempty"`
	N                   json.RawMessage `json:"n,omitempty"`
	Stop                []string        `json:"stop,omitempty"`
	Temperature         json.RawMessage `json:"temperature,omitempty"`
	TopP                json.RawMessage `json:"top_p,omitempty"`
	TopK                json.RawMessage `json:"top_k,omitempty"`
	Seed                json.RawMessage `json:"seed,omitempty"`
	PresencePenalty     json.RawMessage `json:"presence_penalty,omitempty"`
	FrequencyPenalty    json.RawMessage `json:"frequency_penalty,omitempty"`
	LogProbs            bool            `json:"logprobs,omitempty"`
	TopLogProbs         json.RawMessage `json:"top_logprobs,omitempty"`
	User                json.RawMessage `json:"user,omitempty"`
	ReasoningEffort     string          `json:"reasoning_effort,omitempty"`
	Verbosity           json.RawMessage `json:"verbosity,omitempty"`
	ServiceTier         json.RawMessage `json:"service_tier,omitempty"`
	SafetyIdentifier    json.RawMessage `json:"safety_identifier,omitempty"`
	PromptCacheKey      json.RawMessage `json:"prompt_cache_key,omitempty"`
	CacheRetention      json.RawMessage `json:"prompt_cache_retention,omitempty"`
	Stream              bool            `json:"stream,omitempty"`
	StreamOptions       *streamOptions  `json:"stream_options,omitempty"`
	Native              *native         `json:"native,omitempty"`
}

type streamOptions struct {
	IncludeUsage bool `json:"include_usage"`
}

// hubMessage is a message. Content is a string, parts (hubPart, native, or thinking as it came), or nil.
type hubMessage struct {
	Role           string            `json:"role"`
	Content        any               `json:"content"`
	ThinkingBlocks []json.RawMessage `json:"thinking_blocks,omitempty"`
	Reasoning      string            `json:"reasoning_content,omitempty"`
	ToolCalls      []hubCall         `json:"tool_calls,omitempty"`
	ToolCallID     string            `json:"tool_call_id,omitempty"`
	IsError        bool              `json:"is_error,omitempty"`
	Extra          json.RawMessage   `json:"extra_content,omitempty"`
	CacheControl   json.RawMessage   `json:"cache_control,omitempty"`
	Native         *native           `json:"native,omitempty"`
}

type hubPart struct {
	Type         string          `json:"type"`
	Text         *string         `json:"text,omitempty"`
	ImageURL     *hubImage       `json:"image_url,omitempty"`
	Audio        *chatAudio      `json:"input_audio,omitempty"`
	File         *chatFile       `json:"file,omitempty"`
	CacheControl json.RawMessage `json:"cache_control,omitempty"`
	Breakpoint   json.RawMessage `json:"prompt_cache_breakpoint,omitempty"`
	Native       *native         `json:"native,omitempty"`
}

type hubImage struct {
	URL    string `json:"url"`
	Detail string `json:"detail,omitempty"`
}

type hubCall struct {
	ID           string          `json:"id"`
	Type         string          `json:"type"`
	Function     toolFunction    `json:"function"`
	Extra        json.RawMessage `json:"extra_content,omitempty"`
	CacheControl json.RawMessage `json:"cache_control,omitempty"`
	Native       *native         `json:"native,omitempty"`
}

type hubTool struct {
	Type         string          `json:"type"`
	Function     hubFunction     `json:"function"`
	CacheControl json.RawMessage `json:"cache_control,omitempty"`
	Native       *native         `json:"native,omitempty"`
}

type hubFunction struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Parameters  json.RawMessage `json:"parameters,omitempty"`
	Strict      *bool           `json:"strict,omitempty"`
}

// namedTool is the choice of one function.
type namedTool struct {
	Type     string `json:"type"`
	Function struct {
		Name string `json:"name"`
	} `json:"function"`
}

func namedFunction(name string) namedTool {
	choice := namedTool{Type: "function"}
	choice.Function.Name = name
	return choice
}

// allowedTools is the choice among some of the functions; mode is auto or required.
type allowedTools struct {
	Type    string `json:"type"`
	Allowed struct {
		Mode  string      `json:"mode"`
		Tools []namedTool `json:"tools"`
	} `json:"allowed_tools"`
}

func allowedFunctions(mode string, names []string) allowedTools {
	choice := allowedTools{Type: "allowed_tools"}
	choice.Allowed.Mode, choice.Allowed.Tools = mode, []namedTool{}
	for _, name := range names {
		choice.Allowed.Tools = append(choice.Allowed.Tools, namedFunction(name))
	}
	return choice
}

type hubFormat struct {
	Type   string     `json:"type"`
	Schema *hubSchema `json:"json_schema,omitempty"`
}

type hubSchema struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Schema      json.RawMessage `json:"schema"`
	Strict      *bool           `json:"strict,omitempty"`
}

// textPart is a part that is a text.
func textPart(text string, cache json.RawMessage) hubPart {
	return hubPart{Type: "text", Text: &text, CacheControl: cache}
}

// content is what a message says: a string if it is one plain text, since some servers take no parts everywhere.
func content(parts []any) any {
	switch {
	case len(parts) == 0:
		return nil
	case len(parts) == 1:
		if p, ok := parts[0].(hubPart); ok && p.Type == "text" && len(p.CacheControl)+len(p.Breakpoint) == 0 && p.Native == nil {
			return *p.Text
		}
	}
	return parts
}

// dataURL is data of a media type as a URL.
func dataURL(media, data string) string { return "data:" + media + ";base64," + data }

// hubAnswer is a chat completion, or a chunk of one, as it is read to be carried back to a client.
type hubAnswer struct {
	ID          string          `json:"id"`
	Model       string          `json:"model"`
	Created     int64           `json:"created"`
	Choices     []hubChoice     `json:"choices"`
	Usage       *hubUsage       `json:"usage"`
	ServiceTier string          `json:"service_tier"`
	Error       json.RawMessage `json:"error"` // amid a stream
}

type hubChoice struct {
	Index        int     `json:"index"`
	Message      *hubSay `json:"message"`
	Delta        *hubSay `json:"delta"`
	FinishReason string  `json:"finish_reason"`
	StopReason   any     `json:"stop_reason"` // the stop sequence that ended it, where the provider tells
	LogProbs     *struct {
		Content []json.RawMessage `json:"content"`
	} `json:"logprobs"`
	Native *native `json:"native"`
}

// said is the message of a choice, or what a chunk adds to it; never nil.
func (c *hubChoice) said() *hubSay {
	switch {
	case c.Message != nil:
		return c.Message
	case c.Delta != nil:
		return c.Delta
	}
	return &hubSay{}
}

// hubSay is what a message says, or a delta of it.
type hubSay struct {
	Content        json.RawMessage   `json:"content"` // a string; some vendors send parts
	Refusal        string            `json:"refusal"`
	Reasoning      string            `json:"reasoning_content"`
	ReasoningToo   json.RawMessage   `json:"reasoning"` // as some vendors name it
	ThinkingBlocks []json.RawMessage `json:"thinking_blocks"`
	ToolCalls      []hubCalled       `json:"tool_calls"`
	Images         []image           `json:"images"`      // as OpenRouter and others have those that were made
	Annotations    json.RawMessage   `json:"annotations"` // url_citation; some vendors mean something else by it
	Extra          json.RawMessage   `json:"extra_content"`
}

type hubCalled struct {
	Index    int             `json:"index"`
	ID       string          `json:"id"`
	Function toolFunction    `json:"function"`
	Extra    json.RawMessage `json:"extra_content"`
}

// UnmarshalJSON reads what a tool is called with: JSON in a string, or as some vendors have it the object itself. A call must not lose it.
func (f *toolFunction) UnmarshalJSON(raw []byte) error {
	var in struct {
		Name      string          `json:"name"`
		Arguments json.RawMessage `json:"arguments"`
	}
	err := json.Unmarshal(raw, &in)
	f.Name = in.Name
	if arguments := given(in.Arguments); len(arguments) > 0 && json.Unmarshal(arguments, &f.Arguments) != nil {
		f.Arguments = compact(arguments)
	}
	return err
}

// text is its content as text.
func (s *hubSay) text() string {
	var text string
	if json.Unmarshal(s.Content, &text) == nil {
		return text
	}
	var parts []struct {
		Text string `json:"text"`
	}
	if json.Unmarshal(s.Content, &parts) == nil {
		for _, p := range parts {
			text += p.Text
		}
	}
	return text
}

// annotations tell where its text is from.
func (s *hubSay) annotations() (all []annotation) {
	if len(s.Annotations) > 0 && json.Unmarshal(s.Annotations, &all) != nil {
		return nil
	}
	return all
}

// says tells whether it brings anything but parts of calls.
func (s *hubSay) says() bool {
	return len(s.ThinkingBlocks) > 0 || s.Refusal != "" || s.text() != "" || s.reasoning() != ""
}

// reasoning is what it has thought, as text.
func (s *hubSay) reasoning() string {
	if s.Reasoning != "" {
		return s.Reasoning
	}
	var text string
	_ = json.Unmarshal(s.ReasoningToo, &text) // others mean something else by that name
	return text
}

// readAnswer reads a chat completion or a chunk. Members of another type than they should be count as absent: vendors differ.
func readAnswer(data []byte) (*hubAnswer, error) {
	var a hubAnswer
	var odd *json.UnmarshalTypeError
	if err := json.Unmarshal(data, &a); err != nil && !errors.As(err, &odd) {
		return nil, fmt.Errorf("no chat completion: %w", err)
	}
	return &a, nil
}

var errNoCompletion = errors.New("it answered 200 with what is no chat completion")

// readWhole reads a whole chat completion.
func readWhole(chat []byte) (*hubAnswer, error) {
	a, err := readAnswer(chat)
	if err == nil && len(a.Choices) == 0 {
		err = errNoCompletion
	}
	return a, err
}

// modelOr is the model that answered, as far as it says so, else the one that was asked for.
func (a *hubAnswer) modelOr(asked string) string {
	if a.Model != "" {
		return a.Model
	}
	return asked
}

// first is the first choice, nil if there is none.
func (a *hubAnswer) first() *hubChoice {
	for i := range a.Choices {
		if a.Choices[i].Index == 0 {
			return &a.Choices[i]
		}
	}
	return nil
}

// hubUsage is usage as a chat completion tells it.
type hubUsage struct {
	Prompt     int64 `json:"prompt_tokens"`
	Completion int64 `json:"completion_tokens"`
	Total      int64 `json:"total_tokens"`
	Details    struct {
		Cached    int64 `json:"cached_tokens"`
		Written   int64 `json:"cache_write_tokens"`
		Written1h int64 `json:"cache_write_1h_tokens"`
	} `json:"prompt_tokens_details"`
	Answer struct {
		Reasoning int64 `json:"reasoning_tokens"`
	} `json:"completion_tokens_details"`
	Cost json.RawMessage `json:"cost"` // in dollars, of a stream

	Speed       string          `json:"speed"` // as Anthropic tells them
	Geo         string          `json:"inference_geo"`
	ServerTools json.RawMessage `json:"server_tool_use"`
}

// finish is why an answer ended, in OpenAI's words. Some vendors say stop when a tool is called.
func (c *hubChoice) finish(calls bool) string {
	if calls && (c.FinishReason == "stop" || c.FinishReason == "function_call") {
		return "tool_calls"
	}
	return c.FinishReason
}

// compacted is JSON without the whitespace between its tokens.
func compacted(raw json.RawMessage) json.RawMessage {
	var out bytes.Buffer
	if json.Compact(&out, raw) != nil {
		return raw
	}
	return out.Bytes()
}
