package prompt_test

import (
	"errors"
	"strings"
	"testing"

	"bursar/exchange"
	"bursar/prompt"
)

func mustRead(t testing.TB, body string) *prompt.Envelope {
	t.Helper()
	e, err := prompt.Read([]byte(body))
	if err != nil {
		t.Fatalf("refused: %v\n%.300s", err, body)
	}
	return e
}

func TestReadFindsWhatItIsAskedFor(t *testing.T) {
	e := mustRead(t, `{"model":"gpt\u002d4o","stream":true,"stream_options":{"include_usage":true},"max_tokens":50,"max_completion_tokens":40,
		"n":3,"user":"ann\t","tools":[{"type":"function","function":{"name":"f"}}],"unknown":{"x":[1,2]},
		"messages":[{"role":"user","content":[{"type":"text","text":"one\u00e9"},{"type":"image_url","image_url":{"url":"https://x/y.png"}},{"type":"text","text":"two"}]},
		{"role":"assistant","content":null,"tool_calls":[]}]}`)
	if e.Model() != "gpt-4o" || !e.Stream() || !e.IncludeUsage() || e.MaxOutput() != 40 || e.N() != 3 || e.User() != "ann\t" || !e.HasTools() || e.Opaque() {
		t.Errorf("read %q %v %v %d %d %q %v %v", e.Model(), e.Stream(), e.IncludeUsage(), e.MaxOutput(), e.N(), e.User(), e.HasTools(), e.Opaque())
	}
	if got := string(e.LastUser([]byte("> "))); got != "> oneé\ntwo" {
		t.Errorf("last user %q", got)
	}

	e = mustRead(t, `{"messages":[{"role":"system","content":"s"}],"model":"m","stream":null,"stream_options":null,"max_tokens":null,"n":null,"tools":null,"user":null}`)
	if e.Stream() || e.IncludeUsage() || e.MaxOutput() != 0 || e.N() != 1 || e.User() != "" || e.HasTools() || len(e.LastUser(nil)) != 0 {
		t.Errorf("null is not as good as absent")
	}
}

func TestReadAccepts(t *testing.T) {
	f := func(body string) { t.Helper(); mustRead(t, body) }
	f(" \n{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"\"}]}\r\n\t")
	f(`{"model":"m","messages":[{"role":"user"}],"temperature":1E+2,"seed":12345678901234567890,"Custom":1,"x\u0079":2}`)
	f(`{"model":"m","messages":[{"role":"assistant","content":null,"refusal":null,"reasoning_content":"hm","function_call":null,"tool_calls":null}]}`)
	f(`{"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"a","type":"custom","custom":{"name":"f","input":"x"}},7]}]}`)
	f(`{"model":"m","messages":[{"role":"user","content":["bare",{"type":"video","video":{"a":[{}]}},{"type":"image_url","image_url":"data:,"},{"type":"file","file":{"file_id":"f"}}]}]}`)
	f(`{"model":"m","messages":[{"role":"ipython","content":"x"}],"tools":[],"functions":[],"stream":false,"n":128,"max_tokens":1}`)
}

