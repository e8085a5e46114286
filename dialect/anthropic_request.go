package dialect

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"bursar/exchange"
)

// anthropicBody is a request of the Messages API.
type anthropicBody struct {
	Model         string             `json:"model"`
	MaxTokens     int64              `json:"max_tokens"`
	System        []any              `json:"system,omitempty"` // blocks of text
	Messages      []anthropicMessage `json:"messages"`
	Tools         []any              `json:"tools,omitempty"` // anthropicTool, or as it came
	ToolChoice    *toolChoice        `json:"tool_choice,omitempty"`
	StopSequences []string           `json:"stop_sequences,omitempty"`
	Temperature   json.RawMessage    `json:"temperature,omitempty"`
	TopP          json.RawMessage    `json:"top_p,omitempty"`
	TopK          json.RawMessage    `json:"top_k,omitempty"`
	Thinking      *thinking          `json:"thinking,omitempty"`
	OutputConfig  *outputConfig      `json:"output_config,omitempty"`
	Metadata      *metadata          `json:"metadata,omitempty"`
	Stream        bool               `json:"stream,omitempty"`
}

type anthropicMessage struct {
	Role    string `json:"role"`
	Content []any  `json:"content"` // blocks, or thinking blocks as they came
}

// block is a content block that we write.
type block struct {
	Type         string          `json:"type"`
	Text         string          `json:"text,omitempty"`
	Source       *source         `json:"source,omitempty"`
	Title        string          `json:"title,omitempty"`
	ID           string          `json:"id,omitempty"`
	Name         string          `json:"name,omitempty"`
	Input        json.RawMessage `json:"input,omitempty"`
	ToolUseID    string          `json:"tool_use_id,omitempty"`
	IsError      bool            `json:"is_error,omitempty"`
	Content      []any           `json:"content,omitempty"`
	CacheControl json.RawMessage `json:"cache_control,omitempty"`
}

type source struct {
	Type      string `json:"type"`
	MediaType string `json:"media_type,omitempty"`
	Data      string `json:"data,omitempty"`
	URL       string `json:"url,omitempty"`
}

type anthropicTool struct {
	Name         string          `json:"name"`
	Description  string          `json:"description,omitempty"`
	InputSchema  json.RawMessage `json:"input_schema"`
	Strict       *bool           `json:"strict,omitempty"`
	CacheControl json.RawMessage `json:"cache_control,omitempty"`
}

type toolChoice struct {
	Type            string `json:"type"`
	Name            string `json:"name,omitempty"`
	DisableParallel bool   `json:"disable_parallel_tool_use,omitempty"`
}

type thinking struct {
	Type   string `json:"type"`
	Budget int64  `json:"budget_tokens,omitempty"`
}

type outputConfig struct {
	Effort string  `json:"effort,omitempty"`
	Format *format `json:"format,omitempty"`
}

type format struct {
	Type   string          `json:"type"`
	Schema json.RawMessage `json:"schema"`
}

type metadata struct {
	UserID string `json:"user_id"`
}

// anthropicRequest carries a chat completion over to the Messages API.
func anthropicRequest(body []byte, o Options) ([]byte, []string, *exchange.Fault) {
	var in chatRequest
	if err := in.parse(body); err != nil {
		return nil, nil, malformed("body", "a chat completion: "+err.Error())
	}
	t := anthropicTranslation{in: &in, losses: losses{dialect: "anthropic", drop: o.Drop}}
	t.out = anthropicBody{
		Model: in.Model, MaxTokens: in.cap(), Stream: in.Stream, TopP: given(in.TopP), TopK: given(in.TopK),
	}
	if t.out.MaxTokens == 0 {
		t.out.MaxTokens = 4096 // the API has no default
	}
	t.losses.withoutItems(&in)
	for _, step := range []func() *exchange.Fault{t.unwrap, t.messages, t.tools, t.sampling, t.format, t.reasoning, t.rest, t.losses.fault} {
		if fault := step(); fault != nil {
			return nil, nil, fault
		}
	}
	if fault := something(len(t.out.Messages)); fault != nil {
		return nil, nil, fault
	}
	out, err := encoded(&t.out)
	if err != nil { // a RawMessage that is no JSON; but the body was
		return nil, nil, malformed("body", "valid JSON: "+err.Error())
	}
	return rewrapped(out, t.extra), t.losses.dropped(), nil
}

// given is a member's value, nothing if it is null.
func given(value json.RawMessage) json.RawMessage {
	if string(value) == "null" {
		return nil
	}
	return value
}

