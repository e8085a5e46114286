package tokens

import (
	"math/rand/v2"
	"testing"
)

// TestBacktrackEqualsMerge backtracks every piece, also those that count would merge, and bounds its steps: linear on any input.
func TestBacktrackEqualsMerge(t *testing.T) {
	for _, o := range mustOracles(t) {
		s := o.ours.scratch()
		f := func(name string, text []byte) {
			t.Helper()
			for i := 0; i < len(text); {
				end := o.ours.next(o.ours.classes, text, i)
				piece := text[i:end]
				want := len(o.ours.encodePiece(nil, text, i, end, s))
				s.steps = 0
				got := o.ours.vocabulary.backtrack(piece, s)
				long := name == "space" || name == "spaces" || name == "dash" || name == "dashes" // they have tokens beyond maskBits
				if o.ours.vocabulary.rank(text, i, end) == noRank && got != want && (got != -1 || !long) {
					t.Errorf("%s, %s: %q is %d tokens by backtracking, %d by merging", o.name, name, shortened(piece), got, want)
				}
				if s.steps > 8*len(piece) {
					t.Errorf("%s, %s: %d steps for a piece of %d bytes", o.name, name, s.steps, len(piece))
				}
				i = end
			}
		}
		for name, text := range corpus() {
			f(name, []byte(text))
		}
		for name, generate := range hostileTexts() {
			f(name, generate(16<<10))
		}
		rng := rand.New(rand.NewPCG(7, 8))
		for range 3000 {
			f("random", randomText(rng, 1+rng.IntN(60)))
		}
		o.ours.release(s)
	}
}
