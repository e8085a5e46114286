package dialect

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"bursar/exchange"
)

// geminiClientRequest carries a request of generateContent over to a chat completion.
func geminiClientRequest(body []byte, a Asked) ([]byte, *exchange.Fault) {
	var in map[string]json.RawMessage
	if err := json.Unmarshal(camelCased(body), &in); err != nil {
		return nil, malformed("body", "a JSON object"+why(err))
	}
	if fault := respell(in, ""); fault != nil {
		return nil, fault
	}
	if whole := given(in["generateContentRequest"]); a.Count && whole != nil {
		in = nil
		if json.Unmarshal(whole, &in) != nil {
			return nil, malformed("generateContentRequest", "an object")
		}
	}
	t := geminiClientTranslation{rest: in, out: chatBody{Model: a.Model, Messages: []hubMessage{}, Stream: a.Stream}, open: map[string][]string{}, given: map[string]bool{}}
	if a.Stream {
		t.out.StreamOptions = &streamOptions{true}
	}
	for _, step := range []func() *exchange.Fault{t.system, t.contents, t.tools, t.choice, t.config, t.safety} {
		if fault := step(); fault != nil {
			return nil, fault
		}
	}
	t.remains()
	return encode(nil, &t.out), nil
}

// geminiClientTranslation is one request under way: rest holds the members that nothing was made of yet.
type geminiClientTranslation struct {
	rest  map[string]json.RawMessage
	out   chatBody
	open  map[string][]string // ids of calls, by the names of their functions, as far as results without an id have not taken them
	given map[string]bool     // ids of calls that a result has come for
}

// take takes a member out of rest; nil if it is not there or null.
func (t *geminiClientTranslation) take(name string) json.RawMessage {
	value := given(t.rest[name])
	delete(t.rest, name)
	return value
}

// googleContent is a message. Its parts are read one by one.
type googleContent struct {
	Role  string            `json:"role"`
	Parts []json.RawMessage `json:"parts"`

	beside *native // its further members
}

// UnmarshalJSON reads a content with the members that are beside the two that it has.
func (c *googleContent) UnmarshalJSON(raw []byte) error {
	type plain googleContent
	if err := json.Unmarshal(raw, (*plain)(c)); err != nil {
		return err
	}
	var all members
	if json.Unmarshal(raw, &all) == nil && len(all) > 1 {
		c.beside = besideOf(all, "gemini", "role", "parts")
	}
	return nil
}

// googlePart is a part as a client sends it: one of its members stands, beside thought and thoughtSignature.
type googlePart struct {
	Text            *string         `json:"text"`
	Thought         bool            `json:"thought"`
	Signature       string          `json:"thoughtSignature"`
	Inline          *googleBlob     `json:"inlineData"`
	File            *googleFile     `json:"fileData"`
	Call            *googleCall     `json:"functionCall"`
	Result          *googleResult   `json:"functionResponse"`
	MediaResolution json.RawMessage `json:"mediaResolution"`
	Metadata        json.RawMessage `json:"partMetadata"` // the client's own
}

type googleFile struct {
	MimeType string `json:"mimeType"`
	URI      string `json:"fileUri"`
	Name     string `json:"displayName"`
}

// googleResult is what a function gave back: an object, and media beside it.
type googleResult struct {
	ID           string            `json:"id"`
	Name         string            `json:"name"`
	Response     json.RawMessage   `json:"response"`
	Parts        []json.RawMessage `json:"parts"`
	WillContinue bool              `json:"willContinue"`
	Scheduling   string            `json:"scheduling"`
}

func (t *geminiClientTranslation) system() *exchange.Fault {
	raw := t.take("systemInstruction")
	if raw == nil {
		return nil
	}
	var system googleContent
	if err := json.Unmarshal(raw, &system); err != nil {
		return malformed("systemInstruction", "an object with parts"+why(err))
	}
	parts := []any{}
	for k, raw := range system.Parts {
		at := fmt.Sprintf("systemInstruction.parts[%d]", k)
		p, known, fault := readPart(raw, at)
		if fault != nil {
			return fault
		}
		if part := p.chat(raw, known); part != nil {
			parts = append(parts, part)
		}
	}
	if len(parts) > 0 {
		t.out.Messages = append(t.out.Messages, hubMessage{Role: "system", Content: content(parts)})
	}
	return nil
}

func (t *geminiClientTranslation) contents() *exchange.Fault {
	var contents []googleContent
	if raw := t.take("contents"); raw == nil || json.Unmarshal(raw, &contents) != nil {
		return malformed("contents", "an array of contents with parts")
	}
	for i := range contents {
		var fault *exchange.Fault
		c := &contents[i]
		at := fmt.Sprintf("contents[%d]", i)
		switch c.Role {
		case "model":
			fault = t.answered(c, i, at)
		case "", "user", "function":
			fault = t.asked(c, at)
		default:
			fault = malformed(at+".role", "user or model")
		}
		if fault != nil {
			return fault
		}
		if c.beside != nil && len(t.out.Messages) > 0 {
			t.out.Messages[len(t.out.Messages)-1].Native = c.beside
		}
	}
	return nil
}

