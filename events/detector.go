package events

import (
	"context"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"sync"
	"time"

	"bursar/pricing"
)

// Rule says when spend is out of all proportion: when what a team or a key has spent in the hour so far is above
//
//   - Least,
//   - Times its usual, which is the 95th percentile of the hours of the last two weeks in which it spent anything, and
//   - as many times its usual as that is above the median of those hours: whoever's hours vary much is allowed to.
//
// Quiet nights and weekends do not lower that, and neither a single wild hour nor a few raise it much. Whoever has spent in fewer than
// leastHours hours, or for less than a day, has no history to be measured by: budgets bound that.
type Rule struct {
	Times int64        // at least 2
	Least pricing.Nano // below it nothing is worth a message
}

// UsualRule is the rule where a policy has none.
var UsualRule = Rule{Times: 3, Least: 5 * pricing.Dollar}

const (
	historyHours = 14 * 24
	leastHours   = 12
	usualPercent = 95
)

// Detector finds spend that is out of all proportion to a subject's own history, by the hour. Requests only add to a sum; the
// judging goes on beside them.
type Detector struct {
	hours Hours
	tell  func(Event)
	warn  func(what string, err error)

	mu    sync.Mutex
	rule  Rule // Times 0: nothing is judged
	fresh map[int64]map[Subject]pricing.Nano

	// What follows belongs to the one goroutine that judges.
	loaded bool
	now    int64 // hour of the totals
	totals map[Subject]pricing.Nano
	past   map[Subject]map[int64]pricing.Nano // by hour
	usual  map[Subject]usual                  // worked out in this hour
}

// Subject is whose spend is watched: a team's, or that of one of its keys.
type Subject struct{ Team, Key string }

// NewDetector makes a detector that judges nothing before it has a rule.
func NewDetector(hours Hours, tell func(Event), warn func(what string, err error)) *Detector {
	return &Detector{
		hours: hours, tell: tell, warn: warn, fresh: map[int64]map[Subject]pricing.Nano{},
		totals: map[Subject]pricing.Nano{}, past: map[Subject]map[int64]pricing.Nano{}, usual: map[Subject]usual{},
	}
}

// Use makes this the rule. One with Times 0 judges nothing.
func (d *Detector) Use(r Rule) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rule = r
}

// Spend adds what a request has cost. It is quick, and safe for concurrent use.
func (d *Detector) Spend(team, key string, cost pricing.Nano, at time.Time) {
	if cost <= 0 || team == "" {
		return
	}
	hour := hourOf(at)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.rule.Times == 0 {
		return
	}
	sums := d.fresh[hour]
	if sums == nil {
		sums = map[Subject]pricing.Nano{}
		d.fresh[hour] = sums
	}
	sums[Subject{Team: team}] += cost
	if key != "" {
		sums[Subject{team, key}] += cost
	}
}

func hourOf(at time.Time) int64 { return at.Unix() / 3600 }

// Run judges every so often until ctx ends.
func (d *Detector) Run(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			d.flush(context.WithoutCancel(ctx), time.Now())
			return
		case now := <-tick.C:
			d.judge(ctx, now)
		}
	}
}

// judge brings the sums up to date and tells of those that are out of proportion.
func (d *Detector) judge(ctx context.Context, now time.Time) {
	d.mu.Lock()
	rule := d.rule
	d.mu.Unlock()
	if rule.Times == 0 {
		return
	}
	if !d.turn(ctx, now) {
		return
	}
	changed := d.flush(ctx, now)
	for _, team := range changed {
		if team.Key == "" {
			d.judgeTeam(rule, team.Team, changed, now)
		}
	}
}

// recheck is how many past hours are read once more when an hour begins: others may have added to them since.
const recheck = 2

// turn begins a new hour: what is past becomes history, and the usual is worked out anew.
func (d *Detector) turn(ctx context.Context, now time.Time) bool {
	hour := hourOf(now)
	if d.loaded && d.now == hour {
		return true
	}
	from := hour - historyHours
	if d.loaded {
		from = max(from, d.now-recheck)
	}
	more, err := d.hours.Load(ctx, from, hour)
	if err != nil {
		d.warn("read what was spent in past hours; anomalies are not looked for meanwhile", err)
		return false
	}
	for s, hours := range more {
		for hour, n := range hours {
			note(d.past, s, hour, n)
		}
	}
	for s, hours := range d.past {
		for h := range hours {
			if h < hour-historyHours {
				delete(hours, h)
			}
		}
		if len(hours) == 0 {
			delete(d.past, s)
		}
	}
	d.now, d.loaded = hour, true
	d.totals, d.usual = map[Subject]pricing.Nano{}, map[Subject]usual{}
	return true
}

