package dialect

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"bursar/exchange"
)

// parts reads a message's content: a string is one part of text.
func (r *chatRequest) parts(m *chatMessage, at string) ([]chatPart, *exchange.Fault) {
	var text string
	switch {
	case len(m.Content) == 0 || string(m.Content) == "null":
		return nil, nil
	case json.Unmarshal(m.Content, &text) == nil:
		p := chatPart{Type: "text", Text: text}
		if m.Role != "tool" { // there what is around it has it
			p.CacheControl = m.CacheControl
		}
		return []chatPart{p}, nil
	}
	var raw []json.RawMessage
	if err := json.Unmarshal(m.Content, &raw); err != nil {
		return nil, malformed(at+".content", "a string, null or an array of parts")
	}
	all := make([]chatPart, len(raw))
	for k := range raw {
		before, in := len(r.unknown), fmt.Sprintf("%s.content[%d]", at, k)
		if err := r.strictly(raw[k], &all[k], in); err != nil {
			return nil, malformed(in, "a part: an object with a type")
		}
		for i := before; i < len(r.unknown); i++ {
			r.unknown[i].answered = m.Role == "assistant"
		}
		r.mark(&all[k])
		all[k].raw = raw[k]
	}
	return all, nil
}

// mostBreakpoints is how many beginnings of a prompt are kept, here and there; OpenAI takes more marks, and keeps the last ones.
const mostBreakpoints = 4

// mark reads OpenAI's mark for the provider's cache as a cache_control, as far as it is one of the last.
func (r *chatRequest) mark(p *chatPart) {
	if len(given(p.Breakpoint)) == 0 {
		return
	}
	if r.skipped--; r.skipped < 0 && p.CacheControl == nil {
		p.CacheControl = json.RawMessage(`{"type":"ephemeral"}`)
	}
}

// image reads an image_url: a URL, or an object with one, and how closely the model is to look.
func (r *chatRequest) image(p *chatPart, at string) (from *source, detail string, fault *exchange.Fault) {
	var image chatImage
	if json.Unmarshal(p.ImageURL, &image.URL) != nil && r.strictly(p.ImageURL, &image, at+".image_url") != nil || image.URL == "" {
		return nil, "", malformed(at+".image_url.url", "a URL")
	}
	if from, ok := dataSource(image.URL); ok {
		return from, image.Detail, nil
	}
	return &source{Type: "url", URL: image.URL}, image.Detail, nil
}

// noteDetail notes how closely a model is to look at an image, where there is no word for it.
func (l *losses) noteDetail(detail string) {
	if detail != "" && detail != "auto" {
		l.note("detail")
	}
}

// stops reads the texts that end an answer.
func (r *chatRequest) stops() (all []string, fault *exchange.Fault) {
	var one string
	switch raw := r.Stop; {
	case len(raw) == 0 || string(raw) == "null":
	case json.Unmarshal(raw, &one) == nil:
		return []string{one}, nil
	case json.Unmarshal(raw, &all) != nil:
		return nil, malformed("stop", "a string or an array of strings")
	}
	return all, nil
}

// choiceOfTools is what tool_choice says.
type choiceOfTools struct {
	mode  string   // auto, none or required
	names []string // of the functions that may be called, none for all
}

// choice reads tool_choice: a word, one function, or some that are allowed.
func (r *chatRequest) choice() (choiceOfTools, *exchange.Fault) {
	type function struct {
		Function struct {
			Name string `json:"name"`
		} `json:"function"`
	}
	var one struct {
		function
		Allowed struct {
			Mode  string     `json:"mode"`
			Tools []function `json:"tools"`
		} `json:"allowed_tools"`
	}
	var word string
	switch raw := r.ToolChoice; {
	case len(raw) == 0 || string(raw) == "null":
		return choiceOfTools{mode: "auto"}, nil
	case json.Unmarshal(raw, &word) == nil && (word == "auto" || word == "none" || word == "required"):
		return choiceOfTools{mode: word}, nil
	case json.Unmarshal(raw, &one) != nil:
	case one.Function.Name != "":
		return choiceOfTools{mode: "required", names: []string{one.Function.Name}}, nil
	case len(one.Allowed.Tools) > 0 && (one.Allowed.Mode == "auto" || one.Allowed.Mode == "required"):
		c := choiceOfTools{mode: one.Allowed.Mode}
		for _, f := range one.Allowed.Tools {
			c.names = append(c.names, f.Function.Name)
		}
		return c, nil
	}
	return choiceOfTools{}, malformed("tool_choice", "auto, required, none, a function or allowed_tools")
}

// longestID is how long an id of a tool call may be at Bedrock.
const longestID = 64

// plainID is the id of a tool call as Anthropic and Bedrock take it: of letters, digits, _ and -. Other providers give others, such as
// functions.search:0, which become another one, the same for a call and its result.
func plainID(id string) string {
	odd := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-'
	}
	if len(id) <= longestID && !strings.ContainsFunc(id, odd) {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return "call_" + hex.EncodeToString(sum[:16])
}

// noteThoughts notes earlier thinking that a target cannot take: what is told as text alone, and what another provider has signed.
func (l *losses) noteThoughts(m *chatMessage, signatures bool) {
	signed := m.Extra.signature() != ""
	for i := range m.ToolCalls {
		signed = signed || m.ToolCalls[i].Extra.signature() != ""
	}
	if signed && !signatures {
		l.note("thought_signature")
	}
	if text := string(given(m.Reasoning)); text != "" && text != `""` && len(m.ThinkingBlocks) == 0 && !(signed && signatures) {
		l.note("reasoning_content")
	}
}

// unheeded are members whose absence changes no answer, or that say what is the usual anyway.
var unheeded = []string{"stream_options", "store", "metadata", "service_tier", "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options"}

// rest notes as lost what nothing was made of. Null and the usual values ask for nothing.
func (l *losses) rest(r *chatRequest) {
	for _, name := range slices.Sorted(maps.Keys(r.Rest)) {
		if !slices.Contains(unheeded, name) && !isUsual(name, string(r.Rest[name])) {
			l.lose(name)
		}
	}
	l.unknown(r.unknown)
}

// isUsual tells whether a member asks for what happens without it.
func isUsual(name, value string) bool {
	switch name {
	case "seed", "web_search_options": // 0 is a seed, and {} a search
		return value == "null"
	case "verbosity":
		return value == "null" || value == `"medium"`
	case "modalities":
		var all []string
		return json.Unmarshal([]byte(value), &all) == nil && (len(all) == 0 || slices.Equal(all, []string{"text"}))
	}
	number, err := strconv.ParseFloat(value, 64)
	return value == "null" || value == "false" || value == "{}" || value == "[]" || err == nil && number == 0
}

// googleExtra is what Google's models want back with the next request, in the form of Google's own OpenAI-compatible API.
type googleExtra struct {
	Google struct {
		Signature string `json:"thought_signature"`
	} `json:"google"`
}

// signed makes one; nil of no signature.
func signed(signature string) *googleExtra {
	if signature == "" {
		return nil
	}
	e := new(googleExtra)
	e.Google.Signature = signature
	return e
}

// signature returns the signature, "" if there is none.
func (e *googleExtra) signature() string {
	if e == nil {
		return ""
	}
	return e.Google.Signature
}