// anthropicTranslation is one request under way.
type anthropicTranslation struct {
	in     *chatRequest
	out    anthropicBody
	extra  map[string]json.RawMessage // members of the request that were wrapped
	losses losses
}

// messages carries the messages over: the system's to `system`, a tool's into the user's turn that follows its call, and neighbours of one
// role into one message.
func (t *anthropicTranslation) messages() *exchange.Fault {
	for i := range t.in.Messages {
		m := &t.in.Messages[i]
		at := fmt.Sprintf("messages[%d]", i)
		fault := t.losses.message(m, at)
		if fault != nil {
			return fault
		}
		if m.Native != nil && m.Role != "tool" {
			t.losses.besideMessage(m, at)
		}
		var blocks []any
		role := "user"
		switch m.Role {
		case "system", "developer":
			if blocks, fault = t.content(m, at); fault != nil {
				return fault
			}
			for _, b := range blocks {
				if isText(b) {
					t.out.System = append(t.out.System, b)
				} else {
					t.losses.lose(at + ".content") // its prompt is text alone
				}
			}
			continue
		case "user":
			blocks, fault = t.content(m, at)
		case "assistant":
			role = "assistant"
			blocks, fault = t.answered(m, at)
		case "tool":
			blocks, fault = t.toolResult(m, at)
		default:
			return malformed(at+".role", "system, developer, user, assistant or tool for this target")
		}
		if fault != nil {
			return fault
		}
		t.add(role, blocks)
	}
	return nil
}

func isText(b any) bool {
	if more, ok := b.(extended); ok {
		b = more.of
	}
	text, ok := b.(block)
	return ok && text.Type == "text"
}

// add appends blocks to the last message if it is of the same role, else a message. An empty message is left out: the API refuses it.
func (t *anthropicTranslation) add(role string, blocks []any) {
	if len(blocks) == 0 {
		return
	}
	if n := len(t.out.Messages); n > 0 && t.out.Messages[n-1].Role == role {
		t.out.Messages[n-1].Content = append(t.out.Messages[n-1].Content, blocks...)
		return
	}
	t.out.Messages = append(t.out.Messages, anthropicMessage{role, blocks})
}

// answered carries an earlier answer over: its thinking first, byte for byte, then its text, then its tool calls.
func (t *anthropicTranslation) answered(m *chatMessage, at string) ([]any, *exchange.Fault) {
	var blocks []any
	t.losses.noteThoughts(m, false)
	for _, thought := range m.ThinkingBlocks {
		blocks = append(blocks, thought)
	}
	said, fault := t.content(m, at)
	if fault != nil {
		return nil, fault
	}
	blocks = append(blocks, said...)
	if m.Refusal != "" {
		blocks = append(blocks, block{Type: "text", Text: m.Refusal})
	}
	if len(m.Images) > 0 {
		t.losses.lose(at + ".images") // an answer of this API has none
	}
	calls, fault := t.losses.functions(m, at)
	if fault != nil {
		return nil, fault
	}
	for _, call := range calls {
		b := block{Type: "tool_use", ID: plainID(call.ID), Name: call.Function.Name, Input: call.object, CacheControl: given(call.CacheControl)}
		blocks = append(blocks, t.extend(b, call.Native, call.at, true))
	}
	return blocks, nil
}

func (t *anthropicTranslation) toolResult(m *chatMessage, at string) ([]any, *exchange.Fault) {
	content, fault := t.content(m, at)
	if fault != nil {
		return nil, fault
	}
	b := block{Type: "tool_result", ToolUseID: plainID(m.ToolCallID), IsError: m.IsError, Content: content, CacheControl: m.CacheControl}
	return []any{t.extend(b, m.Native, at, false)}, nil
}

// extend adds the members that were wrapped beside what became a block.
func (t *anthropicTranslation) extend(b any, n *native, at string, answered bool) any {
	if extra := t.losses.beside(n, at, answered); len(extra) > 0 {
		return extended{b, extra}
	}
	return b
}

