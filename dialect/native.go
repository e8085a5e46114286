package dialect

import (
	"encoding/json"
	"maps"
	"slices"
)

// nativeType is the type of a part or a tool that is wrapped.
const nativeType = "native"

// native is what a chat completion has no member for, wrapped as it came: members of the request (Members, in `native` beside its messages), a
// part of a content (Block, of type native), a tool (Tool, of type native), or the content of an answer (Content, in `native` of the choice).
// A target that speaks Dialect gets it back as it was; every other loses it, by its own name. Also are members that are said in the words of a
// chat completion as well, or that change no answer: those are for a target that speaks Dialect, and lost to none.
type native struct {
	Type    string                     `json:"type,omitempty"`
	Dialect string                     `json:"dialect"`
	Members map[string]json.RawMessage `json:"members,omitempty"`
	Also    map[string]json.RawMessage `json:"also,omitempty"`
	Block   json.RawMessage            `json:"block,omitempty"`
	Tool    json.RawMessage            `json:"tool,omitempty"`
	Content []json.RawMessage          `json:"content,omitempty"`
}

// loseNative loses what only another dialect knows.
func (l *losses) loseNative(n *native) {
	for _, name := range slices.Sorted(maps.Keys(n.Members)) {
		l.lose(name)
	}
}

// kindOf names what a block or a tool is, for who cannot have it.
func kindOf(raw json.RawMessage) string {
	var of struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(raw, &of) == nil && of.Type != "" {
		return of.Type
	}
	if all, ok := membersOf(raw); ok && len(all) > 0 { // Google names a thing by the member that holds it
		return all[len(all)-1].name
	}
	return nativeType
}
