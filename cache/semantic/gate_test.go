package semantic

import (
	"math/rand/v2"
	"testing"
)

func TestGateOpensOnlyOnEvidence(t *testing.T) {
	f := func(name string, wrong float64, opens bool) {
		t.Helper()
		random := rand.New(rand.NewPCG(1, 2))
		g := gate{target: 0.05}
		for range 3000 {
			g.ask(0.01)
			g.learn(0.01, 1, true, random.Float64() < wrong)
		}
		if g.certified() != opens {
			t.Errorf("%s: certified is %v", name, g.certified())
		}
	}
	f("nothing wrong", 0, true)
	f("1 % wrong", 0.01, true)
	f("8 % wrong", 0.08, false)
	f("half wrong", 0.5, false)
}

func TestGateClosesWhenThingsChange(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	g := gate{target: 0.05}
	step := func(wrong float64) {
		g.ask(0.01)
		chance := 1.0
		if g.certified() && g.within(0.01) {
			chance = 0.03
		}
		g.learn(0.01, chance, random.Float64() < chance, random.Float64() < wrong)
	}
	for range 1000 {
		step(0.005)
	}
	if !g.certified() || !g.within(0.01) {
		t.Fatal("not open at half a per cent wrong")
	}
	for i := range 4000 {
		step(0.4)
		if !g.certified() || !g.within(0.01) {
			if i > 1500 {
				t.Errorf("open for %d questions", i)
			}
			return
		}
	}
	t.Error("still open")
}

// Whatever the order of right and wrong, and however often one looks, a bound below the truth must be rare.
func TestWagerIsSeldomFooled(t *testing.T) {
	const target, truth, runs = 0.05, 0.05, 400
	fooled := 0
	for run := range runs {
		random := rand.New(rand.NewPCG(uint64(run), 9))
		var w wager
		for range 1500 {
			chance, loss := 1.0, 0.0
			if random.IntN(2) == 0 {
				chance = 0.1
			}
			if random.Float64() < truth && random.Float64() < chance {
				loss = 1 / chance
			}
			w.observe(target, chance, loss)
			if w.holds() {
				fooled++
				break
			}
		}
	}
	if share := float64(fooled) / runs; share > 1.5*doubt {
		t.Errorf("%.3f of the runs were fooled, want %.2f at most", share, doubt)
	}
}

func TestWagerTightens(t *testing.T) {
	var w wager
	if w.upper(0.05) != 1 {
		t.Fatal("a bound of nothing")
	}
	for range 2000 {
		w.observe(0.05, 1, 0)
	}
	if b := w.upper(0.05); b > 0.02 {
		t.Errorf("bound %.3f after 2000 right hits", b)
	}
}
