package dialect

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestResponsesRoundTrip: a request of the Responses API, carried over into a chat completion and from there to a provider of that API, asks for the
// same as its own bytes would.
func TestResponsesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { checkResponses(t, encode(nil, responsesRequests().Draw(t, "request"))) })
}

// TestResponsesRoundTripOfGoldens does so with the requests that people read, and with one that has every documented member.
func TestResponsesRoundTripOfGoldens(t *testing.T) {
	files, _ := filepath.Glob("testdata/clients/responses/*.txt")
	tried := 0
	for _, file := range append(files, "testdata/members/responses.txt") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range sections(string(text)) {
			_, fault := responsesRequest([]byte(s.text), Asked{})
			if fault != nil || !strings.HasPrefix(s.name, "request") || sealedWithin([]byte(s.text)) {
				continue
			}
			tried++
			t.Run(s.name, func(t *testing.T) { checkResponses(t, []byte(s.text)) })
		}
	}
	if tried < 8 {
		t.Errorf("only %d requests were tried", tried)
	}
}

func checkResponses(t tester, body []byte) {
	t.Helper()
	chat, fault := responsesRequest(body, Asked{})
	if fault != nil {
		t.Fatalf("%s: %v", body, fault)
	}
	back, dropped, fault := responsesUpstreamRequest(chat, Options{Foreign: true})
	if fault != nil || len(dropped) > 0 {
		t.Fatalf("%s\nas a chat completion %s\n%v, dropped %v", body, chat, fault, dropped)
	}
	if want, got := responsesMeaning(t, body), responsesMeaning(t, back); !reflect.DeepEqual(want, got) {
		t.Errorf("asked %s\nas a chat completion %s\nsent %s", encode(nil, want), chat, encode(nil, got))
	}
}

// responsesMeaning is a request in a form in which requests that ask for the same are equal: instructions are a message, texts are parts, neighbours
// of the assistant's are one message, and what is usual is absent. Nothing is stored, so that ids mean nothing; labels are told to no provider.
func responsesMeaning(t tester, body []byte) map[string]any {
	t.Helper()
	var m map[string]any
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if err := decoder.Decode(&m); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	for _, name := range []string{"store", "metadata", "stream_options"} {
		delete(m, name)
	}
	items := itemsOf(m["input"])
	if text, ok := m["instructions"].(string); ok && text != "" {
		items = append([]any{map[string]any{"type": "message", "role": "system", "content": text}}, items...)
	}
	delete(m, "instructions")
	m["input"] = meant(items)
	var include []any
	for _, name := range listOf(m["include"]) {
		if name != "reasoning.encrypted_content" && name != "message.output_text.logprobs" { // asked for anyway
			include = append(include, name)
		}
	}
	m["include"] = include
	for _, raw := range listOf(m["tools"]) {
		if tool := raw.(map[string]any); tool["type"] == "function" {
			if tool["parameters"] == nil {
				tool["parameters"] = map[string]any{"type": "object", "properties": map[string]any{}}
			}
			withoutNulls(tool)
		}
	}
	if choice, ok := m["tool_choice"].(map[string]any); ok && choice["mode"] == "required" && len(listOf(choice["tools"])) == 1 {
		m["tool_choice"] = listOf(choice["tools"])[0] // one of one
	}
	if listOf(m["tools"]) == nil || m["tool_choice"] == "auto" {
		delete(m, "tool_choice")
	}
	if listOf(m["tools"]) == nil {
		delete(m, "parallel_tool_calls")
	}
	if text, ok := m["text"].(map[string]any); ok {
		if format, ok := text["format"].(map[string]any); ok && format["type"] == "text" {
			delete(text, "format")
		}
		withoutNulls(text)
	}
	if reasoning, ok := m["reasoning"].(map[string]any); ok {
		withoutNulls(reasoning)
	}
	withoutNulls(m)
	return m
}

func listOf(value any) []any {
	all, _ := value.([]any)
	return all
}

