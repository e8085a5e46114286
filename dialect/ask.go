package dialect

import (
	"encoding/json"
	"errors"
)

// ask is a chat completion as we write it for a client of another API: the hub that all of them meet at.
type ask struct {
	Model            string          `json:"model"`
	Messages         []askMessage    `json:"messages"`
	Tools            []any           `json:"tools,omitempty"` // askTool, or native
	ToolChoice       any             `json:"tool_choice,omitempty"`
	Parallel         json.RawMessage `json:"parallel_tool_calls,omitempty"`
	Format           *askFormat      `json:"response_format,omitempty"`
	MaxTokens        json.RawMessage `json:"max_completion_tokens,omitempty"`
	N                json.RawMessage `json:"n,omitempty"`
	Stop             []string        `json:"stop,omitempty"`
	Temperature      json.RawMessage `json:"temperature,omitempty"`
	TopP             json.RawMessage `json:"top_p,omitempty"`
	TopK             json.RawMessage `json:"top_k,omitempty"`
	Seed             json.RawMessage `json:"seed,omitempty"`
	PresencePenalty  json.RawMessage `json:"presence_penalty,omitempty"`
	FrequencyPenalty json.RawMessage `json:"frequency_penalty,omitempty"`
	LogProbs         bool            `json:"logprobs,omitempty"`
	TopLogProbs      json.RawMessage `json:"top_logprobs,omitempty"`
	Effort           string          `json:"reasoning_effort,omitempty"`
	Verbosity        json.RawMessage `json:"verbosity,omitempty"`
	Tier             json.RawMessage `json:"service_tier,omitempty"`
	User             json.RawMessage `json:"user,omitempty"`
	Safety           json.RawMessage `json:"safety_identifier,omitempty"`
	CacheKey         json.RawMessage `json:"prompt_cache_key,omitempty"`
	CacheRetention   json.RawMessage `json:"prompt_cache_retention,omitempty"`
	Stream           bool            `json:"stream,omitempty"`
	StreamOptions    *askStream      `json:"stream_options,omitempty"`
	Native           *native         `json:"native,omitempty"`
}

// askStream ask for the usage, which the other APIs tell unasked.
type askStream struct {
	IncludeUsage bool `json:"include_usage"`
}

// askMessage is one message. Content is a string, parts, or nil.
type askMessage struct {
	Role           string            `json:"role"`
	Content        any               `json:"content"`
	Refusal        string            `json:"refusal,omitempty"`
	Reasoning      string            `json:"reasoning_content,omitempty"`
	ThinkingBlocks []json.RawMessage `json:"thinking_blocks,omitempty"`
	ToolCalls      []askCall         `json:"tool_calls,omitempty"`
	ToolCallID     string            `json:"tool_call_id,omitempty"`
	Extra          json.RawMessage   `json:"extra_content,omitempty"`
	IsError        bool              `json:"is_error,omitempty"`
}

type askCall struct {
	ID       string          `json:"id"`
	Type     string          `json:"type"`
	Function toolFunction    `json:"function"`
	Extra    json.RawMessage `json:"extra_content,omitempty"`
}

// askPart is one part of a content that has a form in chat completions; what has none is native.
type askPart struct {
	Type  string    `json:"type"`
	Text  string    `json:"text,omitempty"`
	Image *askImage `json:"image_url,omitempty"`
	Audio *askAudio `json:"input_audio,omitempty"`
	File  *askFile  `json:"file,omitempty"`
}

type askImage struct {
	URL    string `json:"url"`
	Detail string `json:"detail,omitempty"`
}

type askAudio struct {
	Data   string `json:"data"`
	Format string `json:"format"`
}

type askFile struct {
	Name string `json:"filename,omitempty"`
	Data string `json:"file_data,omitempty"`
	URL  string `json:"file_url,omitempty"`
	ID   string `json:"file_id,omitempty"`
}

type askTool struct {
	Type     string      `json:"type"`
	Function askFunction `json:"function"`
}

type askFunction struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Parameters  json.RawMessage `json:"parameters,omitempty"`
	Strict      json.RawMessage `json:"strict,omitempty"`
}

// askForced is the choice of one function.
type askForced struct {
	Type     string   `json:"type"`
	Function askNamed `json:"function"`
}

type askNamed struct {
	Name string `json:"name"`
}

// askAllowed is the choice among some of the tools.
type askAllowed struct {
	Type    string `json:"type"`
	Allowed struct {
		Mode  string      `json:"mode"`
		Tools []askForced `json:"tools"`
	} `json:"allowed_tools"`
}

type askFormat struct {
	Type   string     `json:"type"`
	Schema *askSchema `json:"json_schema,omitempty"`
}

type askSchema struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Schema      json.RawMessage `json:"schema"`
	Strict      json.RawMessage `json:"strict,omitempty"`
}

// contentOf makes a message's content of its parts: a string where a text is all there is.
func contentOf(parts []any) any {
	if len(parts) == 0 {
		return nil
	}
	if only, ok := parts[0].(askPart); ok && len(parts) == 1 && only.Type == "text" {
		return only.Text
	}
	return parts
}

// set takes the members that a translation knows out of rest, each into its place. Null is as if it were not there.
func set(rest map[string]json.RawMessage, places map[string]*json.RawMessage) {
	for name, place := range places {
		*place = given(rest[name])
		delete(rest, name)
	}
}

// why says what is wrong with a member's form, in the API's words.
func why(err error) string {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) && wrong.Field != "" {
		return " whose `" + wrong.Field + "` is no " + wrong.Value
	}
	return ""
}
