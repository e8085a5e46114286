package dialect

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"bursar/exchange"
)

// geminiRequest carries a chat completion over to generateContent.
func geminiRequest(body []byte, o Options) ([]byte, []string, *exchange.Fault) {
	var in chatRequest
	if err := in.parse(body); err != nil {
		return nil, nil, malformed("body", "a chat completion: "+err.Error())
	}
	t := geminiTranslation{in: &in, losses: losses{dialect: "gemini", drop: o.Drop}, names: map[string]string{}}
	t.out.Contents = []geminiContent{}
	t.config = geminiConfig{
		MaxOutputTokens: in.cap(), Temperature: given(in.Temperature), TopP: given(in.TopP), TopK: given(in.TopK),
		Seed: t.take("seed"), PresencePenalty: t.take("presence_penalty"), FrequencyPenalty: t.take("frequency_penalty"),
	}
	t.out.Config = &t.config
	for _, step := range []func() *exchange.Fault{t.unwrap, t.messages, t.tools, t.sampling, t.format, t.reasoning, t.google, t.rest, t.losses.fault} {
		if fault := step(); fault != nil {
			return nil, nil, fault
		}
	}
	if fault := something(len(t.out.Contents)); fault != nil {
		return nil, nil, fault
	}
	out, err := encoded(&t.out)
	if err != nil {
		return nil, nil, malformed("body", "valid JSON: "+err.Error())
	}
	return rewrapped(out, t.wrapped), t.losses.dropped(), nil
}

// geminiTranslation is one request under way.
type geminiTranslation struct {
	in     *chatRequest
	out    geminiBody
	config geminiConfig
	losses losses
	names  map[string]string // of functions, by the ids of their calls

	wrapped members // members that were wrapped, those of an object within it by OBJECT.MEMBER
}

// take takes a member that chatRequest does not name; nothing if it is not there or null.
func (t *geminiTranslation) take(name string) json.RawMessage {
	value := given(t.in.Rest[name])
	delete(t.in.Rest, name)
	return value
}

// messages carries the messages over: the system's to systemInstruction, a tool's into the user's turn, and neighbours of one role into one.
func (t *geminiTranslation) messages() *exchange.Fault {
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
		role := "user"
		var parts []geminiPart
		switch m.Role {
		case "system", "developer":
			if parts, fault = t.content(m, at); fault == nil && len(parts) > 0 {
				if t.out.System == nil {
					t.out.System = &geminiContent{}
				}
				t.out.System.Parts = append(t.out.System.Parts, parts...)
			}
			parts = nil
		case "user":
			parts, fault = t.content(m, at)
		case "assistant":
			role = "model"
			parts, fault = t.answered(m, at)
		case "tool":
			parts, fault = t.toolResult(m, at)
		default:
			return malformed(at+".role", "system, developer, user, assistant or tool for this target")
		}
		if fault != nil {
			return fault
		}
		t.add(role, parts)
	}
	return nil
}

func (t *geminiTranslation) add(role string, parts []geminiPart) {
	if len(parts) == 0 {
		return
	}
	if n := len(t.out.Contents); n > 0 && t.out.Contents[n-1].Role == role {
		t.out.Contents[n-1].Parts = append(t.out.Contents[n-1].Parts, parts...)
		return
	}
	t.out.Contents = append(t.out.Contents, geminiContent{role, parts})
}

// unsigned is what Google documents as the signature of calls that Gemini did not make itself: from Gemini 3 on it refuses a call without any.
const unsigned = "skip_thought_signature_validator"

// answered carries an earlier answer over: its text and its calls, with the signatures that came with them.
func (t *geminiTranslation) answered(m *chatMessage, at string) ([]geminiPart, *exchange.Fault) {
	parts, fault := t.content(m, at)
	if fault != nil {
		return nil, fault
	}
	if m.Refusal != "" {
		parts = append(parts, geminiPart{Text: &m.Refusal})
	}
	for k := range m.Images {
		p, fault := t.part(&m.Images[k], fmt.Sprintf("%s.images[%d]", at, k))
		if fault != nil {
			return nil, fault
		}
		if p != nil {
			parts = append(parts, *p)
		}
	}
	t.losses.noteThoughts(m, true)
	if len(m.ThinkingBlocks) > 0 {
		t.losses.note("thinking_blocks") // of another API's model
	}
	if mark := m.Extra.signature(); mark != "" {
		if len(parts) == 0 {
			parts = append(parts, geminiPart{Text: new(string)})
		}
		parts[len(parts)-1].Signature = mark
	}
	signed := slices.ContainsFunc(m.ToolCalls, func(c chatCall) bool { return c.Extra.signature() != "" })
	calls, fault := t.losses.functions(m, at)
	if fault != nil {
		return nil, fault
	}
	for k, call := range calls {
		t.names[call.ID] = call.Function.Name
		part := geminiPart{Call: &geminiCall{ID: ownID(call.ID), Name: call.Function.Name, Args: call.object}, Signature: call.Extra.signature()}
		if k == 0 && !signed && thinksByLevel(t.in.Model) {
			part.Signature = unsigned
		}
		parts = append(parts, t.extend(part, call.Native, call.at, true))
	}
	return parts, nil
}

