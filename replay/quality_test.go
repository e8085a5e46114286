package replay

import (
	"math/rand/v2"
	"testing"
)

// TestBoundHoldsWhateverComesFirst: the truth lies below the bound in one of twenty at most, also where a good route is all in the past.
func TestBoundHoldsWhateverComesFirst(t *testing.T) {
	const runs, each = 100, 200
	const good, bad = 0.98, 0.82
	for name, oneAfterTheOther := range map[string]bool{"one after the other": true, "by turns": false} {
		random, above := rand.New(rand.NewPCG(1, 2)), 0 // the same each time
		for range runs {
			a, b := &stratumSums{requests: 2000}, &stratumSums{requests: 2000}
			q := Quality{strata: map[stratum]*stratumSums{{"t", "a", "m"}: a, {"t", "b", "m"}: b}}
			for i := range 2 * each {
				of, p := a, good
				if oneAfterTheOther && i >= each || !oneAfterTheOther && i%2 == 1 {
					of, p = b, bad
				}
				got := 0.0
				if random.Float64() < p {
					got = 1
				}
				of.pairs = append(of.pairs, scored{order: i + 1, got: got, of: 1})
			}
			if q.Estimate("t").Lower95 > (good+bad)/2 {
				above++
			}
		}
		if above > runs/20 {
			t.Errorf("%s: the bound was above the truth in %d of %d", name, above, runs)
		}
	}
}
