package budget

import (
	"fmt"
	"strings"
	"time"
)

// Limit is one bound on how fast requests come, or on how many are under way. Limits are checked in the same step as the money of a hold:
// it takes all of them and all budgets, or nothing.
//
// A minute is a sliding one, counted by the second: in no 60 seconds, wherever they begin, does more pass than Most. So there is no burst at
// the turn of a minute, and who stays below a provider's own limit never trips it. What passed makes room again 60 to 61 seconds later.
// These counters are no money: no ledger has them, they expire by themselves, and a store that lost them begins anew.
type Limit struct {
	Key  string // its scope, as "team=search": stable under edits of the figure. Limits of different units may share one
	Unit Unit
	Most int64 // per minute, or at a time
	Hard bool  // refuse what does not fit; false: count it, never refuse
}

// Unit is what a limit counts.
type Unit uint8

// Units.
const (
	Requests   Unit = iota // per minute: one for each hold. Neither a settle nor a cancel gives it back
	Tokens                 // per minute: Hold.Tokens at first, and the true count once it is settled
	Concurrent             // at a time: one for each hold until it is settled, cancelled or expired
	unitCount
)

var unitNames = [unitCount]string{"requests", "tokens", "concurrent"}

// String returns the unit's name.
func (u Unit) String() string {
	if u < unitCount {
		return unitNames[u]
	}
	return "unknown"
}

// Rate is what a limit stands at.
type Rate struct {
	Used int64 // within the last minute, or now under way
	Most int64 // of the limit asked with
}

// Left is the room, never negative.
func (r Rate) Left() int64 { return max(0, r.Most-r.Used) }

// Never is the Wait for what is more than the whole limit.
const Never time.Duration = -1

// AsHeld is the Tokens of a settlement that does not know them: what was held stays counted.
const AsHeld int64 = -1

const (
	rateSeconds = 60              // how long what passed is counted, at least
	rateSlots   = rateSeconds + 1 // whole seconds that any 60 seconds can touch
)

// MaxTokens bounds the tokens of one hold and the figure of a limit.
const MaxTokens = 1_000_000_000_000

// inOrder is how stores go through limits: those that a hold must leave again first, and of two that make it wait equally long the first
// is told of.
var inOrder = [...]Unit{Tokens, Concurrent, Requests}

// takes is how much of a limit the hold wants.
func (h *Hold) takes(u Unit) int64 {
	if u == Tokens {
		return h.Tokens
	}
	return 1
}

// limited is the tokens that limits are asked for.
func (h *Hold) limited() int64 {
	if len(h.Limits) == 0 {
		return 0
	}
	return h.Tokens
}

func checkLimits(id string, limits []Limit) error {
	for i := range limits {
		l := &limits[i]
		switch {
		case l.Key == "" || strings.IndexByte(l.Key, '\n') >= 0:
			return fmt.Errorf("hold %q: limit %d: key %q is empty or has a line break", id, i, l.Key)
		case l.Unit >= unitCount:
			return fmt.Errorf("hold %q: limit %q: there is no unit %d", id, l.Key, l.Unit)
		case l.Most < 0 || l.Most > MaxTokens:
			return fmt.Errorf("hold %q: limit %q: %d is not in 0 to %d", id, l.Key, l.Most, int64(MaxTokens))
		}
		for j := range i {
			if limits[j].Key == l.Key && limits[j].Unit == l.Unit {
				return fmt.Errorf("hold %q: limit %q of %s stands twice", id, l.Key, l.Unit)
			}
		}
	}
	return nil
}