func itemsOf(input any) []any {
	if text, ok := input.(string); ok {
		return []any{map[string]any{"role": "user", "content": text}}
	}
	return listOf(input)
}

// withoutNulls takes out what says nothing.
func withoutNulls(m map[string]any) {
	for name, value := range m {
		object, isObject := value.(map[string]any)
		all, isList := value.([]any)
		if value == nil || value == false && (name == "stream" || name == "background") || value == json.Number("0") && name == "top_logprobs" || value == "disabled" || isObject && len(object) == 0 || isList && len(all) == 0 {
			delete(m, name)
		}
	}
}

func meant(items []any) (out []any) {
	for _, raw := range items {
		item := raw.(map[string]any)
		kind, _ := item["type"].(string)
		if kind == "" || kind == "message" || kind == "function_call" || kind == "function_call_output" {
			delete(item, "id")
			delete(item, "status")
		}
		switch kind {
		case "", "message":
			item["type"] = "message"
			item["content"] = partsMeant(item["content"], item["role"] == "assistant")
			if item["role"] == "assistant" && len(item["content"].([]any)) == 0 {
				continue
			}
			if n := len(out); n > 0 && item["role"] == "assistant" {
				if last := out[n-1].(map[string]any); last["role"] == "assistant" && last["type"] == "message" {
					last["content"] = append(last["content"].([]any), item["content"].([]any)...)
					continue
				}
			}
		case "function_call", "function_call_output":
			if caller, ok := item["caller"].(map[string]any); ok && caller["type"] == "direct" {
				delete(item, "caller")
			}
			if kind == "function_call_output" {
				delete(item, "name") // its call has it
				item["output"] = partsMeant(item["output"], false)
			}
		case "reasoning":
			if sealed, _ := item["encrypted_content"].(string); sealed == "" { // for people alone
				continue
			}
		}
		out = append(out, item)
	}
	return out
}

// partsMeant are the parts of a content. What was cited in an earlier answer, and how likely its words were, no model reads.
func partsMeant(content any, answered bool) []any {
	if text, ok := content.(string); ok {
		content = []any{map[string]any{"type": "input_text", "text": text}}
	}
	out := []any{}
	for _, raw := range listOf(content) {
		p := raw.(map[string]any)
		kind, _ := p["type"].(string)
		if kind == "refusal" { // to a model it is what was said
			kind, p = "text", map[string]any{"text": p["refusal"]}
		}
		if strings.HasSuffix(kind, "_text") || kind == "text" {
			p["type"] = "text"
			if p["text"] == "" && answered {
				continue
			}
		}
		if kind == "input_file" && p["file_data"] != nil && p["filename"] == nil {
			p["filename"] = unnamedFile
		}
		delete(p, "annotations")
		delete(p, "logprobs")
		withoutNulls(p)
		out = append(out, p)
	}
	return out
}

