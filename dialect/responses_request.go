package dialect

import (
	"encoding/json"
	"fmt"
	"slices"

	"bursar/exchange"
)

// responsesRequest carries a request of the Responses API over to a chat completion.
func responsesRequest(body []byte, a Asked) ([]byte, *exchange.Fault) {
	var in map[string]json.RawMessage
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, malformed("body", "a JSON object"+why(err))
	}
	t := responsesTranslation{asked: a, rest: in, out: chatBody{Messages: []hubMessage{}}}
	for _, step := range []func() *exchange.Fault{t.stateless, t.members, t.input, t.tools, t.choice, t.format, t.reasoning, t.include} {
		if fault := step(); fault != nil {
			return nil, fault
		}
	}
	t.remains()
	return encode(nil, &t.out), nil
}

// responsesTranslation is one request under way: rest holds the members that nothing was made of yet.
type responsesTranslation struct {
	asked  Asked
	rest   map[string]json.RawMessage
	out    chatBody
	answer *hubMessage // the assistant's turn that items are being added to
	sealed sealed      // what was thought before it
}

// stateful are members that mean what a provider has stored: without it the request is another one.
var stateful = []string{"previous_response_id", "conversation", "background", "prompt"}

// stateless refuses what only the account that has stored it can answer. Nothing of it can be dropped, whatever the policy says.
func (t *responsesTranslation) stateless() *exchange.Fault {
	for _, name := range stateful {
		switch {
		case t.asked.Stateful || !says(t.rest[name]):
			delete(t.rest, name)
		default:
			return &exchange.Fault{
				Status: 400, Type: "invalid_request_error", Code: "unsupported_by_target", Param: name, Reason: exchange.ReasonBadRequest, NoRetry: true,
				Message: fmt.Sprintf("`%s` needs responses that are stored, and this gateway stores none.", name),
				Hint:    "Send the whole conversation as `input`: the items of earlier answers go back as they came, reasoning included.",
			}
		}
	}
	return nil
}

// members carries over what has another name at most.
func (t *responsesTranslation) members() *exchange.Fault {
	var model, stream, logprobs json.RawMessage
	o := &t.out
	set(t.rest, map[string]*json.RawMessage{
		"model": &model, "stream": &stream, "max_output_tokens": &o.MaxCompletionTokens, "temperature": &o.Temperature, "top_p": &o.TopP, "parallel_tool_calls": &o.ParallelToolCalls,
		"top_logprobs": &logprobs, "service_tier": &o.ServiceTier, "user": &o.User, "safety_identifier": &o.SafetyIdentifier, "prompt_cache_key": &o.PromptCacheKey,
		"prompt_cache_retention": &o.CacheRetention,
	})
	if model != nil && json.Unmarshal(model, &o.Model) != nil {
		return malformed("model", "a string")
	}
	if stream != nil && json.Unmarshal(stream, &o.Stream) != nil {
		return malformed("stream", "true or false")
	}
	if o.Stream {
		o.StreamOptions = &streamOptions{true}
	}
	if string(logprobs) != "0" && logprobs != nil {
		o.LogProbs, o.TopLogProbs = true, logprobs
	}
	return nil
}

// input carries instructions and input over, item by item.
func (t *responsesTranslation) input() *exchange.Fault {
	if raw := given(t.rest["instructions"]); raw != nil {
		var text string
		if json.Unmarshal(raw, &text) != nil {
			return malformed("instructions", "a string")
		}
		if text != "" {
			t.out.Messages = append(t.out.Messages, hubMessage{Role: "system", Content: text})
		}
	}
	raw := given(t.rest["input"])
	delete(t.rest, "instructions")
	delete(t.rest, "input")
	var text string
	if raw == nil && t.asked.Stateful { // all that it says may be stored
		raw = json.RawMessage(`""`)
	}
	if raw != nil && json.Unmarshal(raw, &text) == nil {
		t.out.Messages = append(t.out.Messages, hubMessage{Role: "user", Content: text})
		return nil
	}
	var items []json.RawMessage
	if json.Unmarshal(raw, &items) != nil {
		return malformed("input", "a string or an array of items")
	}
	for i, raw := range items {
		if fault := t.item(raw, fmt.Sprintf("input[%d]", i)); fault != nil {
			return fault
		}
	}
	t.endTurn()
	return nil
}