func TestReadRefuses(t *testing.T) {
	f := func(body, code, param, text string) {
		t.Helper()
		e, err := prompt.Read([]byte(body))
		var fault *exchange.Fault
		if !errors.As(err, &fault) {
			t.Errorf("%.100s: not refused", body)
			return
		}
		if e != nil || fault.Status != 400 || fault.Type != "invalid_request_error" || fault.Reason != exchange.ReasonBadRequest {
			t.Errorf("%.100s: fault %+v", body, fault)
		}
		if fault.Code != code || fault.Param != param || !strings.Contains(fault.Error(), text) {
			t.Errorf("%.100s: got %s at %q: %s\nwant %s at %q with %q", body, fault.Code, fault.Param, fault.Error(), code, param, text)
		}
	}
	msgs := `"messages":[{"role":"user","content":"x"}]`

	f(``, "invalid_json", "", "empty")
	f(" \n", "invalid_json", "", "empty")
	f(`{"model":"m",`+msgs, "invalid_json", "", "unexpected end")
	f("{\"model\":\"m\",\n"+msgs+"\n} x", "invalid_json", "", "Line 3, byte 59")
	f(`{"model":"m",`+msgs+`}{}`, "invalid_json", "", "after the JSON value")
	f(`{"model":"m",`+msgs+`,"x":01}`, "invalid_json", "", "malformed number")
	f(`{"model":"m","messages":[{"role":"user","content":"`+"\xff"+`"}]}`, "invalid_json", "", "UTF-8")
	f(`{"model":"m","messages":[{"role":"user","content":x}]}`, "invalid_json", "", "expected a JSON value")
	f(`{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"x"}}]}`, "invalid_json", "", "','")
	f(`{"model":"m",`+msgs+`,"x":`+strings.Repeat("[", 600)+strings.Repeat("]", 600)+`}`, "invalid_json", "", "at most 512")
	f(`{"model":"m","messages":[{"role":"user","x":`+strings.Repeat(`{"a":`, 600)+"1"+strings.Repeat("}", 600)+`}]}`, "invalid_json", "", "at most 512")
	f(`[]`, "invalid_request", "", "an array")
	f(`"x"`, "invalid_request", "", "a string")

	f(`{"model":"a","model":"b",`+msgs+`}`, "duplicate_member", "model", "twice")
	f(`{"model":"a",`+msgs+`,`+msgs+`}`, "duplicate_member", "messages", "twice")
	f(`{"model":"a",`+msgs+`,"zz":1,"zz":2}`, "duplicate_member", "zz", "twice")
	f(`{"model":"a",`+msgs+`,"zz":1,"z\u007a":2}`, "duplicate_member", `z\u007a`, "twice")
	f(`{"MODEL":"a",`+msgs+`}`, "ambiguous_member", "model", "another spelling")
	f(`{"mod\u0065l":"a",`+msgs+`}`, "ambiguous_member", "model", "another spelling")
	f(`{"model":"a",`+msgs+`,"mod\u0045l":"b"}`, "ambiguous_member", "model", "another spelling")
	f(`{"model":"a",`+msgs+`,"ſtream":true}`, "ambiguous_member", "stream", "another spelling")
	f(`{"model":"a",`+msgs+`,"max_toKens":9}`, "ambiguous_member", "max_tokens", "another spelling")
	f(`{"model":"a",`+msgs+`,"stream_options":{"include_usage":true,"include_usage":false}}`, "duplicate_member", "stream_options.include_usage", "twice")
	f(`{"model":"a",`+msgs+`,"stream_options":{"Include_Usage":true}}`, "ambiguous_member", "stream_options.include_usage", "")

	f(`{`+msgs+`}`, "missing_required_parameter", "model", "no")
	f(`{"model":"",`+msgs+`}`, "invalid_value", "model", "empty")
	f(`{"model":null,`+msgs+`}`, "invalid_type", "model", "null")
	f(`{"model":7,`+msgs+`}`, "invalid_type", "model", "7")
	f(`{"model":"m"}`, "missing_required_parameter", "messages", "")
	f(`{"model":"m","messages":[]}`, "invalid_value", "messages", "at least one")
	f(`{"model":"m","messages":{}}`, "invalid_type", "messages", "an object")
	f(`{"model":"m","messages":["x"]}`, "invalid_request", "messages[0]", "a string")
	f(`{"model":"m","messages":[{"role":"user"},null]}`, "invalid_request", "messages[1]", "null")
	f(`{"model":"m","messages":[{"content":"x"}]}`, "missing_required_parameter", "messages[0].role", "")
	f(`{"model":"m","messages":[{"role":1}]}`, "invalid_type", "messages[0].role", "but it is 1.")
	f(`{"model":"m","messages":[{"role":"user","role":"system"}]}`, "duplicate_member", "messages[0].role", "")
	f(`{"model":"m","messages":[{"role":"user","content":"a","content":"b"}]}`, "duplicate_member", "messages[0].content", "")
	f(`{"model":"m","messages":[{"role":"user","content":"a","Content":"b"}]}`, "ambiguous_member", "messages[0].content", "")
	f(`{"model":"m","messages":[{"role":"user","content":7}]}`, "invalid_type", "messages[0].content", "")
	f(`{"model":"m","messages":[{"role":"user","content":[{"text":"a","text":"b"}]}]}`, "duplicate_member", "messages[0].content.text", "")
	f(`{"model":"m","messages":[{"role":"tool","tool_call_id":"a","tool_call_id":"b"}]}`, "duplicate_member", "messages[0].tool_call_id", "")
	f(`{"model":"m","messages":[{"role":"assistant","tool_calls":[],"tool_calls":[]}]}`, "duplicate_member", "messages[0].tool_calls", "")
	f(`{"model":"m","messages":[{"role":"assistant","tool_calls":{}}]}`, "invalid_type", "messages[0].tool_calls", "")

	bad := func(member, param string) {
		t.Helper()
		f(`{"model":"m",`+msgs+`,`+member+`}`, "invalid_type", param, "must be")
	}
	bad(`"stream":"true"`, "stream")
	bad(`"stream":1`, "stream")
	bad(`"max_tokens":0`, "max_tokens")
	bad(`"max_tokens":-5`, "max_tokens")
	bad(`"max_tokens":1.5`, "max_tokens")
	bad(`"max_tokens":"5"`, "max_tokens")
	bad(`"max_completion_tokens":1e3`, "max_completion_tokens")
	bad(`"max_output_tokens":99999999999999999999`, "max_output_tokens")
	bad(`"n":0`, "n")
	bad(`"n":129`, "n")
	bad(`"n":true`, "n")
	bad(`"tools":{}`, "tools")
	bad(`"functions":"x"`, "functions")
	bad(`"stream_options":[]`, "stream_options")
	bad(`"stream_options":{"include_usage":"yes"}`, "stream_options.include_usage")
	bad(`"user":7`, "user")

	many := `{"model":"m",` + msgs
	for i := range 600 {
		many += `,"a` + strings.Repeat("b", i) + `":1`
	}
	f(many+`}`, "invalid_request", "", "512")
}

