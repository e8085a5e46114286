package dialect

import (
	"bytes"
	"encoding/json"

	"bursar/exchange"
)

// Stored is what a request of the Responses API says of what its provider stores.
type Stored struct {
	Member     string // that refers to what is stored, or wants to be: previous_response_id, conversation, prompt, input or background; "" if none does
	Previous   string // the id of the response that it goes on from
	Background bool   // it is answered at once, and worked on later
	Unsized    bool   // it refers to something whose size an id does not tell: a conversation, a prompt, an item
	Named      string // the member that names a conversation or an item by its provider's own id, which nobody here can tell whose it is; "" if none does
	Declined   bool   // store is false
}

// ReadStored finds what a request says of what is stored. A null, and what is empty or false, says nothing.
func ReadStored(body []byte) (s Stored, fault *exchange.Fault) {
	var in map[string]json.RawMessage // and no struct: to one of those "CONVERSATION" is "conversation", to a provider it is not
	if err := json.Unmarshal(body, &in); err != nil {
		return s, malformed("body", "a JSON object"+why(err))
	}
	s.Declined = string(in["store"]) == "false"
	if says(in["background"]) {
		if json.Unmarshal(in["background"], &s.Background) != nil {
			return s, malformed("background", "true or false")
		}
		s.Member = "background"
	}
	if refersToItems(in["input"]) {
		s.Member, s.Named, s.Unsized = "input", "input", true
	}
	if says(in["prompt"]) {
		s.Member, s.Unsized = "prompt", true
	}
	if says(in["conversation"]) {
		s.Member, s.Named, s.Unsized = "conversation", "conversation", true
	}
	if says(in["previous_response_id"]) {
		if json.Unmarshal(in["previous_response_id"], &s.Previous) != nil {
			return s, malformed("previous_response_id", "the id of a response")
		}
		s.Member = "previous_response_id"
	}
	return s, nil
}

// says tells whether a member says anything.
func says(value json.RawMessage) bool {
	switch string(given(value)) {
	case "", "false", `""`:
		return false
	}
	return true
}

// refersToItems tells whether an input has references to items in place of items. Their type may be left out, which no other kind but messages does.
func refersToItems(input json.RawMessage) bool {
	if input = bytes.TrimSpace(input); len(input) == 0 || input[0] != '[' {
		return false
	}
	var items []map[string]json.RawMessage
	if json.Unmarshal(input, &items) != nil {
		return false // the provider will say what is wrong with it
	}
	for _, item := range items {
		var kind string
		if raw := given(item["type"]); raw != nil && json.Unmarshal(raw, &kind) != nil {
			continue
		}
		if kind == "item_reference" || kind == "" && given(item["role"]) == nil && given(item["id"]) != nil {
			return true
		}
	}
	return false
}

// WithPrevious is a request that goes on from a response of another id; every other byte is its own.
func WithPrevious(body []byte, id string) []byte {
	out, ok := spliced(body, func(name string, _ json.RawMessage) []byte {
		if name == "previous_response_id" {
			return encode(nil, id)
		}
		return nil
	})
	if !ok {
		return body
	}
	return out
}

// ResponseIDs puts other ids into the answers of a provider of the Responses API. It serves one answer, whole or streamed.
type ResponseIDs struct {
	Theirs, Ours string // the response that it goes on from, as the provider and as the client calls it; "" if there is none

	// Seal makes the id that the client gets for a stored response, from the provider's and from the tokens that the response has used, 0 if it does
	// not tell. "" leaves the provider's own.
	Seal func(id string, tokens int64) string

	// Earlier makes the id of any other response that one goes on from; "" leaves the provider's own. Nil leaves them all.
	Earlier func(id string) string

	// Unsaid is whether a response is stored that says nothing of it.
	Unsaid bool

	Seen   StoredResponse // the response as it was last told
	sealed string         // its id as the client gets it; "" if it keeps its own
}

// StoredResponse is what of a response is of use to who keeps the books of it.
type StoredResponse struct {
	ID     string
	Status string // queued, in_progress, completed, incomplete, failed or cancelled
	Finish string // why it ended, in the words of a chat completion; "" while it has not
	Usage  []byte // as a chat completion has it; nil if it tells none
	Tokens int64  // in and out, 0 if it tells none
	Tier   []byte // that served it, as JSON
}