// answered carries an earlier answer over. Thoughts of a model of another provider travel sealed in a thoughtSignature.
func (t *geminiClientTranslation) answered(c *googleContent, i int, at string) *exchange.Fault {
	m := hubMessage{Role: "assistant"}
	parts := []any{}
	for k, raw := range c.Parts {
		where := fmt.Sprintf("%s.parts[%d]", at, k)
		p, known, fault := readPart(raw, where)
		if fault != nil {
			return fault
		}
		extra := t.signature(&m, p.Signature)
		switch {
		case known && p.Call != nil:
			call, fault := p.Call.chat(where)
			if fault != nil {
				return fault
			}
			if call.ID == "" { // chat completions tell calls apart by their ids
				call.ID = fmt.Sprintf("%s%d_%d", madeUp, i, k)
			}
			call.Extra = extra
			m.ToolCalls = append(m.ToolCalls, call)
			continue
		case known && p.Thought: // for people, but what is signed
			continue
		case extra != nil:
			m.Extra = extra
		}
		if part := p.chat(raw, known); part != nil {
			parts = append(parts, part)
		}
	}
	if m.Content = content(parts); m.Content == nil && len(m.ToolCalls) == 0 {
		return nil
	}
	for _, call := range m.ToolCalls {
		t.open[call.Function.Name] = append(t.open[call.Function.Name], call.ID)
	}
	t.out.Messages = append(t.out.Messages, m)
	return nil
}

// signature opens what we have sealed into the message; what Google has signed is returned, to stand where it stood.
func (t *geminiClientTranslation) signature(m *hubMessage, text string) json.RawMessage {
	if text == "" {
		return nil
	}
	if plain, err := base64.StdEncoding.DecodeString(text); err == nil {
		if s, ours := unseal(string(plain)); ours {
			m.Reasoning += s.Reasoning
			m.ThinkingBlocks = append(m.ThinkingBlocks, s.ThinkingBlocks...)
			return nil
		}
	}
	return encode(nil, map[string]any{"google": map[string]string{"thought_signature": text}})
}

// asked carries a user's turn over: what functions gave back first, each as a message of its own, then what the user says.
func (t *geminiClientTranslation) asked(c *googleContent, at string) *exchange.Fault {
	parts := []any{}
	for k, raw := range c.Parts {
		where := fmt.Sprintf("%s.parts[%d]", at, k)
		p, known, fault := readPart(raw, where)
		if fault != nil {
			return fault
		}
		if known && p.Result != nil {
			if fault := t.result(p.Result, where+".functionResponse"); fault != nil {
				return fault
			}
			continue
		}
		if part := p.chat(raw, known); part != nil {
			parts = append(parts, part)
		}
	}
	if len(parts) > 0 {
		t.out.Messages = append(t.out.Messages, hubMessage{Role: "user", Content: content(parts)})
	}
	return nil
}

// result carries over what a function gave back. It belongs to the call of its id or, as Google's clients may leave that out, to the first open
// one of its name.
func (t *geminiClientTranslation) result(r *googleResult, at string) *exchange.Fault {
	id, open := r.ID, t.open[r.Name]
	for id == "" && len(open) > 0 {
		if !t.given[open[0]] {
			id = open[0]
		}
		open = open[1:]
	}
	t.open[r.Name], t.given[id] = open, true
	if id == "" {
		return malformed(at, fmt.Sprintf("the result of a call in an earlier content; none of `%s` is open", r.Name))
	}
	text, failed := r.said()
	m := hubMessage{Role: "tool", ToolCallID: id, Content: text, IsError: failed}
	if r.WillContinue {
		m.Native = m.Native.put("gemini", "functionResponse.willContinue", json.RawMessage("true"))
	}
	if r.Scheduling != "" {
		m.Native = m.Native.put("gemini", "functionResponse.scheduling", encode(nil, r.Scheduling))
	}
	if len(r.Parts) > 0 {
		parts := []any{textPart(text, nil)}
		for k, raw := range r.Parts {
			p, known, fault := readPart(raw, fmt.Sprintf("%s.parts[%d]", at, k))
			if fault != nil {
				return fault
			}
			if part := p.chat(raw, known); part != nil {
				parts = append(parts, part)
			}
		}
		m.Content = parts
	}
	t.out.Messages = append(t.out.Messages, m)
	return nil
}

// said is what a tool said: a text in a member output or error stands for itself, as Google documents it, and all else as the JSON that it is.
func (r *googleResult) said() (text string, failed bool) {
	var object map[string]json.RawMessage
	if json.Unmarshal(r.Response, &object) == nil && len(object) == 1 {
		for name, value := range object {
			if (name == "output" || name == "error") && json.Unmarshal(value, &text) == nil {
				return text, name == "error"
			}
		}
	}
	return compact(r.Response), false
}

