package budget

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"bursar/pricing"
)

// book is what one gateway keeps beyond its death: its journal and its ledger, as plainly as possible.
type book struct {
	fleet  *fleet
	slices map[string][]byte      // begun and not ended
	holds  map[string]*bookedHold // open in the journal
	lately map[string]*bookedHold // settled by calls of their own: what Replay settles again
	rows   map[string]ledgerRow   // by id and kind
}

type bookedHold struct {
	id, slice string
	keys      []string
	charges   []Charge
	held      pricing.Nano
	cost      pricing.Nano
	row       bool // the ledger has its cost
	unknown   bool // nobody knows whether it was taken; it is to be settled at nothing
}

type ledgerRow struct {
	keys []string
	cost pricing.Nano
}

func (b *book) BeginSlice(id string, about []byte) error {
	b.slices[id] = about
	return nil
}

func (b *book) Reported(slice string, holds []string) {
	for _, id := range holds {
		if h := b.holds[id]; h == nil || h.slice != slice {
			b.fleet.fail("slice %s reports hold %s, which is not in the journal", slice, id)
		}
		delete(b.holds, id)
	}
}

func (b *book) EndSlice(id string, seed []byte, s Settled) {
	if s.Orphaned {
		b.rows[id+"/correction"] = ledgerRow{strings.Split(string(seed), "\n"), -s.Held}
	}
	delete(b.slices, id)
}

func (b *book) Replay(ctx context.Context) error {
	for id, h := range b.lately {
		s, err := b.fleet.of(b).redis.Charge(ctx, id, h.charges, h.cost)
		if err != nil {
			return err
		}
		if s.Orphaned {
			b.rows[id+"/correction"] = ledgerRow{h.keys, -s.Held}
		}
	}
	return nil
}

// line is the connection of one gateway to Redis, which can be made to fail.
type line struct {
	cut  bool // nothing arrives
	deaf int  // so many calls arrive, but their answers do not
}

var errCut = &net.OpError{Op: "dial", Err: errors.New("cut")}

func (c *line) DialHook(next redis.DialHook) redis.DialHook { return next }

func (c *line) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if c.cut {
			cmd.SetErr(errCut)
			return errCut
		}
		err := next(ctx, cmd)
		if c.deaf > 0 {
			c.deaf--
			cmd.SetErr(context.DeadlineExceeded)
			return context.DeadlineExceeded
		}
		return err
	}
}

func (c *line) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if c.cut {
			return errCut
		}
		err := next(ctx, cmds)
		if c.deaf > 0 {
			c.deaf--
			return context.DeadlineExceeded
		}
		return err
	}
}

// fleet is several gateways on one Redis.
type fleet struct {
	*bench
	t        *rapid.T
	clock    time.Duration
	books    []*book
	gateways []*Leased // nil: dead
	charges  []Charge
	holds    int
	lines    []*line
	local    pricing.Nano // what each gateway may spend of each budget without Redis
	unheard  bool         // Redis was restarted with an older memory, and not all gateways have told it what they know
	servers  int
	saved    time.Duration // when the memory was saved that Redis will come back with; 0: none is
}

func (f *fleet) fail(format string, a ...any) {
	f.t.Helper()
	f.t.Fatalf(format, a...)
}

func (f *fleet) now() time.Time { return time.Unix(1_795_000_000, 0).Add(f.clock) }

func (f *fleet) of(b *book) *Leased { return f.gateways[slices.Index(f.books, b)] }

// start starts gateway i, which recovers what it left.
func (f *fleet) start(i int) {
	*f.lines[i] = line{} // it would try until it can
	r := f.handles[i].(*Redis)
	fresh := &Redis{client: r.client, options: r.options, keys: r.keys, charged: map[string]charged{}, drift: r.drift, pretend: r.pretend}
	fresh.options.Gateway = fmt.Sprint("g", i)
	f.handles[i] = fresh
	l, err := NewLeased(fresh, LeasedOptions{Gateway: fmt.Sprint("g", i), Clock: f.now, Grace: time.Hour, patience: time.Microsecond})
	must(f.t, err)
	l.journal = f.books[i]
	f.gateways[i] = l
	f.recover(i)
}

