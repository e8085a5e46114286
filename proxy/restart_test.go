package proxy

import (
	"context"
	"errors"
	"testing"
	"time"

	"bursar/budget"
	"bursar/exchange"
	"bursar/internal/testkit"
	"bursar/ledger"
	"bursar/pricing"
)

// TestRestartKnowsWhatWasSpent: every window, to the nano-dollar, and a hold whose process died before it was settled.
func TestRestartKnowsWhatWasSpent(t *testing.T) {
	const budgets = `
budgets:
  - { team: search, daily_usd: 1 }
  - { everyone: true, monthly_usd: 2 }
  - { team: each, weekly_usd: 3 }
  - { user: each, yearly_usd: 4 }
  - { model: small, total_usd: 5 }
  - { tag: { feature: titles }, daily_usd: 6 }
  - { team: each, project: each, daily_usd: 7, when_spent: observe }
`
	p := plan{sections: budgets + cached, dir: t.TempDir(), up: testkit.NewUpstream(t)}
	h := open(t, p)
	h.post(chat("small", "hi"))
	h.post(chat("big", "hi", streamed, `,"user":"alice"`))
	h.post(chat("big", "hi", streamed, `,"user":"alice"`)) // a hit
	h.post(chat("fake/small", "hi"))
	h.post(chat("small", "ha"), "x-bursar-tag-feature", "titles")
	h.asOther("support", chat("small", "hi", `,"user":"bob"`))
	h.up.On("big", testkit.Script{Status: 400})
	h.post(chat("big", "refused"))
	h.settled0()
	before := windows(h)
	h.close()

	again := open(t, p)
	if after := windows(again); len(after) != len(before) {
		t.Fatalf("windows %v, had %v", after, before)
	} else {
		for key, spent := range before {
			if after[key] != spent {
				t.Errorf("%s has spent %d, had %d", key, after[key], spent)
			}
		}
	}
	again.close()

	// A process that is killed between its hold and its row.
	books, err := ledger.Open(p.dir, ledger.Options{})
	must(t, err)
	lost := ledger.Row{ID: "req_lost", Time: time.Now().UnixNano(), Team: "search", Tier: "small", Target: "fake/small"}
	must(t, books.Hold(lost.ID, 12_345, lost.Encode(nil)))
	must(t, books.Close())
	third := open(t, p)
	if found := third.ledger.Recovered().Orphans; len(found) != 1 || found[0].Cost != 12_345 || found[0].Reason != "orphaned" {
		t.Errorf("orphans %+v", found)
	}
	if now := third.standing(); now.Spent != before["team=search/daily"]+12_345 || now.Held != 0 {
		t.Errorf("the budget stands at %+v, had spent %d", now, before["team=search/daily"])
	}
}

// settled0 waits until no money is held in any budget.
func (h *house) settled0() {
	h.Helper()
	until(h, "all holds to be settled", func() bool {
		n, err := h.stores.budgets.Open(context.Background())
		return n == 0 && err == nil
	})
}

// windows returns what the windows of all budgets have spent, those of single teams and users included.
func windows(h *house) map[string]pricing.Nano {
	g := h.current.Load()
	found := map[string]pricing.Nano{}
	for _, line := range g.budgets {
		for _, f := range []exchange.Facts{{Team: "search"}, {Team: "support"}, {Team: "search", User: "alice"}, {Team: "support", User: "bob"}} {
			key := line.budget.ScopeKey(&f, nil)
			states := make([]budget.State, 1)
			charge := budget.Charge{Key: key + "/" + g.calendar.Window(line.budget.Period, time.Now()).ID, Limit: 1}
			if err := h.budgets.States(context.Background(), []budget.Charge{charge}, states); err != nil {
				h.Error(err)
			}
			found[key] = states[0].Spent
		}
	}
	return found
}