// responsesRequests draws requests that the API takes: a call is answered, a thought is followed by what it led to.
func responsesRequests() *rapid.Generator[map[string]any] {
	return rapid.Custom(func(t *rapid.T) map[string]any {
		m := map[string]any{"model": "gpt-5", "max_output_tokens": rapid.IntRange(16, 64000).Draw(t, "cap")}
		maybe := func(name string, values ...any) {
			if rapid.Bool().Draw(t, name+"?") {
				m[name] = rapid.SampledFrom(values).Draw(t, name)
			}
		}
		maybe("instructions", "Be brief.", "\"quoted\" <b>&\\n", "")
		maybe("temperature", json.Number("0.70"), json.Number("0"))
		maybe("stream", true, false)
		maybe("store", true, false)
		maybe("truncation", "auto", "disabled")
		maybe("parallel_tool_calls", true, false)
		maybe("reasoning", map[string]any{"effort": "high", "summary": "auto"}, map[string]any{"effort": "low", "summary": nil}, map[string]any{"effort": "none"}, map[string]any{"summary": "detailed"})
		maybe("text", map[string]any{"verbosity": "low"}, map[string]any{"format": map[string]any{"type": "text"}}, map[string]any{"format": map[string]any{"type": "json_object"}},
			map[string]any{"format": map[string]any{"type": "json_schema", "name": "a", "schema": map[string]any{"type": "object"}, "strict": true}})
		maybe("include", []any{"reasoning.encrypted_content"}, []any{"web_search_call.action.sources", "reasoning.encrypted_content"})
		maybe("max_tool_calls", json.Number("3"))
		maybe("metadata", map[string]any{"k": "v"})
		maybe("service_tier", "flex")
		maybe("safety_identifier", "s")
		maybe("yet_unknown", "x", map[string]any{"a": json.Number("1.0")})
		maybe("tool_choice", "auto", "required", "none", map[string]any{"type": "function", "name": "f"}, map[string]any{"type": "web_search"})
		if rapid.Bool().Draw(t, "tools?") {
			m["tools"] = rapid.SliceOfN(rapid.SampledFrom(someFunctions), 1, 3).Draw(t, "tools")
		} else {
			delete(m, "tool_choice")
		}
		m["input"] = drawItems(t)
		return m
	})
}

var someFunctions = []any{
	map[string]any{"type": "function", "name": "f", "parameters": map[string]any{"type": "object", "properties": map[string]any{"n": map[string]any{"minimum": json.Number("1.50")}}}},
	map[string]any{"type": "function", "name": "g", "description": "G", "strict": true, "parameters": nil},
	map[string]any{"type": "function", "name": "h", "strict": false},
	map[string]any{"type": "web_search", "search_context_size": "low"},
	map[string]any{"type": "custom", "name": "c"},
}

var someInputs = []any{
	map[string]any{"type": "input_text", "text": "Grüße, 世界 \u2028"},
	map[string]any{"type": "input_text", "text": "x", "prompt_cache_breakpoint": map[string]any{"mode": "explicit"}},
	map[string]any{"type": "input_image", "image_url": "data:image/png;base64,aGk=", "detail": "high"},
	map[string]any{"type": "input_image", "file_id": "file-1", "detail": "auto"},
	map[string]any{"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="},
	map[string]any{"type": "input_file", "file_url": "https://x.test/a.pdf"},
	map[string]any{"type": "input_audio", "input_audio": map[string]any{"data": "UklGRg==", "format": "wav"}},
}

func drawItems(t *rapid.T) []any {
	var items []any
	for i := range rapid.IntRange(1, 3).Draw(t, "turns") {
		role := rapid.SampledFrom([]string{"user", "developer", "user", "system"}).Draw(t, "role")
		if role == "user" && rapid.Bool().Draw(t, "parts?") {
			items = append(items, map[string]any{"role": role, "content": rapid.SliceOfN(rapid.SampledFrom(someInputs), 1, 3).Draw(t, "parts")})
		} else {
			items = append(items, map[string]any{"type": "message", "role": role, "content": "Hi"})
		}
		if rapid.Bool().Draw(t, "thought?") {
			items = append(items, map[string]any{"type": "reasoning", "id": "rs_" + decimal(i), "summary": []any{}, "encrypted_content": "gAAAA+/="})
		}
		if rapid.Bool().Draw(t, "searched?") {
			items = append(items, map[string]any{"type": "web_search_call", "id": "ws_" + decimal(i), "status": "completed", "action": map[string]any{"type": "search", "query": "q"}})
		}
		items = append(items, map[string]any{"type": "message", "id": "msg_" + decimal(i), "role": "assistant", "status": "completed", "content": []any{
			map[string]any{"type": "output_text", "text": "So.", "annotations": []any{}}, map[string]any{"type": "refusal", "refusal": "No more."},
		}})
		calls := rapid.IntRange(0, 2).Draw(t, "calls")
		for k := range calls {
			items = append(items, map[string]any{"type": "function_call", "call_id": "call_" + decimal(10*i+k), "name": "f", "arguments": `{"n": 1.50}`})
		}
		for k := range calls {
			items = append(items, map[string]any{"type": "function_call_output", "call_id": "call_" + decimal(10*i+k), "output": rapid.SampledFrom([]any{"seen", "", []any{someInputs[2]}}).Draw(t, "output")})
		}
	}
	return append(items, map[string]any{"role": "user", "content": "And?"})
}