// Ended tells whether nothing more comes of the response.
func (r *StoredResponse) Ended() bool {
	switch r.Status {
	case "", "queued", "in_progress":
		return false
	}
	return true
}

// ReadStoredResponse reads a response. False: it is none.
func ReadStoredResponse(body []byte) (r StoredResponse, ok bool) {
	_, r, ok = readResponse(body)
	return r, ok
}

func readResponse(body []byte) (stored *bool, r StoredResponse, ok bool) {
	var in struct {
		ID         string          `json:"id"`
		Status     string          `json:"status"`
		Store      *bool           `json:"store"`
		Background bool            `json:"background"`
		Incomplete *incomplete     `json:"incomplete_details"`
		Usage      *responseUsage  `json:"usage"`
		Tier       json.RawMessage `json:"service_tier"`
	}
	if json.Unmarshal(body, &in) != nil || in.ID == "" {
		return nil, r, false
	}
	r = StoredResponse{ID: in.ID, Status: in.Status, Tier: given(in.Tier)}
	switch {
	case in.Status == "completed":
		r.Finish = "stop"
	case in.Incomplete != nil && in.Incomplete.Reason == "content_filter":
		r.Finish = "content_filter"
	case in.Status == "incomplete":
		r.Finish = "length"
	}
	if u := in.Usage; u != nil && u.Input+u.Output > 0 {
		var hub hubUsage
		hub.Prompt, hub.Completion, hub.Total = u.Input, u.Output, u.Input+u.Output
		hub.Details.Cached, hub.Details.Written, hub.Answer.Reasoning = u.InputDetails.Cached, u.InputDetails.Written, u.OutputDetails.Reasoning
		r.Usage, r.Tokens = encode(nil, &hub), hub.Total
	}
	if in.Background { // it is kept for as long as it is worked on, at least, whatever store says
		in.Store = &in.Background
	}
	return in.Store, r, true
}

// Object is a response with the client's ids, else as it was.
func (i *ResponseIDs) Object(body []byte) []byte {
	stored, seen, ok := readResponse(body)
	if !ok {
		return body
	}
	if i.Seen.ID != seen.ID {
		i.sealed = ""
		if keeps := stored == nil && i.Unsaid || stored != nil && *stored; keeps {
			i.sealed = i.Seal(seen.ID, seen.Tokens)
		}
	}
	i.Seen = seen
	out, ok := spliced(body, func(name string, value json.RawMessage) []byte {
		var id string
		switch {
		case name != "id" && name != "previous_response_id" || json.Unmarshal(value, &id) != nil:
		case name == "id" && i.sealed != "":
			return encode(nil, i.sealed)
		case name == "previous_response_id" && id != "" && id == i.Theirs:
			return encode(nil, i.Ours)
		case name == "previous_response_id" && id != "" && i.Earlier != nil:
			if other := i.Earlier(id); other != "" {
				return encode(nil, other)
			}
		}
		return nil
	})
	if !ok {
		return body
	}
	return out
}

// Events appends whole events of a stream with the client's ids.
func (i *ResponseIDs) Events(dst, events []byte) []byte {
	for line := range bytes.Lines(events) {
		data, ok := bytes.CutPrefix(line, []byte("data:"))
		if !ok || !bytes.Contains(data, []byte(`"response"`)) && !bytes.Contains(data, []byte(`"response_id"`)) {
			dst = append(dst, line...)
			continue
		}
		text := bytes.TrimRight(data, "\r\n")
		end := data[len(text):]
		if other, ok := spliced(text, i.member); ok {
			text = other
		}
		dst = append(append(append(dst, "data:"...), text...), end...)
	}
	return dst
}

// member edits a member of an event.
func (i *ResponseIDs) member(name string, value json.RawMessage) []byte {
	switch name {
	case "response":
		return i.Object(value)
	case "response_id":
		if i.sealed != "" && string(value) == string(encode(nil, i.Seen.ID)) {
			return encode(nil, i.sealed)
		}
	}
	return nil
}

// Refusal is a provider's refusal in which the response that was gone on from goes by the client's id.
func (i *ResponseIDs) Refusal(body []byte) []byte {
	if i.Theirs == "" {
		return body
	}
	return bytes.ReplaceAll(body, []byte(i.Theirs), []byte(i.Ours))
}
