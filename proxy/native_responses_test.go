package proxy

import (
	"strings"
	"testing"

	"bursar/internal/testkit"
)

// TestResponsesPassThrough: where client and provider both speak the Responses API each gets the other's own bytes, but for the model and the cap;
// usage is read as it passes, and refusals pass too. A provider that fails before it has said anything is followed by the next one.
func TestResponsesPassThrough(t *testing.T) {
	up := newAnthropicAPI(t) // which says what it is told to, in whatever API
	h := open(t, plan{sections: `providers:
  theirs: { dialect: responses, base_url: "` + up.URL + `/v1", key_env: CLAUDE_KEY, retries: 0 }
  fake: { dialect: openai, base_url: "UP", retries: 0 }
models: { small: { use: [theirs/gpt-5-mini, fake/small], max_output_tokens: 40 }, big: { use: theirs/gpt-5-mini } }
prices: { overrides: { theirs/gpt-5-mini: { input: 3, output: 15, cache_read: 0.3, cache_write: 3.75 }, fake/small: { input: 2, output: 4 } } }
`})
	const asked = `{ "max_output_tokens":1000, "model" : "small","store":false,"later":{"x":1.0,"\u0079":[]},"input":[{"role":"user","content":[{"type":"input_text","text":"Capital of France?","new":true}]}] }`
	const usage = `"usage":{"input_tokens":160,"input_tokens_details":{"cached_tokens":100,"cache_write_tokens":50},"output_tokens":4,"output_tokens_details":{"reasoning_tokens":2},"total_tokens":164}`
	const paid = 10*3000 + 100*300 + 50*3750 + 4*15000
	const answer = `{"id":"x_1","object":"response","status":"completed","model":"gpt-5-mini","new":1.0,"output":[{"type":"web_search_call","id":"ws_1","status":"completed"},{"type":"message","id":"msg_1",` +
		`"role":"assistant","content":[{"type":"output_text","text":"Paris.","annotations":[]}]}],` + usage + `}`
	up.says(200, answer)
	plain := h.say("/v1/responses", asked)
	row := h.row(plain.id())
	if plain.status != 200 || plain.body != answer || row.Cost != paid || row.UsageMethod != "reported" || row.Finish != "stop" {
		t.Errorf("plain: %d %v %s, row %+v", plain.status, plain.header, plain.body, row)
	}
	body, head := up.got()
	if body != strings.NewReplacer(`1000`, `40`, `"small"`, `"gpt-5-mini"`).Replace(asked) || head.Get("Authorization") != "Bearer sk-of-the-provider" {
		t.Errorf("sent %s, %v", body, head)
	}

	event := func(kind, data string) string {
		return "event: " + kind + "\n" + `data: {"type":"` + kind + `",` + data + "}\n\n"
	}
	begun := event("response.created", `"response":{"id":"x_2","status":"in_progress","model":"gpt-5-mini","output":[],"usage":null}`) +
		event("response.in_progress", `"response":{"id":"x_2","status":"in_progress"}`)
	said := begun + event("response.output_item.added", `"output_index":0,"item":{"type":"message","id":"msg_2","content":[]}`) +
		event("response.output_text.delta", `"item_id":"msg_2","output_index":0,"delta":"Rome.","obfuscation":"abc"`)
	stream := said + event("response.brand_new", `"delta":{"of":"another kind"}`) +
		event("response.completed", `"response":{"id":"x_2","status":"completed","model":"gpt-5-mini","output":[],`+usage+`}`)
	ask := func(what string) reply {
		return h.say("/v1/responses", `{"model":"small","store":false,"stream":true,"input":"`+what+`"}`)
	}
	up.says(200, stream)
	streamed := ask("Capital of Italy?")
	if row = h.row(streamed.id()); streamed.body != stream || row.Cost != paid || row.Finish != "stop" {
		t.Errorf("stream: %s, row %+v", streamed.body, row)
	}

	up.says(200, said+event("error", `"code":"server_error","message":"Busy","param":null`))
	cut := ask("And then?")
	if row = h.row(cut.id()); !strings.HasPrefix(cut.body, said) || strings.Count(cut.body, "event: error") != 1 || !strings.Contains(cut.body, "stream_broken") || row.Cost <= 0 {
		t.Errorf("cut: %s, row %+v", cut.body, row)
	}

	up.says(200, vectors)
	if got := h.say("/v1/embeddings", `{"model":"big","input":"one"}`); got.status != 200 || got.body != vectors || h.row(got.id()).Cost != 1000*3000 {
		t.Errorf("embeddings: %d %s", got.status, got.body)
	}

	refusal := `{"error":{"message":"Too long.","type":"invalid_request_error","param":"input","code":"x","new":1}}`
	up.says(400, refusal)
	if got := ask("Refuse this."); got.status != 400 || got.body != refusal {
		t.Errorf("refused: %d %s", got.status, got.body)
	}

	up.says(200, begun+event("response.failed", `"response":{"id":"x_2","status":"failed","error":{"code":"server_error","message":"Busy"}}`))
	h.up.On("small", testkit.Script{Text: "Oslo."})
	fallback := ask("Capital of Norway?")
	if row := h.row(fallback.id()); fallback.status != 200 || !strings.Contains(fallback.body, `"text":"Oslo."`) || row.Target != "fake/small" || row.Reason != "fallback" {
		t.Errorf("fallback: %d %s, row %+v", fallback.status, fallback.body, row)
	}
}
