// Package budget holds money before a call and returns the change after it, so that no budget is ever overspent: not by two calls
// at once, not by two gateways, not by a crash between. It is separate because this promise must be provable without the rest:
// a Memory and a Redis store keep the same rules, and one test suite holds both to them.
//
// The life of a hold: Reserve takes it, from all budgets and within all limits, or not at all. Renew keeps it while the call runs. Settle
// replaces it by the true cost. If nobody settles, Expire turns it into spend at the held amount and keeps an Orphan until its ledger
// row is durable; a settle that comes later still corrects the spend to the truth. Money held is never set free by time alone.
package budget

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"bursar/pricing"
)

// Hold asks for money on every budget that a request touches, and for room within every limit.
type Hold struct {
	ID      string        // unique for ever: reserving an ID again returns the same grant, or ErrClosed once it is settled
	Want    pricing.Nano  // the worst case of the request
	Least   pricing.Nano  // the smallest amount worth having, 0 to Want
	Charges []Charge      // the budgets; two charges of one key count once
	Limits  []Limit       // what bounds its rate; no two have the same key and unit
	Tokens  int64         // the worst case of the request on limits of tokens
	Lease   time.Duration // the hold expires into spend this long after the last Reserve or Renew
	Seed    []byte        // opaque: what an Orphan brings back, so that a ledger row can be written without the gateway that died
	States  []State       // optional: room for Grant.States, to save an allocation
	Rates   []Rate        // optional: room for Grant.Rates
}

// Charge is one budget in one window.
type Charge struct {
	Key   string       // scope and window, as "team=search/monthly/2026-11": stable under edits of the limit
	Limit pricing.Nano // what may be spent in the window
	Hard  bool         // refuse what does not fit; false: count it, never refuse
	Ends  time.Time    // the window's end; its counters are kept for 40 days more. The zero time is never
	Local pricing.Nano // what each gateway may spend of it while a Leased store is away; 0: nothing, it then refuses
}

// Grant is the answer to a hold. When it is not OK nothing is held.
type Grant struct {
	OK     bool
	Amount pricing.Nano // the largest amount in [Least, Want] that fits every hard charge
	Short  int          // index of the hard charge with the least room, if it made Amount less than Want; else -1
	States []State      // of each charge, after the call
	Slice  string       // the slice of a Leased store that it was drawn from; "" for a hold of its own

	Slow  int           // index of the hard limit that has no room, the one that takes longest to have some (see inOrder); else -1
	Wait  time.Duration // until Slow has room if nobody else takes it: Never if it is too much at any time, 0 if nobody knows (Concurrent)
	Rates []Rate        // of each limit, after the call
}

// State is what a window stands at.
type State struct {
	Spent, Held pricing.Nano
	Limit       pricing.Nano // of the charge asked with
}

// Room is what may still be held: negative when the limit was lowered below what is spent and held.
func (s State) Room() pricing.Nano { return s.Limit - s.Spent - s.Held }

// Settled is what a settle did. A repeated settle of an ID changes nothing and tells what the first one did, with Applied false.
type Settled struct {
	Applied bool         // this call changed the counters
	Pending bool         // drawn from a slice: the store knows of it when Journal.Reported says so
	Unknown bool         // no such hold: never taken, settled longer ago than is remembered, or lost by the store. Use Charge
	Held    pricing.Nano // what had been held
	Overrun pricing.Nano // what the actual cost exceeds Held by: 0 for an honest worst case

	// A hold that expired before its settle is Late: it had become spend at Held, and is corrected to the truth.
	Late       bool
	Correction pricing.Nano // actual - Held, if Late: what this changed the spend by
	Orphaned   bool         // Late, and Orphans has handed the hold out: a ledger has, or will have, a row of Held for this ID
}

// Orphan is a hold that expired: Amount is spent now, and a ledger row made from Seed must say so.
type Orphan struct {
	ID     string
	Amount pricing.Nano
	Seed   []byte
}

// Settlement is what a hold is replaced by.
type Settlement struct {
	ID     string
	Actual pricing.Nano
	Tokens int64 // the true count for limits of tokens, or AsHeld
}

