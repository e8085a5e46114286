package tokens

import (
	"fmt"
	"testing"
	"unsafe"
)

func TestMemo(t *testing.T) {
	m := newMemo(memoShards) // one set per shard
	text := []byte("a message that is sent again with every turn")
	key := m.key(uint8(O200k), text)
	if n, ok := m.get(key); ok {
		t.Errorf("an empty memo has %d", n)
	}
	m.put(key, 9)
	if n, ok := m.get(key); !ok || n != 9 {
		t.Errorf("memo has %d, %v, want 9", n, ok)
	}
	for _, other := range []memoKey{
		m.key(uint8(CL100k), text), m.key(toolsKind|uint8(O200k), text), m.key(uint8(O200k), text[1:]),
		{first: key.first, second: key.second + 1, size: key.size, kind: key.kind},
		{first: key.first, second: key.second, size: key.size + 1, kind: key.kind},
	} {
		if n, ok := m.get(other); ok {
			t.Errorf("memo has %d for another key", n)
		}
	}
}

// TestMemoEvicts keeps what is asked for and drops what is not, within its ways.
func TestMemoEvicts(t *testing.T) {
	m := newMemo(memoShards)
	at := func(i uint64) memoKey { return memoKey{first: i * memoShards, second: i, size: 1} } // all in one set
	m.put(at(1), 1)
	for i := uint64(2); i < 20; i++ {
		if n, ok := m.get(at(1)); !ok || n != 1 {
			t.Fatalf("the entry in use is gone after %d more", i-2)
		}
		m.put(at(i), int64(i))
	}
	kept := 0
	for i := uint64(1); i < 20; i++ {
		if _, ok := m.get(at(i)); ok {
			kept++
		}
	}
	if kept != memoWays {
		t.Errorf("%d entries are kept, want %d", kept, memoWays)
	}
}

// TestMemoSeeds: two processes, or two counters, give the same text different keys.
func TestMemoSeeds(t *testing.T) {
	text := []byte("the same text")
	a, b := newMemo(memoShards).key(0, text), newMemo(memoShards).key(0, text)
	if a == b || a.first == a.second {
		t.Errorf("keys %x and %x are not independent", a, b)
	}
}

func TestMemoSize(t *testing.T) {
	if size := memoSets * memoWays * int(unsafe.Sizeof(memoEntry{})); size > 2<<20 {
		t.Errorf("memo takes %d bytes, want at most 2 MiB", size)
	}
}

// BenchmarkMemo compares a hit with counting, to choose memoFloor.
func BenchmarkMemo(b *testing.B) {
	c := newCounter(b)
	chat := []byte(benchTexts()["chat"])
	for _, size := range []int{32, 64, 128, 256, 1024, 8192} {
		text := chat[:size]
		key := c.memo.key(uint8(O200k), text)
		c.memo.put(key, 1)
		b.Run(fmt.Sprintf("hit/%d", size), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.memo.get(c.memo.key(uint8(O200k), text))
			}
		})
		b.Run(fmt.Sprintf("miss/%d", size), func(b *testing.B) {
			for b.Loop() {
				c.memo.get(c.memo.key(uint8(CL100k), text))
				c.memo.put(key, 1)
			}
		})
		b.Run(fmt.Sprintf("count/%d", size), func(b *testing.B) {
			for b.Loop() {
				c.o200k.count(text)
			}
		})
	}
}

func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		newCounter(b)
	}
}
