package proxy

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bursar/internal/testkit"
	"bursar/pricing"
)

// TestOverspendNever sends 200 clients at a budget of one dollar. Some leave at a random moment, while waiting or in the middle of a
// stream. A sampler reads the budget all the while: never is more spent and held than the limit. In the end nothing is held, and
// the counters equal the ledger to the nano-dollar.
func TestOverspendNever(t *testing.T) {
	eachStore(t, func(t *testing.T, kind func(testing.TB) stores) {
		h := open(t, plan{stores: kind, sections: `
budgets: [ { team: search, daily_usd: 1 }, { key: each, total_usd: 2 }, { everyone: true, monthly_usd: 0.5, when_spent: warn } ]
prices: { overrides: { fake/small: { input: 100, output: 200 }, fake/big: { input: 500, output: 1000 } } }
`})
		h.up.On("small", testkit.Script{PromptTokens: 30, Tokens: 12, Pace: time.Millisecond, Latency: 2 * time.Millisecond})
		h.up.On("big", testkit.Script{Status: 503}, testkit.Script{PromptTokens: 30, Tokens: 3, Latency: 10 * time.Millisecond})
		sampled := make(chan struct{})
		var sampler sync.WaitGroup
		samples := 0
		sampler.Go(func() {
			for {
				select {
				case <-sampled:
					return
				default:
				}
				for _, s := range mustStanding(h) {
					if s.Budget.Name != "everyone/monthly" && (s.Spent+s.Held > s.Limit || s.Held < 0 || s.Spent < 0) {
						t.Errorf("budget %s stands at %+v", s.Budget.Name, s.State)
					}
				}
				samples++
				time.Sleep(200 * time.Microsecond)
			}
		})
		endSampling := sync.OnceFunc(func() {
			close(sampled)
			sampler.Wait()
		})
		defer endSampling()
		var refused, answered, left atomic.Int64
		var crowd sync.WaitGroup
		for i := range 200 {
			crowd.Go(func() {
				r := rand.New(rand.NewPCG(uint64(i), 7))
				for j := range 4 {
					ctx, cancel := context.WithCancel(t.Context())
					if r.IntN(3) == 0 {
						time.AfterFunc(time.Duration(r.IntN(60))*time.Millisecond, cancel)
					}
					model, form := "small", ""
					if r.IntN(4) == 0 {
						model = "big"
					}
					if r.IntN(2) == 0 {
						form = streamed
					}
					switch status := h.try(ctx, chat(model, fmt.Sprint("question ", i, j), form, `,"max_tokens":20`)); status {
					case 200:
						answered.Add(1)
					case 429:
						refused.Add(1)
					case 0:
						left.Add(1)
					case 503:
					default:
						t.Errorf("status %d", status)
					}
					cancel()
				}
			})
		}
		crowd.Wait()
		h.client.CloseIdleConnections()
		until(t, "all connections to be closed", func() bool { return h.http.GetCurrentConcurrency() == 0 })
		spent := h.settled()
		endSampling()
		until(t, "all holds and slices to be over", func() bool {
			n, err := h.stores.budgets.Open(t.Context())
			return err == nil && n == 0
		})
		if spent > pricing.Dollar || spent < pricing.Dollar/2 || refused.Load() == 0 || answered.Load() == 0 || left.Load() == 0 || samples < 10 {
			t.Errorf("spent $%s, %d refused, %d answered, %d left, %d samples: the test does not test much", spent.Dollars(), refused.Load(), answered.Load(), left.Load(), samples)
		}
	})
}

func mustStanding(h *house) []Standing {
	all, err := h.Standing(context.Background())
	if err != nil {
		h.Error(err)
	}
	return all
}

// try sends a request, and returns the status; 0 if the client left first.
func (h *house) try(ctx context.Context, body string) int {
	resp, err := h.client.Do(h.request(ctx, body))
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return 0
	}
	return resp.StatusCode
}
