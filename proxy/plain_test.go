package proxy

import (
	"fmt"
	"strings"
	"testing"

	"bursar/internal/testkit"
	"bursar/ledger"
	"bursar/pricing"
)

// TestPlainAnswerPassesByteForByte also checks what is told and booked of it against a calculation by hand.
func TestPlainAnswerPassesByteForByte(t *testing.T) {
	h := open(t, plan{sections: "budgets: [ { team: search, daily_usd: 1 } ]\n"})
	const answer = `{ "id":"x", "model":"small-2026", "choices" : [{"index":0,"message":{"role":"assistant","content":"caf\u00e9 \ud83d\ude00"},"finish_reason":"stop","new":1.50}],` +
		"\n" + `"usage":{"prompt_tokens":1000,"completion_tokens":70,"total_tokens":1070,"prompt_tokens_details":{"cached_tokens":400},"completion_tokens_details":{"reasoning_tokens":20}},"unheard_of":[null,{}]}`
	h.up.On("small", testkit.Script{Body: answer})
	got := h.post(chat("auto", "hi"), "x-bursar-tag-feature", "titles")
	if got.status != 200 || got.body != answer {
		t.Errorf("status %d, body %q", got.status, got.body)
	}
	// 1000 prompt tokens at $2 and 70 answer tokens at $4 per million; on the baseline at $10 and $50.
	const cost, baseline = 2_000_000 + 280_000, 10_000_000 + 3_500_000
	for name, want := range map[string]string{
		"Content-Type": "application/json", "x-bursar-cache": "off", "x-bursar-rule": "as asked", "x-bursar-reason": "default",
		"x-bursar-model": "fake/small", "x-bursar-cost-usd": "0.00228", "x-bursar-saved-usd": "0.01122",
		"x-bursar-budget-left-usd": "0.99772", "x-bursar-trimmed-tokens": "0", "x-bursar-attempts": "1",
	} {
		if is := got.header.Get(name); is != want {
			t.Errorf("%s is %q, want %q", name, is, want)
		}
	}
	if !strings.HasPrefix(got.id(), "req_") || len(got.id()) != 27 {
		t.Errorf("request id %q", got.id())
	}
	row := h.row(got.id())
	if row.Cost != cost || row.Baseline != baseline || row.Saved[0] != baseline-cost || row.Saved.Sum() != baseline-cost {
		t.Errorf("cost %d, baseline %d, saved %v", row.Cost, row.Baseline, row.Saved)
	}
	if want := (pricing.Usage{Input: 600, CacheRead: 400, Output: 50, Reasoning: 20}); row.Usage != want {
		t.Errorf("usage %+v", row.Usage)
	}
	x := h.outcome(got.id())
	want := ledger.Row{
		ID: got.id(), Kind: ledger.KindRequest, Time: x.Start.UnixNano(), Duration: x.Outcome.Duration, FirstByte: x.Outcome.FirstByte,
		Team: "search", Key: x.Identity.KeyID, Tags: ledger.TagText(x.Facts.Tags), Asked: "auto", Rule: "as asked", Decision: "default",
		Reason: "answered", Status: 200, Target: "fake/small", Tier: "small", Attempts: 1,
		PromptTokens: x.Facts.PromptTokens, PromptMethod: x.Facts.PromptMethod.String(), Usage: row.Usage, UsageMethod: "reported",
		Finish: "stop", MaxOutput: 100, Cache: "off", Cost: cost, Baseline: baseline, Saved: x.Outcome.Saved, Held: x.Outcome.Held, Policy: row.Policy,
		Facts: fmt.Sprintf("t1 v%x", x.Facts.Conversation),
	}
	if row != want {
		t.Errorf("row %+v\nwant %+v", row, want)
	}
	if x.Outcome.FirstByte <= 0 || x.Outcome.Duration < x.Outcome.FirstByte || row.Held < cost/10 {
		t.Errorf("first byte after %s, end after %s, held %d", x.Outcome.FirstByte, x.Outcome.Duration, row.Held)
	}
	if spent := h.settled(); spent != cost {
		t.Errorf("spent %d", spent)
	}
}

