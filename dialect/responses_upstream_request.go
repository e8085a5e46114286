package dialect

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"bursar/exchange"
)

// responsesBody is a request of the Responses API.
type responsesBody struct {
	Model             string          `json:"model"`
	Instructions      string          `json:"instructions,omitempty"`
	Input             []any           `json:"input"` // items
	Tools             []any           `json:"tools,omitempty"`
	ToolChoice        any             `json:"tool_choice,omitempty"` // a word, chosenFunction or chosenFunctions
	ParallelToolCalls *bool           `json:"parallel_tool_calls,omitempty"`
	Text              *textOptions    `json:"text,omitempty"`
	Reasoning         *thoughtOptions `json:"reasoning,omitempty"`
	MaxOutputTokens   int64           `json:"max_output_tokens,omitempty"`
	Temperature       json.RawMessage `json:"temperature,omitempty"`
	TopP              json.RawMessage `json:"top_p,omitempty"`
	TopLogProbs       json.RawMessage `json:"top_logprobs,omitempty"`
	Include           []string        `json:"include,omitempty"`
	ServiceTier       json.RawMessage `json:"service_tier,omitempty"`
	Metadata          json.RawMessage `json:"metadata,omitempty"`
	User              string          `json:"user,omitempty"`
	SafetyIdentifier  string          `json:"safety_identifier,omitempty"`
	PromptCacheKey    json.RawMessage `json:"prompt_cache_key,omitempty"`
	CacheRetention    json.RawMessage `json:"prompt_cache_retention,omitempty"`
	CacheOptions      json.RawMessage `json:"prompt_cache_options,omitempty"`
	Store             bool            `json:"store"`
	Stream            bool            `json:"stream,omitempty"`
}

type textOptions struct {
	Format    *textFormat     `json:"format,omitempty"`
	Verbosity json.RawMessage `json:"verbosity,omitempty"`
}

type textFormat struct {
	Type        string          `json:"type"`
	Name        string          `json:"name,omitempty"`
	Description string          `json:"description,omitempty"`
	Schema      json.RawMessage `json:"schema,omitempty"`
	Strict      json.RawMessage `json:"strict,omitempty"`
}

type thoughtOptions struct {
	Effort  string `json:"effort,omitempty"`
	Summary string `json:"summary,omitempty"`
}

// toolOut is a function that the model may call. Without strict the API would make its schema a strict one, which chat completions do not.
type toolOut struct {
	Type        string          `json:"type"`
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Parameters  json.RawMessage `json:"parameters"`
	Strict      *bool           `json:"strict,omitempty"`
}

type chosenFunction struct {
	Type string `json:"type"`
	Name string `json:"name"`
}

type chosenFunctions struct {
	Type  string           `json:"type"`
	Mode  string           `json:"mode"`
	Tools []chosenFunction `json:"tools"`
}

// responsesUpstreamRequest carries a chat completion over to the Responses API. Nothing is stored there: the conversation comes whole each time, and
// what a model has thought travels with it, encrypted.
func responsesUpstreamRequest(body []byte, o Options) ([]byte, []string, *exchange.Fault) {
	var in chatRequest
	if err := in.parse(body); err != nil {
		return nil, nil, malformed("body", "a chat completion: "+err.Error())
	}
	t := responsesUpstreamTranslation{in: &in, foreign: o.Foreign, losses: losses{dialect: responsesName, drop: o.Drop}}
	t.out = responsesBody{
		Model: in.Model, Input: []any{}, Stream: in.Stream, MaxOutputTokens: in.cap(), Temperature: given(in.Temperature), TopP: given(in.TopP),
		User: in.User, SafetyIdentifier: in.SafetyIdentifier,
	}
	for _, step := range []func() *exchange.Fault{t.unwrap, t.messages, t.tools, t.sampling, t.format, t.reasoning, t.rest, t.losses.fault} {
		if fault := step(); fault != nil {
			return nil, nil, fault
		}
	}
	out, err := encoded(&t.out)
	if err != nil { // a RawMessage that is no JSON; but the body was
		return nil, nil, malformed("body", "valid JSON: "+err.Error())
	}
	return rewrapped(out, t.extra), t.losses.dropped(), nil
}