// madeUp begins the ids that we give to calls, which Gemini up to 2.5 has none for, and Vertex AI refuses.
const madeUp = "call_gemini_"

// ownID is the id of a call if Gemini gave it, or another provider that may have.
func ownID(id string) string {
	if strings.HasPrefix(id, madeUp) {
		return ""
	}
	return id
}

// toolResult carries what a tool gave back over, under the name of the function that was called. Google takes an object: one that the tool gave
// as it is, all else as its output. Images in it stand beside it.
func (t *geminiTranslation) toolResult(m *chatMessage, at string) ([]geminiPart, *exchange.Fault) {
	name, known := t.names[m.ToolCallID]
	if !known {
		if name = m.Name; name == "" {
			return nil, malformed(at+".tool_call_id", "the id of a call in an earlier message")
		}
	}
	parts, fault := t.content(m, at)
	if fault != nil {
		return nil, fault
	}
	var text strings.Builder
	var others []geminiPart
	for _, p := range parts {
		if p.Text == nil {
			others = append(others, p)
			continue
		}
		if text.Len() > 0 {
			text.WriteByte('\n')
		}
		text.WriteString(*p.Text)
	}
	result := geminiPart{Response: &geminiToolResult{ID: ownID(m.ToolCallID), Name: name, Response: toolOutput(text.String(), m.IsError)}}
	result = t.extend(result, m.Native, at, false)
	return append([]geminiPart{result}, others...), nil
}

// toolOutput makes the object that Google wants of what a tool said. One that has a member output or error
// means something else by it.
func toolOutput(said string, failed bool) json.RawMessage {
	if failed {
		return encode(nil, map[string]string{"error": said})
	}
	var object map[string]json.RawMessage
	if raw := strings.TrimSpace(said); strings.HasPrefix(raw, "{") && json.Unmarshal([]byte(raw), &object) == nil {
		if object["output"] == nil && object["error"] == nil {
			return json.RawMessage(raw)
		}
		return encode(nil, map[string]json.RawMessage{"output": json.RawMessage(raw)})
	}
	return encode(nil, map[string]string{"output": said})
}

// content carries a message's content over, as parts.
func (t *geminiTranslation) content(m *chatMessage, at string) ([]geminiPart, *exchange.Fault) {
	chat, fault := t.in.parts(m, at)
	if fault != nil {
		return nil, fault
	}
	var parts []geminiPart
	for k := range chat {
		p, fault := t.part(&chat[k], fmt.Sprintf("%s.content[%d]", at, k))
		if fault != nil {
			return nil, fault
		}
		if p != nil {
			parts = append(parts, t.extend(*p, chat[k].Native, fmt.Sprintf("%s.content[%d]", at, k), m.Role == "assistant"))
		}
	}
	return parts, nil
}

// extend adds the members that were wrapped beside what became a part.
func (t *geminiTranslation) extend(p geminiPart, n *native, at string, answered bool) geminiPart {
	if extra := t.losses.beside(n, at, answered); len(extra) > 0 {
		p.raw = rewrapped(encode(nil, p), extra)
	}
	return p
}

