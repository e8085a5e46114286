package semantic

import "math"

// wager bounds the wrong share of would-be hits by betting, so that it holds whenever one looks. For each share m of a grid there is a bet
// that less than m is wrong: its wealth grows with each hit that is right and shrinks with each that is wrong. If m or more were
// wrong, it would not be expected to grow, however the hits to check were chosen; so by Ville's inequality wealth of 1/doubt
// comes with a chance of doubt at most, and rules m out. A hit that is checked with chance c counts for 1/c if it is wrong, and one
// that is not checked counts as right: on average that is the truth.
type wager struct {
	seen, wrong float64            // would-be hits, and how many of them were wrong by the checks; the old ones fading
	wealth      [len(grid)]float64 // logarithms
}

// grid are the shares bet on, as multiples of the target.
var grid = [...]float64{0.25, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.5, 2, 4}

const (
	onTarget   = 7    // the target itself in the grid
	doubt      = 0.05 // chance that a bound is below the truth
	mostWealth = 8    // more would take too long to lose when things change
)

// observe takes a would-be hit that was checked with this chance: its loss is 1/chance if it was found wrong, else 0.
func (w *wager) observe(target, chance, loss float64) {
	// What was seen before decides the stakes; some hits at a third of the target stand for what was not seen yet.
	const few, fades = 50, 0.999
	mean := (w.wrong + few*target/3) / (w.seen + few)
	for k := range w.wealth {
		m := grid[k] * target
		if m <= mean {
			continue
		}
		gap := m - mean
		stake := min(gap/(mean/chance+gap*gap), 0.9/(1/chance-m))
		w.wealth[k] += math.Log1p(stake * (m - loss))
		w.wealth[k] = min(w.wealth[k], mostWealth)
	}
	w.seen = w.seen*fades + 1
	w.wrong = w.wrong*fades + loss
}

// holds tells whether the share is below the target, but with chance doubt.
func (w *wager) holds() bool { return w.wealth[onTarget] >= -math.Log(doubt) }

// upper is the share that is not exceeded, but with chance doubt; 1 if there is none in the grid.
func (w *wager) upper(target float64) float64 {
	for k := range w.wealth {
		if w.wealth[k] >= -math.Log(doubt) {
			return grid[k] * target
		}
	}
	return 1
}