// flush adds what is fresh to the hours, and returns the subjects whose sum of this hour has changed.
func (d *Detector) flush(ctx context.Context, now time.Time) (changed []Subject) {
	d.mu.Lock()
	fresh := d.fresh
	d.fresh = map[int64]map[Subject]pricing.Nano{}
	d.mu.Unlock()
	for hour, sums := range fresh {
		totals, err := d.hours.Add(ctx, hour, sums)
		if err != nil {
			d.warn("add up what was spent in the hour; added later", err)
			d.putBack(hour, sums, now)
			continue
		}
		if hour != hourOf(now) {
			continue
		}
		for subject, total := range totals {
			d.totals[subject] = total
			changed = append(changed, subject)
		}
	}
	return changed
}

// putBack keeps sums that could not be added, for as long as they matter.
func (d *Detector) putBack(hour int64, sums map[Subject]pricing.Nano, now time.Time) {
	if hour < hourOf(now)-24 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	again := d.fresh[hour]
	if again == nil {
		d.fresh[hour] = sums
		return
	}
	for subject, n := range sums {
		again[subject] += n
	}
}

// judgeTeam tells of a team, or else of those of its keys that are out of proportion: one event is enough where both are.
func (d *Detector) judgeTeam(rule Rule, team string, changed []Subject, now time.Time) {
	if spend := d.wild(rule, Subject{Team: team}); spend != nil {
		e := d.event(spend, Subject{Team: team}, now)
		for s, n := range d.totals {
			if s.Team == team && s.Key != "" && n > spend.Spent/2 {
				e.Text += fmt.Sprintf(" Most of it by key %s: $%s.", s.Key, n.Dollars())
			}
		}
		d.tell(e)
		return
	}
	for _, s := range changed {
		if s.Team != team || s.Key == "" {
			continue
		}
		if spend := d.wild(rule, s); spend != nil {
			d.tell(d.event(spend, s, now))
		}
	}
}

// wild returns a subject's hour if it is out of proportion, else nil.
func (d *Detector) wild(rule Rule, s Subject) *Spend {
	total := d.totals[s]
	if total <= rule.Least {
		return nil
	}
	u, known := d.usual[s]
	if !known {
		u = usually(d.past[s], d.now)
		d.usual[s] = u
	}
	bound := max(rule.Least, u.bound(rule.Times))
	if !u.known || total <= bound {
		return nil
	}
	return &Spend{Hour: time.Unix(d.now*3600, 0).UTC(), Spent: total, Usual: u.high, Bound: bound}
}

// usual is what a subject spends in its busy hours.
type usual struct {
	known        bool // there is enough history
	median, high pricing.Nano
}

func usually(past map[int64]pricing.Nano, now int64) usual {
	var busy []pricing.Nano
	first := now
	for hour, n := range past {
		if n > 0 && hour < now && hour >= now-historyHours {
			busy = append(busy, n)
			first = min(first, hour)
		}
	}
	if len(busy) < leastHours || now-first < 24 {
		return usual{}
	}
	slices.Sort(busy)
	rank := func(percent int) pricing.Nano { return busy[(len(busy)*percent+99)/100-1] } // nearest rank
	return usual{true, rank(50), rank(usualPercent)}
}

// bound is the larger of so many times the usual, and the usual times what it is above the median; the largest Nano if it is more.
func (u usual) bound(times int64) pricing.Nano {
	if u.high <= 0 {
		return 0
	}
	bound := pricing.Nano(math.MaxInt64)
	if u.high <= bound/pricing.Nano(times) {
		bound = u.high * pricing.Nano(times)
	}
	hi, lo := bits.Mul64(uint64(u.high), uint64(u.high))
	if hi >= uint64(u.median) {
		return math.MaxInt64
	}
	spread, _ := bits.Div64(hi, lo, uint64(u.median))
	return max(bound, pricing.Nano(min(spread, math.MaxInt64)))
}

// event tells it, in words that can be checked. Its id is that of a quarter of a day, so that nobody hears of the same thing each hour.
func (d *Detector) event(spend *Spend, s Subject, now time.Time) Event {
	who, id := "Team "+s.Team, "team="+s.Team
	if s.Key != "" {
		who, id = fmt.Sprintf("Key %s of team %s", s.Key, s.Team), "key="+s.Key
	}
	quarter := now.UTC().Truncate(6 * time.Hour)
	return Event{
		ID: "anomaly/" + id + "/" + quarter.Format("2006-01-02T15"), Kind: Anomaly, At: now, Team: s.Team, Key: s.Key, Matters: quarter.Add(24 * time.Hour),
		Text: fmt.Sprintf("%s has spent $%s since %s UTC, more than $%s. Of its busy hours of the last two weeks only one in twenty exceeded $%s.",
			who, spend.Spent.Dollars(), spend.Hour.Format("15:04"), spend.Bound.Dollars(), spend.Usual.Dollars()),
		Spend: spend,
	}
}