// inputItem is an item of the input; its type says which of the members it has.
type inputItem struct {
	Type    string          `json:"type"`
	Role    string          `json:"role"`
	Content json.RawMessage `json:"content"`
	CallID  string          `json:"call_id"`
	Name    string          `json:"name"`
	Args    string          `json:"arguments"`
	Output  json.RawMessage `json:"output"`
	Sealed  *string         `json:"encrypted_content"`

	members members
}

// itemMembers are the members of items that are carried over, or that say nothing to a model: what is stored nowhere needs no id, and a result is that
// of the call with its call_id.
var itemMembers = []string{"type", "role", "content", "call_id", "name", "arguments", "output", "encrypted_content", "id", "status"}

// beside wraps the item's further members.
func (i *inputItem) beside() *native {
	n := besideOf(i.members, "responses", itemMembers...)
	if n != nil && kindOf(n.Members["caller"]) == "direct" { // as without it
		delete(n.Members, "caller")
	}
	return n
}

// item carries one item over. What the model has said in one turn (reasoning, text, calls) are several items here, but one message there.
func (t *responsesTranslation) item(raw json.RawMessage, at string) *exchange.Fault {
	var item inputItem
	if err := json.Unmarshal(raw, &item); err != nil {
		return malformed(at, "an item of the Responses API"+why(err))
	}
	_ = json.Unmarshal(raw, &item.members) // it is an object
	switch item.Type {
	case "", "message":
		return t.message(&item, at)
	case "function_call":
		turn := t.turn()
		turn.ToolCalls = append(turn.ToolCalls, hubCall{ID: item.CallID, Type: "function", Function: toolFunction{item.Name, item.Args}, Native: item.beside()})
	case "function_call_output":
		content, fault := t.content(item.Output, at+".output")
		if fault != nil {
			return fault
		}
		if content == nil {
			content = ""
		}
		t.endTurn()
		t.out.Messages = append(t.out.Messages, hubMessage{Role: "tool", ToolCallID: item.CallID, Content: content, Native: item.beside()})
	case "reasoning":
		t.thought(&item, raw)
	case "item_reference":
		if t.asked.Stateful {
			t.wrap(raw)
			return nil
		}
		return malformed(at, "an item itself, not a reference to one: this gateway stores none. Clients send items whole where they are told `store: false`")
	default: // what a provider's own tools have done
		t.wrap(raw)
	}
	return nil
}

func (t *responsesTranslation) message(item *inputItem, at string) *exchange.Fault {
	content, fault := t.content(item.Content, at+".content")
	if fault != nil {
		return fault
	}
	if item.Role == "assistant" {
		turn := t.turn()
		if len(turn.ToolCalls) > 0 { // it spoke after its calls: another turn
			t.endTurn()
			turn = t.turn()
		}
		turn.Content = joined(turn.Content, content)
		for name, value := range item.beside().all() {
			turn.Native = turn.Native.put("responses", name, value)
		}
		return nil
	}
	if !slices.Contains([]string{"user", "system", "developer"}, item.Role) {
		return malformed(at+".role", "user, assistant, system or developer")
	}
	t.endTurn()
	if content == nil {
		content = ""
	}
	t.out.Messages = append(t.out.Messages, hubMessage{Role: item.Role, Content: content, Native: item.beside()})
	return nil
}

// joined puts two contents together.
func joined(a, b any) any {
	if a == nil || b == nil {
		if a == nil {
			return b
		}
		return a
	}
	return append(partsOf(a), partsOf(b)...)
}

func partsOf(content any) []any {
	if text, ok := content.(string); ok {
		return []any{textPart(text, nil)}
	}
	parts, _ := content.([]any)
	return parts
}

// turn is the assistant's turn under way; a new one begins where none is.
func (t *responsesTranslation) turn() *hubMessage {
	if t.answer == nil {
		t.answer = &hubMessage{Role: "assistant"}
	}
	return t.answer
}

