package dialect

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"bursar/exchange"
)

// googleFunction declares a function: its parameters are in Google's subset of OpenAPI, or in JSON Schema.
type googleFunction struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Parameters  json.RawMessage `json:"parameters"`
	JSONSchema  json.RawMessage `json:"parametersJsonSchema"`
}

// tools carries the functions over. One tool of Google's may be several things; those that Google runs itself have no form in the hub.
func (t *geminiClientTranslation) tools() *exchange.Fault {
	raw := t.take("tools")
	var tools []map[string]json.RawMessage
	if raw != nil && json.Unmarshal(raw, &tools) != nil {
		return malformed("tools", "an array of tools")
	}
	for i, tool := range tools {
		for _, name := range slices.Sorted(maps.Keys(tool)) {
			if name != "functionDeclarations" {
				t.out.Tools = append(t.out.Tools, native{Type: nativeType, Dialect: "gemini", Tool: object([]member{{name, tool[name]}})})
				continue
			}
			var functions []googleFunction
			var all []members
			if err := json.Unmarshal(tool[name], &functions); err != nil || json.Unmarshal(tool[name], &all) != nil {
				return malformed(fmt.Sprintf("tools[%d].functionDeclarations", i), "an array of functions"+why(err))
			}
			for k, f := range functions {
				out := hubTool{Type: "function", Function: hubFunction{Name: f.Name, Description: f.Description, Parameters: given(f.JSONSchema)}}
				out.Native = besideOf(all[k], "gemini", "name", "description", "parameters", "parametersJsonSchema")
				if out.Function.Parameters == nil && given(f.Parameters) != nil {
					out.Function.Parameters = jsonSchema(f.Parameters)
				}
				t.out.Tools = append(t.out.Tools, out)
			}
		}
	}
	return nil
}

// choice carries the choice among the functions over.
func (t *geminiClientTranslation) choice() *exchange.Fault {
	var all map[string]json.RawMessage
	if raw := t.take("toolConfig"); raw != nil && json.Unmarshal(raw, &all) != nil {
		return malformed("toolConfig", "an object")
	}
	var calling struct {
		Mode  string   `json:"mode"`
		Names []string `json:"allowedFunctionNames"`
	}
	if raw := given(all["functionCallingConfig"]); raw != nil {
		var more members
		if json.Unmarshal(raw, &calling) != nil || json.Unmarshal(raw, &more) != nil {
			return malformed("toolConfig.functionCallingConfig", "an object with a mode")
		}
		for name, value := range more {
			if name != "mode" && name != "allowedFunctionNames" && !isUsual(name, string(value)) {
				t.lose("toolConfig.functionCallingConfig."+name, value)
			}
		}
	}
	delete(all, "functionCallingConfig")
	for name, value := range all {
		t.lose("toolConfig."+name, value)
	}
	modes := map[string]string{"": "", "MODE_UNSPECIFIED": "", "AUTO": "auto", "ANY": "required", "NONE": "none", "VALIDATED": "auto"}
	mode, known := modes[strings.ToUpper(calling.Mode)]
	switch {
	case !known:
		return malformed("toolConfig.functionCallingConfig.mode", "AUTO, ANY, NONE or VALIDATED")
	case mode == "":
	case len(calling.Names) == 0 || mode == "none":
		t.out.ToolChoice = mode
	case mode == "required" && len(calling.Names) == 1:
		t.out.ToolChoice = namedFunction(calling.Names[0])
	default:
		t.out.ToolChoice = allowedFunctions(mode, calling.Names)
	}
	return nil
}

// config carries generationConfig over. Nulls and the usual values ask for nothing.
func (t *geminiClientTranslation) config() *exchange.Fault {
	var c map[string]json.RawMessage
	if raw := t.take("generationConfig"); raw != nil && json.Unmarshal(raw, &c) != nil {
		return malformed("generationConfig", "an object")
	}
	if fault := respell(c, "generationConfig."); fault != nil {
		return fault
	}
	o := &t.out
	var stop, logprobs json.RawMessage
	set(c, map[string]*json.RawMessage{
		"maxOutputTokens": &o.MaxCompletionTokens, "temperature": &o.Temperature, "topP": &o.TopP, "topK": &o.TopK, "candidateCount": &o.N, "seed": &o.Seed,
		"presencePenalty": &o.PresencePenalty, "frequencyPenalty": &o.FrequencyPenalty, "stopSequences": &stop, "responseLogprobs": &logprobs, "logprobs": &o.TopLogProbs,
	})
	if stop != nil && json.Unmarshal(stop, &o.Stop) != nil {
		return malformed("generationConfig.stopSequences", "an array of strings")
	}
	if string(o.N) == "1" {
		o.N = nil
	}
	if o.LogProbs = string(logprobs) == "true"; !o.LogProbs {
		o.TopLogProbs = nil
	}
	for _, step := range []func(map[string]json.RawMessage) *exchange.Fault{t.format, t.thinking} {
		if fault := step(c); fault != nil {
			return fault
		}
	}
	for name, value := range c {
		if name == "responseModalities" && strings.EqualFold(compact(value), `["text"]`) || isUsual(name, string(value)) {
			continue
		}
		t.lose("generationConfig."+name, value)
	}
	return nil
}

