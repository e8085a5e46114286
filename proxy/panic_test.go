package proxy

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"bursar/cache"
	"bursar/exchange"
	"bursar/internal/testkit"
	"bursar/ledger"

	"github.com/alicebob/miniredis/v2"
)

// bomb is a cache that panics when an answer is kept: after the provider has given it, before the money is settled.
type bomb struct {
	Cache
	armed atomic.Bool
}

func (b *bomb) Put(ctx context.Context, key cache.Key, answer *cache.Answer, ttl time.Duration) {
	if b.armed.Swap(false) {
		panic("the cache has a bug")
	}
	b.Cache.Put(ctx, key, answer, ttl)
}

// TestPanicCostsOneRequest: in a handler and at the end of a stream. The gateway lives, the hold expires into spend with one row, and after
// a restart the books still balance.
func TestPanicCostsOneRequest(t *testing.T) {
	eachStore(t, func(t *testing.T, kind func(testing.TB) stores) {
		for _, form := range []string{"", streamed} {
			var answers *bomb
			kept := kind(t)
			p := plan{sections: pot + cached, dir: t.TempDir(), up: testkit.NewUpstream(t), options: Options{HoldLease: 200 * time.Millisecond}, stores: func(t testing.TB) stores {
				s := kept
				if s.embedded { // which knows nothing after a restart
					s = kind(t)
				}
				answers = &bomb{Cache: s.cache}
				s.cache = answers
				return s
			}}
			h := open(t, p)
			answers.armed.Store(true)
			got := h.post(chat("small", "hi", form), "Cache-Control", "no-cache") // it leads no flight, which would keep the answer
			if want := map[string]int{"": 500, streamed: 200}[form]; got.status != want {
				t.Errorf("status %d: %s", got.status, got.body)
			}
			if form == "" && got.fault(t).Code != "internal_error" {
				t.Errorf("told %s", got.body)
			}
			until(t, "the hold to expire into spend, with a row", func() bool {
				now := h.standing()
				return now.Held == 0 && now.Spent > 0 && h.spent() == now.Spent
			})
			if h.told("BUG") != 1 {
				t.Errorf("told %v", h.warns)
			}
			if got = h.post(chat("small", "ho", form)); got.status != 200 {
				t.Errorf("the next one: status %d: %s", got.status, got.body)
			}
			h.row(got.id())
			spent := h.settled()
			h.close()
			for range 2 {
				h = open(t, p)
				if now := h.settled(); now != spent || len(h.ledger.Recovered().Orphans) != 0 {
					t.Errorf("after a restart $%s, before it $%s; orphans %+v", now.Dollars(), spent.Dollars(), h.ledger.Recovered().Orphans)
				}
				statement, err := h.ledger.Report(t.Context(), ledger.Query{By: []string{"team"}})
				must(t, err)
				if statement.Spend != spent {
					t.Errorf("the statement says $%s", statement.Spend.Dollars())
				}
				h.close()
			}
		}
	})
}

// TestPanicOfAnObserver comes when all is booked: nothing expires.
func TestPanicOfAnObserver(t *testing.T) {
	eachStore(t, func(t *testing.T, kind func(testing.TB) stores) {
		for _, form := range []string{"", streamed} {
			var armed atomic.Bool
			h := open(t, plan{sections: pot, stores: kind, options: Options{Observe: []func(*exchange.Exchange){func(*exchange.Exchange) {
				if armed.Swap(false) {
					panic("the observer has a bug")
				}
			}}}})
			armed.Store(true)
			h.post(chat("small", "hi", form))
			until(t, "the panic to be told", func() bool { return h.told("BUG") == 1 })
			first := h.agreed()
			got := h.post(chat("small", "hi", form))
			if got.status != 200 || first == 0 || h.row(got.id()).Cost != first {
				t.Errorf("the next one: status %d, cost %d; the first cost %d", got.status, h.row(got.id()).Cost, first)
			}
			if h.agreed() != 2*first {
				t.Errorf("spent %d by two requests of %d", h.spent(), first)
			}
		}
	})
}

// TestPanicBeforeTheHold leaves nothing behind.
func TestPanicBeforeTheHold(t *testing.T) {
	h := open(t, plan{sections: pot + cached, stores: func(t testing.TB) stores {
		s := inMemory(t)
		s.cache = &blind{Cache: s.cache}
		return s
	}})
	for i := range 3 {
		if got := h.post(chat("small", "hi")); got.status != 500 || h.told("BUG") != i+1 {
			t.Errorf("status %d", got.status)
		}
	}
	if got := h.post(chat("small", "hi"), "Cache-Control", "no-store"); got.status != 200 {
		t.Errorf("status %d", got.status)
	}
	if h.up.Count("") != 1 {
		t.Errorf("%d calls", h.up.Count(""))
	}
	h.settled()
}

// blind is a cache that panics when it is looked into.
type blind struct{ Cache }

func (*blind) Join(context.Context, *cache.Ask) (*cache.Answer, *cache.Seat) {
	panic("the cache has a bug")
}

// TestPanicLeavesItsPlace, also where this process counts by itself, because the store is away.
func TestPanicLeavesItsPlace(t *testing.T) {
	for _, form := range []string{"", streamed} {
		server := miniredis.RunT(t)
		answers := &bomb{Cache: inMemory(t).cache}
		h := open(t, plan{sections: cached + "limits: [ { team: search, concurrent: 1, on_store_down: local } ]\n", stores: func(t testing.TB) stores {
			s := joinRedisFor(t, server.Addr(), 0, "acme", 200*time.Millisecond)
			s.cache = answers
			return s
		}})
		server.Close()
		answers.armed.Store(true)
		h.post(chat("small", "hi", form), "Cache-Control", "no-cache") // it leads no flight, which would keep the answer
		until(t, "the panic to be told", func() bool { return h.told("BUG") == 1 })
		until(t, "the place to be left", func() bool { return h.post(chat("small", "ho", form)).status == 200 })
	}
}
