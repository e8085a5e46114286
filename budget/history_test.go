package budget

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"bursar/exchange"
	"bursar/pricing"
)

// TestHistories plays long random histories of a fleet, more than a million operations in all: reserves, renewals, settles once, twice and
// late, cancels, crashes, expiries, clocks that jump to the ends of months and to the nights when clocks are changed, budgets and limits
// that are raised and lowered. After each grant no hard budget is overspent and no limit exceeded, and the store says what a count of
// our own says; and in the end the books balance: the rows that a ledger would have are what the counters have, to the nano-dollar.
func TestHistories(t *testing.T) {
	for _, kind := range []struct {
		name      string
		open      func(testing.TB) *bench
		abreast   int           // histories at once, each in an org of its own
		ops, most int           // of one history, and of all
		step      time.Duration // see step: a clock that stands still needs none
	}{
		{"memory", func(testing.TB) *bench { return openMemory(patient) }, 2, 5_000 / slowdown, 1_000_000 / slowdown, time.Second / 4},
		{"miniredis", openMiniredis, 1, 50, 5_000, time.Second / 4},
		{"redis", openRedis, 4, 250, 100_000, step},
	} {
		t.Run(kind.name, func(t *testing.T) {
			b, all := kind.open(t), historyTotals{}
			rapid.Check(t, func(t *rapid.T) {
				var together sync.WaitGroup
				histories := make([]*history, kind.abreast)
				for i := range histories {
					h := newHistory(t, b, kind.step)
					histories[i] = h
					together.Go(func() { h.play(kind.ops) })
				}
				together.Wait()
				for _, h := range histories {
					if h.fault != nil {
						t.Fatalf("after %d operations, at %v: %v", h.ops, h.now(), h.fault)
					}
					all.add(h)
				}
			})
			t.Logf("%+v", all)
			if usual := flag.Lookup("rapid.checks").Value.String() == "100"; usual && all.ops < kind.most {
				t.Errorf("%d operations, want %d", all.ops, kind.most)
			}
			if all.granted == 0 || all.short == 0 || all.slow == 0 || all.orphans == 0 || all.late == 0 || all.windows < 100 {
				t.Errorf("%+v: the test does not test much", all)
			}
		})
	}
}

type historyTotals struct{ ops, granted, short, slow, orphans, late, windows int }

func (a *historyTotals) add(h *history) {
	a.ops, a.granted, a.short, a.slow = a.ops+h.ops, a.granted+h.granted, a.short+h.short, a.slow+h.slow
	a.orphans, a.late, a.windows = a.orphans+h.orphans, a.late+h.late, a.windows+len(h.spent)
}

// history is one random history and our own count of it.
type history struct {
	*rand.Rand
	historyTotals
	*bench
	calendar *Calendar
	begun    time.Time
	passed   time.Duration
	step     time.Duration
	budgets  []historyBudget
	limits   []Limit
	used     []passedBy // by limit
	fault    error      // the first thing that went wrong
	ctx      context.Context

	open, dead  []*historyHold // dead: of gateways that have crashed, so nobody settles them in time
	expired     []*historyHold
	holds       map[string]*historyHold
	held, spent map[string]pricing.Nano // by window
	rows        map[string]pricing.Nano // by window: what the rows of a ledger come to
}

type historyBudget struct {
	scope  string
	period exchange.Period
	first  pricing.Nano // the limit at first
	limit  pricing.Nano
	hard   bool
	raised time.Duration // until then the limit is half as much again
}

type historyHold struct {
	id      string
	charges []Charge
	limits  []int
	amount  pricing.Nano
	tokens  int64
	at      time.Duration
	until   time.Duration
	entered bool // its orphan's row is in the ledger
}

// places where clocks are changed, and one where they are not.
var historyZones = []string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Kathmandu"}

