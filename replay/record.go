// Package replay decides requests of the past again, under another policy: what they would have cost, which would have been refused, what would
// have come from the cache. It is separate from the router so that the pure function that decides stays one, and what surrounds a
// decision in a gateway (budget windows, the cache, conversations) can be simulated on recorded counts and hashes. No text of a
// prompt is needed, and none is there.
package replay

import (
	"fmt"
	"strings"
	"time"

	"bursar/exchange"
	"bursar/ledger"
	"bursar/pricing"
)

// Record is one request of the past: what was known of it, and what came of it.
type Record struct {
	Facts   exchange.Facts
	Key     uint64        // of its answer in the cache, 0 if the cache was not asked
	Usage   pricing.Usage // of the answer, also of a hit's; zero if nobody answered
	Trimmed int64         // prompt tokens that had been removed
	Took    time.Duration // from the request's start to the end of its answer

	Rule, Model, Target string
	Refused, Hit        bool
	Cost, Baseline      pricing.Nano
	Beside              pricing.Nano // what calls of the house's own for it have cost; they are in no Cost

	Tried  *Tried  // nil if no cascade has looked at its answer
	Sample *Sample // nil if it is none
}

// answered tells whether the record knows how long the answer was.
func (r *Record) answered() bool {
	return r.Target != "" && (r.Usage.Prompt() > 0 || r.Usage.Completion() > 0)
}

// FromRow makes a record of a ledger's row. ok is false for what is no request: corrections, orphans, which nobody has decided, and refusals of what
// could not be understood. The row's texts are kept, not copied.
func FromRow(row *ledger.Row) (r Record, ok bool, err error) {
	if row.Kind != ledger.KindRequest && row.Kind != ledger.KindRefused || row.Decision == exchange.ReasonNone.String() && row.Rule == "" {
		return Record{}, false, nil
	}
	recorded, err := exchange.ParseRecorded(row.Facts)
	if err != nil {
		return Record{}, false, fmt.Errorf("request %s: %w", row.ID, err)
	}
	r = Record{
		Facts: exchange.Facts{
			At: time.Unix(0, row.Time), Team: row.Team, Project: row.Project, Key: row.Key, User: row.User, Tags: ledger.ParseTags(row.Tags),
			Model: row.Asked, Stream: row.Stream, PromptTokens: row.PromptTokens,
		},
		Key: recorded.CacheKey, Usage: row.Usage, Trimmed: row.Trimmed, Took: row.Duration,
		Rule: row.Rule, Model: row.Tier, Target: row.Target,
		Refused: row.Kind == ledger.KindRefused, Hit: strings.HasSuffix(row.Cache, ledger.CacheHit) || row.Cache == "semantic",
		Cost: row.Cost, Baseline: row.Baseline,
	}
	if row.PromptMethod == exchange.MethodEstimate.String() {
		r.Facts.PromptMethod = exchange.MethodEstimate
	} else {
		r.Facts.PromptMethod = exchange.MethodExact
	}
	if r.Model == "" {
		r.Model = row.Target
	}
	recorded.Restore(&r.Facts)
	r.Tried = triedBy(&recorded, row)
	if recorded.Certified {
		r.Facts.Certified = []string{row.Rule}
	}
	return r, true, nil
}

// triedBy is what a request's own row tells of its cascade, nil if it had none.
func triedBy(recorded *exchange.Recorded, row *ledger.Row) *Tried {
	if recorded.Cascade == exchange.CascadeNone {
		return nil
	}
	t := &Tried{Word: recorded.Cascade, Cheap: row.Target}
	if n := len(recorded.Beside); n > 0 { // else the cheap answer has a row of its own
		last := recorded.Beside[n-1]
		t.Cheap, t.Cost, t.Failed = last.Target, last.Cost, last.Why
	} else if t.Word == exchange.CascadeEscalated {
		t.Cheap = ""
	}
	return t
}
