package dialect

import (
	"bytes"
	"encoding/json"
)

// chatRequest is a chat completion as OpenAI has it. Members that it does not name are in Rest.
type chatRequest struct {
	Model               string          `json:"model"`
	Messages            []chatMessage   `json:"-"`
	Tools               []chatTool      `json:"-"`
	ToolChoice          json.RawMessage `json:"tool_choice"`
	ParallelToolCalls   *bool           `json:"parallel_tool_calls"`
	ResponseFormat      *chatFormat     `json:"-"`
	MaxTokens           *int64          `json:"max_tokens"`
	MaxCompletionTokens *int64          `json:"max_completion_tokens"`
	Stop                json.RawMessage `json:"stop"`
	Temperature         json.RawMessage `json:"temperature"`
	TopP                json.RawMessage `json:"top_p"`
	TopK                json.RawMessage `json:"top_k"`
	Stream              bool            `json:"stream"`
	User                string          `json:"user"`
	ReasoningEffort     string          `json:"reasoning_effort"`
	N                   *int64          `json:"n"`
	SafetyIdentifier    string          `json:"safety_identifier"`
	Native              *native         `json:"native"`

	Rest map[string]json.RawMessage `json:"-"`

	unknown []unknownMember // within messages, tools and the form of the answer
	skipped int             // breakpoints for the provider's cache that come before the last four
}

// chatMessage is one message. Content is a string, null, or parts.
type chatMessage struct {
	Role       string          `json:"role"`
	Name       string          `json:"name"`
	Content    json.RawMessage `json:"content"`
	Audio      json.RawMessage `json:"audio"`
	ToolCalls  []chatCall      `json:"tool_calls"`
	ToolCallID string          `json:"tool_call_id"`
	Refusal    string          `json:"refusal"`

	// ThinkingBlocks are what an answer's reasoning was made of, signatures included, as an answer of ours has brought them.
	ThinkingBlocks []json.RawMessage `json:"thinking_blocks"`

	Reasoning json.RawMessage `json:"reasoning_content"` // as text, which nobody takes back

	Images  []chatPart `json:"images"`   // that an earlier answer made
	IsError bool       `json:"is_error"` // of a tool message

	FunctionCall json.RawMessage `json:"function_call"`
	CacheControl json.RawMessage `json:"cache_control"`
	Extra        *googleExtra    `json:"extra_content"`
	Native       *native         `json:"native"`
}

type chatCall struct {
	Index    json.RawMessage `json:"index"` // its place says the same
	ID       string          `json:"id"`
	Type     string          `json:"type"`
	Function struct {
		Name      string `json:"name"`
		Arguments string `json:"arguments"`
	} `json:"function"`
	Custom       json.RawMessage `json:"custom"` // of another type
	Extra        *googleExtra    `json:"extra_content"`
	CacheControl json.RawMessage `json:"cache_control"`
	Native       *native         `json:"native"`
}

// chatPart is one part of a content.
type chatPart struct {
	Type         string          `json:"type"`
	Text         string          `json:"text"`
	Refusal      string          `json:"refusal"`
	ImageURL     json.RawMessage `json:"image_url"`
	File         *chatFile       `json:"file"`
	Audio        *chatAudio      `json:"input_audio"`
	CacheControl json.RawMessage `json:"cache_control"`
	Breakpoint   json.RawMessage `json:"prompt_cache_breakpoint"` // OpenAI's word for a cache_control
	Native       *native         `json:"native"`

	Thinking  json.RawMessage `json:"thinking"` // of a thought, which goes as it came
	Signature json.RawMessage `json:"signature"`
	Data      json.RawMessage `json:"data"`

	Dialect string          `json:"dialect"` // of a part of type native, which Block is
	Block   json.RawMessage `json:"block"`

	raw json.RawMessage // the part as it came
}

// chatImage is where an image is, and how closely the model is to look: low, high or auto.
type chatImage struct {
	URL    string `json:"url"`
	Detail string `json:"detail"`
}

type chatFile struct {
	Name string `json:"filename,omitempty"`
	Data string `json:"file_data,omitempty"`
	ID   string `json:"file_id,omitempty"`
	URL  string `json:"file_url,omitempty"` // our own member: where it is to be had
}

type chatAudio struct {
	Data   string `json:"data"`
	Format string `json:"format"`
}

type chatTool struct {
	Type     string `json:"type"`
	Function struct {
		Name        string          `json:"name"`
		Description string          `json:"description"`
		Parameters  json.RawMessage `json:"parameters"`
		Strict      *bool           `json:"strict"`
	} `json:"function"`
	Custom       json.RawMessage `json:"custom"` // of another type
	CacheControl json.RawMessage `json:"cache_control"`
	Native       *native         `json:"native"`

	Dialect string          `json:"dialect"` // of a tool of type native, which Tool is
	Tool    json.RawMessage `json:"tool"`
}

// chatFormat is the form of an answer. A schema is kept to everywhere, strict or not.
type chatFormat struct {
	Type   string `json:"type"`
	Schema struct {
		Name        string          `json:"name"`
		Description string          `json:"description"`
		Schema      json.RawMessage `json:"schema"`
		Strict      json.RawMessage `json:"strict"`
	} `json:"json_schema"`
}

// schema is the schema that the answer must follow, with its description in it: no other API has a place for that beside it.
func (f *chatFormat) schema() json.RawMessage {
	if f.Schema.Description == "" {
		return f.Schema.Schema
	}
	return withMembers(f.Schema.Schema, members{"description": encode(nil, f.Schema.Description)})
}