func newHistory(t *rapid.T, b *bench, step time.Duration) *history {
	seed := rapid.Uint64().Draw(t, "seed")
	loc, err := time.LoadLocation(rapid.SampledFrom(historyZones).Draw(t, "zone"))
	must(t, err)
	h := &history{
		Rand: rand.New(rand.NewPCG(seed, 1)), bench: b.fresh(Options{Timeout: 10 * time.Second, Remember: 1e5 * time.Hour, Late: 1e5 * time.Hour, Claim: step}),
		ctx: t.Context(), calendar: NewCalendar(loc), step: step, holds: map[string]*historyHold{},
		held: map[string]pricing.Nano{}, spent: map[string]pricing.Nano{}, rows: map[string]pricing.Nano{},
		// Windows are forgotten by real clocks too, so this is far in the future.
		begun: time.Date(2030, time.Month(1+seed%12), 1+int(seed>>8%31), int(seed>>16%24), 0, 0, 0, loc),
	}
	unit := []pricing.Nano{1, 7_919_000_003, 900_719_925_474_099}[h.IntN(3)] // the last makes limits above 2^53
	for i, scope := range []string{"everyone", "team=search", "user=each:ann", "key=each:k1", "model=premium", "tag.a=b"} {
		limit := unit * pricing.Nano(500*(1+h.IntN(4)))
		h.budgets = append(h.budgets, historyBudget{scope, exchange.Period(i), limit, limit, i != 2, 0})
	}
	for i, scope := range []string{"everyone", "team=search", "user=each:ann"} {
		for unit := range unitCount {
			h.limits = append(h.limits, Limit{Key: scope, Unit: unit, Most: [...]int64{5, 600, 3}[unit] * int64(1+i), Hard: i != 1 || unit != Tokens})
		}
	}
	h.used = make([]passedBy, len(h.limits))
	return h
}

func (h *history) now() time.Time { return h.begun.Add(h.passed) }

func (h *history) play(ops int) {
	for h.ops < ops && h.fault == nil {
		switch n := h.IntN(100); {
		case n < 46:
			h.reserve()
		case n < 76:
			h.settle()
		case n < 80:
			h.cancel()
		case n < 84:
			h.renew()
		case n < 92:
			h.wait()
		case n < 95:
			h.expire()
		case n < 96:
			h.crash()
		case n < 98:
			h.adopt(20)
		case n < 99:
			h.settleLate()
		default:
			h.edit()
		}
	}
	h.audit()
}

// did counts an operation.
func (h *history) did(what string, err error) {
	h.ops++
	h.must(err == nil, "%s: %v", what, err)
}

func (h *history) must(good bool, format string, args ...any) {
	if !good && h.fault == nil {
		h.fault = fmt.Errorf(format, args...)
	}
}

func (h *history) handle() store { return h.handles[h.IntN(len(h.handles))] }

// charges are a random part of the budgets, as they stand now.
func (h *history) charges() (all []Charge) {
	for i := range h.budgets {
		if b := &h.budgets[i]; h.IntN(3) > 0 {
			w := h.calendar.Window(b.period, h.now())
			limit := b.limit
			if h.passed < b.raised {
				limit += limit / 2
			}
			all = append(all, Charge{Key: b.scope + "/" + b.period.String() + "/" + w.ID, Limit: limit, Hard: b.hard, Ends: w.End})
		}
	}
	return all
}