// content carries a message's content over, as blocks. Empty texts are left out: the API refuses them.
func (t *anthropicTranslation) content(m *chatMessage, at string) ([]any, *exchange.Fault) {
	parts, fault := t.in.parts(m, at)
	if fault != nil {
		return nil, fault
	}
	var blocks []any
	for k := range parts {
		p := &parts[k]
		in := fmt.Sprintf("%s.content[%d]", at, k)
		switch {
		case p.Type == "thinking" || p.Type == "redacted_thinking":
			blocks = append(blocks, p.raw)
			continue
		case p.Type == nativeType && p.Dialect == anthropicName && len(given(p.Block)) > 0:
			blocks = append(blocks, p.Block)
			continue
		case p.Type == nativeType:
			t.losses.lose(in + "." + kindOf(p.Block))
			continue
		}
		b, fault := t.part(p, in)
		if fault != nil {
			return nil, fault
		}
		if b.Type != "" {
			blocks = append(blocks, t.extend(b, p.Native, in, m.Role == "assistant"))
		}
	}
	return blocks, nil
}

// part carries one part over; a block without a type is nothing.
func (t *anthropicTranslation) part(p *chatPart, at string) (block, *exchange.Fault) {
	b := block{CacheControl: p.CacheControl}
	switch {
	case p.Type == "text" || p.Type == "input_text" || p.Type == "refusal":
		if b.Text = p.Text + p.Refusal; b.Text != "" {
			b.Type = "text"
		}
	case p.Type == "image_url":
		from, detail, fault := t.in.image(p, at)
		if fault != nil {
			return b, fault
		}
		t.losses.noteDetail(detail)
		b.Type, b.Source = "image", from
	case p.Type == "file" && p.File != nil && p.File.Data != "":
		b.Type, b.Source, b.Title = "document", p.File.data(), p.File.Name
	case p.Type == "file" && p.File != nil && p.File.URL != "":
		b.Type, b.Source, b.Title = "document", &source{Type: "url", URL: p.File.URL}, p.File.Name
	case p.Type == "file":
		t.losses.lose(at + ".file.file_id")
	default: // audio, and what is not known yet
		t.losses.lose(at + "." + p.Type)
	}
	return b, nil
}

// dataSource reads a data: URL in base64.
func dataSource(url string) (*source, bool) {
	rest, ok := strings.CutPrefix(url, "data:")
	if !ok {
		return nil, false
	}
	media, data, ok := strings.Cut(rest, ",")
	kind, encoded := strings.CutSuffix(media, ";base64")
	if !ok || !encoded {
		return nil, false
	}
	kind, _, _ = strings.Cut(kind, ";")
	return &source{Type: "base64", MediaType: kind, Data: data}, true
}

// tools carries the tools and the choice among them over.
func (t *anthropicTranslation) tools() *exchange.Fault {
	for i, tool := range t.in.Tools {
		if tool.Type == nativeType {
			if tool.Dialect == anthropicName && len(given(tool.Tool)) > 0 {
				t.out.Tools = append(t.out.Tools, tool.Tool)
			} else {
				t.losses.lose(fmt.Sprintf("tools[%d].%s", i, kindOf(tool.Tool)))
			}
			continue
		}
		if tool.Type != "" && tool.Type != "function" {
			t.losses.lose(fmt.Sprintf("tools[%d].type", i))
			continue
		}
		schema := tool.Function.Parameters
		if len(schema) == 0 || string(schema) == "null" {
			schema = json.RawMessage(`{"type":"object"}`)
		}
		out := anthropicTool{
			Name: tool.Function.Name, Description: tool.Function.Description, InputSchema: schema, Strict: tool.Function.Strict, CacheControl: tool.CacheControl,
		}
		extra := t.losses.beside(tool.Native, fmt.Sprintf("tools[%d]", i), false)
		for name := range extra {
			if strings.EqualFold(name, "type") { // a tool that runs at the provider is billed by the call
				return malformed(fmt.Sprintf("tools[%d].native.%s", i, name), "left out: a function has none")
			}
		}
		if len(extra) > 0 {
			t.out.Tools = append(t.out.Tools, extended{out, extra})
			continue
		}
		t.out.Tools = append(t.out.Tools, out)
	}
	if len(t.out.Tools) == 0 {
		return nil // a choice among none means nothing, and the API refuses it
	}
	asked, fault := t.in.choice()
	if fault != nil {
		return fault
	}
	choice := toolChoice{Type: map[string]string{"auto": "auto", "required": "any", "none": "none"}[asked.mode]}
	switch {
	case asked.mode == "required" && len(asked.names) == 1:
		choice = toolChoice{Type: "tool", Name: asked.names[0]}
	case len(asked.names) > 0:
		t.losses.lose("tool_choice.allowed_tools")
	}
	choice.DisableParallel = t.in.ParallelToolCalls != nil && !*t.in.ParallelToolCalls && choice.Type != "none"
	if choice != (toolChoice{Type: "auto"}) || t.choosesMore() {
		t.out.ToolChoice = &choice
	}
	return nil
}

