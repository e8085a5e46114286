package dialect

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"bursar/exchange"
)

// MarshalJSON writes a part, one that was wrapped as it came.
func (p geminiPart) MarshalJSON() ([]byte, error) {
	type plain geminiPart
	if p.raw != nil {
		return p.raw, nil
	}
	return encoded(plain(p))
}

// MarshalJSON writes a function, with the members that were wrapped.
func (f geminiFunction) MarshalJSON() ([]byte, error) {
	type plain geminiFunction
	out, err := encoded(plain(f))
	return withMembers(out, f.extra), err
}

// geminiConfigName begins the names of wrapped members that are of the generationConfig.
const geminiConfigName = "generationConfig."

// geminiWritten are members that are written here: said twice, a cap or a message would get past the policy.
var geminiWritten = []string{
	"model", "contents", "systeminstruction", "tools", "toolconfig", "generationconfig", "generationconfig.maxoutputtokens", "generationconfig.candidatecount",
}

// unwrap puts members back that were wrapped. What they say of thinking is said better than in a chat completion's words, which were made of it.
func (t *geminiTranslation) unwrap() *exchange.Fault {
	n := t.in.Native
	switch {
	case n == nil:
		return nil
	case n.Dialect != "gemini":
		t.losses.loseNative(n)
		return nil
	}
	t.wrapped = map[string]json.RawMessage{}
	maps.Copy(t.wrapped, n.Also)
	maps.Copy(t.wrapped, n.Members)
	for name := range t.wrapped {
		if slices.Contains(geminiWritten, strings.ToLower(strings.ReplaceAll(name, "_", ""))) {
			return malformed("native."+name, "left out: it is a member of the request itself")
		}
	}
	t.out.Safety = t.wrapped["safetySettings"]
	delete(t.wrapped, "safetySettings")
	if thinking, thinks := t.wrapped[geminiConfigName+"thinkingConfig"]; thinks {
		t.config.Thinking, t.in.ReasoningEffort = thinking, ""
		delete(t.wrapped, geminiConfigName+"thinkingConfig")
	}
	return nil
}
