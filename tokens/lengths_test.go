package tokens

import (
	"math/rand/v2"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

// TestBuckets: each length is in a bucket that ends at it or not much above.
func TestBuckets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(0, 1<<23).Draw(t, "n")
		if top := upTo(bucketOf(n)); top < n || top > n+n/8 {
			t.Fatalf("%d is in a bucket up to %d", n, top)
		}
		if n > 0 && bucketOf(n) < bucketOf(n-1) {
			t.Fatalf("%d before %d", n, n-1)
		}
	})
}

// TestP99 bounds 99 in 100 answers of many kinds, and not much more than that; and says nothing of what it cannot know.
func TestP99(t *testing.T) {
	dice := rand.New(rand.NewPCG(9, 0))
	kinds := map[string]func() int64{
		"even":   func() int64 { return dice.Int64N(4000) },
		"skewed": func() int64 { return int64(50 * dice.ExpFloat64() * dice.ExpFloat64()) },
		"same":   func() int64 { return 7 },
		"two":    func() int64 { return 20 + 3000*int64(dice.IntN(50)/49) },
	}
	var l Lengths
	for name, draw := range kinds {
		for range 298 {
			l.Note(name, draw(), true)
		}
		if _, ok := l.P99(name); ok {
			t.Errorf("%s: sure after 298", name)
		}
		for range 5000 {
			l.Note(name, draw(), true)
		}
		bound, ok := l.P99(name)
		over, much := 0, 0
		for range 20_000 {
			if n := draw(); n > bound {
				over++
			} else if n > bound/2 {
				much++
			}
		}
		if !ok || over > 200+40 || much == 0 {
			t.Errorf("%s: %d of 20000 are longer than %d; %d are above half of it", name, over, bound, much)
		}
	}
	// The cut are longer than anybody knows: above one in a hundred, nothing is known.
	for range 1000 {
		l.Note("cut", 100, dice.IntN(20) > 0)
	}
	if bound, ok := l.P99("cut"); ok {
		t.Errorf("one in twenty was cut, and the bound is %d", bound)
	}
	if _, ok := l.P99("nobody"); ok {
		t.Error("sure of nothing")
	}
}

// TestP99Follows: answers that get longer are known to within some thousands.
func TestP99Follows(t *testing.T) {
	var l Lengths
	for range 20_000 {
		l.Note("k", 100, true)
	}
	for range 1000 {
		l.Note("k", 3000, true)
	}
	if bound, _ := l.P99("k"); bound < 3000 {
		t.Errorf("a bound of %d", bound)
	}
}

func TestLengthsDoNotAllocate(t *testing.T) {
	var l Lengths
	l.Note("k", 1, true)
	if n := testing.AllocsPerRun(1000, func() { l.Note("k", 500, true); l.P99("k") }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestLengthsAreBounded: whoever makes up names fills no memory, and what was known before is still learned of.
func TestLengthsAreBounded(t *testing.T) {
	var l Lengths
	for range 299 {
		l.Note("known", 7, true)
	}
	for n := range 2 * mostKinds {
		l.Note(strconv.Itoa(n), 7, true)
	}
	kinds := 0
	l.kinds.Range(func(any, any) bool { kinds++; return true })
	if n, ok := l.P99("known"); kinds != mostKinds || n != 7 || !ok {
		t.Errorf("%d kinds, the known one has %d, %t", kinds, n, ok)
	}
}