func TestOpaque(t *testing.T) {
	f := func(message string, want bool) {
		t.Helper()
		if got := mustRead(t, `{"model":"m","messages":[`+message+`]}`).Opaque(); got != want {
			t.Errorf("%s: got %v", message, got)
		}
	}
	f(`{"role":"user","content":"the \"signature\" of signature"}`, false)
	f(`{"role":"user","content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}]}`, false)
	f(`{"role":"assistant","content":"a","reasoning_details":[{"type":"reasoning.encrypted","data":"x"}]}`, true)
	f(`{"role":"assistant","content":[{"type":"thinking","thinking":"a","signature":"x"}]}`, true)
	f(`{"role":"assistant","tool_calls":[{"id":"1","function":{"name":"f","arguments":"{}"},"extra_content":{"google":{"thought_signature":"x"}}}]}`, true)
}

func TestReadAgainForgets(t *testing.T) {
	var e prompt.Envelope
	long := `{"model":"a","stream":true,"max_tokens":5,"user":"u","stream_options":{"include_usage":true},"messages":[{"role":"user","content":"one"},{"role":"user","content":"two"}]}`
	if err := e.Read([]byte(long)); err != nil {
		t.Fatal(err)
	}
	if err := e.Read([]byte(`{"model":1}`)); err == nil {
		t.Fatal("not refused")
	}
	if err := e.Read([]byte(`{"model":"b","messages":[{"role":"user","content":"x"}]}`)); err != nil {
		t.Fatal(err)
	}
	if e.Model() != "b" || e.Stream() || e.MaxOutput() != 0 || e.User() != "" || e.IncludeUsage() || string(e.LastUser(nil)) != "x" {
		t.Error("something of an earlier request is left")
	}
}
