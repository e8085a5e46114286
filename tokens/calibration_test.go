package tokens

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// TestCalibrationConverges: a tokenizer that makes a third more tokens than we count, give or take a tenth, is known to within 2 % after 200
// requests, and to the same when it changes.
func TestCalibrationConverges(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var c Calibration
	f := func(times float64) {
		t.Helper()
		for range 200 {
			counted := int64(50 + rng.IntN(8000))
			reported := int64(float64(counted)*times*(0.9+0.2*rng.Float64())) + 7
			c.Note("m", counted, reported)
		}
		got, known := c.Adjust("m", 100_000)
		if want := 100_000 * times; !known || math.Abs(float64(got)-want) > 0.02*want {
			t.Errorf("a prompt of 100000 counted tokens is taken for %d, but is %.0f", got, want)
		}
	}
	f(1.33)
	f(1.33)
	f(0.8)
}

func TestCalibrationBounds(t *testing.T) {
	var c Calibration
	if n, known := c.Adjust("m", 1000); known || n != 1000 {
		t.Errorf("nothing noted: %d, %v", n, known)
	}
	if n := c.Bound("m", 1000, 1314); n != 1314 {
		t.Errorf("nothing noted: bound %d, want the usual 1314", n)
	}
	c.Note("m", 1000, 1700)
	if n := c.Bound("m", 1000, 1314); n < 1700 {
		t.Errorf("after a prompt of 1.7 times the count: bound %d", n)
	}
	if _, known := c.Adjust("m", 1000); known {
		t.Error("one request is no mean")
	}
	for range 3000 {
		c.Note("m", 1000, 900)
	}
	if n := c.Bound("m", 1000, 1314); n != 1314 {
		t.Errorf("after 3000 prompts of 0.9 times the count: bound %d, want the usual 1314: the next one may be of another kind", n)
	}
	c.Note("m", 70, 300_000) // a film by its address: nothing that a tokenizer has made of what was counted
	if n := c.Bound("m", 1000, 1314); n != 1314 {
		t.Errorf("after a prompt with what cannot be counted: bound %d, want the usual 1314", n)
	}
	c.Note("m", 0, 5)
	c.Note("m", 5, 0)
	c.Note("m", -1, -1)
	if n, _ := c.Adjust("m", 1000); n != 900 {
		t.Errorf("what tells nothing changed the mean: %d", n)
	}
}

// TestCalibrationKeepsSoMany: names without end take no memory without end, and what is known stays known.
func TestCalibrationKeepsSoMany(t *testing.T) {
	var c Calibration
	for i := range 2 * widest {
		for range trusted {
			c.Note(fmt.Sprint("made-up-", i), 1000, 1500)
		}
	}
	kept := 0
	c.models.Range(func(any, any) bool { kept++; return true })
	if kept != widest {
		t.Errorf("keeps %d models, want %d", kept, widest)
	}
	if n, known := c.Adjust("made-up-0", 1000); n != 1500 || !known {
		t.Errorf("the first model's count is %d, known: %v", n, known)
	}
}
