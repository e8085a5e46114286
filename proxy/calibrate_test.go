package proxy

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"bursar/internal/testkit"
	"bursar/tokens"
)

// TestEstimateConverges: a provider whose tokenizer nobody knows reports what another one counts, and a frame of its own. Within 200 requests
// our estimate of what it will report is right to 2 %, and what is held is still enough for each.
func TestEstimateConverges(t *testing.T) {
	h := open(t, plan{})
	rng := rand.New(rand.NewPCG(3, 4))
	words := strings.Fields("the a of settlement invoice because unquestionably 2026 $1,250.75 naïve Straße 預算 キャッシュ {\"id\": [1,2]} return nil; func routing budget tokens")
	var estimated, reported int64
	for i := range 250 {
		var text strings.Builder
		for range 40 + rng.IntN(400) {
			text.WriteString(words[rng.IntN(len(words))] + " ")
		}
		truth := counter().Count(tokens.CL100k, []byte(text.String()))*118/100 + 23
		h.up.On("small", testkit.Script{PromptTokens: int(truth)})
		row := h.row(h.post(fmt.Sprintf(`{"model":"small","messages":[{"role":"user","content":%q}]}`, text.String())).id())
		if row.Usage.Prompt() != truth {
			t.Fatalf("the provider reported %d, booked %d", truth, row.Usage.Prompt())
		}
		if row.Held < row.Cost {
			t.Errorf("request %d: held %d, cost %d", i, row.Held, row.Cost)
		}
		if i >= 200 {
			estimated, reported = estimated+row.PromptTokens, reported+truth
		}
	}
	// The next prompt is of a kind that was not seen before: a token for each byte.
	strange := strings.Repeat("預算キャッシュ", 300)
	h.up.On("small", testkit.Script{PromptTokens: len(strange)})
	if row := h.row(h.post(fmt.Sprintf(`{"model":"small","messages":[{"role":"user","content":%q}]}`, strange)).id()); row.Held < row.Cost {
		t.Errorf("a prompt of another kind: held %d, cost %d: a hard budget would be overspent", row.Held, row.Cost)
	}
	off := float64(estimated)/float64(reported) - 1
	t.Logf("after 200 requests: estimated %d, reported %d: %+.2f %%", estimated, reported, 100*off)
	if math.Abs(off) > 0.02 {
		t.Errorf("the estimate is off by %+.2f %%, want 2 %% at most", 100*off)
	}
}