// format carries the form of the answer over.
func (t *geminiClientTranslation) format(c map[string]json.RawMessage) *exchange.Fault {
	var kind string
	if raw := given(c["responseMimeType"]); raw != nil && json.Unmarshal(raw, &kind) != nil {
		return malformed("generationConfig.responseMimeType", "a string")
	}
	schema := given(c["responseJsonSchema"])
	if own := given(c["responseSchema"]); schema == nil && own != nil {
		schema = jsonSchema(own)
	}
	switch kind {
	case "", "text/plain":
	case "application/json":
		t.out.ResponseFormat = &hubFormat{Type: "json_object"}
		if schema != nil {
			t.out.ResponseFormat = &hubFormat{"json_schema", &hubSchema{Name: "answer", Schema: schema}}
		}
	default: // text/x.enum: a bare word, which chat completions cannot be held to
		return nil
	}
	for _, name := range []string{"responseMimeType", "responseSchema", "responseJsonSchema"} {
		delete(c, name)
	}
	return nil
}

// The budgets of thinking tokens that Google's own OpenAI-compatible API takes for the efforts.
const lowThinking, mediumThinking = 1024, 8192

// thinking carries thinkingConfig over, as an effort. Whether thoughts are shown is done when the answer comes.
func (t *geminiClientTranslation) thinking(c map[string]json.RawMessage) *exchange.Fault {
	raw := given(c["thinkingConfig"])
	delete(c, "thinkingConfig")
	if raw == nil {
		return nil
	}
	t.native().Also = map[string]json.RawMessage{geminiConfigName + "thinkingConfig": raw}
	var config struct {
		Budget *int64 `json:"thinkingBudget"`
		Level  string `json:"thinkingLevel"`
	}
	if err := json.Unmarshal(raw, &config); err != nil {
		return malformed("generationConfig.thinkingConfig", "an object with a thinkingLevel or a thinkingBudget"+why(err))
	}
	switch budget := config.Budget; {
	case config.Level != "" && config.Level != "THINKING_LEVEL_UNSPECIFIED":
		t.out.ReasoningEffort = strings.ToLower(config.Level)
	case budget == nil || *budget < 0: // the model decides
	case *budget == 0:
		t.out.ReasoningEffort = "none"
	case *budget <= lowThinking:
		t.out.ReasoningEffort = "low"
	case *budget <= mediumThinking:
		t.out.ReasoningEffort = "medium"
	default:
		t.out.ReasoningEffort = "high"
	}
	return nil
}

// safety looks at safetySettings: to block nothing is what happens without Google's filters.
func (t *geminiClientTranslation) safety() *exchange.Fault {
	raw := t.take("safetySettings")
	var settings []struct {
		Threshold string `json:"threshold"`
	}
	if raw != nil && json.Unmarshal(raw, &settings) != nil {
		return malformed("safetySettings", "an array of settings")
	}
	for _, s := range settings {
		if s.Threshold != "BLOCK_NONE" && s.Threshold != "OFF" {
			t.lose("safetySettings", raw)
			break
		}
	}
	return nil
}

// remains wraps the members that nothing was made of, for the target to say what becomes of them. A model is named in the URL, labels are for
// Google's bill, and nothing is stored.
func (t *geminiClientTranslation) remains() {
	if tier := t.take("serviceTier"); tier != nil {
		var name string
		if json.Unmarshal(tier, &name) == nil && strings.EqualFold(name, "standard") {
			name = "default"
		}
		t.out.ServiceTier = encode(nil, strings.ToLower(name))
	}
	for name, value := range t.rest {
		if !slices.Contains([]string{"model", "labels", "store"}, name) && !isUsual(name, string(value)) {
			t.lose(name, value)
		}
	}
}

// lose leaves a member to targets that know it.
func (t *geminiClientTranslation) lose(name string, value json.RawMessage) {
	n := t.native()
	if n.Members == nil {
		n.Members = map[string]json.RawMessage{}
	}
	n.Members[name] = value
}

// native is what the request has that a chat completion has no member for.
func (t *geminiClientTranslation) native() *native {
	if t.out.Native == nil {
		t.out.Native = &native{Dialect: "gemini"}
	}
	return t.out.Native
}
