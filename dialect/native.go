package dialect

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// nativeType is the type of a part or a tool that is wrapped.
const nativeType = "native"

// native is what a chat completion has no member for, wrapped as it came: members of the request (Members, in `native` beside its messages), members
// of a message, a part, a call or a tool (Members, in its own `native`), a part of a content (Block, of type native), a tool (Tool, of type
// native), or the content of an answer (Content, in `native` of the choice; Delta is what comes to the block under way of a streamed one). A target that speaks Dialect gets it back as it was; every other
// loses it, by its own name. Also are members that are said in the words of a chat completion as well, or that change no answer: those are for
// a target that speaks Dialect, and lost to none.
type native struct {
	Type    string                     `json:"type,omitempty"`
	Dialect string                     `json:"dialect"`
	Members map[string]json.RawMessage `json:"members,omitempty"`
	Also    map[string]json.RawMessage `json:"also,omitempty"`
	Block   json.RawMessage            `json:"block,omitempty"`
	Tool    json.RawMessage            `json:"tool,omitempty"`
	Content []json.RawMessage          `json:"content,omitempty"`
	Delta   json.RawMessage            `json:"delta,omitempty"`
}

// loseNative loses what only another dialect knows.
func (l *losses) loseNative(n *native) {
	for _, name := range slices.Sorted(maps.Keys(n.Members)) {
		l.lose(name)
	}
}

// put adds a member; it returns n, or what it makes where n is nil.
func (n *native) put(dialect, name string, value json.RawMessage) *native {
	if n == nil {
		n = &native{Dialect: dialect}
	}
	if n.Members == nil {
		n.Members = members{}
	}
	n.Members[name] = value
	return n
}

// also adds a member that is lost to none; it returns n, or what it makes where n is nil.
func (n *native) also(dialect, name string, value json.RawMessage) *native {
	if n == nil {
		n = &native{Dialect: dialect}
	}
	if n.Also == nil {
		n.Also = members{}
	}
	n.Also[name] = value
	return n
}

// all are the members; none of nil.
func (n *native) all() members {
	if n == nil {
		return nil
	}
	return n.Members
}

// besideOf wraps the members of an object but those that are named, to go beside what becomes of it; nil if there are no others that say something.
func besideOf(of members, dialect string, named ...string) (n *native) {
	for name, value := range of {
		if v := string(value); !slices.Contains(named, name) && v != "" && v != "null" && v != "[]" && v != "{}" {
			n = n.put(dialect, name, value)
		}
	}
	return n
}

// harmless are members beside a part or a tool whose absence is no reason to refuse: names for people, how closely to look, and what a tool gives back.
var harmless = []string{"displayName", "mediaResolution", "detail", "response", "responseJsonSchema", "output_schema", "phase", "annotations", "logprobs"}

// beside returns the members that were wrapped beside a message, a part, a call or a tool at some place, if the target speaks their dialect. Else
// they are lost: those of an earlier answer are noted, since clients send back what they were told.
func (l *losses) beside(n *native, at string, answered bool) members {
	if n == nil {
		return nil
	}
	if n.Dialect == l.dialect {
		all := maps.Clone(n.Also)
		if all == nil {
			return n.Members
		}
		maps.Copy(all, n.Members)
		return all
	}
	for _, name := range slices.Sorted(maps.Keys(n.Members)) {
		if last := name[strings.LastIndexByte(name, '.')+1:]; answered || slices.Contains(harmless, last) {
			l.note(last)
		} else {
			l.lose(at + "." + name)
		}
	}
	return nil
}

// besideMessage loses what was wrapped beside a message: no API has members of one that others have not.
func (l *losses) besideMessage(m *chatMessage, at string) {
	other := *m.Native
	other.Dialect = ""
	l.beside(&other, at, m.Role == "assistant")
}

// extended is an object of ours with members that were wrapped beside it.
type extended struct {
	of    any
	extra members
}

func (e extended) MarshalJSON() ([]byte, error) {
	out, err := encoded(e.of)
	return withMembers(out, e.extra), err
}

// kindOf names what a block or a tool is, for who cannot have it.
func kindOf(raw json.RawMessage) string {
	var of map[string]json.RawMessage // not a struct, which would take "TYPE" for it, too
	var kind string
	if json.Unmarshal(raw, &of) == nil && json.Unmarshal(of["type"], &kind) == nil && kind != "" {
		return kind
	}
	if all, ok := membersOf(raw); ok && len(all) > 0 { // Google names a thing by the member that holds it
		return all[len(all)-1].name
	}
	return nativeType
}

// rewrapped is an object of ours with members that were wrapped: those of an object within it, which are named OBJECT.MEMBER, in their place there.
// Of what it has already, its own stays.
func rewrapped(out []byte, wrapped members) []byte {
	within, top := map[string]members{}, members{}
	for name, value := range wrapped {
		of, inner, ok := strings.Cut(name, ".")
		if !ok {
			top[name] = value
			continue
		}
		if within[of] == nil {
			within[of] = members{}
		}
		within[of][inner] = value
	}
	if len(within) > 0 {
		out, _ = spliced(out, func(name string, value json.RawMessage) []byte { // it is an object of ours
			more, is := within[name]
			if !is {
				return nil
			}
			delete(within, name)
			return rewrapped(slices.Clone(value), more)
		})
	}
	for of, more := range within {
		top[of] = rewrapped([]byte("{}"), more)
	}
	return withMembers(out, top)
}