// recover does what proxy.recoverHolds does.
func (f *fleet) recover(i int) {
	l, b, ctx := f.gateways[i], f.books[i], f.t.Context()
	for id, about := range b.slices {
		left := &Left{ID: id, About: about, Holds: map[string]pricing.Nano{}}
		for _, h := range b.holds {
			if h.slice == id {
				left.Holds[h.id] = h.settledAt(b)
			}
		}
		done, seed, err := l.Recover(ctx, left)
		must(f.t, err)
		if done.Orphaned {
			b.rows[id+"/correction"] = ledgerRow{strings.Split(string(seed), "\n"), -done.Held}
		}
		for hold := range left.Holds {
			delete(b.holds, hold)
		}
		delete(b.slices, id)
	}
	for id, h := range b.holds {
		if h.slice != "" {
			f.fail("hold %s is open, its slice %s is not", id, h.slice)
		}
		cost := h.cost
		if !h.row {
			cost = h.held
		}
		done, err := l.Settle(ctx, Settlement{ID: id, Actual: cost})
		must(f.t, err)
		switch {
		case h.row && done.Orphaned:
			b.rows[id+"/correction"] = ledgerRow{h.keys, -done.Held}
		case !h.row && !done.Orphaned:
			b.rows[id+"/orphan"] = ledgerRow{h.keys, h.held}
		}
		delete(b.holds, id)
		h.cost, b.lately[id] = cost, h
	}
}

// settledAt is what a hold that was left open has cost, and enters its row.
func (h *bookedHold) settledAt(b *book) pricing.Nano {
	if h.row {
		return h.cost
	}
	b.rows[h.id+"/orphan"] = ledgerRow{h.keys, h.held}
	return h.held
}

// truth is what is spent by all ledgers, and held by all open holds.
func (f *fleet) truth(key string) (spent, held pricing.Nano) {
	for _, b := range f.books {
		for _, r := range b.rows {
			if slices.Contains(r.keys, key) {
				spent += r.cost
			}
		}
		for _, h := range b.holds {
			if !h.row && slices.Contains(h.keys, key) {
				held += h.held
			}
		}
	}
	return spent, held
}

// TestLeasedFleet plays random histories of a fleet whose gateways hold slices: reserve, settle, cancel, pulses, crashes at any moment, restarts,
// expired leases, clocks that jump, limits that change, a Redis that comes back with an older memory. After each step no hard budget
// may be overspent, and Redis must know of at least what is truly spent and held. After quiet the two are equal, and nothing is held.
func TestLeasedFleet(t *testing.T) {
	for _, kind := range kinds[1:3] {
		t.Run(kind.name, func(t *testing.T) {
			b := kind.open(t)
			var lines []*line
			for _, h := range b.handles {
				lines = append(lines, &line{})
				h.(*Redis).client.AddHook(lines[len(lines)-1])
			}
			rapid.Check(t, func(t *rapid.T) {
				o := Options{Timeout: 5 * time.Second, Remember: 1000 * time.Hour, Late: 1000 * time.Hour, Claim: 2 * time.Minute}
				f := &fleet{bench: b.fresh(o), t: t, gateways: make([]*Leased, 3), lines: lines, clock: time.Hour}
				for _, l := range lines {
					*l = line{}
				}
				unit := rapid.SampledFrom([]pricing.Nano{1, 999_999_999, 9_007_199_254_740_993}).Draw(t, "unit")
				if rapid.Bool().Draw(t, "local") {
					f.local = 4 * unit
				}
				for i, key := range []string{"org", "team=search", "user=ann", "tag=x"} {
					f.charges = append(f.charges, Charge{Key: key, Limit: unit * pricing.Nano(40*(i+1)), Hard: i != 2, Local: f.local, Ends: f.now().AddDate(0, 1, 0)})
				}
				for i := range f.gateways {
					f.books = append(f.books, &book{
						fleet: f, slices: map[string][]byte{}, holds: map[string]*bookedHold{}, lately: map[string]*bookedHold{}, rows: map[string]ledgerRow{},
					})
					f.handles[i].(*Redis).pretend = "server 0"
					f.start(i)
				}
				f.begin()
				t.Repeat(f.actions(unit))
				f.quiet()
			})
		})
	}
}

// begin has Redis know the org: it may lose its last moments later, but not all.
func (f *fleet) begin() {
	_, err := f.gateways[0].Reserve(f.t.Context(), &Hold{ID: "first", Charges: f.charges[:1], Lease: time.Minute})
	must(f.t, err)
	must(f.t, f.gateways[0].Cancel(f.t.Context(), "first"))
}

