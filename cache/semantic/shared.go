package semantic

import (
	"sync/atomic"
	"time"
)

// shared is what joins a partition to its fleet. What it learns goes to Redis first, and is learned when it comes back from there in the order of
// the whole fleet: the gateway that sent it is no exception.
//
// Of each partition Redis has: a hash for each question; a stream of questions and a stream of events, each message with the run of the gateway
// that sent it and a number, so that one that was sent twice counts once; and a snapshot of the estimates after some event.
type shared struct {
	fleet *fleet
	of    *Partition
	name  string // what its keys in Redis begin with

	// Guarded by the partition's lock.
	events    []byte          // not sent yet
	newcomers []*newcomer     // not sent yet
	sending   *parcel         // sent, and not known yet to have arrived
	sent      [streams]uint64 // messages
	queued    bool            // for the writer

	// What was read; written by the follower, or before that by the loader, and guarded by the partition's lock.
	at          [streams]string            // the last message read of each stream
	seen        [streams]map[string]uint64 // the last parcel of each run in each stream
	contributed bool                       // an event that this gateway has sent since its last snapshot was learned

	dropped bool // from the cache: it is not followed any more; guarded by the fleet's lock

	beyond atomic.Bool // Redis has questions that memory has no room for

	fresh atomic.Int64 // Unix nanoseconds: what Redis had then has been learned; 0 until it is loaded
}

// The streams of a partition.
const (
	questions = iota
	learning
	streams
)

// parcel is what one gateway sends of one partition at once.
type parcel struct {
	numbers   [streams]uint64 // of its messages
	events    []byte
	newcomers []*newcomer
}

// What may wait for Redis, of one partition. What is beyond is not learned. Labels are the last to go: without them the hits that they are to weigh
// would seem right.
const (
	mostEvents    = 256 << 10 // bytes
	mostNewcomers = 1024
)

func (s *shared) note(e *event) {
	most := mostEvents
	if e.kind == judged || e.kind == regrets {
		most *= 4
	}
	if len(s.events) >= most {
		s.of.counts.Dropped++
		return
	}
	s.events = e.append(s.events)
	s.fleet.queue(s)
}

func (s *shared) announce(n *newcomer) {
	if len(s.newcomers) >= mostNewcomers {
		s.of.counts.Dropped++
		return
	}
	n.entry.ref = newRef()
	s.newcomers = append(s.newcomers, n)
	s.fleet.queue(s)
}

// take gives what is to be sent; nil if there is nothing. What was sent and may not have arrived comes again, as it was.
func (s *shared) take() *parcel {
	p := s.of
	p.mu.Lock()
	defer p.mu.Unlock()
	s.queued = false
	if s.sending == nil && len(s.events)+len(s.newcomers) > 0 {
		if len(s.newcomers) > 0 {
			s.sent[questions]++
		}
		if len(s.events) > 0 {
			s.sent[learning]++
		}
		s.sending = &parcel{s.sent, s.events, s.newcomers}
		s.events, s.newcomers = nil, nil
	}
	return s.sending
}

// idle tells whether all that was noted has been learned.
func (s *shared) idle() bool {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	for i, n := range s.sent {
		if s.seen[i][s.fleet.run] < n {
			return false
		}
	}
	return s.sending == nil && len(s.events)+len(s.newcomers) == 0
}

// left tells whether the partition is none of the cache's any more.
func (s *shared) left() bool {
	s.fleet.mu.Lock()
	defer s.fleet.mu.Unlock()
	return s.dropped
}

// behind tells whether the partition may have missed something: it was not loaded yet, or Redis was not heard of of late. It must not serve then.
func (s *shared) behind(now time.Time) bool {
	return now.UnixNano()-s.fresh.Load() > int64(s.fleet.options.Behind)
}