// What callers branch on.
var (
	ErrStoreDown = errors.New("budget store is down")               // no answer, a late one, or none that can be used
	ErrStoreLost = errors.New("budget store lost its memory")       // also an ErrStoreDown. See Redis.Resume
	ErrUnsent    = errors.New("the call was not carried out")       // also an ErrStoreDown: of a Reserve nothing needs to be cancelled
	ErrClosed    = errors.New("hold is already settled or expired") // or cancelled before it was reserved
)

// MaxAmount bounds one hold and one settle. Counters are int64 nano-dollars, which end at 9.2 billion dollars: a store refuses to hold
// anything on a window with more than maxUsed, so that no counter can overflow.
const (
	MaxAmount = 1_000_000_000 * pricing.Dollar
	maxUsed   = 8_000_000_000 * pricing.Dollar
)

// keepWindow is how long the counters of a window outlive its end: reports read them, and late settles correct them.
const keepWindow = 40 * 24 * time.Hour

// Options tune a store. The zero value of a field takes its default.
type Options struct {
	Remember time.Duration // how long IDs of settled and cancelled holds are remembered; default 10 minutes
	Late     time.Duration // how long after its expiry a hold can still be settled to the truth; default 7 days
	Claim    time.Duration // how long an orphan handed out is kept from others, waiting for its AckOrphan; default 1 minute
	Timeout  time.Duration // of one call to Redis; default 250 ms
	Gateway  string        // names this gateway to Redis: orphans that it was given are given to no other. Should stay the same over restarts
}

func (o Options) withDefaults() Options {
	if o.Remember == 0 {
		o.Remember = 10 * time.Minute
	}
	if o.Late == 0 {
		o.Late = 7 * 24 * time.Hour
	}
	if o.Claim == 0 {
		o.Claim = time.Minute
	}
	if o.Timeout == 0 {
		o.Timeout = 250 * time.Millisecond
	}
	return o
}

func (h *Hold) check() error {
	switch {
	case h.Least < 0 || h.Want < h.Least || h.Want > MaxAmount:
		return fmt.Errorf("reserve %q: amounts must be 0 <= Least <= Want <= %d, got Least %d, Want %d", h.ID, MaxAmount, h.Least, h.Want)
	case h.Tokens < 0 || h.Tokens > MaxTokens:
		return fmt.Errorf("reserve %q: the tokens must be in 0 to %d, got %d", h.ID, int64(MaxTokens), h.Tokens)
	case h.Lease < time.Millisecond:
		return fmt.Errorf("reserve %q: the lease must be at least 1 ms, got %v", h.ID, h.Lease)
	}
	if err := checkID(h.ID); err != nil {
		return err
	}
	if err := checkCharges(h.ID, h.Charges); err != nil {
		return err
	}
	return checkLimits(h.ID, h.Limits)
}

// checkID keeps IDs printable in one line: scripts pack them into lines.
func checkID(id string) error {
	if id == "" || len(id) > 256 || strings.IndexByte(id, '\n') >= 0 {
		return fmt.Errorf("hold ID %q: it must have 1 to 256 bytes and no line break", id)
	}
	return nil
}

func checkCharges(id string, charges []Charge) error {
	for i := range charges {
		c := &charges[i]
		if c.Key == "" || strings.IndexByte(c.Key, '\n') >= 0 {
			return fmt.Errorf("hold %q: charge %d: key %q is empty or has a line break", id, i, c.Key)
		}
		if c.Limit < 0 || c.Limit > maxUsed {
			return fmt.Errorf("hold %q: charge %q: limit %d is not in 0 to %d", id, c.Key, c.Limit, maxUsed)
		}
	}
	return nil
}

// leastOf is the least that may be settled: what is charged without a hold may be given back, too.
func leastOf(charges *[]Charge) pricing.Nano {
	if charges == nil {
		return 0
	}
	return -MaxAmount
}

func (s *Settlement) check(least pricing.Nano) error {
	if s.Actual < least || s.Actual > MaxAmount {
		return fmt.Errorf("settle %q: the actual cost must be in %d to %d, got %d", s.ID, least, MaxAmount, s.Actual)
	}
	if s.Tokens < AsHeld || s.Tokens > MaxTokens {
		return fmt.Errorf("settle %q: the tokens must be in 0 to %d, or AsHeld, got %d", s.ID, int64(MaxTokens), s.Tokens)
	}
	return checkID(s.ID)
}
