package dialect

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"bursar/exchange"
)

// bedrockRequest carries a chat completion over to Converse.
func bedrockRequest(body []byte, o Options) ([]byte, []string, *exchange.Fault) {
	var in chatRequest
	if err := in.parse(body); err != nil {
		return nil, nil, malformed("body", "a chat completion: "+err.Error())
	}
	t := bedrockTranslation{in: &in, losses: losses{dialect: "bedrock", drop: o.Drop}, known: map[string]bool{}}
	t.out.Messages = []bedrockMessage{}
	t.out.Inference = &bedrockInference{MaxTokens: in.cap(), Temperature: given(in.Temperature), TopP: given(in.TopP)}
	t.losses.withoutItems(&in)
	for _, step := range []func() *exchange.Fault{t.messages, t.tools, t.sampling, t.format, t.reasoning, t.amazon, t.rest, t.losses.fault} {
		if fault := step(); fault != nil {
			return nil, nil, fault
		}
	}
	if fault := something(len(t.out.Messages)); fault != nil {
		return nil, nil, fault
	}
	out, err := encoded(&t.out)
	if err != nil {
		return nil, nil, malformed("body", "valid JSON: "+err.Error())
	}
	return out, t.losses.dropped(), nil
}

// bedrockTranslation is one request under way.
type bedrockTranslation struct {
	in        *chatRequest
	out       bedrockBody
	losses    losses
	documents int
	called    []string // functions that earlier answers called
	known     map[string]bool
}

