package budget

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"bursar/pricing"
)

// model is the rules of a store, written as plainly as possible: it keeps every hold for ever and counts by adding them all up.
type model struct {
	now   time.Duration
	holds map[string]*modelHold
	claim time.Duration
}

type modelHold struct {
	id        string
	state     string // open, expired, settled, late, charged, cancelled
	held      pricing.Nano
	actual    pricing.Nano
	keys      []string
	until     time.Duration
	outbox    bool
	handedOut bool
	claimed   time.Duration
	at        time.Duration // when it was granted
	limits    []Limit
	tokens    int64 // what it counts on limits of tokens
}

func (m *model) state(c Charge) State {
	s := State{Limit: c.Limit}
	for _, h := range m.holds {
		if !slices.Contains(h.keys, c.Key) {
			continue
		}
		switch h.state {
		case "open":
			s.Held += h.held
		case "expired":
			s.Spent += h.held
		default:
			s.Spent += h.actual
		}
	}
	return s
}

func (m *model) states(charges []Charge) []State {
	var all []State
	for _, c := range charges {
		all = append(all, m.state(c))
	}
	return all
}

func (m *model) reserve(h *Hold) (Grant, error) {
	if old, known := m.holds[h.ID]; known {
		if old.state != "open" {
			return Grant{}, ErrClosed
		}
		return Grant{OK: true, Amount: old.held, Short: -1, Slow: -1, States: m.states(h.Charges), Rates: m.rates(h.Limits)}, nil
	}
	g := Grant{OK: true, Amount: h.Want, Short: -1, Slow: -1, States: m.states(h.Charges), Rates: m.rates(h.Limits)}
	for i, s := range g.States {
		if h.Charges[i].Hard && s.Room() < g.Amount {
			g.Amount, g.Short = s.Room(), i
		}
	}
	if g.Amount = max(0, g.Amount); g.Amount < h.Least {
		g.OK, g.Amount = false, 0
		return g, nil
	}
	if m.slow(h, &g); !g.OK {
		return g, nil
	}
	m.holds[h.ID] = &modelHold{
		id: h.ID, state: "open", held: g.Amount, keys: keysOf(h.Charges), until: m.now + h.Lease, at: m.now, limits: h.Limits, tokens: h.Tokens,
	}
	g.States, g.Rates = m.states(h.Charges), m.rates(h.Limits)
	return g, nil
}

func (m *model) settle(id string, actual pricing.Nano, tokens int64, charges []Charge, charge bool) Settled {
	h, known := m.holds[id]
	switch {
	case !known && charge:
		h = &modelHold{id: id, state: "charged", actual: actual, keys: keysOf(charges)}
		m.holds[id] = h
		return Settled{Applied: true}
	case !known:
		if actual == 0 {
			m.holds[id] = &modelHold{id: id, state: "cancelled"}
		}
		return Settled{Unknown: true}
	case h.state == "open":
		h.state, h.actual = "settled", actual
		if tokens != AsHeld {
			h.tokens = tokens
		}
	case h.state == "expired":
		h.state, h.actual = "late", actual
		if !h.handedOut {
			h.outbox = false
		}
	default:
		s := h.settled()
		s.Applied = false
		return s
	}
	return h.settled()
}

func (h *modelHold) settled() Settled {
	switch h.state {
	case "charged":
		return Settled{Applied: true}
	case "cancelled":
		return Settled{Unknown: true}
	}
	s := Settled{Applied: true, Held: h.held, Overrun: max(0, h.actual-h.held)}
	if h.state == "late" {
		s.Late, s.Correction, s.Orphaned = true, h.actual-h.held, h.handedOut
	}
	return s
}

func (m *model) renew(id string, lease time.Duration) {
	if h, known := m.holds[id]; known && h.state == "open" {
		h.until = m.now + lease
	}
}

func (m *model) expire() {
	for _, h := range m.holds {
		if h.state == "open" && h.until <= m.now {
			h.state, h.outbox = "expired", true
		}
	}
}

func (m *model) orphans() []string {
	var all []string
	for _, h := range m.holds {
		if h.outbox && (!h.handedOut || h.claimed <= m.now) {
			h.handedOut, h.claimed = true, m.now+m.claim
			all = append(all, fmt.Sprint(h.id, " ", h.held))
		}
	}
	slices.Sort(all)
	return all
}

