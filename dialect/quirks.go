package dialect

import (
	"encoding/json"
	"strings"

	"bursar/exchange"
)

// Quirks are how a vendor's chat completions differ from OpenAI's, as its row in the policy says.
type Quirks struct {
	Rename      map[string]string // members of the request that it has under another name
	Unsupported []string          // members that it has nothing for; those within others by paths such as tools.function.strict
	Reasoning   string            // where messages have earlier reasoning, in place of reasoning_content; "none": nowhere
}

// Any tells whether there are any.
func (q *Quirks) Any() bool { return len(q.Rename) > 0 || len(q.Unsupported) > 0 || q.Reasoning != "" }

// Request makes a chat completion as the vendor takes it. All that it does not change is byte for byte as it was.
func (q *Quirks) Request(body []byte, o Options) ([]byte, []string, *exchange.Fault) {
	l := losses{dialect: "provider's", drop: o.Drop}
	out := json.RawMessage(body)
	for _, path := range q.Unsupported {
		out = edited(out, strings.Split(path, "."), func(m *member) (keep bool) {
			if !isUsual(path, string(m.value)) && !(path == "n" && string(m.value) == "1") {
				l.lose(path)
			}
			return false
		})
	}
	if fault := l.fault(); fault != nil {
		return nil, nil, fault
	}
	if q.Reasoning != "" && q.Reasoning != "reasoning_content" {
		out = edited(out, []string{"messages", "reasoning_content"}, func(m *member) (keep bool) {
			m.name = q.Reasoning
			return q.Reasoning != "none"
		})
	}
	if len(q.Rename) == 0 {
		return out, l.dropped(), nil
	}
	all, ok := membersOf(out)
	if !ok {
		return nil, nil, malformed("body", "a JSON object")
	}
	for i := range all {
		if name, renamed := q.Rename[all[i].name]; renamed {
			all[i].name = name
		}
	}
	return object(all), l.dropped(), nil
}

// edited edits the members that a path leads to, in each element where it leads through an array. What has none of them stays as it is.
func edited(raw json.RawMessage, path []string, edit func(*member) (keep bool)) json.RawMessage {
	switch {
	case len(raw) == 0:
		return raw
	case raw[0] == '[':
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) != nil {
			return raw
		}
		changed := false
		for i, element := range list {
			list[i] = edited(element, path, edit)
			changed = changed || string(list[i]) != string(element)
		}
		if !changed {
			return raw
		}
		out := []byte{'['}
		for i, element := range list {
			if i > 0 {
				out = append(out, ',')
			}
			out = append(out, element...)
		}
		return append(out, ']')
	}
	all, ok := membersOf(raw)
	if !ok {
		return raw
	}
	kept := all[:0]
	changed := false
	for _, m := range all {
		switch {
		case m.name != path[0]:
		case len(path) == 1:
			changed = true
			if !edit(&m) {
				continue
			}
		default:
			was := m.value
			m.value = edited(was, path[1:], edit)
			changed = changed || string(m.value) != string(was)
		}
		kept = append(kept, m)
	}
	if !changed {
		return raw
	}
	return object(kept)
}
