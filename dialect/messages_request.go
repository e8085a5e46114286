package dialect

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"bursar/exchange"
)

// messagesBody is a request of the Messages API as a client has sent it. Members that it does not name are in rest.
type messagesBody struct {
	Model         string            `json:"model"`
	MaxTokens     json.RawMessage   `json:"max_tokens"`
	System        json.RawMessage   `json:"system"`
	Messages      []messagesTurn    `json:"messages"`
	Tools         []json.RawMessage `json:"tools"`
	ToolChoice    *toolChoice       `json:"tool_choice"`
	StopSequences []string          `json:"stop_sequences"`
	Temperature   json.RawMessage   `json:"temperature"`
	TopP          json.RawMessage   `json:"top_p"`
	TopK          json.RawMessage   `json:"top_k"`
	Stream        bool              `json:"stream"`
	Metadata      *metadata         `json:"metadata"`
	Thinking      json.RawMessage   `json:"thinking"`
	OutputConfig  json.RawMessage   `json:"output_config"`
	OutputFormat  json.RawMessage   `json:"output_format"`

	rest map[string]json.RawMessage
}

type messagesTurn struct {
	Role    string          `json:"role"`
	Content json.RawMessage `json:"content"`

	beside *native // its further members
}

// UnmarshalJSON reads a message with the members that are beside the two that a message has.
func (m *messagesTurn) UnmarshalJSON(raw []byte) error {
	type plain messagesTurn
	if err := json.Unmarshal(raw, (*plain)(m)); err != nil {
		return err
	}
	var all members
	if json.Unmarshal(raw, &all) == nil && len(all) > 2 {
		m.beside = besideOf(all, anthropicName, "role", "content")
	}
	return nil
}

// messagesMembers are the members of a request that are said in the words of a chat completion.
var messagesMembers = []string{
	"model", "max_tokens", "system", "messages", "tools", "tool_choice", "stop_sequences", "temperature", "top_p", "top_k", "stream", "metadata",
}

// messagesAlso are members that change no answer, or are said in a chat completion's words as well.
var messagesAlso = []string{"thinking", "output_config", "output_format", "cache_control", "service_tier"}

// messagesRequest carries a request of the Messages API over.
func messagesRequest(body []byte, a Asked) ([]byte, *exchange.Fault) {
	var in messagesBody
	if fault := decode(body, &in, &in.rest); fault != nil {
		return nil, fault
	}
	t := messagesTranslation{in: &in, want: a}
	for _, step := range []func() *exchange.Fault{t.required, t.system, t.turns, t.tools, t.choice, t.reasoning, t.members} {
		if fault := step(); fault != nil {
			return nil, fault
		}
	}
	return encode(nil, &t.out), nil
}

// decode reads a request of a client into what it is made of, and all its members into rest.
func decode(body []byte, into any, rest *map[string]json.RawMessage) *exchange.Fault {
	if err := json.Unmarshal(body, rest); err != nil {
		return malformed("body", "a JSON object: "+err.Error())
	}
	err := json.Unmarshal(body, into)
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrong):
		return malformed(wrong.Field, "of another type than "+wrong.Value)
	case err != nil:
		return malformed("body", "valid JSON: "+err.Error())
	}
	return nil
}

// messagesTranslation is one request under way.
type messagesTranslation struct {
	in   *messagesBody
	want Asked
	out  chatBody
}

func (t *messagesTranslation) required() *exchange.Fault {
	switch {
	case t.in.Model == "":
		return malformed("model", "the name of a model")
	case len(t.in.Messages) == 0:
		return malformed("messages", "an array of at least one message")
	case len(given(t.in.MaxTokens)) == 0 && t.want.Count:
	case !positive(t.in.MaxTokens):
		return malformed("max_tokens", "a positive integer: this API has no default for it")
	}
	t.out.Model, t.out.MaxCompletionTokens = t.in.Model, given(t.in.MaxTokens)
	t.out.Stop, t.out.Temperature, t.out.TopP, t.out.TopK = t.in.StopSequences, given(t.in.Temperature), given(t.in.TopP), given(t.in.TopK)
	if t.in.Stream {
		t.out.Stream, t.out.StreamOptions = true, &streamOptions{IncludeUsage: true}
	}
	if t.in.Metadata != nil && t.in.Metadata.UserID != "" {
		t.out.User = encode(nil, t.in.Metadata.UserID)
	}
	return nil
}

func positive(raw json.RawMessage) bool {
	var n int64
	return json.Unmarshal(nullOr(raw), &n) == nil && n > 0
}

func (t *messagesTranslation) system() *exchange.Fault {
	parts, fault := t.parts(t.in.System, "system")
	if fault == nil && len(parts) > 0 {
		t.out.Messages = append(t.out.Messages, hubMessage{Role: "system", Content: content(parts)})
	}
	return fault
}

