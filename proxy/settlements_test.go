package proxy

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"bursar/budget"
	"bursar/internal/testkit"
	"bursar/ledger"
)

// forgetful is a store that is restarted and has lost the settlements that it took last.
type forgetful struct {
	*budget.Memory
	loses       atomic.Bool
	lost        atomic.Int64
	incarnation atomic.Int64
}

func (f *forgetful) Incarnation(context.Context) (string, error) {
	return strconv.FormatInt(f.incarnation.Load(), 10), nil
}

func (f *forgetful) SettleBatch(ctx context.Context, batch []budget.Settlement, results []budget.Settled) error {
	if !f.loses.Load() {
		return f.Memory.SettleBatch(ctx, batch, results)
	}
	for i := range results {
		results[i] = budget.Settled{Applied: true}
	}
	f.lost.Add(int64(len(batch)))
	return nil
}

func (f *forgetful) Cancel(ctx context.Context, id string) error {
	if !f.loses.Load() {
		return f.Memory.Cancel(ctx, id)
	}
	f.lost.Add(1)
	return nil
}

// TestReplayOfCancel: a hold that was given back, since the provider failed, is given back again to a store that was restarted and has lost that.
// Else it would expire into spend: a bill for a request that cost nothing.
func TestReplayOfCancel(t *testing.T) {
	store := &forgetful{Memory: budget.NewMemory(time.Now, budget.Options{})}
	h := open(t, plan{sections: pot, stores: func(t testing.TB) stores {
		s := inMemory(t)
		s.embedded, s.budgets = false, store
		return s
	}})
	must(t, h.replayLost(t.Context()))
	h.up.On("small", testkit.Script{Status: 503})
	store.loses.Store(true)
	if row := h.row(h.post(chat("small", "fails")).id()); row.Cost != 0 || store.lost.Load() != 1 {
		t.Fatalf("a provider that fails: cost %d, %d cancels lost", row.Cost, store.lost.Load())
	}
	store.loses.Store(false)
	if h.standing().Held == 0 {
		t.Fatal("nothing is held, so nothing was lost")
	}
	store.incarnation.Add(1)
	must(t, h.replayLost(t.Context()))
	if now := h.standing(); now.Held != 0 || now.Spent != 0 {
		t.Errorf("after the replay %+v, want nothing held and nothing spent", now)
	}
}

// TestReplay: what a restarted store has lost of the last settlements is settled again, once, and what it has kept stays as it is.
func TestReplay(t *testing.T) {
	store := &forgetful{Memory: budget.NewMemory(time.Now, budget.Options{})}
	h := open(t, plan{sections: pot, stores: func(t testing.TB) stores {
		s := inMemory(t)
		s.embedded, s.budgets = false, store
		return s
	}})
	h.replayLost(t.Context())
	h.post(chat("small", "kept"))
	kept := h.settled()
	store.loses.Store(true)
	lost := h.row(h.post(chat("small", "lost")).id())
	until(t, "it is settled, and lost", func() bool { return store.lost.Load() == 1 })
	store.loses.Store(false)
	if h.replayLost(t.Context()); h.standing().Held == 0 {
		t.Fatal("replayed without a restart")
	}
	store.incarnation.Add(1)
	for range 2 {
		h.replayLost(t.Context())
		if now := h.standing(); now.Spent != kept+lost.Cost || now.Held != 0 {
			t.Fatalf("after the replay %+v, want %d spent", now, kept+lost.Cost)
		}
	}
}

// TestReloadCountsNothingTwice: a reload leaves the counters alone that requests are counted on. A request whose row is entered and whose
// hold is not settled yet would count twice.
func TestReloadCountsNothingTwice(t *testing.T) {
	const total = "budgets: [ { everyone: true, total_usd: 1 } ]\n"
	h := open(t, plan{sections: total})
	hold := &budget.Hold{ID: "r", Want: 500, Lease: time.Minute, Charges: []budget.Charge{{Key: "everyone/total/total", Limit: 1 << 40, Hard: true}}}
	_, err := h.budgets.Reserve(t.Context(), hold)
	must(t, err)
	must(t, h.ledger.Append(&ledger.Row{ID: "r", Time: time.Now().UnixNano(), Team: "search", Cost: 500, Baseline: 500}))
	must(t, h.Use(parse(t, h.up, "budgets: [ { everyone: true, total_usd: 2 } ]\n")))
	_, err = h.budgets.Settle(t.Context(), budget.Settlement{ID: "r", Actual: 500})
	must(t, err)
	if now := h.standing(); now.Spent != 500 || now.Spent != h.spent() {
		t.Errorf("the counter has %d, the ledger %d", now.Spent, h.spent())
	}
}