func (f *fleet) actions(unit pricing.Nano) map[string]func(*rapid.T) {
	// A request's charges always include org, so that all slices compete for it.
	sets := [][]int{{0}, {0, 1}, {0, 1, 2}, {0, 3}, {0, 1, 2, 3}}
	alive := func(t *rapid.T) int {
		i := rapid.IntRange(0, len(f.gateways)-1).Draw(t, "gateway")
		if f.gateways[i] == nil {
			t.Skip("it is dead")
		}
		return i
	}
	reserve := func(t *rapid.T) {
		i := alive(t)
		var charges []Charge
		var keys []string
		for _, n := range rapid.SampledFrom(sets).Draw(t, "charges") {
			charges, keys = append(charges, f.charges[n]), append(keys, f.charges[n].Key)
		}
		f.holds++
		want := pricing.Nano(rapid.Int64Range(0, int64(unit)*2).Draw(t, "want"))
		h := &Hold{
			ID: fmt.Sprint("hold ", f.holds), Want: want, Least: want / pricing.Nano(rapid.IntRange(1, 2).Draw(t, "least")), Charges: charges,
			Lease: time.Duration(rapid.IntRange(1, 5).Draw(t, "lease")) * time.Minute, Seed: []byte(strings.Join(keys, "\n")),
		}
		g, err := f.gateways[i].Reserve(t.Context(), h)
		f.gateways[i].filling.Wait()
		switch {
		case errors.Is(err, ErrUnsent):
			return
		case errors.Is(err, ErrStoreDown): // the proxy settles it at nothing, until it is
			f.books[i].holds[h.ID] = &bookedHold{id: h.ID, keys: keys, charges: charges, row: true, unknown: true}
			return
		}
		must(t, err)
		if g.OK {
			f.books[i].holds[h.ID] = &bookedHold{id: h.ID, slice: g.Slice, keys: keys, charges: charges, held: g.Amount}
		}
	}
	pick := func(t *rapid.T, i int, row bool) *bookedHold {
		var ids []string
		for id, h := range f.books[i].holds {
			if h.row == row && (!row || !f.settledHere(i, h)) {
				ids = append(ids, id)
			}
		}
		if len(ids) == 0 {
			t.Skip("it has none")
		}
		slices.Sort(ids)
		return f.books[i].holds[rapid.SampledFrom(ids).Draw(t, "hold")]
	}
	enter := func(t *rapid.T, i int) *bookedHold {
		h := pick(t, i, false)
		h.row, h.cost = true, pricing.Nano(rapid.Int64Range(0, int64(h.held)).Draw(t, "cost"))
		f.books[i].rows[h.id+"/request"] = ledgerRow{h.keys, h.cost}
		return h
	}
	settle := func(t *rapid.T) {
		i := alive(t)
		f.settle(i, enter(t, i))
	}
	return map[string]func(*rapid.T){
		"reserve": reserve, "reserve 2": reserve, "reserve 3": reserve, "reserve 4": reserve, "settle": settle, "settle 2": settle, "settle 3": settle,
		"enter the row only": func(t *rapid.T) { enter(t, alive(t)) },
		"settle what has its row": func(t *rapid.T) {
			i := alive(t)
			f.settle(i, pick(t, i, true))
		},
		"cancel": func(t *rapid.T) {
			i := alive(t)
			h := pick(t, i, false)
			delete(f.books[i].holds, h.id)
			if f.gateways[i].Cancel(t.Context(), h.id) != nil { // the proxy settles it, until it is
				h.row, h.unknown, f.books[i].holds[h.id] = true, true, h
			}
		},
		"pulse": func(t *rapid.T) { f.gateways[alive(t)].pulse(t.Context()) },
		"clock": func(t *rapid.T) {
			f.pass(time.Duration(rapid.SampledFrom([]int{50, 600, 1100, 30_000, 120_000}).Draw(t, "ms")) * time.Millisecond)
		},
		"expire": func(t *rapid.T) {
			if i := alive(t); !f.lines[i].cut {
				f.lines[i].deaf = 0
				must(t, f.gateways[i].Expire(t.Context()))
			}
		},
		"cut":  func(t *rapid.T) { f.lines[alive(t)].cut = true },
		"mend": func(t *rapid.T) { f.lines[alive(t)].cut = false },
		"lose answers": func(t *rapid.T) {
			f.lines[alive(t)].deaf = rapid.IntRange(1, 2).Draw(t, "answers")
		},
		"save memory": func(t *rapid.T) { f.save() },
		"restart Redis": func(t *rapid.T) {
			if f.saved == 0 || f.clock-f.saved > time.Minute {
				t.Skip("its memory is not that old")
			}
			f.restart()
		},
		"adopt": func(t *rapid.T) { f.adopt(alive(t)) },
		"crash": func(t *rapid.T) {
			i := alive(t)
			f.gateways[i], f.books[i].lately = nil, map[string]*bookedHold{}
			f.saved = 0 // who dies together with Redis cannot tell it what it had lost: docs/money.md
		},
		"restart": func(t *rapid.T) {
			i := rapid.IntRange(0, len(f.gateways)-1).Draw(t, "gateway")
			if f.gateways[i] != nil {
				t.Skip("it lives")
			}
			f.start(i)
			f.saved = 0 // what a gateway recovers at its start it does not tell again to a Redis that has forgotten it: docs/money.md
		},
		"limit": func(t *rapid.T) {
			c := &f.charges[rapid.IntRange(0, len(f.charges)-1).Draw(t, "budget")]
			c.Limit = pricing.Nano(rapid.Int64Range(0, int64(unit)*200).Draw(t, "limit"))
			now := f.state(c.Key)
			c.Limit = max(c.Limit, now.Spent+now.Held) // what is out already cannot be called back
		},
		"": func(*rapid.T) { f.check() },
	}
}