func keysOf(charges []Charge) []string {
	var keys []string
	for _, c := range charges {
		keys = append(keys, c.Key)
	}
	return keys
}

// run is one random history on a store and on the model.
type run struct {
	*bench
	model
	honest  bool // costs never exceed their hold, and limits are never lowered below what is used: then no budget is ever overspent
	charges []Charge
	limits  []Limit
	ids     []string
}

// TestStoresFollowTheModel plays random histories of a fleet: reserve, renew, settle once, twice, late, cancel, expire, crash, clocks
// that jump, limits that change. After each step the store must say what the model says, and no hard budget may be overspent.
func TestStoresFollowTheModel(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bench) {
		rapid.Check(t, func(t *rapid.T) {
			o := Options{Timeout: 5 * time.Second, Remember: 1000 * time.Hour, Late: 1000 * time.Hour, Claim: 2 * time.Minute}
			r := &run{bench: b.fresh(o), model: model{holds: map[string]*modelHold{}, claim: o.Claim}, honest: rapid.Bool().Draw(t, "honest")}
			unit := rapid.SampledFrom([]pricing.Nano{1, 999_999_999, 9_007_199_254_740_993}).Draw(t, "unit") // the last is odd and above 2^53
			for i, key := range []string{"org", "team=search/monthly/2026-11", "user=ann", "key={x}"} {
				r.charges = append(r.charges, Charge{Key: key, Limit: unit * pricing.Nano(10*(i+1)), Hard: i != 2, Ends: time.Now().AddDate(0, 1, 0)})
			}
			for i, key := range []string{"org", "team=search", "user=each:{ann}"} {
				for u := range unitCount {
					r.limits = append(r.limits, Limit{Key: key, Unit: u, Most: []int64{4, 500, 3}[u] * int64(i+1), Hard: i != 1})
				}
			}
			t.Repeat(r.actions(t, unit))
		})
	})
}

