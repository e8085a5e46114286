package certify

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"bursar/pricing"

	"pgregory.net/rapid"
)

func anyEvidence(t *rapid.T) Evidence {
	return Evidence{
		Cheap:   pricing.Nano(rapid.Int64Range(0, 1e9).Draw(t, "cheap")),
		Checker: pricing.Nano(rapid.Int64Range(0, 1e9).Draw(t, "checker")),
		Bytes:   rapid.IntRange(0, 1e6).Draw(t, "bytes"), Digits: rapid.IntRange(0, 1e4).Draw(t, "digits"),
		Invalid: rapid.Bool().Draw(t, "invalid"), Agree: rapid.Bool().Draw(t, "agree"),
	}
}

// workload makes one whose cheap model is wrong about as often as said, among agreed and disputed answers.
func workload(seed uint64, labels int, agreedWrong, disputedWrong float64) *Workload {
	dice := rand.New(rand.NewPCG(seed, 0))
	w := NewWorkload(Shipped())
	for range labels {
		e := Evidence{Cheap: pricing.Nano(1000 + dice.IntN(4000)), Checker: pricing.Nano(500 + dice.IntN(2000)), Bytes: 100 + dice.IntN(900), Agree: dice.Float64() < 0.6}
		wrong := agreedWrong
		if !e.Agree {
			wrong = disputedWrong
		}
		cheap := 1.0
		if dice.Float64() < wrong {
			cheap = 0
		}
		w.See(&e)
		w.Learn(&e, cheap, 1, pricing.Nano(20_000+dice.IntN(40_000)))
	}
	return w
}

func TestCertify(t *testing.T) {
	demand := Demand{Target: 0.98, Confidence: 0.95}
	certify := func(w *Workload) Certificate { return Certify([]*Workload{w}, demand) }

	if c := Certify(nil, demand); c.Valid() || c.Keeps(0) {
		t.Errorf("no workload, but %+v", c)
	}
	if c := certify(NewWorkload(Shipped())); c.Valid() {
		t.Errorf("a workload without traffic is certified: %+v", c)
	}
	good := certify(workload(1, 2000, 0.002, 0.3))
	if !good.Valid() || good.Kept < 0.5 || good.Kept > 0.75 || good.Bound < 0.98 || good.Bound > good.Expected || good.Labels != 2000 {
		t.Errorf("agreed answers are right: %+v", good)
	}
	if few := certify(workload(1, 40, 0.002, 0.3)); few.Kept > good.Kept {
		t.Errorf("40 labels certify more (%+v) than 2000 (%+v)", few, good)
	}
	if c := certify(workload(2, 2000, 0.3, 0.6)); c.Kept > 0.1 {
		t.Errorf("three of ten agreed answers are wrong, but %+v", c)
	}
	all := certify(workload(3, 4000, 0, 0))
	if all.Kept < 0.95 {
		t.Errorf("the cheap model is never wrong, but only %.2f are kept: %+v", all.Kept, all)
	}
	short := Certify([]*Workload{workload(1, 2000, 0.01, 0.3)}, Demand{Target: 0.98, Confidence: 0.95, Horizon: 200})
	if long := certify(workload(1, 2000, 0.01, 0.3)); short.Threshold > long.Threshold {
		t.Errorf("over 200 answers %+v, in the long run %+v", short, long)
	}
}

// TestNoiseIsHeard: labels tell how noisy they are; a class without labels has the prior's noise.
func TestNoiseIsHeard(t *testing.T) {
	quiet, loud := workload(1, 400, 0.002, 0.3), workload(1, 400, 0.15, 0.3)
	quiet.beliefs()
	loud.beliefs()
	prior := Shipped().Noise
	if quiet.noise[0] > prior[0]/2 || loud.noise[0] < 0.8*0.15*0.85 || loud.noise[0] > 1.2*0.15*0.85 {
		t.Errorf("undisputed noise %.3f where one in 500 is wrong, %.3f where one in 7 is; the prior's is %.3f", quiet.noise[0], loud.noise[0], prior[0])
	}
	agreed := workload(2, 0, 0, 0)
	for range 100 {
		e := Evidence{Cheap: 2000, Checker: 900, Bytes: 400, Agree: true}
		agreed.See(&e)
		agreed.Learn(&e, 1, 1, 30_000)
	}
	if agreed.beliefs(); math.Abs(agreed.noise[1]-prior[1]) > 1e-12 {
		t.Errorf("noise of disputed answers without a label: %v, the prior's is %v", agreed.noise[1], prior[1])
	}
}