// messages carries the messages over: the system's to `system`, a tool's into the user's turn, and neighbours of one role into one.
func (t *bedrockTranslation) messages() *exchange.Fault {
	for i := range t.in.Messages {
		m := &t.in.Messages[i]
		at := fmt.Sprintf("messages[%d]", i)
		fault := t.losses.message(m, at)
		if fault != nil {
			return fault
		}
		t.losses.beside(m.Native, at, m.Role == "assistant")
		role := "user"
		var blocks []bedrockBlock
		switch m.Role {
		case "system", "developer":
			fault = t.system(m, at)
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

func (t *bedrockTranslation) system(m *chatMessage, at string) *exchange.Fault {
	blocks, fault := t.content(m, at)
	for _, b := range blocks {
		if b.Text == nil && b.CachePoint == nil {
			t.losses.lose(at + ".content") // its prompt is text alone
			continue
		}
		t.out.System = append(t.out.System, b)
	}
	return fault
}

func (t *bedrockTranslation) add(role string, blocks []bedrockBlock) {
	if len(blocks) == 0 {
		return
	}
	if n := len(t.out.Messages); n > 0 && t.out.Messages[n-1].Role == role {
		t.out.Messages[n-1].Content = append(t.out.Messages[n-1].Content, blocks...)
		return
	}
	t.out.Messages = append(t.out.Messages, bedrockMessage{role, blocks})
}

// answered carries an earlier answer over: its thinking first, signatures included, then its text, then its tool calls.
func (t *bedrockTranslation) answered(m *chatMessage, at string) ([]bedrockBlock, *exchange.Fault) {
	var blocks []bedrockBlock
	t.losses.noteThoughts(m, false)
	for k, raw := range m.ThinkingBlocks {
		if b := t.thought(raw, fmt.Sprintf("%s.thinking_blocks[%d]", at, k)); b != nil {
			blocks = append(blocks, *b)
		}
	}
	said, fault := t.content(m, at)
	if fault != nil {
		return nil, fault
	}
	blocks = append(blocks, said...)
	if m.Refusal != "" {
		blocks = append(blocks, bedrockBlock{Text: &m.Refusal})
	}
	if len(m.Images) > 0 {
		t.losses.lose(at + ".images")
	}
	calls, fault := t.losses.functions(m, at)
	if fault != nil {
		return nil, fault
	}
	for _, call := range calls {
		if !t.known[call.Function.Name] {
			t.known[call.Function.Name] = true
			t.called = append(t.called, call.Function.Name)
		}
		t.losses.beside(call.Native, call.at, true)
		blocks = append(blocks, bedrockBlock{ToolUse: &bedrockToolUse{plainID(call.ID), call.Function.Name, call.object}})
	}
	return blocks, nil
}

// thought carries earlier thinking over; nil if it is of a kind that nobody knows. Models that did not think it cannot read it.
func (t *bedrockTranslation) thought(raw json.RawMessage, at string) *bedrockBlock {
	if !strings.Contains(t.in.Model, "anthropic.") {
		t.losses.note("thinking_blocks")
		return nil
	}
	var thought struct {
		Type      string `json:"type"`
		Thinking  string `json:"thinking"`
		Signature string `json:"signature"`
		Data      string `json:"data"`
	}
	switch err := json.Unmarshal(raw, &thought); {
	case err == nil && thought.Type == "thinking":
		return &bedrockBlock{Reasoning: &bedrockReasoning{Text: &bedrockReasoningText{thought.Thinking, thought.Signature}}}
	case err == nil && thought.Type == "redacted_thinking":
		return &bedrockBlock{Reasoning: &bedrockReasoning{Redacted: thought.Data}}
	}
	t.losses.lose(at)
	return nil
}

// toolResult carries what a tool gave back over. A block of it must not be empty.
func (t *bedrockTranslation) toolResult(m *chatMessage, at string) ([]bedrockBlock, *exchange.Fault) {
	content, fault := t.content(m, at)
	if fault != nil {
		return nil, fault
	}
	r := &bedrockToolResult{ID: plainID(m.ToolCallID), Content: []bedrockBlock{}}
	for _, b := range content {
		if b.CachePoint == nil {
			r.Content = append(r.Content, b)
		}
	}
	if len(r.Content) == 0 {
		nothing := "(nothing)"
		r.Content = append(r.Content, bedrockBlock{Text: &nothing})
	}
	if m.IsError {
		r.Status = "error"
	}
	return t.marked([]bedrockBlock{{ToolResult: r}}, m.CacheControl), nil
}

// content carries a message's content over, as blocks.
func (t *bedrockTranslation) content(m *chatMessage, at string) ([]bedrockBlock, *exchange.Fault) {
	parts, fault := t.in.parts(m, at)
	if fault != nil {
		return nil, fault
	}
	var blocks []bedrockBlock
	for k := range parts {
		b, fault := t.part(&parts[k], fmt.Sprintf("%s.content[%d]", at, k))
		if fault != nil {
			return nil, fault
		}
		t.losses.beside(parts[k].Native, fmt.Sprintf("%s.content[%d]", at, k), m.Role == "assistant")
		if b != nil {
			blocks = t.marked(append(blocks, *b), parts[k].CacheControl)
		}
	}
	return blocks, nil
}

// caches tells whether a model's prompts can be cached at points of the client's choice.
func caches(model string) bool {
	return strings.Contains(model, "anthropic.") || strings.Contains(model, "amazon.nova")
}

// marked appends a cache point where a cache_control stands. It changes no answer, so models that know none go without.
func (t *bedrockTranslation) marked(blocks []bedrockBlock, control json.RawMessage) []bedrockBlock {
	if p := t.cachePoint(control); p != nil {
		return append(blocks, bedrockBlock{CachePoint: p})
	}
	return blocks
}

func (t *bedrockTranslation) cachePoint(control json.RawMessage) *bedrockCachePoint {
	var how struct {
		Type string `json:"type"`
		TTL  string `json:"ttl"`
	}
	if len(control) == 0 || json.Unmarshal(control, &how) != nil || how.Type == "" || !caches(t.in.Model) {
		return nil
	}
	return &bedrockCachePoint{"default", how.TTL}
}

// part carries one part over; nil if nothing is left of it. Blank texts are left out: the API refuses them.
func (t *bedrockTranslation) part(p *chatPart, at string) (*bedrockBlock, *exchange.Fault) {
	switch {
	case p.Type == "text" || p.Type == "input_text" || p.Type == "refusal":
		if said := p.Text + p.Refusal; strings.TrimSpace(said) != "" {
			return &bedrockBlock{Text: &said}, nil
		}
	case p.Type == "image_url":
		from, detail, fault := t.in.image(p, at)
		if fault != nil {
			return nil, fault
		}
		if media, ok := from.bedrock(); ok {
			t.losses.noteDetail(detail)
			return &bedrockBlock{Image: media}, nil
		}
		t.losses.lose(at + ".image_url") // what lies on the web it does not fetch
	case p.Type == "file" && p.File != nil && p.File.Data != "":
		if media, ok := p.File.data().bedrock(); ok {
			t.documents++
			media.Name = documentName(p.File.Name, t.documents)
			return &bedrockBlock{Document: media}, nil
		}
		t.losses.lose(at + ".file.file_data")
	case p.Type == "file" && p.File != nil && p.File.URL != "":
		media, ok := (&source{URL: p.File.URL}).bedrock()
		if !ok {
			t.losses.lose(at + ".file.file_url") // what lies on the web it does not fetch
			return nil, nil
		}
		t.documents++
		media.Name = documentName(p.File.Name, t.documents)
		return &bedrockBlock{Document: media}, nil
	case p.Type == "file":
		t.losses.lose(at + ".file.file_id")
	case p.Type == "thinking" || p.Type == "redacted_thinking":
		return t.thought(p.raw, at), nil
	case p.Type == nativeType:
		t.losses.lose(at + "." + kindOf(p.Block))
	case p.Type == "input_audio" && p.Audio != nil && strings.Contains(t.in.Model, "amazon.nova"):
		return &bedrockBlock{Audio: &bedrockMedia{Format: p.Audio.Format, Source: bedrockSource{Bytes: p.Audio.Data}}}, nil
	default:
		t.losses.lose(at + "." + p.Type)
	}
	return nil, nil
}

// formats are the words for kinds of files, by media type.
var formats = map[string]string{
	"image/png": "png", "image/jpeg": "jpeg", "image/jpg": "jpeg", "image/gif": "gif", "image/webp": "webp",
	"application/pdf": "pdf", "text/csv": "csv", "text/html": "html", "text/plain": "txt", "text/markdown": "md",
	"application/msword": "doc", "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
	"application/vnd.ms-excel": "xls", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
}

// bedrock is a file as Converse has it. False: it is on the web, or of a kind that it does not take.
func (s *source) bedrock() (*bedrockMedia, bool) {
	if s.URL != "" {
		place, _, _ := strings.Cut(s.URL, "?")
		dot := strings.LastIndexByte(place, '.')
		format := formats[mediaTypes[strings.ToLower(place[max(dot, 0):])]]
		return &bedrockMedia{Format: format, Source: bedrockSource{S3: &bedrockS3{s.URL}}}, strings.HasPrefix(s.URL, "s3://") && format != ""
	}
	format := formats[strings.ToLower(s.MediaType)]
	return &bedrockMedia{Format: format, Source: bedrockSource{Bytes: s.Data}}, format != ""
}

// documentName makes a name that Converse takes: letters, digits, single spaces and a few signs, and another one for each document.
func documentName(name string, number int) string {
	if dot := strings.LastIndexByte(name, '.'); dot > 0 {
		name = name[:dot]
	}
	clean := strings.Map(func(r rune) rune {
		switch {
		case r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)) || strings.ContainsRune("-()[]", r):
			return r
		}
		return ' '
	}, name)
	clean = strings.Join(strings.Fields(clean), " ")
	if clean == "" {
		clean = "document"
	}
	if number > 1 {
		clean = fmt.Sprintf("%s (%d)", clean[:min(len(clean), 180)], number)
	}
	return clean[:min(len(clean), 200)]
}

// tools carries the tools and the choice among them over. Converse wants those declared that the conversation has called.
func (t *bedrockTranslation) tools() *exchange.Fault {
	var all []bedrockTool
	declared := map[string]bool{}
	for i, tool := range t.in.Tools {
		if tool.Type == nativeType {
			t.losses.lose(fmt.Sprintf("tools[%d].%s", i, kindOf(tool.Tool)))
			continue
		}
		if tool.Type != "" && tool.Type != "function" {
			t.losses.lose(fmt.Sprintf("tools[%d].type", i))
			continue
		}
		schema := given(tool.Function.Parameters)
		if len(schema) == 0 {
			schema = json.RawMessage(`{"type":"object"}`)
		}
		t.losses.beside(tool.Native, fmt.Sprintf("tools[%d]", i), false)
		declared[tool.Function.Name] = true
		all = append(all, bedrockTool{Spec: &bedrockSpec{tool.Function.Name, tool.Function.Description, bedrockSchema{schema}, tool.Function.Strict}})
		if p := t.cachePoint(tool.CacheControl); p != nil {
			all = append(all, bedrockTool{CachePoint: p})
		}
	}
	choice, fault := t.in.choice()
	if fault != nil {
		return fault
	}
	if p := t.in.ParallelToolCalls; p != nil && !*p && len(all) > 0 && choice.mode != "none" {
		t.losses.lose("parallel_tool_calls")
	}
	if choice.mode == "none" {
		if all = nil; len(t.called) > 0 {
			t.losses.lose("tool_choice") // it cannot be told not to call what the conversation has called
			choice.mode, choice.names = "auto", nil
		}
		declared = map[string]bool{}
	}
	for _, name := range t.called {
		if !declared[name] {
			all = append(all, bedrockTool{Spec: &bedrockSpec{Name: name, Schema: bedrockSchema{json.RawMessage(`{"type":"object"}`)}}})
		}
	}
	if len(all) == 0 {
		return nil
	}
	t.out.Tools = &bedrockTools{Tools: all}
	switch {
	case choice.mode == "required" && len(choice.names) == 1:
		t.out.Tools.Choice = &map[string]any{"tool": map[string]string{"name": choice.names[0]}}
	case len(choice.names) > 0:
		t.losses.lose("tool_choice.allowed_tools")
	case choice.mode == "required":
		t.out.Tools.Choice = &map[string]any{"any": struct{}{}}
	}
	return nil
}

// sampling carries stops, sampling and the service tier over.
func (t *bedrockTranslation) sampling() (fault *exchange.Fault) {
	if t.out.Inference.StopSequences, fault = t.in.stops(); fault != nil {
		return fault
	}
	if raw := given(t.in.Temperature); len(raw) > 0 {
		var warm float64
		if json.Unmarshal(raw, &warm) != nil {
			return malformed("temperature", "a number")
		}
		if warm > 1 { // the API goes from 0 to 1
			t.losses.lose("temperature")
			t.out.Inference.Temperature = json.RawMessage("1")
		}
	}
	if k := given(t.in.TopK); len(k) > 0 {
		switch {
		case strings.Contains(t.in.Model, "anthropic."):
			t.additional("top_k", k)
		case strings.Contains(t.in.Model, "amazon.nova"):
			t.additional("inferenceConfig", map[string]any{"topK": k})
		default:
			t.losses.lose("top_k")
		}
	}
	if t.in.N != nil && *t.in.N > 1 {
		t.losses.lose("n")
	}
	switch tier := strings.Trim(string(t.in.Rest["service_tier"]), `"`); tier {
	case "flex", "priority":
		t.out.Tier = &bedrockTier{tier}
	}
	return nil
}

func (t *bedrockTranslation) additional(name string, value any) {
	if t.out.Additional == nil {
		t.out.Additional = map[string]any{}
	}
	t.out.Additional[name] = value
}

// format carries the form of the answer over.
func (t *bedrockTranslation) format() *exchange.Fault {
	switch f := t.in.ResponseFormat; {
	case f == nil || f.Type == "text" || f.Type == "":
	case f.Type == "json_schema" && len(f.Schema.Schema) > 0:
		form := &bedrockTextFormat{Type: "json_schema"}
		form.Structure.Schema.Schema, form.Structure.Schema.Name = compact(f.schema()), f.Schema.Name
		t.output().Format = form
	default:
		t.losses.lose("response_format." + f.Type)
	}
	return nil
}

func (t *bedrockTranslation) output() *bedrockOutput {
	if t.out.Output == nil {
		t.out.Output = &bedrockOutput{}
	}
	return t.out.Output
}

// reasoning carries reasoning_effort over, as each family of models wants it.
func (t *bedrockTranslation) reasoning() *exchange.Fault {
	effort := t.in.ReasoningEffort
	if effort == "" || effort == "none" || effort == "minimal" {
		return nil
	}
	budget, ok := map[string]int64{"low": leastThinking, "medium": 4096, "high": 16384, "xhigh": 32768, "max": 32768}[effort]
	if !ok {
		return malformed("reasoning_effort", "none, minimal, low, medium, high, xhigh or max")
	}
	room := t.out.Inference.MaxTokens
	switch model := t.in.Model; {
	case strings.Contains(model, "amazon.nova-2"):
		if budget > 4096 { // it knows nothing above high
			effort = "high"
		}
		t.additional("reasoningConfig", map[string]string{"type": "enabled", "maxReasoningEffort": effort})
	case strings.Contains(model, "openai."):
		t.additional("reasoning_effort", effort)
	case !strings.Contains(model, "anthropic."):
		t.losses.lose("reasoning_effort")
	case t.forced(), budgeted(model) && (room > 0 && room <= leastThinking || t.in.thoughtless()):
		t.losses.lose("reasoning_effort")
	default:
		if budgeted(model) {
			if room > 0 {
				budget = min(budget, max(leastThinking, room/2))
			}
			t.additional("thinking", thinking{"enabled", budget})
		} else {
			t.additional("thinking", thinking{Type: "adaptive"})
			t.output().Effort = effort
		}
		if warm := t.out.Inference.Temperature; len(warm) > 0 && string(warm) != "1" { // thinking allows no other
			t.losses.lose("temperature")
			t.out.Inference.Temperature = nil
		}
	}
	return nil
}

// forced tells whether a tool must be called: Claude does not think then.
func (t *bedrockTranslation) forced() bool { return t.out.Tools != nil && t.out.Tools.Choice != nil }

// amazon carries over what only Bedrock has: extra_body.bedrock, under its own names.
func (t *bedrockTranslation) amazon() *exchange.Fault {
	raw := given(t.in.Rest["extra_body"])
	delete(t.in.Rest, "extra_body")
	if len(raw) == 0 {
		return nil
	}
	var extra struct {
		Bedrock map[string]json.RawMessage `json:"bedrock"`
	}
	if json.Unmarshal(raw, &extra) != nil {
		return malformed("extra_body", "an object")
	}
	for _, name := range slices.Sorted(maps.Keys(extra.Bedrock)) {
		value := extra.Bedrock[name]
		switch name {
		case "guardrailConfig":
			t.out.Guardrail = value
		case "performanceConfig":
			t.out.Performance = value
		case "requestMetadata":
			t.out.LogMetadata = value
		case "additionalModelRequestFields":
			var fields map[string]json.RawMessage
			if json.Unmarshal(value, &fields) != nil {
				return malformed("extra_body.bedrock.additionalModelRequestFields", "an object")
			}
			for k, v := range fields {
				t.additional(k, v)
			}
		default:
			t.losses.lose("extra_body.bedrock." + name)
		}
	}
	return nil
}

// rest looks at the members that nothing was made of.
func (t *bedrockTranslation) rest() *exchange.Fault {
	if t.in.Native != nil {
		t.losses.loseNative(t.in.Native)
	}
	t.losses.rest(t.in)
	return nil
}