// part carries one part over; nil if nothing is left of it.
func (t *geminiTranslation) part(p *chatPart, at string) (*geminiPart, *exchange.Fault) {
	switch {
	case p.Type == "text" || p.Type == "input_text" || p.Type == "refusal":
		if said := p.Text + p.Refusal; said != "" {
			return &geminiPart{Text: &said}, nil
		}
	case p.Type == "image_url":
		from, detail, fault := t.in.image(p, at)
		if fault != nil {
			return nil, fault
		}
		part := from.gemini()
		if part.Resolution = resolutions[detail]; part.Resolution == nil || !thinksByLevel(t.in.Model) { // those before have one for a request alone
			part.Resolution = nil
			t.losses.noteDetail(detail)
		}
		return part, nil
	case p.Type == "file" && p.File != nil && p.File.Data != "":
		t.noteName(p)
		return p.File.data().gemini(), nil
	case p.Type == "file" && p.File != nil && strings.Contains(p.File.ID, "://"): // of Google's own files
		return (&source{URL: p.File.ID}).gemini(), nil
	case p.Type == "file" && p.File != nil && p.File.URL != "":
		t.noteName(p)
		return (&source{URL: p.File.URL}).gemini(), nil
	case p.Type == "file":
		t.losses.lose(at + ".file.file_id")
	case p.Type == nativeType && p.Dialect == "gemini" && len(given(p.Block)) > 0:
		return &geminiPart{raw: p.Block}, nil
	case p.Type == nativeType:
		t.losses.lose(at + "." + kindOf(p.Block))
	case p.Type == "thinking" || p.Type == "redacted_thinking":
		t.losses.note("thinking_blocks") // of another API's model
	case p.Type == "input_audio" && p.Audio != nil:
		kind := "audio/" + p.Audio.Format
		if p.Audio.Format == "" {
			kind = "audio/wav"
		}
		return &geminiPart{Inline: &geminiBlob{kind, p.Audio.Data}}, nil
	default:
		t.losses.lose(at + "." + p.Type)
	}
	return nil, nil
}

// gemini is the part that holds what a source does. Google wants to know what kind of file a URL is of.
func (s *source) gemini() *geminiPart {
	if s.URL == "" {
		return &geminiPart{Inline: &geminiBlob{s.MediaType, s.Data}}
	}
	place, _, _ := strings.Cut(s.URL, "?")
	return &geminiPart{File: &geminiFile{mediaTypes[strings.ToLower(path.Ext(place))], s.URL}}
}

// noteName notes a file's name, which Google's API refuses, unless it is the one that we give to those that have none.
func (t *geminiTranslation) noteName(p *chatPart) {
	if name := p.File.Name; name != "" && name != unnamedFile && (p.Native == nil || p.Native.Dialect != t.losses.dialect) {
		t.losses.note("filename")
	}
}

// resolutions are how closely the model is to look, in Google's words.
var resolutions = map[string]*geminiResolution{"low": {"MEDIA_RESOLUTION_LOW"}, "high": {"MEDIA_RESOLUTION_HIGH"}}

var mediaTypes = map[string]string{
	".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp", ".gif": "image/gif", ".heic": "image/heic",
	".pdf": "application/pdf", ".mp3": "audio/mp3", ".wav": "audio/wav", ".mp4": "video/mp4", ".mov": "video/mov", ".webm": "video/webm",
}

// tools carries the tools and the choice among them over.
func (t *geminiTranslation) tools() *exchange.Fault {
	var all []geminiFunction
	strict := false
	for i, tool := range t.in.Tools {
		switch {
		case tool.Type == nativeType && tool.Dialect == "gemini" && len(given(tool.Tool)) > 0:
			t.out.Tools = append(t.out.Tools, tool.Tool)
			continue
		case tool.Type == nativeType:
			t.losses.lose(fmt.Sprintf("tools[%d].%s", i, kindOf(tool.Tool)))
			continue
		}
		if tool.Type != "" && tool.Type != "function" {
			t.losses.lose(fmt.Sprintf("tools[%d].type", i))
			continue
		}
		f := geminiFunction{Name: tool.Function.Name, Description: tool.Function.Description}
		f.extra = t.losses.beside(tool.Native, fmt.Sprintf("tools[%d]", i), false)
		if schema := given(tool.Function.Parameters); len(schema) > 0 {
			var ok bool
			if f.Parameters, ok = openAPI(schema); !ok {
				f.JSONSchema = schema
			}
		}
		strict = strict || tool.Function.Strict != nil && *tool.Function.Strict
		all = append(all, f)
	}
	if len(all) > 0 {
		t.out.Tools = append(t.out.Tools, geminiTool{all})
	}
	switch p := t.in.ParallelToolCalls; {
	case p == nil || *p || len(all) == 0:
	case len(all) > 1:
		t.losses.lose("parallel_tool_calls")
	default: // that one may be called twice
		t.losses.note("parallel_tool_calls")
	}
	choice, fault := t.in.choice()
	if fault != nil {
		return fault
	}
	calling := geminiCalling{Names: choice.names}
	switch {
	case choice.mode == "none":
		calling.Mode = "NONE"
	case choice.mode == "required":
		calling.Mode = "ANY"
	case strict || len(choice.names) > 0: // the mode that keeps to the schema, and to names, and may answer in words too
		calling.Mode = "VALIDATED"
	default:
		return nil
	}
	if len(all) > 0 {
		t.out.ToolConfig = &geminiToolConfig{calling}
	}
	return nil
}