// sampling carries stops and sampling over.
func (t *anthropicTranslation) sampling() *exchange.Fault {
	var fault *exchange.Fault
	if t.out.StopSequences, fault = t.in.stops(); fault != nil {
		return fault
	}
	if raw := t.in.Temperature; len(raw) > 0 && string(raw) != "null" {
		var warm float64
		if err := json.Unmarshal(raw, &warm); err != nil {
			return malformed("temperature", "a number")
		}
		if t.out.Temperature = raw; warm > 1 { // the API goes from 0 to 1
			t.losses.lose("temperature")
			t.out.Temperature = json.RawMessage("1")
		}
	}
	if t.in.N != nil && *t.in.N > 1 {
		t.losses.lose("n")
	}
	return nil
}

// format carries the form of the answer over.
func (t *anthropicTranslation) format() *exchange.Fault {
	switch f := t.in.ResponseFormat; {
	case f == nil || f.Type == "text" || f.Type == "":
	case f.Type == "json_schema" && len(f.Schema.Schema) > 0:
		t.config().Format = &format{"json_schema", f.schema()}
	default:
		t.losses.lose("response_format." + f.Type)
	}
	return nil
}

func (t *anthropicTranslation) config() *outputConfig {
	if t.out.OutputConfig == nil {
		t.out.OutputConfig = &outputConfig{}
	}
	return t.out.OutputConfig
}

// leastThinking is the smallest budget of thinking tokens that the API takes.
const leastThinking = 1024

// reasoning carries reasoning_effort over: as an effort where the model decides itself how long it thinks, else as a budget of tokens, which
// must stay below the cap.
func (t *anthropicTranslation) reasoning() *exchange.Fault {
	effort := t.in.ReasoningEffort
	if effort == "" || effort == "none" || effort == "minimal" {
		return nil
	}
	budget, ok := map[string]int64{"low": leastThinking, "medium": 4096, "high": 16384, "xhigh": 32768, "max": 32768}[effort]
	if !ok {
		return malformed("reasoning_effort", "none, minimal, low, medium, high, xhigh or max")
	}
	switch {
	case !budgeted(t.in.Model):
		t.out.Thinking = &thinking{Type: "adaptive"}
		t.config().Effort = effort
	case t.out.MaxTokens <= leastThinking:
		t.losses.lose("reasoning_effort") // the cap leaves no room to think and to answer
		return nil
	default:
		t.out.Thinking = &thinking{"enabled", min(budget, max(leastThinking, t.out.MaxTokens/2))}
	}
	forced := t.out.ToolChoice != nil && (t.out.ToolChoice.Type == "any" || t.out.ToolChoice.Type == "tool") // thinking allows no forced tools
	if forced || t.out.Thinking.Budget > 0 && t.in.thoughtless() {
		t.losses.lose("reasoning_effort")
		t.out.Thinking = nil
		return nil
	}
	if len(t.out.Temperature) > 0 && string(t.out.Temperature) != "1" { // nor any other
		t.losses.lose("temperature")
		t.out.Temperature = nil
	}
	return nil
}

// thoughtless tells whether tools answer a call that came without its thinking, from another provider or through a client that does not send it
// back. A model that thinks by a budget refuses such a request unless it is not to think.
func (r *chatRequest) thoughtless() bool {
	for i := len(r.Messages) - 1; i >= 0; i-- {
		switch m := &r.Messages[i]; m.Role {
		case "tool", "system", "developer":
		default:
			return m.Role == "assistant" && len(m.ToolCalls) > 0 && len(m.ThinkingBlocks) == 0
		}
	}
	return false
}

// budgeted tells whether a model thinks by a budget: Claude up to Sonnet 4.5, Haiku 4.5 and Opus 4.1 does.
func budgeted(model string) bool {
	for _, old := range [...]string{"claude-3", "sonnet-4-0", "sonnet-4-2025", "sonnet-4-5", "haiku-4", "opus-4-0", "opus-4-1", "opus-4-2025"} {
		if strings.Contains(model, old) {
			return true
		}
	}
	return false
}

// rest looks at the members that nothing was made of. Null and the usual values ask for nothing.
func (t *anthropicTranslation) rest() *exchange.Fault {
	if user := cmp.Or(t.in.User, t.in.SafetyIdentifier); user != "" {
		t.out.Metadata = &metadata{user}
	}
	t.losses.rest(t.in)
	return nil
}