// settledHere tells whether a hold that has its row is settled already, and only its report is due.
func (f *fleet) settledHere(i int, h *bookedHold) bool {
	l := f.gateways[i]
	if h.unknown {
		return false
	}
	if h.slice == "" {
		_, open := l.calls[h.id]
		return !open
	}
	_, drawn := l.draws[h.id]
	return !drawn
}

func (f *fleet) settle(i int, h *bookedHold) {
	done, err := f.gateways[i].Settle(f.t.Context(), Settlement{ID: h.id, Actual: h.cost})
	if err != nil {
		if !errors.Is(err, ErrStoreDown) {
			must(f.t, err)
		}
		return // it is tried again
	}
	if done.Overrun > 0 || done.Pending != (h.slice != "") || done.Unknown && h.cost > 0 && !f.unheard {
		f.fail("settled %+v: %+v", h, done)
	}
	if done.Unknown && h.cost > 0 {
		_, err := f.gateways[i].Charge(f.t.Context(), h.id, h.charges, h.cost)
		must(f.t, err)
	}
	if done.Pending {
		return
	}
	if done.Orphaned {
		f.books[i].rows[h.id+"/correction"] = ledgerRow{h.keys, -done.Held}
	}
	delete(f.books[i].holds, h.id)
	f.books[i].lately[h.id] = h
}

func (f *fleet) pass(d time.Duration) {
	f.clock += d
	f.forward(d)
}

// adopt enters the rows of orphans.
func (f *fleet) adopt(i int) {
	ctx := f.t.Context()
	orphans, err := f.gateways[i].Orphans(ctx, 100)
	if err != nil {
		return
	}
	for _, o := range orphans {
		f.books[i].rows[o.ID+"/orphan"] = ledgerRow{strings.Split(string(o.Seed), "\n"), o.Amount}
		_ = f.gateways[i].AckOrphan(ctx, o.ID) // it is handed out again
	}
}

// save copies what Redis has, to come back with it after a restart.
func (f *fleet) save() {
	for i, l := range f.gateways { // all that live are known to, as they are to a Redis that loses its last second
		if l != nil && (f.lines[i].cut || f.lines[i].deaf > 0) {
			return
		}
	}
	for _, l := range f.gateways {
		if l != nil {
			l.pulse(f.t.Context())
		}
	}
	f.copyAll(0, 1)
	f.saved = f.clock
}

// restart brings Redis back with what it had when it was saved. Connections to it are new ones, which gateways notice.
func (f *fleet) restart() {
	f.copyAll(1, 0)
	f.saved = 0
	f.servers++
	f.unheard = true
	for i, h := range f.handles {
		h.(*Redis).pretend = fmt.Sprint("server ", f.servers)
		if f.gateways[i] != nil {
			f.gateways[i].look()
		}
	}
}

// copyAll replaces what Redis has under one name by what it has under another.
func (f *fleet) copyAll(from, to int) {
	c := plain(f.t, f.handles[0].(*Redis).client)
	defer c.Close()
	ctx, prefix := f.t.Context(), f.handles[0].(*Redis).keys.prefix
	name := func(at int, key string) string {
		if at == 1 {
			return "saved:" + key
		}
		return key
	}
	old, err := c.Keys(ctx, escaped(name(to, prefix))+"*").Result()
	must(f.t, err)
	for _, key := range old {
		must(f.t, c.Del(ctx, key).Err())
	}
	all, err := c.Keys(ctx, escaped(name(from, prefix))+"*").Result()
	must(f.t, err)
	for _, key := range all {
		must(f.t, c.Copy(ctx, key, name(to, strings.TrimPrefix(key, "saved:")), c.Options().DB, true).Err())
	}
}

