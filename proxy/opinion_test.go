package proxy

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"bursar/internal/testkit"
	"bursar/pricing"
)

// TestSecondOpinion: an embedder of the policy is asked with its provider's key where the verifier leaves it open, and what it took is told.
func TestSecondOpinion(t *testing.T) {
	var texts, tokens, cost atomic.Int64
	embedder := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.URL.Path != "/v1/embeddings" || r.Header.Get("Authorization") != "Bearer sk-of-the-provider" || !strings.Contains(string(body), `"model":"emb"`) {
			t.Errorf("%s %v %s", r.URL.Path, r.Header, body)
		}
		texts.Add(int64(strings.Count(string(body), "permit")))
		fmt.Fprint(w, `{"data":[{"index":0,"embedding":[1,0]},{"index":1,"embedding":[0.8,0.6]}],"usage":{"total_tokens":1000}}`)
	}))
	t.Cleanup(embedder.Close)
	up := testkit.NewUpstream(t)
	h := open(t, plan{up: up, sections: strings.ReplaceAll(`providers:
  fake: { dialect: openai, base_url: "UP", retries: 0, timeouts: { connect: 1s, first_byte: 20s, idle: 20s } }
  other: { dialect: openai, base_url: "EMBEDDER/v1", key_env: OTHER_KEY }
prices: { overrides: { fake/small: { input: 2, output: 4 }, fake/big: { input: 10, output: 50 }, other/emb: { input: 0.02, output: 0.02 } } }
cache: { exact: { ttl: 1h }, semantic: { max_false_hits: 5%, ttl: 1h, second_opinion: { embedder: other/emb, deadline: 50ms } }, scope: team }
`, "EMBEDDER", embedder.URL), options: Options{Opinion: func(n int64, spent pricing.Nano) {
		tokens.Add(n)
		cost.Add(int64(spent))
	}}})
	h.up.On("small", testkit.Script{Text: "On the staff portal.", PromptTokens: 1000})
	for _, user := range []string{"ann", "ben"} {
		h.post(chat("auto", map[string]string{"ann": "How do", "ben": "How can"}[user]+" I renew the parking permit?", by(user)))
		h.kept()
	}
	if n := texts.Load(); n != 0 {
		t.Errorf("the embedder was asked for %d texts that needed no opinion", n)
	}
	id := h.post(chat("auto", "Tell me the steps for renewing a permit to park", by("cem"))).id()
	h.outcome(id)
	until(t, "the embedder to be asked for both questions", func() bool { return texts.Load() == 2 && tokens.Load() == 1000 })
	if cost.Load() != 20_000 { // 1000 tokens at $0.02 a million
		t.Errorf("cost %d nano-dollars", cost.Load())
	}
	if w, _ := h.Why(id); w.Semantic == nil || w.Semantic.Verdict != "uncertified" {
		t.Errorf("%+v", w.Semantic)
	}
}
