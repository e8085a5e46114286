package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bursar/router/certify"
)

func small(t *testing.T) *mix {
	t.Helper()
	var b strings.Builder
	for i := range 400 {
		// In a, the cheap model is right whenever it agrees with the checker; in b it is as good as the premium one.
		agree := i % 2
		fmt.Fprintf(&b, `{"workload":"a","query":"q %d","cheap_score":%d,"premium_score":1,"cheap_cost":0.0001,"checker_cost":0.00005,"premium_cost":0.001,"agree":%d,"invalid":0}`+"\n", i, agree, agree)
		fmt.Fprintf(&b, `{"workload":"b","query":"q %d","cheap_score":1,"premium_score":1,"cheap_cost":0.001,"checker_cost":0.0005,"premium_cost":0.01,"agree":1,"invalid":0}`+"\n", i)
	}
	path := filepath.Join(t.TempDir(), "mix.jsonl")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := readMix(path)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func near(a, b float64) bool { return math.Abs(a-b) < 1e-9 }

func TestJudge(t *testing.T) {
	m := small(t)
	if r := m.judge(m.rows, premiumOnly); !near(r.cut, 0) || !near(r.kept, 1) {
		t.Errorf("premium only: %+v", r)
	}
	if r := m.judge(m.rows, cheapOnly); !near(r.cut, 0.9) || !near(r.kept, 0.75) {
		t.Errorf("cheap only: %+v", r)
	}
	if cut := m.random(); !near(cut, 0.9*0.02/0.25) {
		t.Errorf("random: %v", cut)
	}
	// All of b, the right half of a, and of the wrong half as much as 2 % of quality allow.
	if cut := m.swept(oracle); !near(cut, 0.45+0.225+0.02*0.9) {
		t.Errorf("oracle: %v", cut)
	}
}

func TestCertifiedPaysForEveryCall(t *testing.T) {
	m := small(t)
	calibration, test := m.halve(1)
	r := m.calibrated(calibration, test)
	// Kept: b for 10 to 15 %, half of a for 10 to 15 %; the rest of a costs 110 to 115 %.
	if r.kept < 0.98 || r.cut < 0.2 || r.cut > 0.45+0.225-0.025 {
		t.Errorf("%+v", r)
	}
}

func TestReadMixRefuses(t *testing.T) {
	for name, src := range map[string]string{
		"not JSON":     "{",
		"no cost":      `{"workload":"a","query":"q"}`,
		"one workload": `{"workload":"a","query":"q","cheap_cost":1,"premium_cost":1}`,
	} {
		path := filepath.Join(t.TempDir(), "mix.jsonl")
		if err := os.WriteFile(path, []byte(src), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readMix(path); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}

// TestHeadroomIsInOrder: whoever knows more saves more, and nothing gets by the oracle.
func TestHeadroomIsInOrder(t *testing.T) {
	m := small(t)
	f, oracleCut := newFrontier(), m.swept(oracle)
	for i := range 5 {
		calibration, test := m.halve(uint64(i))
		f.add(m, test, m.taught(calibration, certify.Shipped()))
	}
	steady := f.steady(0)
	if steady.violated() > 0 || steady.cut() <= 0 || steady.cut() > f.best.cut() || f.best.cut() >= f.free.cut() || f.free.cut() > oracleCut {
		t.Errorf("steady %.3f, best %.3f, checker free %.3f, oracle %.3f", steady.cut(), f.best.cut(), f.free.cut(), oracleCut)
	}
}