// TestResponsesSplice: a client's own bytes have the model and a cap that is not above what may be; all others stay.
func TestResponsesSplice(t *testing.T) {
	for _, c := range []struct {
		body string
		most int64
		want string // "": it goes as a chat completion
	}{
		{`{ "model":"a", "max_output_tokens" : 900,"x":1.0 }`, 40, `{ "model":"m", "max_output_tokens" : 40,"x":1.0 }`},
		{`{"model":"a","max_output_tokens":30}`, 40, `{"model":"m","max_output_tokens":30}`},
		{`{"model":"a","max_output_tokens":900}`, 0, `{"model":"m","max_output_tokens":900}`},
		{`{"model":"a","max_output_tokens":null}`, 40, `{"model":"m","max_output_tokens":40}`},
		{`{"model":"a","input":"x" }`, 40, `{"model":"m","input":"x","max_output_tokens":40}`},
		{`{"model":"a","input":"x" }`, 0, `{"model":"m","input":"x" }`},
		{`{"model":"a","previous_response_id":"resp_1","background":true,"conversation":{"id":"c"},"input":[{"type":"item_reference","id":"x"}]}`, 0, `{"model":"m","previous_response_id":"resp_1","background":true,"conversation":{"id":"c"},"input":[{"type":"item_reference","id":"x"}]}`},
		{`{"model":"a","max_output_tokens":900}`, 15, ""},
		{`{"model":"a","input":[{"type":"reasoning","encrypted_content":"bursar1.e30"}]}`, 40, ""},
		{`[]`, 40, ""},
	} {
		if got, ok := responsesSplice([]byte(c.body), "m", c.most); string(got) != c.want && ok || ok != (c.want != "") {
			t.Errorf("%s, at most %d: %v %s, want %s", c.body, c.most, ok, got, c.want)
		}
	}
}

