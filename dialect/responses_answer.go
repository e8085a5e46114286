package dialect

import "encoding/json"

// responsesAnswer carries a whole answer back.
func responsesAnswer(chat []byte, r Reply) ([]byte, error) {
	in, err := readWhole(chat)
	if err != nil {
		return nil, err
	}
	out := newResponse(r)
	out.Model = in.modelOr(r.Model)
	first := &in.Choices[0]
	said := first.said()
	if n := first.Native; n != nil && n.Dialect == responsesName && len(n.Content) > 0 { // it was said in this API
		for _, raw := range n.Content {
			out.Output = append(out.Output, raw)
		}
		out.end(first.FinishReason, in.Usage, in.ServiceTier)
		return encode(nil, out), nil
	}
	items := responseItems{id: r.ID}
	if thoughts := sealing(said); thoughts != nil || said.reasoning() != "" {
		item := items.reasoning()
		item.finish(said.reasoning(), thoughts)
		item.Status = "completed"
		out.Output = append(out.Output, item)
	}
	if text, refusal := said.text(), said.Refusal; text != "" || refusal != "" || len(said.ToolCalls) == 0 {
		item := items.message()
		if text != "" || refusal == "" {
			part := newText(text)
			part.Annotations = responsesAnnotations(said.annotations(), 0)
			if first.LogProbs != nil && first.LogProbs.Content != nil {
				part.LogProbs = first.LogProbs.Content
			}
			item.Content = append(item.Content, part)
		}
		if refusal != "" {
			item.Content = append(item.Content, outputRefusal{"refusal", refusal})
		}
		item.Status = statusOf(first.FinishReason)
		out.Output = append(out.Output, item)
	}
	for _, call := range said.ToolCalls {
		item := items.call(call.ID, call.Function.Name)
		item.Arguments, item.Status = call.Function.Arguments, statusOf(first.FinishReason)
		out.Output = append(out.Output, item)
	}
	out.end(first.FinishReason, in.Usage, in.ServiceTier)
	return encode(nil, out), nil
}

// sealing is what must come back of a message's thoughts, nil if nothing must.
func sealing(m *hubSay) *sealed {
	s := &sealed{ThinkingBlocks: m.ThinkingBlocks, Extra: given(m.Extra)}
	if len(s.ThinkingBlocks) == 0 {
		s.Reasoning = m.reasoning()
	}
	for _, call := range m.ToolCalls {
		s.sealCall(call.ID, call.Extra)
	}
	if s.Reasoning == "" && len(s.ThinkingBlocks) == 0 && s.Extra == nil && s.Calls == nil {
		return nil
	}
	return s
}

// sealCall adds what came with a tool call.
func (s *sealed) sealCall(id string, extra json.RawMessage) {
	if extra = given(extra); extra == nil {
		return
	}
	if s.Calls == nil {
		s.Calls = map[string]json.RawMessage{}
	}
	s.Calls[id] = extra
}

// statusOf is the status of an item that an answer with this finish_reason ends with.
func statusOf(finish string) string {
	if finish == "length" || finish == "content_filter" {
		return "incomplete"
	}
	return "completed"
}

// responseItems makes the items of one output, with ids of their own.
type responseItems struct {
	id   string // of the request
	made int
}

func (m *responseItems) next(kind string) string {
	id := responsesID(kind, m.id) + "_" + decimal(m.made)
	m.made++
	return id
}

func (m *responseItems) reasoning() *reasoningItem {
	return &reasoningItem{ID: m.next("rs"), Type: "reasoning", Summary: []summaryText{}}
}

func (m *responseItems) message() *messageItem {
	return &messageItem{ID: m.next("msg"), Type: "message", Status: "in_progress", Role: "assistant", Content: []any{}}
}

func (m *responseItems) call(id, name string) *callItem {
	item := &callItem{ID: m.next("fc"), Type: "function_call", Status: "in_progress", CallID: id, Name: name}
	if id == "" { // a vendor that has none; a result must name its call all the same
		item.CallID = item.ID
	}
	return item
}

func newText(text string) outputText {
	return outputText{Type: "output_text", Text: text, Annotations: []any{}, LogProbs: []json.RawMessage{}}
}

// finish completes a reasoning item.
func (i *reasoningItem) finish(summary string, thoughts *sealed) {
	if summary != "" {
		i.Summary = []summaryText{{"summary_text", summary}}
	}
	if thoughts != nil {
		i.Sealed = thoughts.seal()
	}
}
