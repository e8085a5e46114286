package dialect

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestReadStored(t *testing.T) {
	f := func(members string, want Stored) {
		t.Helper()
		got, fault := ReadStored([]byte(`{"model":"m","input":"item_reference"` + members + `}`))
		if fault != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", members, got, fault, want)
		}
	}
	f(``, Stored{})
	f(`,"previous_response_id":null,"conversation":null,"background":false,"prompt":null,"store":null`, Stored{})
	f(`,"previous_response_id":""`, Stored{})
	f(`,"store":false`, Stored{Declined: true})
	f(`,"previous_response_id":"resp_1","background":true`, Stored{Member: "previous_response_id", Previous: "resp_1", Background: true})
	f(`,"background":true`, Stored{Member: "background", Background: true})
	f(`,"conversation":"conv_1"`, Stored{Member: "conversation", Named: "conversation", Unsized: true})
	f(`,"conversation":{"id":"conv_1"}`, Stored{Member: "conversation", Named: "conversation", Unsized: true})
	f(`,"conversation":"conv_1","CONVERSATION":null,"Background":true`, Stored{Member: "conversation", Named: "conversation", Unsized: true})
	f(`,"prompt":{"id":"pmpt_1"},"previous_response_id":"resp_1"`, Stored{Member: "previous_response_id", Previous: "resp_1", Unsized: true})
	for item, want := range map[string]Stored{
		`{"type":"item_reference","id":"msg_1"}`:                  {Member: "input", Named: "input", Unsized: true},
		`{"type":"item\u005freference","id":"msg_1"}`:             {Member: "input", Named: "input", Unsized: true},
		`{"type":"item_reference","TYPE":"message","id":"msg_1"}`: {Member: "input", Named: "input", Unsized: true},
		`{"id":"msg_1"}`:                                            {Member: "input", Named: "input", Unsized: true},
		`{"type":null,"id":"msg_1"}`:                                {Member: "input", Named: "input", Unsized: true},
		`{"id":"msg_1","role":"assistant","content":"hello"}`:       {},
		`{"type":"function_call_output","call_id":"1","output":""}`: {},
	} {
		got, fault := ReadStored([]byte(`{"input":[{"role":"user","content":"hi"},` + item + `]}`))
		if fault != nil || got != want {
			t.Errorf("%s: %+v, %v", item, got, fault)
		}
	}
	for _, bad := range []string{`{"previous_response_id":{}}`, `{"background":"yes"}`, `[]`} {
		if got, fault := ReadStored([]byte(bad)); fault == nil || fault.Status != 400 {
			t.Errorf("%s: %+v, %v", bad, got, fault)
		}
	}
}

func TestWithPrevious(t *testing.T) {
	const body = `{ "input":"previous_response_id", "previous_response_id" : "resp_ours" ,"x":1.0}`
	if got := string(WithPrevious([]byte(body), "resp_theirs")); got != strings.Replace(body, "resp_ours", "resp_theirs", 1) {
		t.Error(got)
	}
}

// ids are those of a test: theirs begin with resp_t, ours with resp_o.
func ids() *ResponseIDs {
	return &ResponseIDs{
		Theirs: "resp_t0", Ours: "resp_o0", Unsaid: true,
		Seal: func(id string, tokens int64) string {
			if tokens > 0 {
				return "resp_o" + id[len("resp_t"):] + "_told"
			}
			return "resp_o" + id[len("resp_t"):]
		},
	}
}

func TestResponseIDs(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		if got := string(ids().Object([]byte(in))); got != want {
			t.Errorf("%s\nis %s\nnot %s", in, got, want)
		}
	}
	f(`{ "id" : "resp_t1","previous_response_id":"resp_t0","output":[{"id":"resp_t1","text":"resp_t1"}],"store":true,"x":1.0}`,
		`{ "id" : "resp_o1","previous_response_id":"resp_o0","output":[{"id":"resp_t1","text":"resp_t1"}],"store":true,"x":1.0}`)
	f(`{"id":"resp_t1","usage":{"input_tokens":3,"output_tokens":4}}`, `{"id":"resp_o1_told","usage":{"input_tokens":3,"output_tokens":4}}`)
	f(`{"id":"resp_t1","previous_response_id":"resp_t9","store":false}`, `{"id":"resp_t1","previous_response_id":"resp_t9","store":false}`)
	f(`{"id":"resp_t1","background":true,"store":false}`, `{"id":"resp_o1","background":true,"store":false}`)
	for _, same := range []string{``, `[]`, `{"object":"list","data":[]}`, `{"id":7}`, `not JSON`} {
		f(same, same)
	}
}

