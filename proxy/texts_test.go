package proxy

import (
	"strings"
	"testing"

	"bursar/internal/testkit"
)

const vectors = `{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.1,-0.20]}],"model":"small","usage":{"prompt_tokens":1000,"total_tokens":1000}}`

// TestEmbeddings go to the model they ask for, whatever the routes say; they cost their input, are held for, and are kept.
func TestEmbeddings(t *testing.T) {
	h := open(t, plan{sections: cached + `routes: [ { name: all to big, to: big } ]
budgets: [ { team: search, monthly_usd: 0.010 } ]
`})
	h.up.On("small", testkit.Script{Body: vectors})
	ask := func(body string) reply {
		return h.call("POST", "/v1/embeddings", body, "Authorization", "Bearer "+h.secret)
	}
	const body = `{"input":["one","two"],"model":"small","dimensions":2,"later":null}`
	first := ask(body)
	row := h.row(first.id())
	if first.status != 200 || first.body != vectors || row.Cost != 1000*2000 || row.Usage.Output != 0 || row.UsageMethod != "reported" || row.Target != "fake/small" || row.Baseline != row.Cost || row.MaxOutput != 0 {
		t.Errorf("embeddings: %d %s, row %+v", first.status, first.body, row)
	}
	if sent := h.up.Last("small"); sent.Path != "/v1/embeddings" || string(sent.Body) != body {
		t.Errorf("sent %s %s", sent.Path, sent.Body)
	}
	if again := h.row(ask(body).id()); again.Cache != "hit" || again.Cost != 0 {
		t.Errorf("again: %+v", again)
	}
	if other := h.row(ask(strings.Replace(body, "two", "three", 1)).id()); other.Cache != "miss" {
		t.Errorf("other texts: %+v", other)
	}
	google := h.call("POST", "/v1beta/models/small:embedContent", `{"content":{"parts":[{"text":"one"}]},"outputDimensionality":2}`, "x-goog-api-key", h.secret)
	if row := h.row(google.id()); google.status != 200 || google.body != `{"embedding":{"values":[0.1,-0.20]}}` || row.Cost != 1000*2000 {
		t.Errorf("embedContent: %d %s, row %+v", google.status, google.body, row)
	}
	if spent := ask(`{"model":"small","input":[` + strings.Repeat("1,", 5000) + `1]}`); spent.status != 429 {
		t.Errorf("beyond the budget: %d %s", spent.status, spent.body)
	}
	if auto := ask(`{"model":"auto","input":"x"}`); auto.status != 400 || !strings.Contains(auto.body, "by its name") {
		t.Errorf("auto: %d %s", auto.status, auto.body)
	}
	for _, bad := range []string{`{"model":"small"}`, `{"model":"small","input":[]}`, `{"model":"small","input":{}}`, `{"model":"small","input":[{}]}`, `{"model":"small","input":"x","Input":"y"}`} {
		if got := ask(bad); got.status != 400 {
			t.Errorf("%s: %d %s", bad, got.status, got.body)
		}
	}
	h.up.On("small", testkit.Script{Body: `{"object":"list","data":[]}`})
	if got := ask(`{"model":"small","input":"nothing"}`); got.status != 502 {
		t.Errorf("no vectors: %d %s", got.status, got.body)
	}
}

// TestLegacyCompletions: a prompt of a text or of tokens, answered plain, streamed and from the cache, each in its own form.
func TestLegacyCompletions(t *testing.T) {
	h := open(t, plan{sections: cached})
	ask := func(body string) reply {
		return h.call("POST", "/v1/completions", body, "Authorization", "Bearer "+h.secret)
	}
	const answer = `{"id":"cmpl-1","object":"text_completion","model":"small","choices":[{"text":" Paris","index":0,"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":1,"total_tokens":8}}`
	h.up.On("small", testkit.Script{Body: answer})
	for _, cache := range []string{"miss", "hit"} {
		plain := ask(`{"model":"small","prompt":"The capital of France is"}`)
		if row := h.row(plain.id()); plain.body != answer || row.Cache != cache || row.Finish != "stop" || row.Usage.Output != 1 {
			t.Errorf("plain: %s, row %+v", plain.body, row)
		}
	}
	if sent := h.up.Last("small"); sent.Path != "/v1/completions" || !strings.Contains(string(sent.Body), `"max_tokens":16`) {
		t.Errorf("sent %s %s", sent.Path, sent.Body)
	}
	const chunks = `data: {"id":"cmpl-1","object":"text_completion","model":"small","choices":[{"text":" Pa","index":0,"finish_reason":null}]}` + "\n\n" +
		`data: {"id":"cmpl-1","object":"text_completion","model":"small","choices":[{"text":"ris","index":0,"finish_reason":"stop"}]}` + "\n\n"
	h.up.On("small", testkit.Script{Body: chunks + `data: {"id":"cmpl-1","object":"text_completion","model":"small","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9}}` + "\n\n" + done})
	for _, cache := range []string{"miss", "hit"} {
		stream := ask(`{"model":"small","prompt":"The capital of France is","stream":true}`)
		if row := h.row(stream.id()); stream.body != chunks+done || row.Cache != cache || row.Usage.Output != 2 {
			t.Errorf("stream: %s, row %+v", stream.body, row)
		}
	}
	many := ask(`{"model":"small","prompt":[[1,2,3],[4]],"n":2,"best_of":3,"max_tokens":5,"stream":true}`)
	if x := h.outcome(many.id()); x.Facts.N != 6 || x.Facts.PromptTokens != 4 {
		t.Errorf("two prompts, the best two of three each: %d answers, %d tokens", x.Facts.N, x.Facts.PromptTokens)
	}
}

// TestTextsOfAnotherDialect: a provider that is spoken to about chats alone refuses what is none, and nothing is spent.
func TestTextsOfAnotherDialect(t *testing.T) {
	url, _ := messages(t)
	h := open(t, plan{sections: `providers: { claude: { dialect: anthropic, base_url: "` + url + `" } }
models: { small: { use: claude/claude }, big: { use: claude/claude } }
prices: { overrides: { claude/claude: { input: 3, output: 15 } } }
`})
	got := h.call("POST", "/v1/embeddings", `{"model":"small","input":"x"}`, "Authorization", "Bearer "+h.secret)
	if row := h.row(got.id()); got.status != 400 || got.fault(t).Code != "unsupported_by_target" || row.Cost != 0 {
		t.Errorf("%d %s, row %+v", got.status, got.body, row)
	}
}
