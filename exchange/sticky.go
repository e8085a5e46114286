package exchange

import (
	"time"

	"bursar/pricing"
)

// Sticky is what served the earlier turns of a conversation. The zero value means none is known.
type Sticky struct {
	Model  string // the policy model (tier) or provider/model decided for
	Target string // provider/model that answered
	Warm   int64  // tokens of the prompt that its provider should still have in its prompt cache
	Output int64  // tokens of its last answer
}

// How long a provider's prompt cache keeps what was sent to it, from its last use; and the shortest prompt that providers keep which decide
// that by themselves, in tokens.
const (
	warmFor     = 5 * time.Minute
	warmForHour = time.Hour
	leastWarm   = 1024
)

// After is what a turn leaves behind that this target has answered: what it read and wrote is in its provider's cache, for so long. Providers that
// keep prompts unasked tell of what they read only, so all of a prompt counts as kept until a second turn has read nothing.
func (s *Sticky) After(model, target string, u *pricing.Usage) (next Sticky, warm time.Duration) {
	next = Sticky{Model: model, Target: target, Output: u.Completion()}
	written := u.CacheWrite + u.CacheWrite1h
	switch {
	case written > 0:
		next.Warm = u.CacheRead + written
	case u.CacheRead > 0:
		next.Warm = u.Prompt()
	case s.Target != target && u.Prompt() >= leastWarm:
		next.Warm = u.Prompt()
	}
	if u.CacheWrite1h > 0 {
		return next, warmForHour
	}
	return next, warmFor
}