func (h *history) reserve() {
	n := &historyHold{id: fmt.Sprint("h", len(h.holds)), charges: h.charges(), tokens: h.Int64N(200), at: h.passed}
	unit := h.budgets[0].first
	ask := Hold{ID: n.id, Want: pricing.Nano(h.Int64N(int64(unit/20) + 2)), Charges: n.charges, Tokens: n.tokens, Lease: h.step * time.Duration(1+h.IntN(200))}
	ask.Least = pricing.Nano(h.Int64N(int64(ask.Want) + 1))
	for i := range h.limits {
		if h.IntN(4) == 0 {
			n.limits, ask.Limits = append(n.limits, i), append(ask.Limits, h.limits[i])
		}
	}
	g, err := h.handle().Reserve(h.ctx, &ask)
	h.did("reserve", err)
	h.must(len(g.States) == len(ask.Charges) && len(g.Rates) == len(ask.Limits), "grant %+v of %+v", g, ask)
	h.holds[n.id] = n
	switch {
	case h.fault != nil:
		return
	case g.OK:
		h.granted++
		h.must(g.Amount >= ask.Least && g.Amount <= ask.Want, "granted %d of %d to %d", g.Amount, ask.Least, ask.Want)
		h.take(n, g.Amount, ask.Lease)
	case g.Slow >= 0:
		h.slow++
		l := ask.Limits[g.Slow]
		h.must(l.Hard && g.Rates[g.Slow].Used+ask.takes(l.Unit) > l.Most, "refused without need: %+v of %+v", g, ask)
	default:
		h.short++
		h.must(ask.Charges[g.Short].Hard && g.States[g.Short].Room() < ask.Least, "refused without need: %+v of %+v", g, ask)
		h.relieve(ask.Charges[g.Short].Key)
	}
	h.compare(n, &g)
	if g.OK && h.IntN(20) == 0 { // a caller that heard no answer asks again
		again, err := h.handle().Reserve(h.ctx, &ask)
		h.did("reserve again", err)
		h.must(again.OK && again.Amount == g.Amount, "reserved again: %+v", again)
	}
}

// take counts a grant.
func (h *history) take(n *historyHold, amount pricing.Nano, lease time.Duration) {
	n.amount, n.until = amount, h.passed+lease
	h.open = append(h.open, n)
	for _, c := range n.charges {
		h.held[c.Key] += amount
	}
	for _, i := range n.limits {
		h.used[i].add(n)
	}
}

// compare holds what the store says of budgets and limits against our count, and both against what is allowed.
func (h *history) compare(n *historyHold, g *Grant) {
	for i, c := range n.charges {
		s := g.States[i]
		h.must(s.Spent == h.spent[c.Key] && s.Held == h.held[c.Key], "%s: store %+v, counted %d and %d", c.Key, s, h.spent[c.Key], h.held[c.Key])
		h.must(!g.OK || g.Amount == 0 || !c.Hard || s.Room() >= 0, "budget %s is overspent: %+v", c.Key, s)
	}
	for i, at := range n.limits {
		l, r, counted := h.limits[at], g.Rates[i], h.used[at].sum(h.limits[at].Unit, h.passed)
		h.must(r.Used == counted, "limit %s of %s: store %+v, counted %d", l.Key, l.Unit, r, counted)
		h.must(!g.OK || !l.Hard || r.Used <= l.Most, "limit %s of %s is exceeded: %+v", l.Key, l.Unit, r)
	}
}

// some takes a random one out of holds.
func (h *history) some(holds *[]*historyHold) *historyHold {
	if len(*holds) == 0 {
		return nil
	}
	i, last := h.IntN(len(*holds)), len(*holds)-1
	n := (*holds)[i]
	(*holds)[i] = (*holds)[last]
	*holds = (*holds)[:last]
	return n
}

func (h *history) settle() {
	var batch []Settlement
	for range 1 + h.IntN(4)*h.IntN(2) {
		if n := h.some(&h.open); n != nil {
			s := Settlement{n.id, pricing.Nano(h.Int64N(int64(n.amount) + 1)), h.Int64N(n.tokens+2) + AsHeld}
			batch = append(batch, s)
			h.settled(n, s.Actual, s.Tokens)
		}
	}
	results := make([]Settled, len(batch))
	err := h.handle().SettleBatch(h.ctx, batch, results)
	for i, s := range batch {
		h.did("settle", err)
		h.must(results[i].Applied && results[i].Overrun == 0, "settle %+v: %+v", s, results[i])
		for _, c := range h.holds[s.ID].charges {
			h.rows[c.Key] += s.Actual
		}
	}
	if len(batch) > 0 && h.IntN(8) == 0 {
		again, err := h.handle().Settle(h.ctx, Settlement{ID: batch[0].ID, Actual: 1})
		h.did("settle again", err)
		h.must(!again.Applied, "settled again: %+v", again)
	}
}