func (c *googleCall) chat(at string) (hubCall, *exchange.Fault) {
	args := compact(c.Args)
	if args == "null" {
		args = "{}"
	}
	if args[0] != '{' {
		return hubCall{}, malformed(at+".functionCall.args", "an object")
	}
	return hubCall{ID: c.ID, Type: "function", Function: toolFunction{c.Name, args}}, nil
}

// readPart reads a part. It is not known if it has members that we do not know: they may change its meaning.
func readPart(raw json.RawMessage, at string) (p googlePart, known bool, fault *exchange.Fault) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	switch err := decoder.Decode(&p); {
	case err == nil:
		return p, true, nil
	case strings.Contains(err.Error(), "unknown field"): // encoding/json has no type for it
		return p, false, nil
	default:
		return p, false, malformed(at, "a part"+why(err))
	}
}

// chat carries a part over, nil if it says nothing. What a chat completion has no form for stays as it is.
func (p *googlePart) chat(raw json.RawMessage, known bool) any {
	wrapped := native{Type: nativeType, Dialect: "gemini", Block: raw}
	switch {
	case !known:
		return wrapped
	case p.Text != nil:
		if *p.Text == "" {
			return nil
		}
		return textPart(*p.Text, nil)
	case p.Inline != nil:
		if part := p.Inline.chat(p.detail()); part != nil {
			return p.named(part, "inlineData", p.Inline.Name)
		}
	case p.File != nil:
		if part := p.File.chat(p.detail()); part != nil {
			return p.named(part, "fileData", p.File.Name)
		}
	case p.Call == nil && p.Result == nil: // a signature by itself
		return nil
	}
	return wrapped
}

// named is a part with what a chat completion has no word for: a name, and a resolution that is neither low nor high.
func (p *googlePart) named(part *hubPart, of, name string) hubPart {
	switch {
	case name == "":
	case part.File != nil: // it has it
		part.Native = &native{Dialect: "gemini", Also: members{of + ".displayName": encode(nil, name)}}
	default:
		part.Native = part.Native.put("gemini", of+".displayName", encode(nil, name))
	}
	if part.ImageURL == nil || part.ImageURL.Detail == "" {
		if resolution := given(p.MediaResolution); resolution != nil {
			part.Native = part.Native.put("gemini", "mediaResolution", resolution)
		}
	}
	return *part
}

// detail is how closely the model is to look at an image.
func (p *googlePart) detail() string {
	var of struct {
		Level string `json:"level"`
	}
	if json.Unmarshal(nullOr(p.MediaResolution), &of) == nil {
		for name, r := range resolutions {
			if onlyObject(p.MediaResolution, "level") && of.Level == r.Level {
				return name
			}
		}
	}
	return ""
}

// chat carries media that is part of the request over, nil if it cannot be.
func (b *googleBlob) chat(detail string) *hubPart {
	data := strings.NewReplacer("-", "+", "_", "/").Replace(b.Data) // proto JSON takes the URL's alphabet too
	url := "data:" + b.MimeType + ";base64," + data
	kind, format, _ := strings.Cut(b.MimeType, "/")
	switch {
	case kind == "image":
		return &hubPart{Type: "image_url", ImageURL: &hubImage{url, detail}}
	case kind == "audio" && audioFormats[format] != "":
		return &hubPart{Type: "input_audio", Audio: &chatAudio{data, audioFormats[format]}}
	case b.MimeType == "application/pdf":
		name := b.Name
		if name == "" {
			name = unnamedFile
		}
		return &hubPart{Type: "file", File: &chatFile{Name: name, Data: url}}
	case kind == "text":
		if text, err := base64.StdEncoding.DecodeString(data); err == nil && utf8.Valid(text) && len(text) > 0 {
			part := textPart(string(text), nil)
			return &part
		}
	}
	return nil
}

// unnamedFile is the name of files that come without: OpenAI asks for one.
const unnamedFile = "document.pdf"

// audioFormats are the formats of audio that chat completions have.
var audioFormats = map[string]string{"wav": "wav", "x-wav": "wav", "wave": "wav", "mp3": "mp3", "mpeg": "mp3"}

// chat carries media at a public address over, nil if it cannot be: what is stored at Google can be read there alone.
func (f *googleFile) chat(detail string) *hubPart {
	if !strings.HasPrefix(f.URI, "https://") && !strings.HasPrefix(f.URI, "http://") {
		return nil
	}
	for _, own := range []string{"googleapis.com/", "youtube.com/", "youtu.be/"} {
		if strings.Contains(f.URI, own) {
			return nil
		}
	}
	switch {
	case strings.HasPrefix(f.MimeType, "image/"):
		return &hubPart{Type: "image_url", ImageURL: &hubImage{f.URI, detail}}
	case f.MimeType == "application/pdf":
		return &hubPart{Type: "file", File: &chatFile{Name: f.Name, URL: f.URI}}
	}
	return nil
}