// responsesUpstreamTranslation is one request under way.
type responsesUpstreamTranslation struct {
	in      *chatRequest
	foreign bool // the client speaks another API than chat completions
	out     responsesBody
	extra   members // of the request, that were wrapped
	losses  losses
}

// tools carries the tools and the choice among them over.
func (t *responsesUpstreamTranslation) tools() *exchange.Fault {
	t.out.ParallelToolCalls = t.in.ParallelToolCalls
	var unsaid []string
	_ = json.Unmarshal(nullOr(t.extra[strictUnsaid]), &unsaid)
	delete(t.extra, strictUnsaid)
	for i := range t.in.Tools {
		tool, at := &t.in.Tools[i], fmt.Sprintf("tools[%d]", i)
		switch {
		case tool.Type == nativeType && tool.Dialect == responsesName && len(given(tool.Tool)) > 0:
			t.out.Tools = append(t.out.Tools, tool.Tool)
			continue
		case tool.Type == nativeType:
			t.losses.lose(at + "." + kindOf(tool.Tool))
			continue
		case tool.Type != "" && tool.Type != "function":
			t.losses.lose(at + ".type")
			continue
		}
		out := toolOut{Type: "function", Name: tool.Function.Name, Description: tool.Function.Description, Parameters: given(tool.Function.Parameters), Strict: tool.Function.Strict}
		if out.Parameters == nil {
			out.Parameters = json.RawMessage(`{"type":"object","properties":{}}`)
		}
		extra := t.losses.beside(tool.Native, at, false)
		if out.Strict == nil && !slices.Contains(unsaid, out.Name) {
			out.Strict = new(bool)
		}
		t.out.Tools = append(t.out.Tools, extend(out, extra))
	}
	if len(t.out.Tools) == 0 {
		t.out.ParallelToolCalls = nil
		return nil // a choice among none means nothing
	}
	return t.choice()
}

func (t *responsesUpstreamTranslation) choice() *exchange.Fault {
	if _, wrapped := t.extra["tool_choice"]; wrapped {
		return nil
	}
	asked, fault := t.in.choice()
	switch {
	case fault != nil:
		return fault
	case len(asked.names) == 1 && asked.mode == "required":
		t.out.ToolChoice = chosenFunction{"function", asked.names[0]}
	case len(asked.names) > 0:
		all := chosenFunctions{Type: "allowed_tools", Mode: asked.mode}
		for _, name := range asked.names {
			all.Tools = append(all.Tools, chosenFunction{"function", name})
		}
		t.out.ToolChoice = all
	case asked.mode != "auto":
		t.out.ToolChoice = asked.mode
	}
	return nil
}

// sampling carries the cap over, and names what the API has nothing for.
func (t *responsesUpstreamTranslation) sampling() *exchange.Fault {
	if most := t.out.MaxOutputTokens; most > 0 && most < leastOutput { // a higher one would cost more than was asked for
		return malformed("max_completion_tokens", fmt.Sprintf("%d or more for this target", leastOutput))
	}
	stops, fault := t.in.stops()
	if fault != nil {
		return fault
	}
	if len(stops) > 0 {
		t.losses.lose("stop")
	}
	if !isUsual("top_k", string(given(t.in.TopK))) && len(given(t.in.TopK)) > 0 {
		t.losses.lose("top_k")
	}
	if t.in.N != nil && *t.in.N > 1 {
		t.losses.lose("n")
	}
	var wanted bool
	if json.Unmarshal(nullOr(t.in.Rest["logprobs"]), &wanted) == nil && wanted {
		t.out.Include = append(t.out.Include, "message.output_text.logprobs")
		t.out.TopLogProbs = given(t.in.Rest["top_logprobs"])
	}
	delete(t.in.Rest, "logprobs")
	delete(t.in.Rest, "top_logprobs")
	return nil
}