// known are the members of a request that chatRequest names.
var known = []string{
	"model", "messages", "tools", "tool_choice", "parallel_tool_calls", "response_format", "max_tokens", "max_completion_tokens", "stop",
	"temperature", "top_p", "top_k", "stream", "user", "reasoning_effort", "n", "safety_identifier", "native",
}

// parse reads a request.
func (r *chatRequest) parse(body []byte) error {
	if err := json.Unmarshal(body, &r.Rest); err != nil {
		return err
	}
	if err := json.Unmarshal(body, r); err != nil {
		return err
	}
	if err := r.within(); err != nil {
		return err
	}
	for _, name := range known {
		delete(r.Rest, name)
	}
	r.skipped = bytes.Count(body, []byte(`"prompt_cache_breakpoint"`)) - mostBreakpoints
	return nil
}

// cap returns the output cap, 0 if there is none.
func (r *chatRequest) cap() int64 {
	var least int64
	for _, n := range []*int64{r.MaxTokens, r.MaxCompletionTokens} {
		if n != nil && (least == 0 || *n < least) {
			least = *n
		}
	}
	return least
}

// completion is a chat completion, or a chunk of one.
type completion struct {
	ID          string     `json:"id"`
	Object      string     `json:"object"`
	Created     int64      `json:"created"`
	Model       string     `json:"model"`
	Choices     []choice   `json:"choices"`
	Usage       *chatUsage `json:"usage,omitempty"`
	ServiceTier string     `json:"service_tier,omitempty"`
}

type choice struct {
	Index        int       `json:"index"`
	Message      *message  `json:"message,omitempty"`
	Delta        *turn     `json:"delta,omitempty"`
	FinishReason *string   `json:"finish_reason"`
	LogProbs     *logprobs `json:"logprobs"`
	StopReason   *string   `json:"stop_reason,omitempty"` // the stop sequence that ended it
	Native       *native   `json:"native,omitempty"`
}

// message is the message of an answer; its content is null if it has none.
type message struct {
	Role           string            `json:"role"`
	Content        *string           `json:"content"`
	Refusal        *string           `json:"refusal"`
	Reasoning      string            `json:"reasoning_content,omitempty"`
	ThinkingBlocks []json.RawMessage `json:"thinking_blocks,omitempty"`
	Images         []image           `json:"images,omitempty"`
	ToolCalls      []toolCall        `json:"tool_calls,omitempty"`
	Annotations    []annotation      `json:"annotations,omitempty"`
	Extra          *googleExtra      `json:"extra_content,omitempty"`
}

// turn is what a chunk adds to the message.
type turn struct {
	Role           string            `json:"role,omitempty"`
	Content        *string           `json:"content,omitempty"`
	Refusal        string            `json:"refusal,omitempty"`
	Reasoning      string            `json:"reasoning_content,omitempty"`
	ThinkingBlocks []json.RawMessage `json:"thinking_blocks,omitempty"`
	Images         []image           `json:"images,omitempty"`
	ToolCalls      []toolCall        `json:"tool_calls,omitempty"`
	Annotations    []annotation      `json:"annotations,omitempty"`
	Extra          *googleExtra      `json:"extra_content,omitempty"`
}

type toolCall struct {
	Index    *int         `json:"index,omitempty"` // of a chunk
	ID       string       `json:"id,omitempty"`
	Type     string       `json:"type,omitempty"`
	Function toolFunction `json:"function"`
	Extra    *googleExtra `json:"extra_content,omitempty"`
}

// image is an image that was generated, as a data: URL.
type image struct {
	Type string `json:"type"`
	URL  struct {
		URL string `json:"url"`
	} `json:"image_url"`
}

// logprobs are the log probabilities of an answer's tokens.
type logprobs struct {
	Content []logprob `json:"content"`
	Refusal *struct{} `json:"refusal"`
}

type logprob struct {
	Token   string      `json:"token"`
	LogProb json.Number `json:"logprob"`
	Bytes   []int       `json:"bytes"`
	Top     []logprob   `json:"top_logprobs,omitempty"`
}

type toolFunction struct {
	Name      string `json:"name,omitempty"`
	Arguments string `json:"arguments"`
}

// chatUsage is usage as OpenAI tells it: prompt_tokens holds what was read from a cache and written to it.
type chatUsage struct {
	Prompt     int64          `json:"prompt_tokens"`
	Completion int64          `json:"completion_tokens"`
	Total      int64          `json:"total_tokens"`
	Details    promptDetails  `json:"prompt_tokens_details"`
	Answer     *answerDetails `json:"completion_tokens_details,omitempty"`
	Speed      string         `json:"speed,omitempty"`         // "fast" costs more
	Geo        string         `json:"inference_geo,omitempty"` // where it was answered, if that costs more

	ServerTools json.RawMessage `json:"server_tool_use,omitempty"` // how often tools of Anthropic's ran
}

type promptDetails struct {
	Cached    int64 `json:"cached_tokens"`
	Written   int64 `json:"cache_write_tokens"`
	Written1h int64 `json:"cache_write_1h_tokens,omitempty"` // part of cache_write_tokens
	Audio     int64 `json:"audio_tokens,omitempty"`
	Image     int64 `json:"image_tokens,omitempty"`
}

type answerDetails struct {
	Reasoning int64 `json:"reasoning_tokens"`
	Audio     int64 `json:"audio_tokens,omitempty"`
	Image     int64 `json:"image_tokens,omitempty"`
}

// chatError is an error as OpenAI writes it: all four members are always there.
type chatError struct {
	Error struct {
		Message string  `json:"message"`
		Type    string  `json:"type"`
		Param   *string `json:"param"`
		Code    *string `json:"code"`
	} `json:"error"`
}