// TestCertificatesHold counts how often a certificate is broken by the workload it was given for.
func TestCertificatesHold(t *testing.T) {
	const runs = 120
	broken, given := 0, 0
	for i := range uint64(runs) {
		dice := rand.New(rand.NewPCG(i, 1))
		agreed, disputed := 0.05*dice.Float64(), 0.2+0.4*dice.Float64()
		c := Certify([]*Workload{workload(i, 300, agreed, disputed)}, Demand{Target: 0.98, Confidence: 0.95})
		if !c.Valid() {
			continue
		}
		given++
		w := workload(i, 300, agreed, disputed)
		lost := 0.0
		const trials = 4000
		for range trials {
			e := Evidence{Cheap: pricing.Nano(1000 + dice.IntN(4000)), Checker: pricing.Nano(500 + dice.IntN(2000)), Bytes: 100 + dice.IntN(900), Agree: dice.Float64() < 0.6}
			if !w.Decide(&e, c.Threshold) {
				continue
			}
			if e.Agree {
				lost += agreed / trials
			} else {
				lost += disputed / trials
			}
		}
		if 1-lost < 0.98 {
			broken++
		}
	}
	if given < runs/5 || broken*20 > given*2 { // the allowed 5 %, and as much for chance
		t.Errorf("%d of %d certificates are broken, of %d runs", broken, given, runs)
	}
}

// TestNextAgrees: the second model is only spared where its word changes nothing.
func TestNextAgrees(t *testing.T) {
	w := workload(4, 500, 0.02, 0.3)
	rapid.Check(t, func(t *rapid.T) {
		e, threshold := anyEvidence(t), rapid.Float64Range(0.001, 0.5).Draw(t, "threshold")
		unasked := e
		unasked.Checker, unasked.Agree = 0, false
		step := w.Next(&unasked, threshold)
		for _, agree := range []bool{false, true} {
			unasked.Agree = agree
			if kept := w.Decide(&unasked, threshold); step == Keep && !kept || step == Escalate && kept {
				t.Fatalf("%v without asking, but with agree = %v the answer is kept: %v", step, agree, kept)
			}
		}
	})
}

func TestShapesAreFinite(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var n Norms
		for range rapid.IntRange(0, 5).Draw(t, "seen") {
			e := anyEvidence(t)
			n.See(&e)
		}
		e := anyEvidence(t)
		for i, v := range n.Shape(&e) {
			if math.IsNaN(v) || math.Abs(v) > 40 {
				t.Fatalf("%s is %v", FeatureNames[i], v)
			}
		}
	})
}

func TestInvert(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var root, m [Features]Shape
		for i := range root {
			for j := range root {
				root[i][j] = rapid.Float64Range(-1, 1).Draw(t, "v")
			}
		}
		for i := range m {
			for j := range m {
				m[i][j] = dot(&root[i], &root[j])
			}
			m[i][i] += 0.1
		}
		inverse := m
		if !invert(&inverse) {
			t.Fatal("not inverted")
		}
		for i := range m {
			for j := range m {
				want := 0.0
				if i == j {
					want = 1
				}
				if got := dot(&m[i], &inverse[j]); math.Abs(got-want) > 1e-6 {
					t.Fatalf("product at %d,%d is %v", i, j, got)
				}
			}
		}
	})
	if m := ([Features]Shape{}); invert(&m) {
		t.Error("a matrix of zeros was inverted")
	}
}

func TestInformed(t *testing.T) {
	prior := Shipped()
	same, err := prior.Informed(nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range Features {
		if math.Abs(same.Loss.Mean[i]-prior.Loss.Mean[i]) > 1e-6 || math.Abs(same.Loss.Covariance[i][i]-prior.Loss.Covariance[i][i]) > 1e-6 {
			t.Fatalf("without siblings the prior changes at %s", FeatureNames[i])
		}
	}
	told, err := prior.Informed([]*Workload{workload(5, 1000, 0, 0.6), workload(6, 1000, 0, 0.6)})
	if err != nil {
		t.Fatal(err)
	}
	if told.Loss.Mean[1] < prior.Loss.Mean[1]+0.1 || told.Loss.Covariance[1][1] > prior.Loss.Covariance[1][1] {
		t.Errorf("siblings lose 0.6 by each disputed answer; the prior goes from %.3f to %.3f, its variance from %.4f to %.4f",
			prior.Loss.Mean[1], told.Loss.Mean[1], prior.Loss.Covariance[1][1], told.Loss.Covariance[1][1])
	}
}

func TestParsePrior(t *testing.T) {
	for src, want := range map[string]string{
		`{`:            "read a prior",
		`{"haze": 1}`:  "not positive definite",
		string("null"): "not positive definite",
	} {
		if _, err := ParsePrior([]byte(src)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", src, err, want)
		}
	}
}
