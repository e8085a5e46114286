package dialect

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"bursar/exchange"
)

// unwrap puts members back that were wrapped. What they say of thinking and of the answer's form is said better than in a chat completion's
// words, which were made of it. What is written here already cannot be said twice: a model or a cap would get past the policy.
func (t *anthropicTranslation) unwrap() *exchange.Fault {
	n := t.in.Native
	switch {
	case n == nil:
		return nil
	case n.Dialect != anthropicName:
		t.losses.loseNative(n)
		return nil
	}
	t.extra = map[string]json.RawMessage{}
	maps.Copy(t.extra, n.Also)
	maps.Copy(t.extra, n.Members)
	for name := range t.extra {
		if name, _, inner := strings.Cut(name, "."); !inner && slices.Contains(messagesMembers, strings.ToLower(name)) {
			return malformed("native."+name, "left out: it is a member of the request itself")
		}
	}
	_, thinks := t.extra["thinking"]
	_, config := t.extra["output_config"]
	_, format := t.extra["output_format"]
	if thinks || config {
		t.in.ReasoningEffort = ""
	}
	if config || format {
		t.in.ResponseFormat = nil
	}
	return t.thinkLess()
}

// choosesMore tells whether the choice of tools has members that were wrapped: it must be told then, also where it is the usual one.
func (t *anthropicTranslation) choosesMore() bool {
	for name := range t.extra {
		if strings.HasPrefix(name, "tool_choice.") {
			return true
		}
	}
	return false
}

// thinkLess keeps a budget of thinking tokens below a cap that was lowered.
func (t *anthropicTranslation) thinkLess() *exchange.Fault {
	var think thinking
	if json.Unmarshal(nullOr(t.extra["thinking"]), &think) != nil || think.Budget < t.out.MaxTokens {
		return nil
	}
	if t.out.MaxTokens <= leastThinking {
		t.losses.lose("thinking") // the cap leaves no room to think and to answer
		delete(t.extra, "thinking")
		return nil
	}
	t.extra["thinking"] = encode(nil, thinking{"enabled", max(leastThinking, t.out.MaxTokens/2)})
	return nil
}

// withMembers is an object of ours with further members; of those that it has, its own stay.
func withMembers(object []byte, extra members) []byte {
	if len(extra) == 0 {
		return object
	}
	var known members
	_ = json.Unmarshal(object, &known)
	var more []byte // in one piece: there may be very many
	for _, name := range slices.Sorted(maps.Keys(extra)) {
		if _, twice := known[name]; twice {
			continue
		}
		if len(more) > 0 {
			more = append(more, ',')
		}
		more = append(append(encode(more, name), ':'), extra[name]...)
	}
	if len(more) > 0 {
		object, _ = withLast(object, string(more))
	}
	return object
}
