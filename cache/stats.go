package cache

import "sync/atomic"

// Stats is what a store has seen since it was made. Every lookup is a hit or a miss; the other counts say why.
type Stats struct {
	Hits       int64 // answers that were stored; those of flights are Followed
	NearHits   int64 // of Hits: answered by the memory in front of Redis
	Misses     int64
	Skipped    int64 // of Misses: not looked up, because the breaker is open
	Failed     int64 // lookups and stores that Redis did not answer in time, or with an error
	Mismatched int64 // of Misses: what lay under the key was stored for another key or scope, or by another version
	Corrupt    int64 // of Misses: what lay under the key was truncated or damaged; it was deleted
	Stored     int64
	Refused    int64 // not stored: incomplete, empty, too large, or with no time to live
	Dropped    int64 // not stored: the queue was full, the breaker open, or the store closed
	Purges     int64
	Led        int64 // flights led: answers made for whoever asks the same meanwhile
	Followed   int64 // seats that got the answer of another request under way
	Alone      int64 // seats that waited in vain, and went their own way
	TookOver   int64 // seats that lead because the leader before failed, left or died
	Entries    int64 // answers in memory now, about; 0 for Redis
	Bytes      int64 // bytes they take, about; 0 for Redis
	Open       bool  // the breaker is open: Redis is not asked
}

// counters are the moving parts of Stats.
type counters struct {
	hits, misses, skipped, failed, mismatched, corrupt, stored, refused, dropped, purged atomic.Int64
}

func (c *counters) read() Stats {
	return Stats{
		Hits: c.hits.Load(), Misses: c.misses.Load(), Skipped: c.skipped.Load(), Failed: c.failed.Load(),
		Mismatched: c.mismatched.Load(), Corrupt: c.corrupt.Load(),
		Stored: c.stored.Load(), Refused: c.refused.Load(), Dropped: c.dropped.Load(), Purges: c.purged.Load(),
	}
}
