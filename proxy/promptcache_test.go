package proxy

import (
	"fmt"
	"strings"
	"testing"

	"bursar/exchange"
	"bursar/pricing"
)

// TestPromptCache: a conversation with a provider that caches what is marked is marked from its second turn on; what it reads and writes is booked, and
// what that saved or cost is a lever of its own. A policy can have none of it, and a client's own marks stay alone.
func TestPromptCache(t *testing.T) {
	url, last := messages(t) // each answer: 10 tokens, 100 read, 50 written, 4 answered
	sections := func(more string) string {
		return `providers: { claude: { dialect: anthropic, base_url: "` + url + `"` + more + ` } }
models: { small: { use: claude/claude }, big: { use: claude/claude } }
prices: { overrides: { claude/claude: { input: 3, output: 15, cache_read: 0.3, cache_write: 3.75 } } }
`
	}
	h := open(t, plan{sections: sections("")})
	rules := strings.Repeat("Answer in one short sentence. ", 300)
	first := `{"role":"system","content":"` + rules + `"},{"role":"user","content":"Capital of France?"}`
	second := first + `,{"role":"assistant","content":"Paris."},{"role":"user","content":"And of Spain?"}`
	ask := func(messages string) (sent string, saved pricing.Nano) {
		t.Helper()
		got := h.post(fmt.Sprintf(`{"model":"small","messages":[%s]}`, messages))
		row := h.row(got.id())
		if got.status != 200 || row.Saved.Sum() != row.Baseline-row.Cost || row.Usage.CacheRead != 100 || row.Usage.CacheWrite != 50 {
			t.Fatalf("%d %s, %+v", got.status, got.body, row)
		}
		return last(), row.Saved[exchange.LeverPromptCache]
	}
	if sent, saved := ask(first); strings.Contains(sent, "cache_control") || saved != 0 {
		t.Errorf("a first turn: saved %d, sent %s", saved, sent)
	}
	sent, saved := ask(second)
	if n := strings.Count(sent, `"cache_control":{"type":"ephemeral"}`); n != 3 || !strings.Contains(sent, `"text":"And of Spain?","cache_control"`) {
		t.Errorf("a second turn: %d marks in %s", n, sent)
	}
	if want := pricing.Nano(100*(3000-300) - 50*(3750-3000)); saved != want {
		t.Errorf("saved $%s, want $%s", saved.Dollars(), want.Dollars())
	}
	own := strings.Replace(second, `"And of Spain?"`, `"And of Spain?","cache_control":{"type":"ephemeral"}`, 1)
	if sent, saved := ask(own); strings.Count(sent, "cache_control") != 1 || saved != 0 {
		t.Errorf("a client's own mark: saved %d, sent %s", saved, sent)
	}
	must(t, h.Use(parse(t, h.up, sections(", prompt_cache: off"))))
	if sent, saved := ask(second); strings.Contains(sent, "cache_control") || saved != 0 {
		t.Errorf("off: saved %d, sent %s", saved, sent)
	}
	h.noBugs()
}