// turns carries the messages over. A user's turn becomes one message for each tool result in it, and one for all else it says.
func (t *messagesTranslation) turns() *exchange.Fault {
	for i := range t.in.Messages {
		m := &t.in.Messages[i]
		at := fmt.Sprintf("messages[%d]", i)
		var fault *exchange.Fault
		switch m.Role {
		case "user":
			fault = t.asked(m, at)
		case "assistant":
			fault = t.answered(m, at)
		case "system":
			var parts []any
			if parts, fault = t.parts(m.Content, at+".content"); len(parts) > 0 {
				t.out.Messages = append(t.out.Messages, hubMessage{Role: "system", Content: content(parts)})
			}
		default:
			fault = malformed(at+".role", "user or assistant")
		}
		if fault != nil {
			return fault
		}
		if m.beside != nil && len(t.out.Messages) > 0 {
			t.out.Messages[len(t.out.Messages)-1].Native = m.beside
		}
	}
	return nil
}

func (t *messagesTranslation) asked(m *messagesTurn, at string) *exchange.Fault {
	blocks, fault := readBlocks(m.Content, at+".content")
	if fault != nil {
		return fault
	}
	var said []any
	for k, b := range blocks {
		if b.Type != "tool_result" {
			said = append(said, b.part())
			continue
		}
		parts, fault := t.parts(b.Content, fmt.Sprintf("%s.content[%d].content", at, k))
		if fault != nil {
			return fault
		}
		result := hubMessage{Role: "tool", ToolCallID: b.ToolUseID, Content: orEmpty(content(parts)), IsError: b.IsError, CacheControl: given(b.CacheControl)}
		result.Native = b.beside("content", "tool_use_id", "is_error", "cache_control")
		t.out.Messages = append(t.out.Messages, result)
	}
	if len(said) > 0 || len(blocks) == 0 {
		t.out.Messages = append(t.out.Messages, hubMessage{Role: "user", Content: orEmpty(content(said))})
	}
	return nil
}

func orEmpty(content any) any {
	if content == nil {
		return ""
	}
	return content
}

// answered carries an earlier answer over. Thinking that leads it stands beside its content, as a chat completion's answer has it; thinking
// that came later keeps its place.
func (t *messagesTranslation) answered(m *messagesTurn, at string) *exchange.Fault {
	blocks, fault := readBlocks(m.Content, at+".content")
	if fault != nil {
		return fault
	}
	out := hubMessage{Role: "assistant"}
	var said []any
	for _, b := range blocks {
		thought := b.Type == "thinking" || b.Type == "redacted_thinking"
		switch {
		case b.Type == "thinking" && b.Signature == "": // not Anthropic's
			out.Reasoning += b.Thinking
		case thought && len(said) == 0 && len(out.ToolCalls) == 0:
			out.ThinkingBlocks = append(out.ThinkingBlocks, b.raw)
		case thought:
			said = append(said, b.raw)
		case b.Type == "tool_use":
			call := hubCall{ID: b.ID, Type: "function", Function: toolFunction{b.Name, compact(b.Input)}, CacheControl: given(b.CacheControl)}
			if call.Native = b.beside("id", "name", "input", "cache_control", "caller"); len(given(b.Caller)) > 0 && kindOf(b.Caller) != "direct" {
				call.Native = call.Native.put(anthropicName, "caller", b.Caller) // code that the model runs at the provider
			}
			out.ToolCalls = append(out.ToolCalls, call)
		default:
			said = append(said, b.part())
		}
	}
	if out.Content = content(said); out.Content == nil && len(out.ToolCalls) == 0 {
		out.Content = ""
	}
	t.out.Messages = append(t.out.Messages, out)
	return nil
}

// parts carries a text or blocks over, as parts.
func (t *messagesTranslation) parts(raw json.RawMessage, at string) ([]any, *exchange.Fault) {
	blocks, fault := readBlocks(raw, at)
	if fault != nil {
		return nil, fault
	}
	var parts []any
	for _, b := range blocks {
		parts = append(parts, b.part())
	}
	return parts, nil
}

// tools carries the client's own tools over. Those that the provider carries out, and those with members that nobody else knows, are wrapped.
func (t *messagesTranslation) tools() *exchange.Fault {
	for i, raw := range t.in.Tools {
		var tool struct {
			Type         string          `json:"type"`
			Name         string          `json:"name"`
			Description  string          `json:"description"`
			Schema       json.RawMessage `json:"input_schema"`
			Strict       *bool           `json:"strict"`
			CacheControl json.RawMessage `json:"cache_control"`
		}
		var members map[string]json.RawMessage
		if json.Unmarshal(raw, &members) != nil || json.Unmarshal(raw, &tool) != nil {
			return malformed(fmt.Sprintf("tools[%d]", i), "a tool: an object with a name and an input_schema")
		}
		if tool.Type != "" && tool.Type != "custom" {
			t.out.Tools = append(t.out.Tools, native{Type: nativeType, Dialect: anthropicName, Tool: raw})
			continue
		}
		out := hubTool{Type: "function", CacheControl: given(tool.CacheControl), Function: hubFunction{tool.Name, tool.Description, given(tool.Schema), tool.Strict}}
		out.Native = besideOf(members, anthropicName, "type", "name", "description", "input_schema", "strict", "cache_control", "eager_input_streaming")
		if eager := given(members["eager_input_streaming"]); eager != nil { // in how large pieces its input is streamed
			if out.Native == nil {
				out.Native = &native{Dialect: anthropicName}
			}
			out.Native.Also = map[string]json.RawMessage{"eager_input_streaming": eager}
		}
		t.out.Tools = append(t.out.Tools, out)
	}
	return nil
}

