package dialect

import (
	"encoding/json"
	"fmt"
	"strings"
)

// upstreamItem is an item of an output; its type says which of the members it has.
type upstreamItem struct {
	Type    string          `json:"type"`
	ID      string          `json:"id"`
	Content json.RawMessage `json:"content"`
	Summary []summaryText   `json:"summary"`
	Sealed  string          `json:"encrypted_content"`
	CallID  string          `json:"call_id"`
	Name    string          `json:"name"`
	Args    string          `json:"arguments"`

	Namespace string          `json:"namespace"`
	Caller    json.RawMessage `json:"caller"`

	raw json.RawMessage
}

// upstreamPart is a part of a message, or of a thought that is told in full.
type upstreamPart struct {
	Type        string            `json:"type"`
	Text        string            `json:"text"`
	Refusal     string            `json:"refusal"`
	Annotations []json.RawMessage `json:"annotations"`
	LogProbs    []logprob         `json:"logprobs"`
}

func readItem(raw json.RawMessage) (*upstreamItem, error) {
	item := &upstreamItem{raw: raw}
	if err := loosely(raw, item); err != nil || len(raw) == 0 || raw[0] != '{' {
		return nil, fmt.Errorf("an item of its output is no object")
	}
	return item, nil
}

func (i *upstreamItem) parts() (all []upstreamPart) {
	_ = loosely(nullOr(i.Content), &all) // of another form there are none
	return all
}

// foreign tells whether a chat completion has no words for an item: what a provider's own tools have done, and calls of tools that are no functions.
func (i *upstreamItem) foreign() bool {
	switch i.Type {
	case "message", "reasoning":
		return false
	case "function_call":
		return i.Namespace != "" || len(given(i.Caller)) > 0 && kindOf(i.Caller) != "direct"
	}
	return true
}

// thought is the text of a reasoning item: its summary, or where a model shows all of its thoughts, those.
func (i *upstreamItem) thought() string {
	var texts []string
	for _, s := range i.Summary {
		texts = append(texts, s.Text)
	}
	if len(texts) == 0 {
		for _, p := range i.parts() {
			texts = append(texts, p.Text)
		}
	}
	return strings.Join(texts, thoughtGap)
}

// thoughtGap is between the parts of a summary, whole or streamed.
const thoughtGap = "\n\n"

// block is the thinking block that carries a reasoning item through a chat completion, and comes back with the next request; nil of an item that no
// model could read. It is one of Anthropic's kinds, which clients of all APIs keep byte for byte: its signature holds the whole item.
func (i *upstreamItem) block() json.RawMessage {
	if i.Sealed == "" {
		return nil
	}
	seal := *(&sealed{Item: i.raw}).seal()
	if text := i.thought(); text != "" {
		return encode(nil, struct {
			Type      string `json:"type"`
			Thinking  string `json:"thinking"`
			Signature string `json:"signature"`
		}{"thinking", text, seal})
	}
	return encode(nil, map[string]string{"type": "redacted_thinking", "data": seal})
}

// itemWithin is the reasoning item that a thinking block carries; nil if it carries none.
func itemWithin(block json.RawMessage) json.RawMessage {
	var b struct {
		Signature string `json:"signature"`
		Data      string `json:"data"`
	}
	_ = loosely(block, &b)
	if s, ours := unseal(b.Signature + b.Data); ours && len(s.Item) > 0 {
		return s.Item
	}
	return nil
}

// withoutItems takes the thinking that models of the Responses API have done out of a request for another target, which could not read it.
func (l *losses) withoutItems(r *chatRequest) {
	for i := range r.Messages {
		m := &r.Messages[i]
		var kept []json.RawMessage
		for _, block := range m.ThinkingBlocks {
			if itemWithin(block) == nil {
				kept = append(kept, block)
			} else {
				l.note("thinking_blocks")
			}
		}
		m.ThinkingBlocks = kept
	}
}

// responsesUpstreamAnswer carries a whole answer back.
func responsesUpstreamAnswer(body []byte, made Made) ([]byte, error) {
	var in upstreamResponse
	if err := loosely(body, &in); err != nil {
		return nil, fmt.Errorf("it answered 200 with malformed JSON: %w", err)
	}
	if err := in.failure(); err != nil {
		return nil, err
	}
	answer := &message{Role: "assistant"}
	said := choice{Message: answer}
	for _, raw := range in.Output {
		item, err := readItem(raw)
		if err != nil {
			return nil, fmt.Errorf("it answered 200: %w", err)
		}
		if said.takes(item) {
			said.Native = &native{Dialect: responsesName, Content: in.Output}
		}
	}
	said.FinishReason = in.finish(len(answer.ToolCalls) > 0)
	out := completion{ID: in.ID, Object: "chat.completion", Created: made.Created, Model: in.Model, Choices: []choice{said}, ServiceTier: in.Tier}
	if in.Usage != nil {
		out.Usage = in.Usage.chat()
	}
	return encode(nil, &out), nil
}

// takes adds an item to the message of a choice, and tells whether the item says more than a chat completion can.
func (c *choice) takes(item *upstreamItem) (foreign bool) {
	m := c.Message
	switch {
	case item.foreign():
		return true
	case item.Type == "reasoning":
		if thought := item.thought(); thought != "" {
			m.Reasoning = joinedBy(m.Reasoning, thought)
		}
		if block := item.block(); block != nil {
			m.ThinkingBlocks = append(m.ThinkingBlocks, block)
		}
		return false
	case item.Type == "function_call":
		m.ToolCalls = append(m.ToolCalls, toolCall{ID: item.CallID, Type: "function", Function: toolFunction{item.Name, item.Args}})
		return false
	}
	for _, p := range item.parts() {
		switch p.Type {
		case "output_text":
			begun := 0
			if m.Content == nil {
				m.Content = new(string)
			} else {
				begun = characters(*m.Content)
			}
			*m.Content += p.Text
			notes, more := upstreamAnnotations(p.Annotations, begun)
			m.Annotations, foreign = append(m.Annotations, notes...), foreign || more
			if len(p.LogProbs) > 0 {
				if c.LogProbs == nil {
					c.LogProbs = new(logprobs)
				}
				c.LogProbs.Content = append(c.LogProbs.Content, p.LogProbs...)
			}
		case "refusal":
			if m.Refusal == nil {
				m.Refusal = new(string)
			}
			*m.Refusal += p.Refusal
		default:
			foreign = true
		}
	}
	return foreign
}

// joinedBy puts thoughts together that were told apart.
func joinedBy(a, b string) string {
	if a == "" {
		return b
	}
	return a + thoughtGap + b
}

// upstreamAnnotations are those of a text that begins so many characters into the answer; more says that there are some which lead to no address.
func upstreamAnnotations(raw []json.RawMessage, begun int) (all []annotation, more bool) {
	for _, one := range raw {
		var a urlAnnotation
		if loosely(one, &a) != nil || a.Type != "url_citation" {
			more = true
			continue
		}
		a.Start, a.End = a.Start+begun, a.End+begun
		all = append(all, annotation{a.Type, a.urlCitation})
	}
	return all, more
}
