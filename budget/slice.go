package budget

import (
	"time"

	"bursar/pricing"
)

// slice is money that Redis holds for this gateway on one set of budgets, under one ID, as if it were one large hold. Requests draw on it
// here. What Redis knows of it is always at least what it is worth here, so that spent + held <= limit holds there for all gateways.
type slice struct {
	id       string
	purse    *purse
	charges  []Charge         // as first asked with
	budgets  []distinctCharge // of charges, and
	counters []string         // their keys in Redis
	lease    time.Duration
	seed     []byte

	// All sums are of the slice's whole life, or of now.
	funds    pricing.Nano // what Redis holds, or held when it last answered
	reported pricing.Nano // what Redis knows to be spent
	spent    pricing.Nano // what is spent
	held     pricing.Nano // by holds drawn from it and not settled
	open     int          // how many of those there are: some may hold nothing
	owed     pricing.Nano // part of funds that Redis does not know of: taken while it was away

	number  int64    // of the last put
	pending []string // holds that are settled here, but may not be in reported
	states  []State  // of budgets when Redis last answered
	put     time.Time

	busy    chan struct{} // closed when the call about it that is under way has ended; nil if none is
	retired bool          // nothing is drawn any more
	expired bool          // it had expired: only its end can be told
	unsure  bool          // nobody knows whether the last put arrived
	born    bool          // Redis knows it
}

// room is what can be drawn.
func (s *slice) room() pricing.Nano {
	if s == nil || s.retired {
		return 0
	}
	return s.idle()
}

// idle is what no hold needs.
func (s *slice) idle() pricing.Nano { return s.outstanding() - s.held }

// outstanding is what Redis must go on holding if nothing is given back.
func (s *slice) outstanding() pricing.Nano { return s.funds - (s.spent - s.reported) }

// stand writes the states of charges: as Redis told, with what was spent and held here since.
func (s *slice) stand(charges []Charge, into []State) []State {
	for i := range charges {
		at := State{Limit: charges[i].Limit}
		if n := indexOf(s.budgets, charges[i].Key); n >= 0 && n < len(s.states) {
			at.Spent = s.states[n].Spent + s.spent - s.reported
			at.Held = max(0, s.states[n].Held-s.funds) + s.held
		}
		into = append(into, at)
	}
	return into
}

// purse is what this gateway has for requests that touch the same budgets in the same way.
type purse struct {
	key     string
	current *slice        // nil: none
	size    pricing.Nano  // what the next fill asks for beyond its need
	waiting pricing.Nano  // what waits for a fill
	filled  time.Time     // when the last fill ended
	used    time.Time     // when something was last drawn
	near    time.Time     // until then a limit is too near for a slice
	filling chan struct{} // closed when the fill that is under way has ended; nil if none is
}

// grow sizes the next fill, so that fills come a few times a second under load, and are small without.
func (p *purse) grow(now time.Time, want pricing.Nano) {
	switch since := now.Sub(p.filled); {
	case p.filled.IsZero() || since > 4*time.Second:
		p.size = 3 * want
	case since < 250*time.Millisecond:
		p.size = min(2*p.size, mostAtOnce)
	case since > time.Second:
		p.size /= 2
	}
	p.size = max(p.size, 3*want)
}

// mostAtOnce bounds how much one fill asks for: what a gateway that dies can take out of use until it is back.
const mostAtOnce = 20 * pricing.Dollar

// purseKey names the purse of charges in a buffer.
func purseKey(charges []Charge, into []byte) []byte {
	for i := range charges {
		mark := byte('s')
		if charges[i].Hard {
			mark = 'h'
		}
		into = append(append(append(into, mark), charges[i].Key...), '\n')
	}
	return into
}

// sameLimits tells whether a slice was taken within the limits of charges.
func (s *slice) sameLimits(charges []Charge) bool {
	for i := range charges {
		if charges[i].Limit != s.charges[i].Limit {
			return false
		}
	}
	return true
}