// endTurn ends the assistant's turn, with what was thought before it. Thoughts that nothing was said after are part of no message.
func (t *responsesTranslation) endTurn() {
	if turn := t.answer; turn != nil {
		turn.Reasoning, turn.ThinkingBlocks, turn.Extra = t.sealed.Reasoning, t.sealed.ThinkingBlocks, t.sealed.Extra
		for i := range turn.ToolCalls {
			turn.ToolCalls[i].Extra = t.sealed.Calls[turn.ToolCalls[i].ID]
		}
		t.out.Messages = append(t.out.Messages, *turn)
	}
	t.answer, t.sealed = nil, sealed{}
}

// thought takes a reasoning item. What we have sealed comes back to where it was; what a provider has can be read by it alone, and a summary
// by itself is for people.
func (t *responsesTranslation) thought(item *inputItem, raw json.RawMessage) {
	if item.Sealed == nil || *item.Sealed == "" {
		return
	}
	s, ours := unseal(*item.Sealed)
	if !ours {
		t.wrap(raw)
		return
	}
	if t.answer != nil && len(s.ThinkingBlocks) > 0 && len(t.answer.ToolCalls) > 0 { // it thought on after its calls: another turn
		t.endTurn()
	}
	t.sealed.Reasoning += s.Reasoning
	t.sealed.ThinkingBlocks = append(t.sealed.ThinkingBlocks, s.ThinkingBlocks...)
	if s.Extra != nil {
		t.sealed.Extra = s.Extra
	}
	for id, extra := range s.Calls {
		if t.sealed.Calls == nil {
			t.sealed.Calls = map[string]json.RawMessage{}
		}
		t.sealed.Calls[id] = extra
	}
}

// wrap keeps an item that chat completions have no form for in the assistant's turn.
func (t *responsesTranslation) wrap(raw json.RawMessage) {
	turn := t.turn()
	turn.Content = joined(turn.Content, []any{t.nativePart(raw)})
}

func (t *responsesTranslation) nativePart(raw json.RawMessage) native {
	return native{Type: nativeType, Dialect: "responses", Block: raw}
}

// inputPart is one part of a content.
type inputPart struct {
	Type     string     `json:"type"`
	Text     string     `json:"text"`
	Refusal  string     `json:"refusal"`
	ImageURL string     `json:"image_url"`
	Detail   string     `json:"detail"`
	FileID   *string    `json:"file_id"`
	FileData string     `json:"file_data"`
	FileURL  string     `json:"file_url"`
	Name     string     `json:"filename"`
	Audio    *chatAudio `json:"input_audio"`

	Breakpoint json.RawMessage `json:"prompt_cache_breakpoint"`
}

// content carries a content over: a string, null or parts.
func (t *responsesTranslation) content(raw json.RawMessage, at string) (any, *exchange.Fault) {
	var text string
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	if json.Unmarshal(raw, &text) == nil {
		return text, nil
	}
	var parts []json.RawMessage
	if json.Unmarshal(raw, &parts) != nil {
		return nil, malformed(at, "a string or an array of parts")
	}
	out := []any{}
	for k, raw := range parts {
		var p inputPart
		if err := json.Unmarshal(raw, &p); err != nil {
			return nil, malformed(fmt.Sprintf("%s[%d]", at, k), "a part of a content"+why(err))
		}
		out = append(out, t.part(&p, raw))
	}
	return content(out), nil
}

// part carries one part over.
func (t *responsesTranslation) part(p *inputPart, raw json.RawMessage) any {
	id := ""
	if p.FileID != nil {
		id = *p.FileID
	}
	var out hubPart
	known := []string{"type", "prompt_cache_breakpoint"}
	switch {
	case p.Type == "input_text" || p.Type == "output_text" || p.Type == "text" || p.Type == "summary_text":
		out, known = textPart(p.Text, nil), append(known, "text")
	case p.Type == "refusal":
		out, known = textPart(p.Refusal, nil), append(known, "refusal")
	case p.Type == "input_image" && p.ImageURL != "":
		out, known = hubPart{Type: "image_url", ImageURL: &hubImage{URL: p.ImageURL, Detail: p.Detail}}, append(known, "image_url", "detail")
	case p.Type == "input_file" && p.FileData+p.FileURL+id != "":
		out = hubPart{Type: "file", File: &chatFile{Name: p.Name, Data: p.FileData, URL: p.FileURL, ID: id}}
		known = append(known, "filename", "file_data", "file_url", "file_id")
	case p.Type == "input_audio" && p.Audio != nil:
		out, known = hubPart{Type: "input_audio", Audio: p.Audio}, append(known, "input_audio")
	default:
		return t.nativePart(raw)
	}
	var all members
	_ = json.Unmarshal(raw, &all) // it was read
	out.Breakpoint, out.Native = given(p.Breakpoint), besideOf(all, "responses", known...)
	return out
}