func escaped(prefix string) string { return strings.NewReplacer("{", `\{`, "}", `\}`).Replace(prefix) }

// plain is a client to the same server whose calls do not fail.
func plain(t *rapid.T, like redis.UniversalClient) *redis.Client {
	o := *like.(*redis.Client).Options()
	return redis.NewClient(&redis.Options{Addr: o.Addr, DB: o.DB})
}

func (f *fleet) state(key string) State {
	l := f.lines[0]
	was := *l
	*l = line{}
	defer func() { *l = was }()
	out := make([]State, 1)
	must(f.t, f.handles[0].States(f.t.Context(), []Charge{{Key: key}}, out))
	return out[0]
}

func (f *fleet) check() {
	if f.unheard {
		f.unheard = false
		for i, l := range f.gateways {
			if l == nil || !l.joined.Load() || l.suspect.Load() || l.server != f.handles[i].(*Redis).pretend {
				f.unheard = true
			}
		}
	}
	for _, c := range f.charges {
		s := f.state(c.Key)
		if s.Held < 0 || s.Spent < 0 {
			f.fail("%s stands at %+v", c.Key, s)
		}
		if c.Hard && !f.unheard && s.Spent+s.Held > c.Limit+f.local*pricing.Nano(len(f.gateways)) {
			f.fail("%s is overspent: %+v of %d", c.Key, s, c.Limit)
		}
		// Corrections of orphans may be late, never early: what the ledgers have too much is what Redis has as spent.
		spent, held := f.truth(c.Key)
		if owed := f.local * pricing.Nano(len(f.gateways)); !f.unheard && spent+held > s.Spent+s.Held+f.adopted(c.Key)+owed {
			f.fail("%s: truly %d spent and %d held, but Redis knows of %+v", c.Key, spent, held, s)
		}
	}
}

// adopted is what ledgers have of slices and holds that expired and whose gateway has not corrected it yet: it stands beside what that gateway
// has in its own.
func (f *fleet) adopted(key string) (sum pricing.Nano) {
	corrected := map[string]bool{}
	for _, b := range f.books {
		for id := range b.rows {
			if name, ok := strings.CutSuffix(id, "/correction"); ok {
				corrected[name] = true
			}
		}
	}
	for _, b := range f.books {
		for id, r := range b.rows {
			if name, ok := strings.CutSuffix(id, "/orphan"); ok && !corrected[name] && slices.Contains(r.keys, key) {
				sum += r.cost
			}
		}
	}
	return sum
}

// quiet lets all that is under way end, and compares.
func (f *fleet) quiet() {
	for _, l := range f.lines {
		*l = line{}
	}
	for i := range f.gateways {
		if f.gateways[i] == nil {
			f.start(i)
		}
	}
	for range 4 {
		for i, l := range f.gateways {
			l.pulse(f.t.Context())
			for _, h := range f.books[i].holds {
				switch {
				case h.row && f.settledHere(i, h):
					continue
				case !h.row:
					h.row, h.cost = true, h.held/2
					f.books[i].rows[h.id+"/request"] = ledgerRow{h.keys, h.cost}
				}
				f.settle(i, h)
			}
			f.pass(2 * time.Second)
			l.pulse(f.t.Context())
			must(f.t, l.Expire(f.t.Context()))
			f.adopt(i)
		}
		f.pass(3 * time.Minute)
	}
	for i, l := range f.gateways {
		if n := len(l.slices) + len(l.draws) + len(l.calls) + len(l.owed) + len(f.books[i].holds) + len(f.books[i].slices); n > 0 {
			f.fail("gateway %d is not quiet: slices %v, draws %v, calls %v, owed %v; journal %v %v", i, l.slices, l.draws, l.calls, l.owed,
				f.books[i].holds, f.books[i].slices)
		}
	}
	for _, c := range f.charges {
		spent, _ := f.truth(c.Key)
		if s := f.state(c.Key); s.Spent != spent || s.Held != 0 {
			f.fail("%s: the ledgers have %d, Redis %+v", c.Key, spent, s)
		}
	}
	open, err := f.handles[0].Open(f.t.Context())
	must(f.t, err)
	keys, err := f.handles[0].(*Redis).client.Keys(f.t.Context(), f.handles[0].(*Redis).keys.prefix+"slice.*").Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		must(f.t, err)
	}
	if open > 0 {
		f.fail("%d holds are open in Redis, and %d slices", open, len(keys))
	}
}
