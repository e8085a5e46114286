package semantic

import "time"

// Times counts durations by their size.
type Times struct {
	Sizes [len(Bounds) + 1]uint64 // the last one is of those beyond all bounds
	Sum   time.Duration
}

// Bounds are the upper ends of the counts.
var Bounds = [...]time.Duration{
	50 * time.Microsecond, 100 * time.Microsecond, 200 * time.Microsecond, 500 * time.Microsecond, time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond, 20 * time.Millisecond,
}

func (t *Times) add(d time.Duration) {
	i := 0
	for i < len(Bounds) && d > Bounds[i] {
		i++
	}
	t.Sizes[i]++
	t.Sum += d
}

func (t *Times) merge(o *Times) {
	for i := range t.Sizes {
		t.Sizes[i] += o.Sizes[i]
	}
	t.Sum += o.Sum
}

// Within returns the least bound that a share of all durations keeps; the last bound if none does, 0 if there are none.
func (t *Times) Within(share float64) time.Duration {
	var all, seen uint64
	for _, n := range t.Sizes {
		all += n
	}
	if all == 0 {
		return 0
	}
	for i, bound := range Bounds {
		if seen += t.Sizes[i]; float64(seen) >= share*float64(all) {
			return bound
		}
	}
	return Bounds[len(Bounds)-1]
}
