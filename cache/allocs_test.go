//go:build !race

package cache

import (
	"testing"
	"time"
)

// The race detector makes pools forget, so these run without it.

func TestKeyAllocatesNothing(t *testing.T) {
	request := make([]byte, 8<<10)
	n := testing.AllocsPerRun(100, func() {
		b := NewKey("team=search").Part("gpt-5").Part("stream")
		_, _ = b.Request().Write(request)
		_ = b.Key()
	})
	if n != 0 {
		t.Errorf("%g allocations", n)
	}
}

func TestMemoryHitAllocatesNothing(t *testing.T) {
	m := newMemory(t, MemoryOptions{})
	key := keyOf("a", "b")
	m.Put(t.Context(), key, answerOf("x"), time.Hour)
	if n := testing.AllocsPerRun(1000, func() { _, _ = m.Get(t.Context(), key) }); n != 0 {
		t.Errorf("%g allocations", n)
	}
}
