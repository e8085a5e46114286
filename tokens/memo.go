package tokens

import (
	"hash/maphash"
	"sync"
)

const (
	memoFloor  = 64      // texts shorter than this, in bytes, are counted faster than they are looked up
	memoSets   = 1 << 14 // times memoWays entries of 32 bytes: 2 MiB
	memoWays   = 4
	memoShards = 64
)

// memo remembers counts by the text they are of, because a conversation sends its whole history again with every turn. It has a
// fixed size, keeps no text, and is safe for concurrent use.
//
// A text is known by two 64-bit hashes under two secret seeds of this process, and its length: nobody outside can look for two
// texts that collide, and by chance a pair does once in 2^128.
type memo struct {
	first, second maphash.Seed
	shards        [memoShards]memoShard
}

type memoShard struct {
	mu   sync.Mutex
	sets [][memoWays]memoEntry
	_    [32]byte // keeps locks on separate cache lines
}

type memoEntry struct {
	key   memoKey
	count int64
}

// memoKey is never zero for a text, as no text of length 0 is asked for.
type memoKey struct {
	first, second uint64
	size          uint32 // length of the text in bytes
	kind          uint8  // what was counted: a family's text, or its tools
}

func newMemo(sets int) *memo {
	m := &memo{first: maphash.MakeSeed(), second: maphash.MakeSeed()}
	for i := range m.shards {
		m.shards[i].sets = make([][memoWays]memoEntry, sets/memoShards)
	}
	return m
}

func (m *memo) key(kind uint8, text []byte) memoKey {
	return memoKey{
		first:  maphash.Bytes(m.first, text),
		second: maphash.Bytes(m.second, text),
		size:   uint32(len(text)),
		kind:   kind,
	}
}

// place returns the shard and the number of the set that may hold the key.
func (m *memo) place(key memoKey) (*memoShard, uint64) {
	shard := &m.shards[key.first%memoShards]
	return shard, (key.first / memoShards) % uint64(len(shard.sets))
}

// get returns the count kept for the key. A hit moves to the front of its set.
func (m *memo) get(key memoKey) (int64, bool) {
	shard, at := m.place(key)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	set := &shard.sets[at]
	for i := range set {
		if set[i].key == key {
			hit := set[i]
			copy(set[1:i+1], set[:i])
			set[0] = hit
			return hit.count, true
		}
	}
	return 0, false
}

// put keeps a count in place of the one of its set that was not asked for the longest.
func (m *memo) put(key memoKey, count int64) {
	shard, at := m.place(key)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	set := &shard.sets[at]
	copy(set[1:], set[:memoWays-1])
	set[0] = memoEntry{key: key, count: count}
}