func (t *messagesTranslation) choice() *exchange.Fault {
	c := t.in.ToolChoice
	if c == nil {
		return nil
	}
	switch c.Type {
	case "auto", "none":
		t.out.ToolChoice = c.Type
	case "any":
		t.out.ToolChoice = "required"
	case "tool":
		named := namedTool{Type: "function"}
		named.Function.Name = c.Name
		t.out.ToolChoice = named
	default:
		return malformed("tool_choice.type", "auto, any, tool or none")
	}
	if c.DisableParallel {
		parallel := false
		t.out.ParallelToolCalls = encode(nil, parallel)
	}
	return nil
}

// reasoning says in a chat completion's words how long to think and what form the answer has.
func (t *messagesTranslation) reasoning() *exchange.Fault {
	var think thinking
	var config struct {
		Effort string  `json:"effort"`
		Format *format `json:"format"`
	}
	if json.Unmarshal(nullOr(t.in.Thinking), &think) != nil {
		return malformed("thinking", "an object with a type")
	}
	if json.Unmarshal(nullOr(t.in.OutputConfig), &config) != nil {
		return malformed("output_config", "an object with an effort or a format")
	}
	if len(given(t.in.OutputFormat)) > 0 && json.Unmarshal(t.in.OutputFormat, &config.Format) != nil {
		return malformed("output_format", "an object with a type and a schema")
	}
	switch {
	case think.Type == "disabled":
	case config.Effort != "":
		t.out.ReasoningEffort = config.Effort
	case think.Type == "enabled":
		t.out.ReasoningEffort = effortOf(think.Budget)
	}
	if f := config.Format; f != nil && f.Type == "json_schema" {
		strict := true
		t.out.ResponseFormat = &hubFormat{"json_schema", &hubSchema{Name: "answer", Schema: f.Schema, Strict: &strict}}
	}
	return nil
}

func nullOr(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return json.RawMessage("null")
	}
	return raw
}

// effortOf is the effort that comes nearest to a budget of thinking tokens.
func effortOf(budget int64) string {
	switch {
	case budget <= 2*leastThinking:
		return "low"
	case budget <= 8*leastThinking:
		return "medium"
	default:
		return "high"
	}
}

// members wraps what a chat completion has no member for.
func (t *messagesTranslation) members() *exchange.Fault {
	wrap := native{Dialect: anthropicName}
	put := func(into *map[string]json.RawMessage, name string, value json.RawMessage) {
		if *into == nil {
			*into = map[string]json.RawMessage{}
		}
		(*into)[name] = value
	}
	for _, of := range []string{"metadata", "tool_choice"} {
		var all map[string]json.RawMessage
		if json.Unmarshal(nullOr(t.in.rest[of]), &all) != nil {
			continue // it was read
		}
		for name, value := range all {
			if !slices.Contains([]string{"user_id", "type", "name", "disable_parallel_tool_use"}, name) && len(given(value)) > 0 {
				put(&wrap.Members, of+"."+name, value)
			}
		}
	}
	for name, value := range t.in.rest {
		switch {
		case slices.Contains(messagesMembers, name) || string(value) == "null":
		case !slices.Contains(messagesAlso, name):
			if fold := strings.ToLower(name); fold != name && (slices.Contains(messagesMembers, fold) || slices.Contains(messagesAlso, fold)) {
				return malformed(name, "spelled `"+fold+"`")
			}
			put(&wrap.Members, name, value)
		case name == "output_config" && !onlyObject(value, "effort", "format"):
			put(&wrap.Members, name, value)
		default:
			put(&wrap.Also, name, value)
		}
	}
	if wrap.Members != nil || wrap.Also != nil {
		t.out.Native = &wrap
	}
	return nil
}

// onlyHas tells whether an object has no members but these; null and empty ones do not count.
func onlyHas(members map[string]json.RawMessage, names ...string) bool {
	for name, value := range members {
		if v := string(value); v != "null" && v != "[]" && !slices.Contains(names, name) {
			return false
		}
	}
	return true
}

// onlyObject tells the same of an object's text.
func onlyObject(raw json.RawMessage, names ...string) bool {
	var members map[string]json.RawMessage
	return json.Unmarshal(raw, &members) == nil && onlyHas(members, names...)
}
