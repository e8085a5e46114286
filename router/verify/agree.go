package verify

import (
	"encoding/json"
	"regexp"
	"strings"
	"unicode"
)

// Agreement is whether two answers say the same.
type Agreement uint8

// Agreements.
const (
	Unclear Agreement = iota // prose, or several choices: only a reader could tell
	Same
	Different
)

var agreementNames = [...]string{"unclear", "same", "different"}

// String returns unclear, same or different.
func (a Agreement) String() string {
	if int(a) < len(agreementNames) {
		return agreementNames[a]
	}
	return "unknown"
}

// Agree compares two chat completions by what can be compared: the tools that they call and the arguments, JSON, or the final answer of a
// text, where it is short or marked as such. Answers that cannot be read are unclear.
func Agree(a, b []byte) Agreement {
	x, err := read(a)
	if err != nil || len(x.Choices) != 1 {
		return Unclear
	}
	y, err := read(b)
	if err != nil || len(y.Choices) != 1 {
		return Unclear
	}
	p, q := &x.Choices[0], &y.Choices[0]
	if len(p.calls())+len(q.calls()) > 0 {
		return verdict(sameCalls(p.calls(), q.calls()))
	}
	if p.Message.Refusal+q.Message.Refusal != "" {
		return verdict(p.Message.Refusal != "" && q.Message.Refusal != "")
	}
	return agreeTexts(p.text(), q.text())
}

func verdict(same bool) Agreement {
	if same {
		return Same
	}
	return Different
}

// sameCalls compares calls in their order. Arguments are equal if they are the same JSON.
func sameCalls(a, b []call) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		x, y := &a[i].Function, &b[i].Function
		if x.Name != y.Name || !sameJSON(x.Arguments, y.Arguments) {
			return false
		}
	}
	return true
}

func sameJSON(a, b string) bool {
	if a == b {
		return true
	}
	if len(a)+len(b) > mostChecked {
		return false
	}
	v, err := decode([]byte(a))
	if err != nil {
		return false
	}
	w, err := decode([]byte(b))
	return err == nil && equal(v, w, 0)
}

func agreeTexts(a, b string) Agreement {
	if len(a)+len(b) <= mostChecked {
		v, isJSON := jsonIn(a)
		w, too := jsonIn(b)
		if isJSON && too {
			return verdict(equal(answerIn(v), answerIn(w), 0))
		}
	}
	p, marked := final(a)
	q, too := final(b)
	switch {
	case p == "" || q == "":
		return Unclear
	case p == q:
		return Same
	case marked == too || len(p) <= longestFinal && len(q) <= longestFinal:
		return Different
	}
	return Unclear
}

// jsonIn returns the JSON object or array that a text is, whether it stands in a fence or not.
func jsonIn(text string) (any, bool) {
	text = strings.TrimSpace(text)
	if inner, ok := strings.CutPrefix(text, "```"); ok {
		inner = strings.TrimPrefix(inner, "json")
		text = strings.TrimSpace(strings.TrimSuffix(inner, "```"))
	}
	if text == "" || text[0] != '{' && text[0] != '[' {
		return nil, false
	}
	if !json.Valid([]byte(text)) {
		return nil, false
	}
	v, err := decode([]byte(text))
	return v, err == nil
}

// answerIn returns what an object says in the end: its member of one of the usual names, if it has one beside its reasoning.
func answerIn(v any) any {
	object, ok := v.(map[string]any)
	if !ok {
		return v
	}
	for _, name := range []string{"answer", "final_answer", "finalAnswer", "result", "label"} {
		if answer, ok := object[name]; ok {
			return answer
		}
	}
	return v
}

// equal compares JSON values: numbers by value, and texts as final answers are.
func equal(a, b any, depth int) bool {
	if depth > mostDepth {
		return false
	}
	switch x := a.(type) {
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for name, v := range x {
			w, there := y[name]
			if !there || !equal(v, w, depth+1) {
				return false
			}
		}
		return true
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			if !equal(x[i], y[i], depth+1) {
				return false
			}
		}
		return true
	case string:
		y, ok := b.(string)
		return ok && normal(x) == normal(y)
	default:
		return same(a, b)
	}
}

// longestFinal bounds a final answer that is no text to be read, in bytes.
const longestFinal = 80

var marks = regexp.MustCompile(`(?i)(?:####|\\boxed\{|final answer(?: is)?:?|answer is:?|answer:)\s*`)

// final returns a text's final answer in its normal form: what follows the last mark of one, or all of a short text. "" if there is none.
func final(text string) (answer string, marked bool) {
	text = strings.TrimSpace(text)
	const near = 4096 // the answer stands at the end
	tail := text[max(0, len(text)-near):]
	if all := marks.FindAllStringIndex(tail, -1); len(all) > 0 {
		rest := tail[all[len(all)-1][1]:]
		if strings.Contains(tail[all[len(all)-1][0]:all[len(all)-1][1]], "{") {
			rest = upToBrace(rest)
		}
		rest, _, _ = strings.Cut(rest, "\n")
		if rest = normal(rest); rest != "" && len(rest) <= longestFinal {
			return rest, true
		}
	}
	if len(text) <= longestFinal {
		return normal(text), false
	}
	return "", false
}

// upToBrace cuts a text at the brace that closes what was opened before it.
func upToBrace(text string) string {
	depth := 1
	for i := range len(text) {
		switch text[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return text[:i]
			}
		}
	}
	return text
}

// normal is a short answer without what does not matter: case, spaces, punctuation at the ends, signs of currency, thousands.
func normal(text string) string {
	text = strings.ToLower(strings.Join(strings.Fields(text), " "))
	text = strings.Trim(text, " .,;:!*_`\"'()[]$€£%\\")
	if digits := strings.ReplaceAll(strings.TrimLeft(text, "-"), ",", ""); digits != "" && !strings.ContainsFunc(digits, func(r rune) bool { return !unicode.IsDigit(r) && r != '.' }) {
		if r, ok := rational(json.Number(strings.ReplaceAll(text, ",", ""))); ok {
			return r.RatString()
		}
	}
	return text
}
