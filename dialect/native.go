package dialect

import "encoding/json"

// nativeType is the type of a part or a tool that is wrapped.
const nativeType = "native"

// native is what a chat completion has no member for, wrapped as it came: members of the request (Members, in `native` beside its messages), a
// part of a content (Block, of type native), a tool (Tool, of type native), or the content of an answer's message (Content, in `native` there).
// A target that speaks Dialect gets it back as it was; every other loses it, by its own name.
type native struct {
	Type    string                     `json:"type,omitempty"`
	Dialect string                     `json:"dialect"`
	Members map[string]json.RawMessage `json:"members,omitempty"`
	Block   json.RawMessage            `json:"block,omitempty"`
	Tool    json.RawMessage            `json:"tool,omitempty"`
	Content []json.RawMessage          `json:"content,omitempty"`
}

// wrapped reads what is wrapped. False: it is no such thing.
func wrapped(raw json.RawMessage) (native, bool) {
	var n native
	if len(raw) == 0 || json.Unmarshal(raw, &n) != nil || n.Dialect == "" {
		return native{}, false
	}
	return n, true
}

// kind names what a block or a tool is, for who cannot have it.
func kind(raw json.RawMessage) string {
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