// functionTool is a tool that the client itself runs.
type functionTool struct {
	Type        string          `json:"type"`
	Name        string          `json:"name"`
	Description *string         `json:"description"`
	Parameters  json.RawMessage `json:"parameters"`
	Strict      *bool           `json:"strict"`
}

// tools carries the tools over. Those that a provider runs itself, or whose input is no JSON, have no form in the hub.
func (t *responsesTranslation) tools() *exchange.Fault {
	var tools []json.RawMessage
	if raw := given(t.rest["tools"]); raw != nil && json.Unmarshal(raw, &tools) != nil {
		return malformed("tools", "an array of tools")
	}
	delete(t.rest, "tools")
	var unsaid []string
	for i, raw := range tools {
		var tool functionTool
		if err := json.Unmarshal(raw, &tool); err != nil {
			return malformed(fmt.Sprintf("tools[%d]", i), "a tool"+why(err))
		}
		if tool.Type != "function" {
			t.out.Tools = append(t.out.Tools, native{Type: nativeType, Dialect: "responses", Tool: raw})
			continue
		}
		out := hubTool{Type: "function", Function: hubFunction{Name: tool.Name, Parameters: given(tool.Parameters), Strict: tool.Strict}}
		if tool.Description != nil {
			out.Function.Description = *tool.Description
		}
		var all members
		_ = json.Unmarshal(raw, &all) // it was read
		out.Native = besideOf(all, "responses", "type", "name", "description", "parameters", "strict")
		if tool.Strict == nil {
			unsaid = append(unsaid, tool.Name)
		}
		t.out.Tools = append(t.out.Tools, out)
	}
	if unsaid != nil {
		t.also(strictUnsaid, encode(nil, unsaid))
	}
	return nil
}

// strictUnsaid names the functions that do not say whether they are strict: here they are then, as far as their schema allows, and in chat completions
// they are not.
const strictUnsaid = "tools.strict"

// choice carries the choice among the tools over.
func (t *responsesTranslation) choice() *exchange.Fault {
	raw := given(t.rest["tool_choice"])
	if raw == nil {
		delete(t.rest, "tool_choice")
		return nil
	}
	var word string
	var of struct {
		Type  string `json:"type"`
		Name  string `json:"name"`
		Mode  string `json:"mode"`
		Tools []struct {
			Type string `json:"type"`
			Name string `json:"name"`
		} `json:"tools"`
	}
	switch {
	case json.Unmarshal(raw, &word) == nil:
		t.out.ToolChoice = word
	case json.Unmarshal(raw, &of) != nil:
		return malformed("tool_choice", "auto, required, none or an object with a type")
	case of.Type == "function":
		t.out.ToolChoice = namedFunction(of.Name)
	case of.Type == "allowed_tools":
		var names []string
		for _, tool := range of.Tools {
			if tool.Type != "function" {
				return nil // it stays in rest
			}
			names = append(names, tool.Name)
		}
		t.out.ToolChoice = allowedFunctions(of.Mode, names)
	default:
		return nil
	}
	delete(t.rest, "tool_choice")
	return nil
}