// settled counts the end of an open hold.
func (h *history) settled(n *historyHold, actual pricing.Nano, tokens int64) {
	for _, c := range n.charges {
		h.held[c.Key] -= n.amount
		h.spent[c.Key] += actual
	}
	for _, i := range n.limits {
		h.used[i].end(h.limits[i].Unit, n, tokens)
	}
	if tokens != AsHeld {
		n.tokens = tokens
	}
}

func (h *history) cancel() {
	if n := h.some(&h.open); n != nil {
		h.settled(n, 0, 0)
		h.did("cancel", h.handle().Cancel(h.ctx, n.id))
	}
}

func (h *history) renew() {
	if len(h.open) > 0 {
		n, lease := h.open[h.IntN(len(h.open))], h.step*time.Duration(1+h.IntN(200))
		n.until = h.passed + lease
		h.did("renew", h.handle().RenewAll(h.ctx, []string{n.id}, lease))
	}
}

// wait lets time pass: mostly a little, at times up to the last moment before a window ends or clocks are changed.
func (h *history) wait() {
	d := h.step * time.Duration(1+h.IntN(60))
	if h.IntN(40) == 0 && h.passed < 300*24*time.Hour {
		edge := h.calendar.Window(exchange.Period(h.IntN(int(exchange.PeriodQuarterly))), h.now()).End
		if _, changed := h.now().ZoneBounds(); h.IntN(3) == 0 && !changed.IsZero() && changed.Sub(h.now()) < 250*24*time.Hour {
			edge = changed
		}
		d = max(h.step, edge.Sub(h.now())/h.step*h.step-h.step)
	}
	h.pass(d)
}

func (h *history) pass(d time.Duration) {
	h.passed += d
	h.forward(d)
}

func (h *history) expire() {
	h.did("expire", h.handle().Expire(h.ctx))
	h.open, h.dead = h.alive(h.open), h.alive(h.dead)
}

// alive returns the holds whose lease has not ended, and counts the others as spent.
func (h *history) alive(holds []*historyHold) []*historyHold {
	left := holds[:0]
	for _, n := range holds {
		if n.until > h.passed {
			left = append(left, n)
			continue
		}
		for _, c := range n.charges {
			h.held[c.Key] -= n.amount
			h.spent[c.Key] += n.amount
		}
		for _, i := range n.limits {
			h.used[i].end(h.limits[i].Unit, n, AsHeld)
		}
		h.expired = append(h.expired, n)
	}
	return left
}

// crash is that of one gateway: what it knew of its holds is gone, and nobody settles its own.
func (h *history) crash() {
	if s, ok := h.handle().(*Redis); ok {
		s.mu.Lock()
		clear(s.charged)
		s.mu.Unlock()
	}
	for range len(h.open) / 3 {
		h.dead = append(h.dead, h.some(&h.open))
	}
}

// adopt enters the rows of orphans. Some gateways die before they have acknowledged them.
func (h *history) adopt(most int) {
	orphans, err := h.handle().Orphans(h.ctx, most)
	h.did("orphans", err)
	for _, o := range orphans {
		n := h.holds[o.ID]
		if n == nil || o.Amount != n.amount {
			h.must(false, "orphan %+v", o)
			return
		}
		if !n.entered { // a ledger knows its rows by their id, however often they are handed out
			h.orphans++
			n.entered = true
			for _, c := range n.charges {
				h.rows[c.Key] += o.Amount
			}
		}
		if h.IntN(4) > 0 {
			h.did("acknowledge", h.handle().AckOrphan(h.ctx, o.ID))
		}
	}
}

