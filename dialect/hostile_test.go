package dialect

import (
	"encoding/json"
	"runtime"
	"strings"
	"testing"
)

// TestManyLossesAreCounted: of what is lost the first are named, none at length, and the others counted. Comparing each with all others took
// minutes for a request of a megabyte.
func TestManyLossesAreCounted(t *testing.T) {
	part := `,{"type":"` + strings.Repeat("x", 10_000) + `"}`
	body := []byte(`{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"a"}` + strings.Repeat(part, 99) + `]}]}`)
	_, dropped, fault := anthropicRequest(body, Options{Drop: true})
	if fault != nil || len(dropped) != mostLosses+1 || dropped[mostLosses] != "67 more" || len(dropped[0]) > longestLoss+3 {
		t.Errorf("dropped %d: %.300q, %v", len(dropped), dropped, fault)
	}
	if _, _, fault = anthropicRequest(body, Options{}); fault == nil || !strings.Contains(fault.Message, "and `67 more`") {
		t.Errorf("%v", fault)
	}
}

// TestReferencesDoNotMultiply: sixteen definitions that lead to four others each would become four billion.
func TestReferencesDoNotMultiply(t *testing.T) {
	defs := ""
	for i := range 15 {
		ref := `{"$ref":"#/$defs/d` + decimal(i+1) + `"}`
		defs += `"d` + decimal(i) + `":{"type":"object","properties":{"a":` + ref + `,"b":` + ref + `,"c":` + ref + `,"d":` + ref + `}},`
	}
	if _, ok := openAPI(json.RawMessage(`{"$ref":"#/$defs/d0","$defs":{` + defs + `"d15":{"type":"string"}}}`)); ok {
		t.Error("it was expanded")
	}
}

// TestResultsFindTheirCalls: those without an id answer the calls of their function in turn, and ten thousand take no more memory than they say.
func TestResultsFindTheirCalls(t *testing.T) {
	list := func(one string) string { return strings.TrimSuffix(strings.Repeat(one+",", 10_000), ",") }
	body := []byte(`{"contents":[{"role":"model","parts":[` + list(`{"functionCall":{"name":"f"}}`) + `]},{"role":"user","parts":[` + list(`{"functionResponse":{"name":"f"}}`) + `]}]}`)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	chat, fault := geminiClientRequest(body, Asked{Model: "m"})
	runtime.ReadMemStats(&after)
	if fault != nil || !strings.Contains(string(chat), `"tool_call_id":"call_gemini_0_9999"`) {
		t.Errorf("%v: %.300s", fault, chat)
	}
	if bytes := after.TotalAlloc - before.TotalAlloc; bytes > 1<<30 {
		t.Errorf("it took %d MB", bytes>>20)
	}
}

// TestOddAnswers: what vendors and hostile providers answer goes on as JSON, and nothing of a call is lost.
func TestOddAnswers(t *testing.T) {
	r := Reply{Request: []byte(`{}`), ID: "req_7", Model: "m"}
	answer := []byte(`{"choices":[{"index":0,"message":{"content":"a","images":[{"type":"image_url","image_url":{"url":"data:image/png;base64,QQ=="}}],` +
		`"tool_calls":[{"id":"c","function":{"name":"f","arguments":{"x":1.50}}}]},"logprobs":{"content":[{"token":"a","logprob":-1e999}]},"finish_reason":"stop"}]}`)
	for _, client := range []*Client{&Messages, &Responses, &GenerateContent} {
		out, err := client.Answer(answer, r)
		if text := string(out); err != nil || !json.Valid(out) || !strings.Contains(strings.ReplaceAll(text, `\"`, `"`), `{"x":1.50}`) {
			t.Errorf("%s: %v %s", client.Name, err, text)
		}
	}
	out, _ := GenerateContent.Answer(answer, r)
	stream := GenerateContent.NewStream(r)
	events, _ := stream.Event(nil, []byte(strings.Replace(string(answer), "message", "delta", 1)))
	for _, text := range []string{string(out), string(events)} {
		if !strings.Contains(text, `"inlineData":{"mimeType":"image/png","data":"QQ=="}`) {
			t.Errorf("without its image: %s", text)
		}
	}
}

// TestIDsOfCalls: an id that Anthropic and Bedrock would refuse is another one there, the same for a call and its result.
func TestIDsOfCalls(t *testing.T) {
	body := []byte(`{"model":"m","messages":[{"role":"user","content":"x"},{"role":"assistant","content":null,"reasoning_content":"hm","tool_calls":[{"id":"functions.f:0","type":"function","function":{"name":"f","arguments":"{}"},` +
		`"extra_content":{"google":{"thought_signature":"s"}}}]},{"role":"tool","tool_call_id":"functions.f:0","content":"1"}]}`)
	id := plainID("functions.f:0")
	for _, d := range []*Dialect{&anthropic, &bedrock} {
		out, dropped, fault := d.Request(body, Options{})
		if fault != nil || strings.Count(string(out), `"`+id+`"`) != 2 || strings.Join(dropped, " ") != "thought_signature reasoning_content" {
			t.Errorf("%s: %v %q %s", d.Name, fault, dropped, out)
		}
	}
	for id, same := range map[string]bool{"toolu_01-A": true, "": true, "a b": false, "é": false, strings.Repeat("a", 65): false} {
		if got := plainID(id); (got == id) != same || len(got) > longestID {
			t.Errorf("%q became %q", id, got)
		}
	}
}
