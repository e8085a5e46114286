package proxy

import (
	"sync"
	"time"

	"bursar/exchange"
	"bursar/pricing"
)

// stickiness remembers what served each conversation, so that its next turn finds the provider's prompt cache warm and its
// opaque blocks readable. Two generations bound it: when the young one is full it becomes the old one, and what was not asked for
// since then is forgotten.
type stickiness struct {
	shards [16]struct {
		sync.Mutex
		young, old map[uint64]turn
	}
}

// turn is what the last turn of a conversation has left behind.
type turn struct {
	exchange.Sticky
	warmUntil time.Time
}

// perShard is how many conversations a generation of one shard holds: 2 x 16 x 4096 in all, about 15 MB when full.
const perShard = 4096

// find returns what a conversation's last turn has left behind, as it is at this moment: what providers keep cools down.
func (k *stickiness) find(conversation uint64, now time.Time) exchange.Sticky {
	if conversation == 0 {
		return exchange.Sticky{}
	}
	s := &k.shards[conversation%16]
	s.Lock()
	defer s.Unlock()
	found, ok := s.young[conversation]
	if !ok {
		found = s.old[conversation]
	}
	if now.After(found.warmUntil) {
		found.Warm = 0
	}
	return found.Sticky
}

// remember notes who has answered a turn, and what that has used.
func (k *stickiness) remember(conversation uint64, model string, served *exchange.Candidate, used *pricing.Usage, now time.Time) {
	if conversation == 0 {
		return
	}
	s := &k.shards[conversation%16]
	s.Lock()
	defer s.Unlock()
	last, ok := s.young[conversation]
	if !ok {
		last = s.old[conversation]
	}
	next, warm := last.After(model, served.Target, used)
	if s.young == nil || len(s.young) >= perShard {
		s.young, s.old = make(map[uint64]turn), s.young
	}
	s.young[conversation] = turn{next, now.Add(warm)}
}