// TestAnswerWithoutUsageIsCounted: some local servers tell no usage; then our own count is booked, as an estimate.
func TestAnswerWithoutUsageIsCounted(t *testing.T) {
	h := open(t, plan{})
	h.up.On("small", testkit.Script{Text: "The quick brown fox jumps over the lazy dog.", NoUsage: true})
	for _, body := range []string{chat("small", "hi"), chat("small", "hi", streamed)} {
		row := h.row(h.post(body).id())
		if row.UsageMethod != "estimate" || row.Usage.Output < 9 || row.Usage.Output > 16 || row.Usage.Input != row.PromptTokens {
			t.Errorf("%s usage %+v of a prompt of %d", row.UsageMethod, row.Usage, row.PromptTokens)
		}
		if want := pricing.Nano(row.Usage.Input*2000 + row.Usage.Output*4000); row.Cost != want || row.Reason != "answered" {
			t.Errorf("cost %d, want %d; %s", row.Cost, want, row.Reason)
		}
	}
}

// TestUpstreamGetsTheClientsBytes: only the model, the cap and the usage option are spliced in.
func TestUpstreamGetsTheClientsBytes(t *testing.T) {
	h := open(t, plan{sections: `
models:
  fast: { use: [fake/small], max_output_tokens: 50 }
  modern: { use: [openai/small] }
default: fast
baseline: fast
providers:
  fake: { dialect: openai, base_url: "UP", key_env: FAKE_KEY }
  openai: { dialect: openai, base_url: "UP", max_tokens_field: max_completion_tokens }
prices: { overrides: { fake/small: { input: 2, output: 4 }, openai/small: { input: 2, output: 4 } } }
`})
	const rest = ` "messages" : [ {"content":"h\u0069 \/ ",  "role":"user","x":1e2} ] , "temperature":0.10`
	for _, test := range []struct{ name, sent, want string }{
		{"cap inserted", `{"model":"fast",` + rest + `}`, `{"model":"small",` + rest + `,"max_tokens":50}`},
		{"cap lowered", `{"max_tokens": 400 ,"model":"fast",` + rest + `}`, `{"max_tokens": 50 ,"model":"small",` + rest + `}`},
		{"cap kept", `{"max_tokens": 7 ,"model":"fast",` + rest + `}`, `{"max_tokens": 7 ,"model":"small",` + rest + `}`},
		{"the client's field renamed", `{"max_completion_tokens":70,"model":"fast",` + rest + `}`, `{"max_tokens":50,"model":"small",` + rest + `}`},
		{"the provider's field", `{"model":"modern",` + rest + `}`, `{"model":"small",` + rest + `,"max_completion_tokens":100}`},
		{"usage asked for", `{"model":"fast","stream":true,` + rest + `}`, `{"model":"small","stream":true,` + rest + `,"max_tokens":50,"stream_options":{"include_usage":true}}`},
		{"option kept", `{"model":"fast","stream":true,"max_tokens":9,"stream_options":{"include_usage":false,"z":1},` + rest + `}`, `{"model":"small","stream":true,"max_tokens":9,"stream_options":{"include_usage":true,"z":1},` + rest + `}`},
	} {
		got := h.post(test.sent)
		last := h.up.Last("small")
		if got.status != 200 || string(last.Body) != test.want {
			t.Errorf("%s: status %d, upstream got\n%s, want\n%s", test.name, got.status, last.Body, test.want)
		}
		if last.Header.Get("x-bursar-tag-a") != "" || strings.Contains(last.Header.Get("Authorization"), "bursar") {
			t.Errorf("%s: the client's headers went on: %v", test.name, last.Header)
		}
		h.outcome(got.id())
	}
	h.post(chat("fast", "hi"))
	if auth := h.up.Last("small").Header.Get("Authorization"); auth != "Bearer sk-of-the-provider" {
		t.Errorf("the provider's key is %q", auth)
	}
}