func (r *run) actions(t *rapid.T, unit pricing.Nano) map[string]func(*rapid.T) {
	ctx := t.Context()
	handle := func(t *rapid.T) store { return rapid.SampledFrom(r.handles).Draw(t, "handle") }
	id := func(t *rapid.T) string {
		if n := len(r.ids); n > 0 && rapid.IntRange(0, 9).Draw(t, "known") > 0 {
			return r.ids[max(0, n-1-rapid.IntRange(0, 5).Draw(t, "back"))]
		}
		r.ids = append(r.ids, fmt.Sprintf("hold %d", len(r.ids)))
		return r.ids[len(r.ids)-1]
	}
	amount := func(t *rapid.T, label string, most pricing.Nano) pricing.Nano {
		return min(MaxAmount, pricing.Nano(rapid.Int64Range(0, int64(most)).Draw(t, label)))
	}
	charges := func(t *rapid.T) []Charge {
		return rapid.SliceOfN(rapid.SampledFrom(r.charges), 0, 5).Draw(t, "charges")
	}
	limits := func(t *rapid.T) []Limit {
		return rapid.SliceOfNDistinct(rapid.SampledFrom(r.limits), 0, 6, func(l Limit) string { return l.Unit.String() + l.Key }).Draw(t, "limits")
	}
	settle := func(t *rapid.T) {
		id, most := id(t), 3*unit
		if h, known := r.holds[id]; r.honest && known {
			most = h.held
		}
		actual, tokens := amount(t, "actual", most), rapid.Int64Range(AsHeld, 200).Draw(t, "tokens")
		if rapid.Bool().Draw(t, "batched") {
			got := make([]Settled, 1)
			must(t, handle(t).SettleBatch(ctx, []Settlement{{id, actual, tokens}}, got))
			equal(t, "settled", got[0], r.settle(id, actual, tokens, nil, false))
			return
		}
		got, err := handle(t).Settle(ctx, Settlement{id, actual, tokens})
		must(t, err)
		equal(t, "settled", got, r.settle(id, actual, tokens, nil, false))
	}
	reserve := func(t *rapid.T) {
		r.ids = append(r.ids, fmt.Sprintf("hold %d", len(r.ids)))
		h := &Hold{
			ID: r.ids[len(r.ids)-1], Want: amount(t, "want", 8*unit), Charges: charges(t), Lease: stepsOf(t, "lease", 5),
			Limits: limits(t), Tokens: rapid.Int64Range(0, 300).Draw(t, "tokens"),
		}
		if rapid.IntRange(0, 9).Draw(t, "repeated") == 0 {
			h.ID = id(t)
		}
		h.Least = amount(t, "least", h.Want)
		got, err := handle(t).Reserve(ctx, h)
		want, wantErr := r.reserve(h)
		if !errors.Is(err, wantErr) {
			t.Fatalf("reserve %v: %v, want %v", h, err, wantErr)
		}
		sameWait(t, &got, &want)
		equal(t, "grant", got, want)
	}
	actions := map[string]func(*rapid.T){
		"reserve": reserve, "reserve another": reserve, "reserve a third": reserve, "settle": settle, "settle another": settle,
		"cancel": func(t *rapid.T) {
			id := id(t)
			must(t, handle(t).Cancel(ctx, id))
			r.settle(id, 0, 0, nil, false)
		},
		"renew": func(t *rapid.T) {
			id, lease := id(t), stepsOf(t, "lease", 5)
			must(t, handle(t).Renew(ctx, id, lease))
			r.renew(id, lease)
		},
		"clock": func(t *rapid.T) {
			d := stepsOf(t, "time", 4)
			r.forward(d)
			r.now += d
		},
		"expire": func(t *rapid.T) {
			must(t, handle(t).Expire(ctx))
			r.expire()
		},
		"orphans": func(t *rapid.T) {
			orphans, err := handle(t).Orphans(ctx, 1000)
			must(t, err)
			var got []string
			for _, o := range orphans {
				got = append(got, fmt.Sprint(o.ID, " ", o.Amount))
			}
			slices.Sort(got)
			equal(t, "orphans", got, r.orphans())
		},
		"acknowledge": func(t *rapid.T) {
			id := id(t)
			if h, known := r.holds[id]; known && h.handedOut {
				must(t, handle(t).AckOrphan(ctx, id))
				h.outbox = false
			}
		},
		"limit": func(t *rapid.T) {
			c := &r.charges[rapid.IntRange(0, len(r.charges)-1).Draw(t, "budget")]
			r.limit(c, amount(t, "limit", 40*unit))
			l := &r.limits[rapid.IntRange(0, len(r.limits)-1).Draw(t, "of")]
			l.Most = rapid.Int64Range(0, 2*l.Most+3).Draw(t, "most")
		},
		"crash": func(*rapid.T) { r.crash() },
		"":      func(t *rapid.T) { r.check(t) },
	}
	if !r.honest {
		actions["charge"] = func(t *rapid.T) {
			id, charges, actual := id(t), charges(t), amount(t, "actual", 3*unit)
			got, err := handle(t).Charge(ctx, id, charges, actual)
			must(t, err)
			equal(t, "charged", got, r.settle(id, actual, AsHeld, charges, true))
		}
	}
	return actions
}

func (r *run) limit(c *Charge, to pricing.Nano) {
	c.Limit = to
	if s := r.state(*c); r.honest {
		c.Limit = max(to, s.Spent+s.Held)
	}
}

// crash is that of every gateway: what they knew of their holds' counters is gone.
func (r *run) crash() {
	for _, h := range r.handles {
		if s, ok := h.(*Redis); ok {
			clear(s.charged)
		}
	}
}

func (r *run) check(t *rapid.T) {
	got := make([]State, len(r.charges))
	s := r.handles[len(r.ids)%len(r.handles)]
	must(t, s.States(t.Context(), r.charges, got))
	equal(t, "states", got, r.states(r.charges))
	for i, c := range r.charges {
		if r.honest && c.Hard && got[i].Room() < 0 {
			t.Fatalf("budget %s is overspent: %+v", c.Key, got[i])
		}
	}
	rates := make([]Rate, len(r.limits))
	must(t, s.Rates(t.Context(), r.limits, rates))
	equal(t, "rates", rates, r.rates(r.limits))
	open, err := s.Open(t.Context())
	must(t, err)
	want := 0
	for _, h := range r.holds {
		if h.state == "open" {
			want++
		}
	}
	equal(t, "open holds", open, want)
}

func equal[T any](t *rapid.T, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%s (-model +store):\n%s", what, diff)
	}
}
