package dialect

import (
	"encoding/json"
	"fmt"
	"strings"

	"bursar/exchange"
)

// The items of an input that we write.
type (
	messageIn struct {
		Type    string `json:"type"`
		Role    string `json:"role"`
		Content any    `json:"content"` // a text, or parts
	}
	callIn struct {
		Type   string `json:"type"`
		CallID string `json:"call_id"`
		Name   string `json:"name"`
		Args   string `json:"arguments"`
	}
	resultIn struct {
		Type   string `json:"type"`
		CallID string `json:"call_id"`
		Output any    `json:"output"` // a text, or parts
	}
	partIn struct {
		Type       string          `json:"type"`
		Text       *string         `json:"text,omitempty"`
		Refusal    string          `json:"refusal,omitempty"`
		ImageURL   string          `json:"image_url,omitempty"`
		Detail     string          `json:"detail,omitempty"`
		Name       string          `json:"filename,omitempty"`
		FileData   string          `json:"file_data,omitempty"`
		FileURL    string          `json:"file_url,omitempty"`
		FileID     string          `json:"file_id,omitempty"`
		Audio      *chatAudio      `json:"input_audio,omitempty"`
		Breakpoint json.RawMessage `json:"prompt_cache_breakpoint,omitempty"`
	}
)

// messages carries the messages over, each as the items that it is here. A text that the conversation begins with as the system's is `instructions`.
func (t *responsesUpstreamTranslation) messages() *exchange.Fault {
	for i := range t.in.Messages {
		m := &t.in.Messages[i]
		at := fmt.Sprintf("messages[%d]", i)
		if m.Name != "" && m.Role != "tool" { // a tool's is that of its call
			t.losses.lose(at + ".name")
		}
		if len(given(m.Audio)) > 0 {
			t.losses.lose(at + ".audio")
		}
		if len(given(m.FunctionCall)) > 0 {
			return malformed(at+".function_call", "sent as tool_calls: the old form has no ids, which this target needs")
		}
		parts, fault := t.content(m, at)
		if fault != nil {
			return fault
		}
		extra := t.losses.beside(m.Native, at, m.Role == "assistant")
		text, plain := plainText(parts)
		switch {
		case i == 0 && m.Role == "system" && plain && extra == nil && len(t.in.Messages) > 1:
			t.out.Instructions = text
		case m.Role == "system", m.Role == "developer", m.Role == "user":
			t.add(extend(messageIn{"message", m.Role, textOr(parts)}, extra))
		case m.Role == "assistant":
			t.answered(m, parts, extra, at)
			if i == len(t.in.Messages)-1 {
				t.prefill(m, parts, at)
			}
		case m.Role == "tool":
			if m.IsError {
				t.losses.note("is_error")
			}
			t.add(extend(resultIn{"function_call_output", m.ToolCallID, textOr(parts)}, extra))
		default:
			return malformed(at+".role", "system, developer, user, assistant or tool for this target")
		}
	}
	return nil
}

func (t *responsesUpstreamTranslation) add(items ...any) {
	t.out.Input = append(t.out.Input, items...)
}

// plainText is the text that parts are, if they are nothing else.
func plainText(parts []any) (text string, plain bool) {
	if len(parts) == 0 {
		return "", true
	}
	p, ok := parts[0].(partIn)
	if len(parts) > 1 || !ok || p.Type != "input_text" || p.Breakpoint != nil {
		return "", false
	}
	return *p.Text, true
}

// textOr is parts, or the text that they are: some servers take no parts everywhere.
func textOr(parts []any) any {
	if text, plain := plainText(parts); plain {
		return text
	}
	return parts
}

// answered carries an earlier answer over: what was thought, item for item as it came, then what was said, then the calls.
func (t *responsesUpstreamTranslation) answered(m *chatMessage, parts []any, extra members, at string) {
	t.losses.noteThoughts(m, false)
	for _, block := range m.ThinkingBlocks {
		if item := itemWithin(block); item != nil {
			t.add(item)
		} else {
			t.losses.note("thinking_blocks") // of another API's model
		}
	}
	if m.Refusal != "" {
		parts = append(parts, partIn{Type: "refusal", Refusal: m.Refusal})
	}
	if len(m.Images) > 0 {
		t.losses.lose(at + ".images")
	}
	var said []any
	end := func() {
		if len(said) > 0 {
			t.add(extend(messageIn{"message", "assistant", said}, extra))
			said = nil
		}
	}
	for _, p := range parts {
		if raw, wrapped := p.(json.RawMessage); wrapped && isItem(raw) {
			end()
			t.add(raw)
			continue
		}
		said = append(said, p)
	}
	end()
	for k := range m.ToolCalls {
		c, at := &m.ToolCalls[k], fmt.Sprintf("%s.tool_calls[%d]", at, k)
		if c.Type != "" && c.Type != "function" {
			t.losses.lose(at + ".type")
			continue
		}
		t.add(extend(callIn{"function_call", c.ID, c.Function.Name, c.Function.Arguments}, t.losses.beside(c.Native, at, true)))
	}
}