// settleLate is the settle of a gateway that was stopped for longer than a lease.
func (h *history) settleLate() {
	n := h.some(&h.expired)
	if n == nil {
		return
	}
	h.late++
	actual := pricing.Nano(h.Int64N(int64(n.amount) + 1))
	s, err := h.handle().Settle(h.ctx, Settlement{n.id, actual, h.Int64N(100)})
	h.did("late settle", err)
	h.must(s.Applied && s.Late && s.Correction == actual-n.amount && s.Orphaned == n.entered, "late settle of %+v: %+v", n, s)
	for _, c := range n.charges {
		h.spent[c.Key] += s.Correction
		if h.rows[c.Key] += actual; s.Orphaned {
			h.rows[c.Key] -= n.amount
		}
	}
}

// relieve raises a spent budget by a little, so that a history stays at the edge and does not stop there.
func (h *history) relieve(key string) {
	for i := range h.budgets {
		if b := &h.budgets[i]; strings.HasPrefix(key, b.scope+"/") && h.IntN(3) == 0 {
			b.limit = min(b.limit+h.budgets[0].first/8, maxUsed/2)
		}
	}
}

// edit changes a budget or a limit, as a policy does that is loaded anew.
func (h *history) edit() {
	b, l := &h.budgets[h.IntN(len(h.budgets))], &h.limits[h.IntN(len(h.limits))]
	switch h.IntN(4) {
	case 0:
		b.limit = min(b.limit+b.first, maxUsed/2)
	case 1:
		b.limit -= b.limit / pricing.Nano(4+h.IntN(20))
	case 2:
		b.raised = h.passed + time.Duration(h.IntN(1000))*h.step
	default:
		l.Most = max(0, l.Most+h.Int64N(21)-10)
	}
}

// audit lets everything end, and compares counters, our count and the rows.
func (h *history) audit() {
	h.pass(1000*h.step - h.passed%time.Second) // clocks that others go on with stand at a whole second
	h.expire()
	for before := -1; h.orphans > before; {
		before = h.orphans
		h.pass(max(2*h.step, time.Second))
		h.adopt(1 << 20)
	}
	var charges []Charge
	for key := range h.spent {
		charges = append(charges, Charge{Key: key})
	}
	states := make([]State, len(charges))
	h.did("states", h.handles[0].States(h.ctx, charges, states))
	for i, c := range charges {
		h.must(states[i] == State{Spent: h.rows[c.Key]} && h.spent[c.Key] == h.rows[c.Key], "%s: counter %+v, counted %d, rows %d", c.Key, states[i], h.spent[c.Key], h.rows[c.Key])
	}
	open, err := h.handles[0].Open(h.ctx)
	h.did("open", err)
	h.must(open == 0 && len(h.open)+len(h.dead) == 0, "%d holds are left", open)
	rates := make([]Rate, len(h.limits))
	h.did("rates", h.handles[0].Rates(h.ctx, h.limits, rates))
	for i, r := range rates {
		h.must(r.Used == 0 || h.limits[i].Unit != Concurrent, "%d places of %s are left", r.Used, h.limits[i].Key)
	}
}

// passedBy is our count of what passed within a minute, or is under way.
type passedBy struct {
	holds                    []*historyHold // of the last minute, oldest first
	underWay, requests, sums int64
}

func (p *passedBy) add(n *historyHold) {
	p.holds = append(p.holds, n)
	p.underWay, p.requests, p.sums = p.underWay+1, p.requests+1, p.sums+n.tokens
}

func (p *passedBy) end(unit Unit, n *historyHold, tokens int64) {
	p.underWay--
	if unit != Tokens || tokens == AsHeld {
		return
	}
	for _, of := range p.holds {
		if of == n {
			p.sums += tokens - n.tokens
		}
	}
}

func (p *passedBy) sum(unit Unit, now time.Duration) int64 {
	for len(p.holds) > 0 && now/time.Second-p.holds[0].at/time.Second >= rateSlots {
		p.requests, p.sums = p.requests-1, p.sums-p.holds[0].tokens
		p.holds = p.holds[1:]
	}
	return [...]int64{Requests: p.requests, Tokens: p.sums, Concurrent: p.underWay}[unit]
}
