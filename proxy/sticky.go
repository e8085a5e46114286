package proxy

import (
	"sync"

	"bursar/exchange"
)

// stickiness remembers what served each conversation, so that its next turn finds the provider's prompt cache warm and its
// opaque blocks readable. Two generations bound it: when the young one is full it becomes the old one, and what was not asked for
// since then is forgotten.
type stickiness struct {
	shards [16]struct {
		sync.Mutex
		young, old map[uint64]exchange.Sticky
	}
}

// perShard is how many conversations a generation of one shard holds: 2 x 16 x 4096 in all, about 10 MB when full.
const perShard = 4096

func (k *stickiness) find(conversation uint64) exchange.Sticky {
	if conversation == 0 {
		return exchange.Sticky{}
	}
	s := &k.shards[conversation%16]
	s.Lock()
	defer s.Unlock()
	if found, ok := s.young[conversation]; ok {
		return found
	}
	return s.old[conversation]
}

func (k *stickiness) remember(conversation uint64, served exchange.Sticky) {
	if conversation == 0 {
		return
	}
	s := &k.shards[conversation%16]
	s.Lock()
	defer s.Unlock()
	if s.young == nil || len(s.young) >= perShard {
		s.young, s.old = make(map[uint64]exchange.Sticky), s.young
	}
	s.young[conversation] = served
}
