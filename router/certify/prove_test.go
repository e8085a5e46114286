package certify

import (
	"math/rand/v2"
	"testing"
)

// TestBetIsSafe: under a mean of exactly 0, at most the risk of all bets is ever won, whenever one looks.
func TestBetIsSafe(t *testing.T) {
	const runs, risk = 2000, 0.05
	won := 0
	for i := range uint64(runs) {
		dice := rand.New(rand.NewPCG(i, 2))
		b := NewBet(risk, 0.98)
		for range 500 {
			v := 0.02 // what an escalated answer gains; one of 50 kept ones is wrong
			if dice.IntN(50) == 0 {
				v = -0.98
			}
			b.Add(v)
		}
		if b.Won() {
			won++
		}
	}
	if float64(won) > 1.3*risk*runs {
		t.Errorf("%d of %d bets on nothing were won", won, runs)
	}
}

// TestBetIsSoonWon: where the cheap model is wrong as often as the premium one, and they differ in one of 16 answers, most bets are won within a
// thousand labels; where quality is at the target, hardly any.
func TestBetIsSoonWon(t *testing.T) {
	won := func(better, worse float64) (share float64) {
		const runs = 400
		for i := range uint64(runs) {
			dice := rand.New(rand.NewPCG(i, 4))
			b := NewBet(0.05, 0.98)
			for range 1000 {
				v, luck := 0.02, dice.Float64()
				switch {
				case luck < better:
					v = 1
				case luck < better+worse:
					v = -0.98
				}
				b.Add(v)
			}
			if b.Won() {
				share += 1.0 / runs
			}
		}
		return share
	}
	if share := won(1.0/32, 1.0/32); share < 0.54 {
		t.Errorf("%.2f of bets on as good a model are won", share)
	}
	if share := won(0.02, 0.04); share > 0.065 {
		t.Errorf("%.2f of bets on a model just at the target are won", share)
	}
}

func TestProve(t *testing.T) {
	demand := Demand{Target: 0.98, Confidence: 0.95}
	dice := rand.New(rand.NewPCG(7, 0))
	var judged []Judged
	for range 3000 {
		j := Judged{Weight: 0.3 * dice.Float64(), Cheap: 1, Premium: 1, Share: 1}
		if dice.Float64() < j.Weight { // the weight is what it says
			j.Cheap = 0
		}
		judged = append(judged, j)
	}
	c := Prove(judged, demand)
	// Kept up to t, the loss is t*t/0.6, and 0.02 at t = 0.11.
	if c.Threshold < 0.05 || c.Threshold > 0.11 || c.Expected < 0.98 || c.Labels != 3000 {
		t.Errorf("%+v", c)
	}
	if few := Prove(judged[:20], demand); few.Valid() {
		t.Errorf("20 labels prove %+v", few)
	}
	if none := Prove(nil, demand); none.Valid() {
		t.Errorf("no labels prove %+v", none)
	}
}

// TestWatch: a route that holds its target is left alone, one that drifts is not.
func TestWatch(t *testing.T) {
	watch := func(seed uint64, wrong float64, labels int) (at int, broken bool) {
		dice := rand.New(rand.NewPCG(seed, 3))
		w := NewWatch(0.98, 0.05)
		for n := range labels {
			got := 1.0
			if dice.Float64() < wrong {
				got = 0
			}
			if w.Add(got, 1); w.Broken() {
				return n, true
			}
		}
		return labels, false
	}
	alarms := 0
	const runs = 400
	for i := range uint64(runs) {
		if _, broken := watch(i, 0.02, watchHorizon); broken { // exactly at the target
			alarms++
		}
	}
	if alarms > runs*7/100 {
		t.Errorf("%d false alarms of %d", alarms, runs)
	}
	for i := range uint64(20) {
		if at, broken := watch(i, 0.15, 2000); !broken || at > 600 {
			t.Errorf("seed %d: 15 %% wrong, noticed %v after %d labels", i, broken, at)
		}
	}
}