// format carries the form of the answer over.
func (t *responsesUpstreamTranslation) format() *exchange.Fault {
	text := textOptions{Verbosity: given(t.in.Rest["verbosity"])}
	delete(t.in.Rest, "verbosity")
	switch f := t.in.ResponseFormat; {
	case f == nil || f.Type == "text" || f.Type == "":
	case f.Type == "json_schema" && len(given(f.Schema.Schema)) > 0:
		text.Format = &textFormat{f.Type, cmp.Or(f.Schema.Name, "answer"), f.Schema.Description, f.Schema.Schema, given(f.Schema.Strict)}
	case f.Type == "json_object":
		text.Format = &textFormat{Type: f.Type}
	default:
		t.losses.lose("response_format." + f.Type)
	}
	if text.Format != nil || text.Verbosity != nil {
		t.out.Text = &text
	}
	if whole, wrapped := t.extra["text.format"]; wrapped { // a form that a chat completion has no words for, within all of its object
		delete(t.extra, "text.format")
		t.out.Text, t.extra["text"] = nil, whole
	}
	return nil
}

// reasoning carries the effort over. A client that asks for one is shown what was thought, as far as the provider tells; one of the Responses API says
// itself whether it wants to see that.
func (t *responsesUpstreamTranslation) reasoning() *exchange.Fault {
	summary, said := t.extra["reasoning.summary"]
	if said && given(summary) == nil {
		delete(t.extra, "reasoning.summary")
	}
	if effort := t.in.ReasoningEffort; effort != "" {
		t.out.Reasoning = &thoughtOptions{Effort: effort}
		if !said && effort != "none" && effort != "minimal" {
			t.out.Reasoning.Summary = "auto"
		}
	}
	if t.thinks() {
		t.out.Include = append(t.out.Include, "reasoning.encrypted_content")
	}
	return nil
}

// thinks tells whether the model's thoughts are to be asked for: models that have none refuse to give them. Where its name does not say so, what it is
// asked and what it has thought before do.
func (t *responsesUpstreamTranslation) thinks() bool {
	name := t.in.Model[strings.LastIndexByte(t.in.Model, '/')+1:]
	version, gpt := strings.CutPrefix(name, "gpt-")
	switch {
	case strings.HasPrefix(name, "gpt-oss"), strings.Contains(name, "codex"):
		return true
	case gpt && strings.Contains(version, "chat"):
		return false
	case gpt && version != "" && (version[0] >= '5' && version[0] <= '9' || len(version) > 1 && version[0] == '1' && version[1] >= '0' && version[1] <= '9'):
		return true
	case len(name) > 1 && name[0] == 'o' && name[1] >= '1' && name[1] <= '9':
		return true
	}
	return t.in.ReasoningEffort != "" && t.in.ReasoningEffort != "none" || slices.ContainsFunc(t.out.Input, isThought)
}

func isThought(item any) bool {
	raw, ok := item.(json.RawMessage)
	return ok && kindOf(raw) == "reasoning"
}

// rest carries over what has the same name in both APIs, and looks at the members that nothing was made of.
func (t *responsesUpstreamTranslation) rest() *exchange.Fault {
	set(t.in.Rest, map[string]*json.RawMessage{
		"service_tier": &t.out.ServiceTier, "metadata": &t.out.Metadata, "prompt_cache_key": &t.out.PromptCacheKey, "prompt_cache_retention": &t.out.CacheRetention,
		"prompt_cache_options": &t.out.CacheOptions,
	})
	var more []string
	if json.Unmarshal(nullOr(t.extra["include"]), &more) == nil { // of a provider's own tools
		for _, name := range more {
			if !slices.Contains(t.out.Include, name) {
				t.out.Include = append(t.out.Include, name)
			}
		}
		delete(t.extra, "include")
	}
	t.losses.rest(t.in)
	return nil
}

// extend adds members that were wrapped beside what became an object.
func extend(of any, extra members) any {
	if len(extra) == 0 {
		return of
	}
	return extended{of, extra}
}
