package prompt_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"unicode/utf8"

	"bursar/exchange"
	"bursar/prompt"
)

// seeds are requests with something of everything.
var seeds = []string{
	`{"model":"m","messages":[{"role":"user","content":"hi"}]}`,
	`{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo=","detail":"low"}}]}],"stream":true,"stream_options":{},"max_tokens":5}`,
	`{"model":"m","messages":[{"role":"user","content":"q"},{"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"a","content":"{ \"x\": [ 1 ] }"},{"role":"user","content":"next"}],"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":{"function":{"name":"f"}}}`,
	`{"model":"m","messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"x"}},{"input_audio":{"data":"AAAA"}}]}],"response_format":{"json_schema":{}},"prediction":{"content":"x"},"n":2,"unknown":["x"]}`,
	`{"model":"m","model":"n","messages":[]}`, `{"MODEL":"m"}`, `{"model":"m","messages":[{"role":"us\u0065r","content":null,"signature":"x"}]} `, `{"model":"`,
	`{"stream_options":{"include_usage":false },"stream":true,"max_completion_tokens":null , "max_tokens": 7 ,"messages":[{"role":"function","content":"[ ]"},{"role":"user"}],"model":"\ud83d"}`,
}

func FuzzRead(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := prompt.Read(body)
		if err != nil {
			return
		}
		if !json.Valid(body) || !utf8.Valid(body) {
			t.Fatalf("accepted what is not JSON: %q", body)
		}
		var standard struct { // a reader that ignores case and takes the last of two
			Model    string
			Stream   *bool
			Messages []struct{ Role string }
			User     *string
		}
		if err := json.Unmarshal(body, &standard); err != nil || standard.Model != e.Model() || (standard.Stream != nil && *standard.Stream) != e.Stream() {
			t.Fatalf("%q: Bursar reads model %q, stream %v; the standard library %+v (%v)", body, e.Model(), e.Stream(), standard, err)
		}
		if m := e.Measure(counter(), gpt4o); m.Tokens <= 0 {
			t.Fatalf("%q: %d tokens", body, m.Tokens)
		}
		e.LastUser(nil)
		e.Conversation("x")
		keyOf(e)
	})
}

func FuzzShape(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s), "model", int64(3), int64(20), true)
		f.Add([]byte(s), "", int64(0), int64(0), false)
		f.Add([]byte(s), "", int64(4), int64(0), true)
	}
	f.Fuzz(func(t *testing.T, body []byte, model string, most, limit int64, usage bool) {
		e, err := prompt.Read(body)
		if err != nil || !utf8.ValidString(model) {
			return
		}
		if got := e.Shape(prompt.Shape{}, nil); !bytes.Equal(got, body) {
			t.Fatalf("%q became %q", body, got)
		}
		plan := e.Trim(counter(), gpt4o, exchange.Trim{MaxPromptTokens: limit, MinifyToolResults: usage})
		name := [...]string{"max_tokens", "max_completion_tokens", ""}[uint64(most)%3]
		s := prompt.Shape{Model: model, Cap: max(0, most), CapField: name, IncludeUsage: usage, Plan: plan}
		got := e.Shape(s, nil)
		again, err := prompt.Read(got)
		if err != nil {
			t.Fatalf("%q became %q, which is refused: %v", body, got, err)
		}
		if e.Measure(counter(), gpt4o).Tokens-plan.Removed != again.Measure(counter(), gpt4o).Tokens {
			t.Fatalf("%q became %q: not %d tokens less", body, got, plan.Removed)
		}
		want, have := decode(t, body), decode(t, got)
		expectEdits(want, s)
		delete(want, "messages")
		delete(have, "messages")
		if !reflect.DeepEqual(have, want) {
			t.Fatalf("%+v of %q gave %q", s, body, got)
		}
	})
}
