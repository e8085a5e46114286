package certify

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"bursar/pricing"
)

// stream makes samples, one a minute: cheap answers that are right with a chance, unless they are disputed.
func stream(n int, right float64, seed uint64, from time.Time) []Sample {
	dice := rand.New(rand.NewPCG(seed, 0))
	all := make([]Sample, n)
	for i := range all {
		s := &all[i]
		s.At = from.Add(time.Duration(i) * time.Minute)
		s.Evidence = Evidence{Cheap: pricing.Nano(50_000 + dice.IntN(50_000)), Checker: 30_000, Bytes: 200 + dice.IntN(200), Digits: dice.IntN(9), Agree: dice.Float64() < 0.8}
		s.Premium, s.Paid = 1, 2_000_000
		if chance := right; dice.Float64() < chance && s.Evidence.Agree || dice.Float64() < 0.5 && !s.Evidence.Agree {
			s.Cheap = 1
		}
	}
	return all
}

var (
	terms = Terms{Demand{Target: 0.98, Confidence: 0.95, Horizon: 0}, 30 * 24 * time.Hour}
	noon  = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
)

func TestStandingIsCertifiedAndTakenBack(t *testing.T) {
	good := stream(1200, 0.999, 1, noon)
	end := good[len(good)-1].At
	s := Stand(good, terms, end)
	if !s.Valid() || s.Kept < 0.5 || s.Labels < 200 || !s.Until.Equal(s.From.Add(terms.Valid)) {
		t.Fatalf("%+v", s.Certificate)
	}
	agreed := good[0].Evidence
	agreed.Agree = true
	disputed := agreed
	disputed.Agree = false
	invalid := agreed
	invalid.Invalid = true
	if !s.Keep(&agreed) || s.Keep(&disputed) || s.Keep(&invalid) || s.Next(&invalid) != Escalate {
		t.Errorf("agreed %v, disputed %v, invalid %v, next %v", s.Keep(&agreed), s.Keep(&disputed), s.Keep(&invalid), s.Next(&invalid))
	}
	if few := Stand(good[:100], terms, end); few.Valid() || few.Samples != 100 {
		t.Errorf("certified by 100 samples: %+v", few)
	}
	bad := append(good, stream(600, 0.8, 2, end.Add(time.Minute))...)
	if s := Stand(bad, terms, bad[len(bad)-1].At); s.Valid() || s.Revoked.IsZero() || !s.Revoked.After(end) {
		t.Errorf("after the drift: %+v, revoked %v", s.Certificate, s.Revoked)
	}
	again := append(bad, stream(3500, 0.999, 3, bad[len(bad)-1].At.Add(time.Minute))...)
	if s := Stand(again, terms, again[len(again)-1].At); !s.Valid() || !s.Revoked.IsZero() {
		t.Errorf("after it got better: %+v", s.Certificate)
	}
}

func TestStandingEndsWithItsTime(t *testing.T) {
	good := stream(1200, 0.999, 1, noon)
	end := good[len(good)-1].At
	s := Stand(good, terms, end)
	if s = Stand(good, terms, s.Until.Add(time.Minute)); s.Valid() && s.From.Before(end) {
		t.Errorf("it outlives its time: %+v until %v", s.Certificate, s.Until)
	}
	short := terms
	short.Valid = 8 * time.Hour // as long as 480 samples
	if s := Stand(good, short, end); !s.Valid() || !s.From.After(noon.Add(8*time.Hour)) {
		t.Errorf("not renewed: %+v, %v", s.Certificate, s.From)
	}
	if s := Stand(good, short, end.Add(17*time.Hour)); s.Valid() {
		t.Errorf("renewed without samples: %+v", s.Certificate)
	}
}

// What saves nothing is not certified, however good it is.
func TestStandingMustSave(t *testing.T) {
	dear := stream(1200, 0.999, 1, noon)
	for i := range dear {
		dear[i].Paid = 60_000
	}
	if s := Stand(dear, terms, dear[len(dear)-1].At); s.Valid() {
		t.Errorf("%+v", s.Certificate)
	}
}

func TestProofIsProve(t *testing.T) {
	dice := rand.New(rand.NewPCG(5, 0))
	d := Demand{Target: 0.95, Confidence: 0.9}
	var all []Judged
	p := newProof(d)
	for range 700 {
		j := Judged{Weight: dice.Float64() * 0.6, Premium: 1, Share: 1, Cheap: 1}
		if dice.Float64() < j.Weight*0.3 {
			j.Cheap = 0
		}
		all = append(all, j)
		p.Add(j)
	}
	want, got := Prove(all, d), p.Certificate()
	if math.Abs(want.Threshold-got.Threshold) > 1e-9 || math.Abs(want.Kept-got.Kept) > 1e-9 || want.Labels != got.Labels || !got.Valid() || math.Abs(want.Expected-got.Expected) > 1e-9 {
		t.Errorf("one by one %+v, at once %+v", got, want)
	}
}

// Of routes that keep less than the target, whatever is kept, no more are ever certified than the confidence allows.
func TestStandingErrsRarely(t *testing.T) {
	const runs = 200
	wrong := 0
	for seed := range uint64(runs) {
		s := stream(800, 0.97, seed+10, noon)
		for i := range s { // every threshold that keeps anything keeps what loses 2.5 % of all
			s[i].Evidence.Agree = true
			s[i].Cheap = 1
			if rand.New(rand.NewPCG(seed, uint64(i))).Float64() < 0.025 {
				s[i].Cheap = 0
			}
			s[i].Evidence.Cheap, s[i].Evidence.Bytes, s[i].Evidence.Digits = 70_000, 300, 2 // all weigh alike
		}
		if st := Stand(s, terms, s[len(s)-1].At); st.Valid() || !st.Revoked.IsZero() {
			wrong++
		}
	}
	if wrong > runs/20 {
		t.Errorf("%d of %d certified what loses more than allowed", wrong, runs)
	}
}

func BenchmarkStand(b *testing.B) {
	s := stream(4000, 0.999, 1, noon)
	for b.Loop() {
		Stand(s, terms, noon.Add(time.Hour*24*10))
	}
}

func BenchmarkKeep(b *testing.B) {
	s := stream(1200, 0.999, 1, noon)
	st := Stand(s, terms, s[len(s)-1].At)
	b.ReportAllocs()
	for b.Loop() {
		st.Keep(&s[0].Evidence)
	}
}