// TestFleetRecoversItsHolds that its last process left in Redis: at the cost of the row if there is one, else at the held amount.
func TestFleetRecoversItsHolds(t *testing.T) {
	for _, kind := range kinds[1:] {
		t.Run(kind.name, func(t *testing.T) {
			kept := kind.open(t)
			p := plan{sections: pot, dir: t.TempDir(), stores: func(testing.TB) stores { return kept }}
			h := open(t, p)
			charges := []budget.Charge{{Key: "team=search/daily/" + h.current.Load().calendar.Window(exchange.PeriodDaily, time.Now()).ID, Limit: pricing.Dollar, Hard: true}}
			h.close()
			books, err := ledger.Open(p.dir, ledger.Options{KeepOpens: true})
			must(t, err)
			for id, answered := range map[string]bool{"req_lost": false, "req_told": true} {
				row := ledger.Row{ID: id, Time: time.Now().UnixNano(), Team: "search", Tier: "small", Target: "fake/small"}
				hold := &budget.Hold{ID: holdID(id, 1), Want: 12_345, Least: 12_345, Charges: charges, Lease: time.Minute}
				until(t, "the store takes the hold of "+id, func() bool { // a busy machine can be too slow for its deadline
					grant, err := kept.budgets.Reserve(t.Context(), hold)
					return err == nil && grant.OK
				})
				must(t, books.Hold(holdID(id, 1), 12_345, row.Encode(nil)))
				if answered {
					row.Cost, row.Baseline = 1_000, 1_000
					must(t, books.Append(&row))
				}
			}
			several := pricing.Nano(0)
			for _, left := range leftOfTwoHolds {
				several += left.want
				row := ledger.Row{ID: left.id, Time: time.Now().UnixNano(), Team: "search", Tier: "small", Target: "fake/small"}
				for n := 1; n <= left.holds; n++ {
					hold := &budget.Hold{ID: holdID(left.id, n), Want: 10_000, Least: 10_000, Charges: charges, Lease: time.Minute}
					until(t, "the store takes a hold of "+left.id, func() bool {
						grant, err := kept.budgets.Reserve(t.Context(), hold)
						return err == nil && grant.OK
					})
					must(t, books.Hold(hold.ID, 10_000, row.Encode(nil)))
					if n == 2 {
						break
					}
					if try := row; left.old {
						row.Cost = 400
					} else {
						try.ID, try.Kind, try.Cost, try.Saved[exchange.LeverEscalate] = ledger.TryID(left.id, n), ledger.KindAside, 400, -400
						must(t, books.Append(&try))
					}
					if left.settled {
						until(t, "the store settles it", func() bool {
							_, err := kept.budgets.Settle(t.Context(), budget.Settlement{ID: hold.ID, Actual: 400})
							return err == nil
						})
						must(t, books.Forget(hold.ID))
					}
				}
				if row.Cost += 300; left.ended {
					row.Baseline = row.Cost
					must(t, books.Append(&row))
				}
			}
			must(t, books.Close())
			for range 2 { // a second restart finds nothing left to do
				again := open(t, p)
				if spent := again.settled(); spent != 13_345+several {
					t.Errorf("spent %d", spent)
				}
				again.close()
			}
		})
	}
}

// leftOfTwoHolds are requests that have paid 400 under one hold and gone on to another, under which they pay 300, as a process leaves them that dies
// on the way.
var leftOfTwoHolds = []struct {
	id      string
	holds   int
	settled bool // the store knows of the first one's cost, and so does the journal
	ended   bool
	old     bool // by a version that had the first one's cost in the row of the request
	want    pricing.Nano
}{
	{id: "req_first", holds: 1, want: 400},
	{id: "req_paid", holds: 2, settled: true, want: 400 + 10_000},
	{id: "req_open", holds: 2, want: 400 + 10_000},
	{id: "req_both", holds: 2, ended: true, want: 400 + 300},
	{id: "req_last", holds: 2, settled: true, ended: true, want: 400 + 300},
	{id: "req_old_open", holds: 2, settled: true, old: true, want: 400 + 10_000},
	{id: "req_old_last", holds: 2, settled: true, ended: true, old: true, want: 400 + 300},
}

// deafened is a store that takes holds, but whose answers never arrive.
type deafened struct{ *budget.Memory }

func (d deafened) Reserve(ctx context.Context, h *budget.Hold) (budget.Grant, error) {
	_, err := d.Memory.Reserve(ctx, h)
	return budget.Grant{}, errors.Join(budget.ErrStoreDown, err)
}

func (d deafened) SettleBatch(context.Context, []budget.Settlement, []budget.Settled) error {
	return budget.ErrStoreDown
}

// TestRestartKnowsOfHoldsWithoutAnAnswer: a request was refused because the store did not answer, but had held its money. The process dies before
// that can be given back: its journal says that nothing was spent of it, so the next process gives it back.
func TestRestartKnowsOfHoldsWithoutAnAnswer(t *testing.T) {
	dir, store := t.TempDir(), budget.NewMemory(time.Now, budget.Options{})
	fleet := func(b interface {
		Budgets
		Open(context.Context) (int, error)
	},
	) func(testing.TB) stores {
		return func(t testing.TB) stores {
			s := inMemory(t)
			s.embedded, s.budgets = false, b
			return s
		}
	}
	h := open(t, plan{sections: pot, dir: dir, stores: fleet(deafened{store})})
	if got := h.post(chat("small", "hi")); got.status != 503 {
		t.Fatalf("without an answer of the store: %d %s", got.status, got.body)
	}
	if h.standing().Held == 0 {
		t.Fatal("the store has taken no hold")
	}
	h.close()
	again := open(t, plan{sections: pot, dir: dir, stores: fleet(store)})
	until(t, "the hold is given back", func() bool { return again.standing().Held == 0 })
	if now := again.standing(); now.Spent != 0 || again.spent() != 0 {
		t.Errorf("it stands at %+v, the ledger at %d: nothing was spent", now, again.spent())
	}
}