// TestResponseIDsOfAStream: one response has one id in all events, and nothing else is another byte.
func TestResponseIDsOfAStream(t *testing.T) {
	const stream = "event: response.created\r\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_t1\",\"usage\":null}}\r\n\r\n" +
		": ping\n\n" +
		"event: response.output_text.delta\ndata:{\"type\":\"response.output_text.delta\",\"delta\":\"a \\\"response\\\" resp_t1\"}\n\n" +
		"data: {\"response_id\":\"resp_t1\",\"type\":\"x\",\"new\":1.0}\n\ndata: {\"response\":\n\n" +
		"event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"resp_t1\",\"status\":\"completed\",\"usage\":{\"input_tokens\":3,\"output_tokens\":4,\"output_tokens_details\":{\"reasoning_tokens\":2}}}}\n\n"
	i := ids()
	var got []byte
	for at := 0; at < len(stream); { // event by event, as it comes
		end := strings.Index(stream[at:], "\n\n")
		if crlf := strings.Index(stream[at:], "\r\n\r\n"); crlf >= 0 && crlf < end {
			end = crlf + 2
		}
		got = i.Events(got, []byte(stream[at:at+end+2]))
		at += end + 2
	}
	want := strings.NewReplacer(`"id":"resp_t1"`, `"id":"resp_o1"`, `"response_id":"resp_t1"`, `"response_id":"resp_o1"`).Replace(stream)
	if string(got) != want {
		t.Errorf("%s\nnot %s", got, want)
	}
	if s := &i.Seen; s.ID != "resp_t1" || !s.Ended() || s.Finish != "stop" || s.Tokens != 7 || !strings.Contains(string(s.Usage), `"prompt_tokens":3,"completion_tokens":4`) {
		t.Errorf("seen %+v", s)
	}
	if refused := string(i.Refusal([]byte(`{"error":{"message":"no resp_t0"}}`))); refused != `{"error":{"message":"no resp_o0"}}` {
		t.Error(refused)
	}
}

func TestStoredResponseEnds(t *testing.T) {
	for text, want := range map[string]struct {
		ended  bool
		finish string
	}{
		`{"id":"r","status":"queued"}`:      {false, ""},
		`{"id":"r","status":"in_progress"}`: {false, ""},
		`{"id":"r","status":"completed"}`:   {true, "stop"},
		`{"id":"r","status":"incomplete","incomplete_details":{"reason":"max_output_tokens"}}`:             {true, "length"},
		`{"id":"r","status":"incomplete","incomplete_details":{"reason":"content_filter"}}`:                {true, "content_filter"},
		`{"id":"r","status":"failed","error":{"code":"server_error","message":"x"},"usage":null}`:          {true, ""},
		`{"id":"r","status":"cancelled","usage":{"input_tokens":0,"output_tokens":0},"service_tier":null}`: {true, ""},
	} {
		got, ok := ReadStoredResponse([]byte(text))
		if !ok || got.Ended() != want.ended || got.Finish != want.finish || got.Usage != nil {
			t.Errorf("%s: %+v", text, got)
		}
	}
}

// FuzzResponseIDs: whatever a provider sends, what was JSON is JSON, and a stream keeps its lines.
func FuzzResponseIDs(f *testing.F) {
	f.Add([]byte(`{"id":"resp_t1","previous_response_id":"resp_t0","store":true}`))
	f.Add([]byte("data: {\"response\":{\"id\":\"resp_t1\"}}\n\n"))
	f.Add([]byte("data: {\"response\":{\"id\":\"resp_t1\"\r\ndata:}}\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		seal := func(id string, _ int64) string { return "ours" + id }
		if got := (&ResponseIDs{Seal: seal, Unsaid: true}).Object(in); json.Valid(in) && !json.Valid(got) {
			t.Errorf("%q became %q", in, got)
		}
		got := (&ResponseIDs{Seal: seal, Unsaid: true}).Events(nil, in)
		if strings.Count(string(got), "\n") != strings.Count(string(in), "\n") {
			t.Errorf("%q became %q", in, got)
		}
	})
}
