package pair

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Laid out for speed, the trees say what they say when each is walked as it was trained.
func TestTreesAnswerAsTrained(t *testing.T) {
	trained, err := parse(shipped)
	if err != nil {
		t.Fatal(err)
	}
	laidOut, random := trained.laidOut(), rand.New(rand.NewPCG(1, 0))
	odd := [...]float32{0, float32(math.Copysign(0, -1)), 1, -1, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN())}
	for range 4000 {
		var f Features
		for i := range f {
			switch random.IntN(8) {
			case 0:
				f[i] = odd[random.IntN(len(odd))]
			case 1: // right at a threshold, or right beside it
				tree := &trained.Trees[random.IntN(len(trained.Trees))]
				f[i] = math.Nextafter32(tree.Threshold[random.IntN(inner)], odd[1+random.IntN(3)])
			case 2:
				tree := &trained.Trees[random.IntN(len(trained.Trees))]
				f[i] = tree.Threshold[random.IntN(inner)]
			default:
				f[i] = float32(random.NormFloat64())
			}
		}
		if got, want := laidOut.probability(&f), walked(trained, &f); got != want {
			t.Fatalf("%v for %v, want %v", got, f, want)
		}
	}
}

func walked(t *Trained, f *Features) float32 {
	sum := t.Base
	for i := range t.Trees {
		tree, at := &t.Trees[i], 0
		for at < inner {
			next := 2*at + 1
			if f[tree.Feature[at]] > tree.Threshold[at] {
				next++
			}
			at = next
		}
		sum += tree.Leaf[at-inner]
	}
	return float32(1 / (1 + math.Exp(-float64(sum))))
}

func BenchmarkTrees(b *testing.B) {
	trained, err := parse(shipped)
	if err != nil {
		b.Fatal(err)
	}
	laidOut, random := trained.laidOut(), rand.New(rand.NewPCG(1, 0))
	some := make([]Features, 64)
	for i := range some {
		for k := range some[i] {
			some[i][k] = float32(random.ExpFloat64() / 2)
		}
	}
	for name, probability := range map[string]func(*Features) float32{"laid-out": laidOut.probability, "walked": func(f *Features) float32 { return walked(trained, f) }} {
		b.Run(name, func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				probability(&some[i%len(some)])
			}
		})
	}
}
