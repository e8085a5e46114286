package main

import (
	"encoding/json"
	"io"
	"net/http"
)

// thought is what the thinker thinks before it calls a tool. Anthropic refuses one whose text or signature is not what it was.
const thought = `{"type":"thinking","thinking":"Oslo, then.","signature":"c2lnbmVkIGJ5IG5vIG9uZQ+/=="}`

// thinker answers as Anthropic's Messages API does, in bytes that we wrote: with a call of a tool, then with a text, which is another one if the
// thought has not come back.
func thinker(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Messages []struct {
			Content json.RawMessage `json:"content"`
		} `json:"messages"`
	}
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, &asked)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	type block struct{ Type, Thinking, Signature string }
	var ours block
	var blocks []block
	if n := len(asked.Messages); n >= 3 {
		_ = json.Unmarshal(asked.Messages[n-2].Content, &blocks) // a string holds no thought
	}
	_ = json.Unmarshal([]byte(thought), &ours)
	text := "Rain, I think."
	switch {
	case len(asked.Messages) < 3:
		_, _ = io.WriteString(w, `{"id":"msg_1","type":"message","role":"assistant","model":"thinker","content":[`+thought+
			`,{"type":"tool_use","id":"toolu_1","name":"get_weather","input":{"city":"Oslo","days":9}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":40,"output_tokens":30}}`)
		return
	case len(blocks) > 0 && blocks[0] == ours:
		text = "Nine days of rain."
	case len(blocks) > 0 && blocks[0].Type == ours.Type:
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"type":"error","error":{"type":"invalid_request_error","message":"messages.1.content.0: the thought must come back as it was"}}`)
		return
	}
	_, _ = io.WriteString(w, `{"id":"msg_2","type":"message","role":"assistant","model":"thinker","content":[{"type":"text","text":"`+text+
		`"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":90,"output_tokens":6}}`)
}