// isItem tells what was an item of the input from what was a part of a message: those are named for where they go.
func isItem(raw json.RawMessage) bool {
	kind := kindOf(raw)
	return !strings.HasPrefix(kind, "output_") && !strings.HasPrefix(kind, "input_")
}

// prefill loses an answer that is to be gone on with, as other APIs have it: here a new one would begin. A client of this API means what it says.
func (t *responsesUpstreamTranslation) prefill(m *chatMessage, parts []any, at string) {
	for _, p := range parts {
		if _, wrapped := p.(json.RawMessage); wrapped {
			return
		}
	}
	if t.foreign && len(parts) > 0 && len(m.ToolCalls) == 0 {
		t.losses.lose(at + ".prefill")
	}
}

// content carries a message's content over, as parts. Those of an answer that say nothing are left out.
func (t *responsesUpstreamTranslation) content(m *chatMessage, at string) ([]any, *exchange.Fault) {
	parts, fault := t.in.parts(m, at)
	if fault != nil {
		return nil, fault
	}
	var out []any
	for k := range parts {
		p, in := &parts[k], fmt.Sprintf("%s.content[%d]", at, k)
		extra := t.losses.beside(p.Native, in, m.Role == "assistant")
		switch {
		case p.Type == nativeType && p.Dialect == responsesName && len(given(p.Block)) > 0:
			out = append(out, p.Block)
			continue
		case p.Type == nativeType:
			t.losses.lose(in + "." + kindOf(p.Block))
			continue
		case p.Type == "thinking" || p.Type == "redacted_thinking":
			if item := itemWithin(p.raw); item != nil {
				out = append(out, item)
			} else {
				t.losses.note("thinking_blocks")
			}
			continue
		}
		part, fault := t.part(p, m.Role, in)
		if fault != nil {
			return nil, fault
		}
		if part.Type != "" {
			out = append(out, extend(part, extra))
		}
	}
	return out, nil
}

// part carries one part over; one without a type is nothing.
func (t *responsesUpstreamTranslation) part(p *chatPart, role, at string) (partIn, *exchange.Fault) {
	out := partIn{Breakpoint: given(p.Breakpoint)}
	switch {
	case p.Type == "refusal" && role == "assistant":
		out.Type, out.Refusal = p.Type, p.Refusal
	case p.Type == "text" || p.Type == "input_text" || p.Type == "refusal":
		text := p.Text + p.Refusal
		if out.Text = &text; role != "assistant" {
			out.Type = "input_text"
		} else if text != "" {
			out.Type = "output_text"
		}
	case p.Type == "image_url":
		var image chatImage
		if json.Unmarshal(p.ImageURL, &image.URL) != nil && t.in.strictly(p.ImageURL, &image, at+".image_url") != nil || image.URL == "" {
			return out, malformed(at+".image_url.url", "a URL")
		}
		out.Type, out.ImageURL, out.Detail = "input_image", image.URL, image.Detail
	case p.Type == "file" && p.File != nil && p.File.Data != "":
		out.Type, out.FileData, out.Name = "input_file", p.File.Data, p.File.Name
		if out.Name == "" {
			out.Name = unnamedFile
		}
	case p.Type == "file" && p.File != nil && p.File.URL+p.File.ID != "":
		out.Type, out.FileURL, out.FileID = "input_file", p.File.URL, p.File.ID
		if p.File.Name != "" { // a name goes with data alone
			t.losses.note("filename")
		}
	case p.Type == "input_audio" && p.Audio != nil:
		out.Type, out.Audio = p.Type, p.Audio
	default:
		t.losses.lose(at + "." + p.Type)
	}
	return out, nil
}