// sampling carries stops, logprobs, and how many answers are wanted over.
func (t *geminiTranslation) sampling() (fault *exchange.Fault) {
	if t.config.StopSequences, fault = t.in.stops(); fault != nil {
		return fault
	}
	if t.in.N != nil && *t.in.N > 1 {
		t.config.CandidateCount = *t.in.N
	}
	if tier := text(t.in.Rest["service_tier"]); tier == "flex" || tier == "priority" {
		t.out.Tier = tier
	}
	if t.config.ResponseLogprobs = string(t.take("logprobs")) == "true"; t.config.ResponseLogprobs {
		t.config.Logprobs = t.take("top_logprobs")
	}
	return nil
}

// format carries the form of the answer over: JSON, by a schema, or images.
func (t *geminiTranslation) format() *exchange.Fault {
	switch f := t.in.ResponseFormat; {
	case f == nil || f.Type == "text" || f.Type == "":
	case f.Type == "json_schema" && len(f.Schema.Schema) > 0:
		t.config.ResponseMimeType, t.config.ResponseSchema = "application/json", f.schema()
	case f.Type == "json_object":
		t.config.ResponseMimeType = "application/json"
	default:
		t.losses.lose("response_format." + f.Type)
	}
	var wanted []string
	if raw := t.in.Rest["modalities"]; json.Unmarshal(raw, &wanted) == nil && slices.Contains(wanted, "image") && !slices.Contains(wanted, "audio") {
		delete(t.in.Rest, "modalities")
		for _, w := range wanted {
			t.config.Modalities = append(t.config.Modalities, strings.ToUpper(w))
		}
	}
	return nil
}

// thinksByLevel tells whether a model thinks by a level, as from Gemini 3 on, rather than by a budget of tokens.
func thinksByLevel(model string) bool {
	for _, old := range [...]string{"gemini-1", "gemini-2", "gemma", "learnlm"} {
		if strings.Contains(model, old) {
			return false
		}
	}
	return true
}

// reasoning carries reasoning_effort over, as Google's own OpenAI-compatible API does.
func (t *geminiTranslation) reasoning() *exchange.Fault {
	effort := t.in.ReasoningEffort
	if effort == "" {
		return nil
	}
	level, budget := effort, int64(0)
	pro := strings.Contains(t.in.Model, "pro")
	switch effort {
	case "none":
		level = ""
	case "minimal":
		if budget = 1024; pro {
			level = "low"
		}
	case "low":
		budget = 1024
	case "medium":
		budget = 8192
	case "high", "xhigh", "max":
		level, budget = "high", 24576
	default:
		return malformed("reasoning_effort", "none, minimal, low, medium, high, xhigh or max")
	}
	switch {
	case level == "" && (thinksByLevel(t.in.Model) || pro): // these always think
		t.losses.lose("reasoning_effort")
	case thinksByLevel(t.in.Model):
		t.config.Thinking = encode(nil, geminiThinking{IncludeThoughts: true, Level: level})
	default:
		t.config.Thinking = encode(nil, geminiThinking{IncludeThoughts: budget > 0, Budget: &budget})
	}
	return nil
}

// google carries over what only Google has, in the form of its own OpenAI-compatible API: extra_body.google.
func (t *geminiTranslation) google() *exchange.Fault {
	raw := t.take("extra_body")
	if len(raw) == 0 {
		return nil
	}
	var extra struct {
		Google map[string]json.RawMessage `json:"google"`
	}
	if json.Unmarshal(raw, &extra) != nil {
		return malformed("extra_body", "an object")
	}
	for _, name := range slices.Sorted(maps.Keys(extra.Google)) {
		value := extra.Google[name]
		switch name {
		case "safety_settings":
			t.out.Safety = value
		case "cached_content":
			if json.Unmarshal(value, &t.out.CachedContent) != nil {
				return malformed("extra_body.google.cached_content", "a string")
			}
		case "thinking_config":
			var c struct {
				Include bool   `json:"include_thoughts"`
				Level   string `json:"thinking_level"`
				Budget  *int64 `json:"thinking_budget"`
			}
			if json.Unmarshal(value, &c) != nil {
				return malformed("extra_body.google.thinking_config", "an object of include_thoughts, thinking_level and thinking_budget")
			}
			t.config.Thinking = encode(nil, geminiThinking{c.Include, c.Level, c.Budget})
		default:
			t.losses.lose("extra_body.google." + name)
		}
	}
	return nil
}

// rest looks at the members that nothing was made of.
func (t *geminiTranslation) rest() *exchange.Fault {
	t.losses.rest(t.in)
	return nil
}
