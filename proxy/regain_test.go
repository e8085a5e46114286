package proxy

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"bursar/budget"
	"bursar/exchange"
	"bursar/internal/testkit"
	"bursar/ledger"
	"bursar/pricing"

	"github.com/alicebob/miniredis/v2"
)

// eachLoss runs a test against Redis servers that can be made to lose their memory of the org.
func eachLoss(t *testing.T, test func(t *testing.T, join func(testing.TB) stores, lose func())) {
	for _, kind := range []struct {
		name string
		addr func() (string, int)
	}{
		{"miniredis", func() (string, int) { return miniredis.RunT(t).Addr(), 0 }},
		{"redis", func() (string, int) { return realRedis(t), 7 }},
	} {
		t.Run(kind.name, func(t *testing.T) {
			if kind.name == "redis" {
				realRedis(t) // or skip
			}
			addr, db := kind.addr()
			org := "proxy-" + rand.Text()
			t.Cleanup(func() { forget(addr, db, org) })
			test(t, func(t testing.TB) stores { return joinRedis(t, addr, db, org) }, func() { forget(addr, db, org) })
		})
	}
}

// past is a row of what team search spent before.
func past(id string, cost pricing.Nano) *ledger.Row {
	return &ledger.Row{
		ID: id, Kind: ledger.KindRequest, Time: time.Now().UnixNano(), Team: "search", Target: "fake/small", Tier: "small",
		Reason: exchange.ReasonAnswered.String(), Cost: cost, Baseline: cost,
	}
}

// agreed waits until no money is held and the first budget has spent what the ledger says: other than settled it waits for a store
// that is just being restored.
func (h *house) agreed() pricing.Nano {
	h.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		now, booked := h.standing(), h.spent()
		if now.Held == 0 && now.Spent == booked {
			return booked
		}
		if time.Now().After(deadline) {
			h.Fatalf("the budget stands at %+v, the ledger at %d", now, booked)
		}
	}
}

// TestLostStoreIsRegainedOnce however many clients come upon it at the same time.
func TestLostStoreIsRegainedOnce(t *testing.T) {
	eachLoss(t, func(t *testing.T, join func(testing.TB) stores, lose func()) {
		h := open(t, plan{stores: join, sections: "budgets: [ { team: search, daily_usd: 100 }, { everyone: true, monthly_usd: 100 }, { key: each, daily_usd: 100 } ]\n"})
		must(t, h.ledger.Append(past("req_before", 10*pricing.Dollar)))
		h.post(chat("small", "hi"))
		h.settled0()
		for round := range 3 {
			lose()
			var crowd sync.WaitGroup
			for range 16 {
				crowd.Go(func() {
					for i := range 10 {
						if status := h.try(context.Background(), chat("small", fmt.Sprint("hi", i))); status != 200 && status != 503 {
							t.Errorf("status %d", status)
						}
					}
				})
			}
			crowd.Wait()
			until(t, "requests to be served again", func() bool { return h.post(chat("small", "ho")).status == 200 })
			h.agreed()
			if told := h.told("restored the budget store"); told != round+1 {
				t.Errorf("restored %d times for %d losses", told, round+1)
			}
		}
		for _, s := range mustStanding(h) {
			if s.Spent != h.spent() {
				t.Errorf("%s stands at %d, the ledger at %d", s.Budget.Name, s.Spent, h.spent())
			}
		}
		h.noBugs()
	})
}

// deafFleet is a deaf store that can be made to hold money again.
type deafFleet struct {
	deaf
	redis *budget.Redis
}

func (d *deafFleet) Resume() { d.redis.Resume() }

func (d *deafFleet) Incarnation(ctx context.Context) (string, error) { return d.redis.Incarnation(ctx) }

// TestRequestsUnderWayOutliveALoss: a hold that the store has forgotten is charged when it is settled, and once only, also when its row
// was in the ledger before the ledger was added up.
func TestRequestsUnderWayOutliveALoss(t *testing.T) {
	eachLoss(t, func(t *testing.T, join func(testing.TB) stores, lose func()) {
		ends := []string{"after the restoring", "before it, and settled after it"}
		if strings.HasSuffix(t.Name(), "/redis") { // a miniredis has no INFO, by which a loss is known before the next request
			ends = append(ends, "before the restoring")
		}
		for _, end := range ends {
			var store *deafFleet
			h := open(t, plan{sections: pot, stores: func(t testing.TB) stores {
				s := join(t)
				redis := s.budgets.(*budget.Redis)
				store = &deafFleet{deaf{Budgets: redis, open: redis.Open}, redis}
				s.budgets = store
				return s
			}})
			source := &events{next: make(chan string)}
			_, r, id := h.streaming(source)
			finish := func() {
				source.next <- stop + usageOnly + done
				close(source.next)
				for event := ""; event != done; {
					event = readEvent(t, r)
				}
				h.row(id)
			}
			lose()
			if end != "after the restoring" {
				store.on.Store(end != "before the restoring")
				finish()
			}
			h.up.On("small")
			until(t, "requests to be served again", func() bool { return h.post(chat("small", "ho")).status == 200 })
			store.on.Store(false)
			if end == "after the restoring" {
				finish()
			}
			h.agreed()
			h.close()
			lose()
		}
	})
}

// TestRestartsTeachAnEmptyStoreOnce, also when nobody asks anything in between.
func TestRestartsTeachAnEmptyStoreOnce(t *testing.T) {
	eachLoss(t, func(t *testing.T, join func(testing.TB) stores, lose func()) {
		p := plan{sections: "budgets: [ { team: search, daily_usd: 100 } ]\n", dir: t.TempDir(), up: testkit.NewUpstream(t), stores: join, options: Options{Gateway: "one"}}
		h := open(t, p)
		must(t, h.ledger.Append(past("req_before", pricing.Dollar)))
		h.close()
		lose()
		for i := range 4 {
			h = open(t, p)
			if now := h.standing(); now.Spent != pricing.Dollar {
				t.Errorf("start %d: the budget stands at %+v", i, now)
			}
			h.close()
		}
	})
}

// TestNegativeSumsDoNotKeepAStoreLost: corrections can stand here whose orphans stand in another gateway's ledger.
func TestNegativeSumsDoNotKeepAStoreLost(t *testing.T) {
	eachLoss(t, func(t *testing.T, join func(testing.TB) stores, lose func()) {
		h := open(t, plan{sections: pot, stores: join})
		h.post(chat("small", "hi"))
		h.settled0()
		h.correct("req_gone.1", *past("req_gone", 0), pricing.Dollar)
		lose()
		until(t, "requests to be served again", func() bool { return h.post(chat("small", "ho")).status == 200 })
		if h.spent() >= 0 {
			t.Errorf("the ledger has %d: the test does not test much", h.spent())
		}
	})
}