// format carries the form of the answer over.
func (t *responsesTranslation) format() *exchange.Fault {
	raw := given(t.rest["text"])
	delete(t.rest, "text")
	if raw == nil {
		return nil
	}
	var text struct {
		Verbosity json.RawMessage `json:"verbosity"`
		Format    *struct {
			Type        string          `json:"type"`
			Name        string          `json:"name"`
			Description string          `json:"description"`
			Schema      json.RawMessage `json:"schema"`
			Strict      *bool           `json:"strict"`
		} `json:"format"`
	}
	if err := json.Unmarshal(raw, &text); err != nil {
		return malformed("text", "an object with a format"+why(err))
	}
	t.loseOthers("text", raw, "verbosity", "format")
	t.out.Verbosity = given(text.Verbosity)
	switch f := text.Format; {
	case f == nil || f.Type == "text" || f.Type == "":
	case f.Type == "json_schema" && given(f.Schema) != nil:
		var whole members
		_ = json.Unmarshal(raw, &whole) // it was read
		t.loseOthers("text.format", whole["format"], "type", "name", "description", "schema", "strict")
		t.out.ResponseFormat = &hubFormat{"json_schema", &hubSchema{f.Name, f.Description, f.Schema, f.Strict}}
	case f.Type == "json_object":
		t.out.ResponseFormat = &hubFormat{Type: f.Type}
	case f.Type == "json_schema":
		return malformed("text.format.schema", "a JSON schema")
	default:
		t.lose("text.format", raw)
	}
	return nil
}

// reasoning carries the effort over. Whether there is a summary is up to the target: what it tells of its thoughts is the summary.
func (t *responsesTranslation) reasoning() *exchange.Fault {
	raw := given(t.rest["reasoning"])
	delete(t.rest, "reasoning")
	if raw == nil {
		return nil
	}
	var reasoning struct {
		Effort  *string         `json:"effort"`
		Summary json.RawMessage `json:"summary"`
	}
	if err := json.Unmarshal(raw, &reasoning); err != nil {
		return malformed("reasoning", "an object with an effort"+why(err))
	}
	t.loseOthers("reasoning", raw, "effort", "summary", "generate_summary")
	if reasoning.Effort != nil {
		t.out.ReasoningEffort = *reasoning.Effort
	}
	if summary := given(reasoning.Summary); summary != nil || t.out.ReasoningEffort != "" {
		t.also("reasoning.summary", nullOr(summary))
	}
	return nil
}

// include asks for log probabilities where the client does. What else can be included is sent anyway, or belongs to a provider's own tools.
func (t *responsesTranslation) include() *exchange.Fault {
	var all []string
	if raw := given(t.rest["include"]); raw != nil && json.Unmarshal(raw, &all) != nil {
		return malformed("include", "an array of strings")
	}
	if slices.ContainsFunc(all, func(name string) bool { return !slices.Contains(includedAnyway, name) }) {
		t.also("include", t.rest["include"])
	}
	delete(t.rest, "include")
	t.out.LogProbs = t.out.LogProbs || slices.Contains(all, "message.output_text.logprobs")
	return nil
}

// includedAnyway are what a target gives where the client asks for it in other words, or whether it asks or not.
var includedAnyway = []string{"message.output_text.logprobs", "reasoning.encrypted_content"}

// unheededByResponses are members that change no answer: nothing is stored, metadata comes back with the answer, nothing is obfuscated, and
// only a provider's own tools count towards max_tool_calls.
var unheededByResponses = []string{"store", "metadata", "stream_options", "max_tool_calls"}

// remains wraps the members that nothing was made of, for the target to say what becomes of them.
func (t *responsesTranslation) remains() {
	for name, value := range t.rest {
		usual := isUsual(name, string(value)) || name == "truncation" && string(value) == `"disabled"`
		switch {
		case (name == "max_tool_calls" || name == "prompt_cache_options") && !usual:
			t.also(name, value)
		case !usual && !slices.Contains(unheededByResponses, name):
			t.lose(name, value)
		}
	}
}

// loseOthers leaves the members of an object but those that are named to targets that know them.
func (t *responsesTranslation) loseOthers(of string, raw json.RawMessage, named ...string) {
	var all members
	_ = json.Unmarshal(raw, &all) // it was read
	for name, value := range besideOf(all, "responses", named...).all() {
		t.lose(of+"."+name, value)
	}
}

// also tells targets of this API what no other misses.
func (t *responsesTranslation) also(name string, value json.RawMessage) {
	t.out.Native = t.out.Native.also("responses", name, value)
}

// lose leaves a member to targets that know it.
func (t *responsesTranslation) lose(name string, value json.RawMessage) {
	t.out.Native = t.out.Native.put("responses", name, value)
}
