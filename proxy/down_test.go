package proxy

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"bursar/budget"
	"bursar/exchange"
	"bursar/ledger"

	"github.com/alicebob/miniredis/v2"
)

// TestStoreDown: requests are refused soon and say why, the cache misses, a stream under way goes on; when the store is back, all
// is settled.
func TestStoreDown(t *testing.T) {
	server := miniredis.RunT(t)
	h := open(t, plan{sections: pot + cached, stores: func(t testing.TB) stores {
		return joinRedisFor(t, server.Addr(), 0, "acme", 200*time.Millisecond)
	}})
	if got := h.post(chat("small", "hi")); got.status != 200 {
		t.Fatalf("status %d", got.status)
	}
	h.settled()
	h.kept()
	source := &events{next: make(chan string)}
	_, r, id := h.streaming(source)
	server.Close()
	for _, form := range []string{"", streamed} {
		begun := time.Now()
		got := h.post(chat("small", "hi", form)) // it would be a hit
		if f := got.fault(t); got.status != 503 || f.Code != "budget_store_down" || got.header.Get("Retry-After") == "" || got.header.Get("x-bursar-cache") != "miss" {
			t.Errorf("status %d, %+v, %v", got.status, f, got.header)
		}
		if took := time.Since(begun); took > 3*time.Second {
			t.Errorf("refused after %s", took)
		}
	}
	source.next <- stop + usageOnly + done
	close(source.next)
	for event := ""; event != done; {
		event = readEvent(t, r)
	}
	if row := h.row(id); row.Reason != "answered" || row.Cost == 0 {
		t.Errorf("row %+v", row)
	}
	must(t, server.Restart())
	h.up.On("small")
	until(t, "requests to be served again", func() bool { return h.post(chat("small", "ho")).status == 200 })
	h.settled0()
	h.settled()
}

// TestStoreDownAtOnce: one that never answered refuses, and does not keep the gateway from starting.
func TestStoreDownAtOnce(t *testing.T) {
	h := open(t, plan{sections: pot, stores: func(t testing.TB) stores {
		return joinRedisFor(t, "127.0.0.1:"+deadPort(t), 0, "acme", 100*time.Millisecond)
	}})
	if got := h.post(chat("small", "hi")); got.status != 503 || got.fault(t).Code != "budget_store_down" || h.up.Count("") != 0 {
		t.Errorf("status %d: %s", got.status, got.body)
	}
}

// deaf is a store that at times hears neither of renewals nor of settles.
type deaf struct {
	Budgets
	open func(context.Context) (int, error)
	on   atomic.Bool
}

var errDeaf = errors.New("deaf")

func (d *deaf) Open(ctx context.Context) (int, error) { return d.open(ctx) }

func (d *deaf) RenewAll(ctx context.Context, ids []string, lease time.Duration) error {
	if d.on.Load() {
		return errDeaf
	}
	return d.Budgets.RenewAll(ctx, ids, lease)
}

func (d *deaf) SettleBatch(ctx context.Context, batch []budget.Settlement, results []budget.Settled) error {
	if d.on.Load() {
		return errDeaf
	}
	return d.Budgets.SettleBatch(ctx, batch, results)
}

// TestLateSettleIsCorrected: a hold that expired into spend has a row of the held amount. When its request is settled after all,
// counters and ledger agree on the truth.
func TestLateSettleIsCorrected(t *testing.T) {
	for _, kind := range kinds[:3] { // behind deaf nobody tends slices; they have their own test
		t.Run(kind.name, func(t *testing.T) {
			var store *deaf
			h := open(t, plan{sections: pot, options: Options{HoldLease: 300 * time.Millisecond}, stores: func(t testing.TB) stores {
				s := kind.open(t)
				store = &deaf{Budgets: s.budgets, open: s.budgets.Open}
				s.budgets = store
				return s
			}})
			source := &events{next: make(chan string)}
			_, r, id := h.streaming(source)
			held := h.standing().Held
			store.on.Store(true)
			until(t, "the hold to expire into spend, with a row", func() bool {
				now := h.standing()
				return now.Held == 0 && now.Spent == held && h.spent() == held
			})
			source.next <- stop + usageOnly + done
			close(source.next)
			for event := ""; event != done; {
				event = readEvent(t, r)
			}
			row := h.row(id)
			store.on.Store(false)
			until(t, "the late settle", func() bool { return h.standing().Spent == row.Cost })
			until(t, "the correction to be booked", func() bool { return h.spent() == row.Cost })
			statement, err := h.ledger.Report(t.Context(), ledger.Query{By: []string{"team"}})
			must(t, err)
			if statement.Spend != row.Cost || len(statement.Lines) != 1 || statement.Lines[0].Spend != row.Cost {
				t.Errorf("the statement does not charge it to its team: %s", statement.Table())
			}
			if row.Reason != exchange.ReasonAnswered.String() || row.Cost == held {
				t.Errorf("row %+v, held %d", row, held)
			}
		})
	}
}

// TestLongRequestsKeepTheirHold: leases are renewed for as long as a request goes on.
func TestLongRequestsKeepTheirHold(t *testing.T) {
	for _, kind := range kinds[1:] {
		t.Run(kind.name, func(t *testing.T) {
			h := open(t, plan{sections: pot, options: Options{HoldLease: 300 * time.Millisecond}, stores: kind.open})
			source := &events{next: make(chan string)}
			_, r, id := h.streaming(source)
			held := h.standing().Held
			least := held // slices give back what lies idle, but not what the request holds
			for end := time.Now().Add(time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
				now := h.standing()
				if least = min(least, now.Held); now.Held > held || now.Spent != 0 {
					t.Fatalf("the budget stands at %+v, held was %d", now, held)
				}
			}
			source.next <- stop + usageOnly + done
			close(source.next)
			for event := ""; event != done; {
				event = readEvent(t, r)
			}
			if row := h.row(id); h.settled() != row.Cost || least < row.Held || row.Held == 0 {
				t.Errorf("row %+v, and %d held at the least", row, least)
			}
		})
	}
}
