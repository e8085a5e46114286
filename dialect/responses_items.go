package dialect

import "encoding/json"

// The events of a part of an item. Those of a summary count its parts apart.
type (
	partEvent struct {
		event
		Item    string            `json:"item_id"`
		At      int               `json:"output_index"`
		Content int               `json:"content_index"`
		Part    any               `json:"part,omitempty"`
		Delta   *string           `json:"delta,omitempty"`
		Text    *string           `json:"text,omitempty"`
		Refusal *string           `json:"refusal,omitempty"`
		Logs    []json.RawMessage `json:"logprobs,omitzero"`
		Which   *int              `json:"annotation_index,omitempty"`
		Note    any               `json:"annotation,omitempty"`
	}
	summaryEvent struct {
		event
		Item    string       `json:"item_id"`
		At      int          `json:"output_index"`
		Summary int          `json:"summary_index"`
		Part    *summaryText `json:"part,omitempty"`
		Delta   *string      `json:"delta,omitempty"`
		Text    *string      `json:"text,omitempty"`
	}
	callEvent struct {
		event
		Item  string  `json:"item_id"`
		At    int     `json:"output_index"`
		Delta *string `json:"delta,omitempty"`
		Args  *string `json:"arguments,omitempty"`
		Name  string  `json:"name,omitempty"`
	}
)

// think adds to the thought under way. What must come back of it is sealed when it ends.
func (s *responsesStream) think(dst []byte, d *hubSay, thought string) []byte {
	dst = s.endMessage(dst, "completed")
	t := s.openThought(&dst)
	if thought != "" {
		if t.text == "" {
			dst = s.send(dst, "response.reasoning_summary_part.added", &summaryEvent{Item: t.item.ID, At: t.at, Part: &summaryText{"summary_text", ""}})
		}
		t.text += thought
		dst = s.send(dst, "response.reasoning_summary_text.delta", &summaryEvent{Item: t.item.ID, At: t.at, Delta: &thought})
	}
	t.keep.ThinkingBlocks = append(t.keep.ThinkingBlocks, d.ThinkingBlocks...)
	if extra := given(d.Extra); extra != nil {
		t.keep.Extra = extra
	}
	return dst
}

func (s *responsesStream) openThought(dst *[]byte) *openThought {
	if s.thought == nil {
		s.thought = &openThought{item: s.items.reasoning()}
		s.thought.item.Status = "in_progress"
		*dst, s.thought.at = s.open(*dst, s.thought.item)
	}
	return s.thought
}

func (s *responsesStream) endThought(dst []byte) []byte {
	t := s.thought
	if t == nil {
		return dst
	}
	s.thought = nil
	if t.text != "" {
		dst = s.send(dst, "response.reasoning_summary_text.done", &summaryEvent{Item: t.item.ID, At: t.at, Text: &t.text})
		dst = s.send(dst, "response.reasoning_summary_part.done", &summaryEvent{Item: t.item.ID, At: t.at, Part: &summaryText{"summary_text", t.text}})
	}
	if len(t.keep.ThinkingBlocks) == 0 {
		t.keep.Reasoning = t.text
	}
	t.item.Status = "completed"
	t.item.finish(t.text, &t.keep)
	return s.item(dst, "response.output_item.done", t.at, t.item)
}

// say adds to the message's part of this kind; another part ends before it.
func (s *responsesStream) say(dst []byte, kind, text string, logs []json.RawMessage) []byte {
	dst = s.endThought(dst)
	m := s.message
	if m == nil {
		m = &openMessage{item: s.items.message()}
		s.message = m
		dst, m.at = s.open(dst, m.item)
	}
	if m.kind != kind {
		dst = s.endPart(dst, m)
		m.kind = kind
		dst = s.send(dst, "response.content_part.added", m.event(partEvent{Part: m.part()}))
	}
	if kind == "refusal" {
		m.refusal += text
		return s.send(dst, "response.refusal.delta", m.event(partEvent{Delta: &text}))
	}
	m.text += text
	s.length += characters(text)
	m.logs = append(m.logs, logs...)
	if logs == nil {
		logs = []json.RawMessage{}
	}
	return s.send(dst, "response.output_text.delta", m.event(partEvent{Delta: &text, Logs: logs}))
}

// annotate tells where the text under way is from. Of one that has ended it can be told no more.
func (s *responsesStream) annotate(dst []byte, all []annotation) []byte {
	m := s.message
	if m == nil || m.kind != "output_text" {
		return dst
	}
	for _, note := range responsesAnnotations(all, s.length-characters(m.text)) {
		which := len(m.notes)
		m.notes = append(m.notes, note)
		dst = s.send(dst, "response.output_text.annotation.added", m.event(partEvent{Which: &which, Note: note}))
	}
	return dst
}

// event places an event at the part under way.
func (m *openMessage) event(e partEvent) *partEvent {
	e.Item, e.At, e.Content = m.item.ID, m.at, len(m.item.Content)
	return &e
}

// part is the part under way as it stands.
func (m *openMessage) part() any {
	if m.kind == "refusal" {
		return outputRefusal{"refusal", m.refusal}
	}
	text := newText(m.text)
	text.LogProbs = append(text.LogProbs, m.logs...)
	text.Annotations = append(text.Annotations, m.notes...)
	return text
}

func (s *responsesStream) endPart(dst []byte, m *openMessage) []byte {
	part := m.part()
	switch m.kind {
	case "":
		return dst
	case "refusal":
		dst = s.send(dst, "response.refusal.done", m.event(partEvent{Refusal: &m.refusal}))
	default:
		dst = s.send(dst, "response.output_text.done", m.event(partEvent{Text: &m.text, Logs: part.(outputText).LogProbs}))
	}
	dst = s.send(dst, "response.content_part.done", m.event(partEvent{Part: part}))
	m.item.Content = append(m.item.Content, part)
	m.kind, m.text, m.refusal, m.logs, m.notes = "", "", "", nil, nil
	return dst
}

func (s *responsesStream) endMessage(dst []byte, status string) []byte {
	m := s.message
	if m == nil {
		return dst
	}
	dst = s.endPart(dst, m)
	s.message, m.item.Status = nil, status
	return s.item(dst, "response.output_item.done", m.at, m.item)
}

// call adds to a tool call; one of an index that is new begins. What came with it, to come back, is sealed in a thought before it.
func (s *responsesStream) call(dst []byte, c *hubCalled) []byte {
	var open *openCall
	for _, o := range s.calls {
		if o.index == c.Index {
			open = o
		}
	}
	if open == nil {
		if given(c.Extra) != nil {
			dst = s.endMessage(dst, "completed")
			s.openThought(&dst).keep.sealCall(c.ID, c.Extra)
		}
		dst = s.endMessage(s.endThought(dst), "completed")
		open = &openCall{index: c.Index, item: s.items.call(c.ID, c.Function.Name)}
		dst, open.at = s.open(dst, open.item)
		s.calls = append(s.calls, open)
	}
	if c.Function.Arguments == "" {
		return dst
	}
	open.item.Arguments += c.Function.Arguments
	return s.send(dst, "response.function_call_arguments.delta", &callEvent{Item: open.item.ID, At: open.at, Delta: &c.Function.Arguments})
}

func (s *responsesStream) endCall(dst []byte, c *openCall) []byte {
	dst = s.send(dst, "response.function_call_arguments.done", &callEvent{Item: c.item.ID, At: c.at, Args: &c.item.Arguments, Name: c.item.Name})
	c.item.Status = statusOf(s.finish)
	return s.item(dst, "response.output_item.done", c.at, c.item)
}
