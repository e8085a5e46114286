package dialect

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"bursar/exchange"
)

// Plain makes a chat completion that was carried over from another API one that servers of the openai dialect take: without the members that
// only our own dialects know. Of those, hints of caching are left out silently; earlier thinking that another model cannot read, and the mark of
// a failed tool, are named but never refused; what the client's own API alone can do is lost, as of any target.
func Plain(body []byte, o Options) ([]byte, []string, *exchange.Fault) {
	p := plain{losses: losses{dialect: "openai", drop: o.Drop}, reasons: o.Reasoning}
	if err := json.Unmarshal(body, &p.members); err != nil {
		return nil, nil, malformed("body", "a chat completion: "+err.Error())
	}
	if err := json.Unmarshal(p.members["messages"], &p.in); err != nil {
		return nil, nil, malformed("messages", "an array of messages: "+err.Error())
	}
	for i, m := range p.in {
		p.message(m, i)
	}
	p.showPictures()
	p.tools()
	p.rest()
	if fault := p.losses.fault(); fault != nil {
		return nil, nil, fault
	}
	p.members["messages"] = encode(nil, p.out)
	return encode(nil, p.members), p.losses.dropped(), nil
}

type members = map[string]json.RawMessage

// plain is one request under way.
type plain struct {
	members  members
	in, out  []members
	pictures []any // of the tool messages that went before
	reasons  bool  // earlier reasoning stays
	losses   losses
}

// message takes one message over. What a tool has shown in pictures follows the tools' messages, which hold text alone, as the user's.
func (p *plain) message(m members, i int) {
	at := fmt.Sprintf("messages[%d]", i)
	role := text(m["role"])
	if role != "tool" {
		p.showPictures()
	}
	for _, name := range []string{"thinking_blocks", "reasoning_content", "is_error", "images", "extra_content"} {
		if _, has := m[name]; has && !(name == "reasoning_content" && p.reasons) {
			p.losses.note(name)
			delete(m, name)
		}
	}
	delete(m, "cache_control")
	p.beside(m, at, role == "assistant")
	var calls []members
	if json.Unmarshal(m["tool_calls"], &calls) == nil && len(calls) > 0 {
		for k, call := range calls {
			delete(call, "cache_control")
			p.beside(call, fmt.Sprintf("%s.tool_calls[%d]", at, k), true)
			if _, has := call["extra_content"]; has {
				p.losses.note("thought_signature")
				delete(call, "extra_content")
			}
		}
		m["tool_calls"] = encode(nil, calls)
	}
	var parts []members
	if json.Unmarshal(m["content"], &parts) == nil && parts != nil {
		m["content"] = encode(nil, p.parts(parts, role, at))
	}
	if role == "assistant" && i == len(p.in)-1 {
		p.losses.lose(at + ".prefill") // an answer to go on with
	}
	p.out = append(p.out, m)
}

func (p *plain) parts(parts []members, role, at string) any {
	var kept []any
	for k, part := range parts {
		delete(part, "cache_control")
		p.beside(part, fmt.Sprintf("%s.content[%d]", at, k), role == "assistant")
		switch kind := text(part["type"]); {
		case kind == nativeType:
			p.losses.lose(fmt.Sprintf("%s.content[%d].%s", at, k, kindOf(part["block"])))
		case kind == "thinking" || kind == "redacted_thinking":
			p.losses.note("thinking_blocks")
		case kind == "file":
			var file chatFile
			if json.Unmarshal(part["file"], &file) == nil {
				if file.Name == "" {
					file.Name = unnamedFile
				}
				if file.URL != "" {
					p.losses.lose(fmt.Sprintf("%s.content[%d].file_url", at, k))
					continue
				}
				part["file"] = encode(nil, file)
			}
			fallthrough
		case kind == "image_url":
			if role == "tool" {
				p.pictures = append(p.pictures, part)
			} else {
				kept = append(kept, part)
			}
		default:
			kept = append(kept, part)
		}
	}
	if len(kept) == 0 {
		return ""
	}
	return kept
}

// beside takes what was wrapped beside the members of an object out of it.
func (p *plain) beside(of members, at string, answered bool) {
	var n *native
	if raw, has := of["native"]; has && json.Unmarshal(raw, &n) == nil {
		p.losses.beside(n, at, answered)
		delete(of, "native")
	}
}

// showPictures adds a message with what tools have shown.
func (p *plain) showPictures() {
	if len(p.pictures) == 0 {
		return
	}
	parts := append([]any{textPart("What the tools above have shown:", nil)}, p.pictures...)
	p.out = append(p.out, members{"role": json.RawMessage(`"user"`), "content": encode(nil, parts)})
	p.pictures = nil
}

func (p *plain) tools() {
	var tools []members
	if json.Unmarshal(p.members["tools"], &tools) != nil || len(tools) == 0 {
		return
	}
	kept := tools[:0]
	for i, tool := range tools {
		if text(tool["type"]) == nativeType {
			p.losses.lose(fmt.Sprintf("tools[%d].%s", i, kindOf(tool["tool"])))
			continue
		}
		delete(tool, "cache_control")
		p.beside(tool, fmt.Sprintf("tools[%d]", i), false)
		kept = append(kept, tool)
	}
	if p.members["tools"] = encode(nil, kept); len(kept) == 0 { // a choice among none is refused
		delete(p.members, "tools")
		delete(p.members, "tool_choice")
		delete(p.members, "parallel_tool_calls")
	}
}

// longestUser is what OpenAI takes as the name of a user.
const longestUser = 64

func (p *plain) rest() {
	var n native
	if json.Unmarshal(nullOr(p.members["native"]), &n) == nil {
		p.losses.loseNative(&n)
	}
	delete(p.members, "native")
	if user := text(p.members["user"]); len(user) > longestUser { // another name, but always the same
		sum := sha256.Sum256([]byte(user))
		p.members["user"] = encode(nil, hex.EncodeToString(sum[:]))
	}
}

// text is a member that is a string, "" if it is none.
func text(raw json.RawMessage) string {
	var s string
	_ = json.Unmarshal(nullOr(raw), &s)
	return s
}