// TestThoughtsStayWithTheirAPI: what a model of the Responses API has thought comes back to it as it came, through clients of every API, and is named
// and left out where another model goes on.
func TestThoughtsStayWithTheirAPI(t *testing.T) {
	const item = `{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"Hm <&>."}],"encrypted_content":"gAAAA+/="}`
	answer, err := responsesUpstreamAnswer([]byte(`{"id":"resp_1","status":"completed","model":"m","output":[`+item+`,{"type":"function_call","call_id":"call_1","name":"f","arguments":"{}"}]}`), Made{})
	if err != nil {
		t.Fatal(err)
	}
	var chat struct {
		Choices []struct {
			Message json.RawMessage `json:"message"`
		} `json:"choices"`
	}
	if err := json.Unmarshal(answer, &chat); err != nil {
		t.Fatal(err)
	}
	r := Reply{Request: []byte(`{}`), ID: "req_1", Model: "m"}
	bodies := map[string][]byte{"chat": []byte(`{"model":"m","messages":[{"role":"user","content":"Hi"},` + string(chat.Choices[0].Message) + `,{"role":"tool","tool_call_id":"call_1","content":"1"}]}`)}
	inner := func(client *Client, path ...string) string {
		body, err := client.Answer(answer, r)
		if err != nil {
			t.Fatal(err)
		}
		raw := json.RawMessage(body)
		for _, name := range path {
			var all members
			var list []json.RawMessage
			if json.Unmarshal(raw, &list) == nil {
				_ = json.Unmarshal(list[0], &all)
			} else {
				_ = json.Unmarshal(raw, &all)
			}
			raw = all[name]
		}
		return string(raw)
	}
	for _, c := range []struct {
		client *Client
		body   string
	}{
		{&Messages, `{"model":"m","max_tokens":99,"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":` + inner(&Messages, "content") + `},{"role":"user","content":[{"type":"tool_result","tool_use_id":"call_1","content":"1"}]}]}`},
		{&Responses, `{"model":"m","input":[{"role":"user","content":"Hi"},` + strings.Trim(inner(&Responses, "output"), "[]") + `,{"type":"function_call_output","call_id":"call_1","output":"1"}]}`},
		{&GenerateContent, `{"contents":[{"role":"user","parts":[{"text":"Hi"}]},` + inner(&GenerateContent, "candidates", "content") + `,{"role":"user","parts":[{"functionResponse":{"id":"call_1","name":"f","response":{"output":"1"}}}]}]}`},
	} {
		body, fault := c.client.Request([]byte(c.body), Asked{Model: "m"})
		if fault != nil {
			t.Fatalf("%s: %v: %s", c.client.Name, fault, c.body)
		}
		bodies[c.client.Name] = body
	}
	for client, body := range bodies {
		out, dropped, fault := responsesUpstreamRequest(body, Options{Foreign: client != "chat"})
		if fault != nil || len(dropped) > 0 || strings.Count(string(out), item) != 1 || strings.Index(string(out), item) > strings.Index(string(out), `"function_call"`) {
			t.Errorf("%s: %v, dropped %q: %s\nof %s", client, fault, dropped, out, body)
		}
		for _, other := range []*Dialect{&anthropic, &bedrock, &gemini} {
			out, dropped, fault := other.Request(body, Options{Foreign: client != "chat"})
			if fault != nil || !strings.Contains(strings.Join(dropped, " "), "thinking_blocks") || sealedWithin(out) {
				t.Errorf("%s to %s: %v, dropped %q: %s", client, other.Name, fault, dropped, out)
			}
		}
	}
	if _, ok := messagesSplice([]byte(`{"model":"m","messages":[`+string(chat.Choices[0].Message)+`]}`), "m", 0); ok {
		t.Error("a client of Anthropic's own sends it what it cannot read")
	}
}

// TestResponsesStreamOfUnnumberedCalls: llama.cpp numbers no item and gives its calls no id but the call_id, which their arguments name.
func TestResponsesStreamOfUnnumberedCalls(t *testing.T) {
	s := newResponsesUpstreamStream(Made{})
	var out []byte
	for _, event := range []string{
		`{"type":"response.output_item.added","item":{"type":"function_call","call_id":"fc_a","name":"one","arguments":""}}`,
		`{"type":"response.function_call_arguments.delta","item_id":"fc_a","delta":"{\"a\":1}"}`,
		`{"type":"response.output_item.added","item":{"type":"function_call","call_id":"fc_b","name":"two","arguments":""}}`,
		`{"type":"response.function_call_arguments.delta","item_id":"fc_b","delta":"{\"b\":2}"}`,
		`{"type":"response.output_item.done","item":{"type":"function_call","call_id":"fc_a","name":"one","arguments":"{\"a\":1}"}}`,
		`{"type":"response.output_item.done","item":{"type":"function_call","call_id":"fc_b","name":"two","arguments":"{\"b\":2}"}}`,
		`{"type":"response.completed","response":{"id":"r","status":"completed"}}`,
	} {
		var err error
		if out, err = s.Event(out, []byte(event)); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{
		`{"index":0,"id":"fc_a","type":"function","function":{"name":"one","arguments":""}}`, `{"index":0,"function":{"arguments":"{\"a\":1}"}}`,
		`{"index":1,"id":"fc_b","type":"function","function":{"name":"two","arguments":""}}`, `{"index":1,"function":{"arguments":"{\"b\":2}"}}`,
	} {
		if bytes.Count(out, []byte(want)) != 1 {
			t.Errorf("%s is not told once in\n%s", want, out)
		}
	}
}
