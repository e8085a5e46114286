package main

import (
	"fmt"
	"io"

	"bursar/router/certify"
)

// headroomStep and headroomSteps are the thresholds that are tried.
const (
	headroomStep  = 0.005
	headroomSteps = 60
)

// headroom prints what lies between the certified cut of (a) and the oracle: what the certificate holds back, what the chance of the test half takes, and
// what nobody can tell of an answer before it is judged. All but the first line know the test half, which no router could.
func headroom(out io.Writer, m *mix, splits int) error {
	var given tally
	learned, prior := newFrontier(), newFrontier()
	for i := range splits {
		calibration, test := m.halve(uint64(i))
		given.add(m.calibrated(calibration, test))
		learned.add(m, test, m.taught(calibration, certify.Shipped()))
		prior.add(m, test, m.seen(calibration))
	}
	fmt.Fprintf(out, "%-72s %7s %9s %12s\n", fmt.Sprintf("%d splits of %d questions", splits, len(m.rows)), "cut", "quality", "below target")
	line := func(name string, t *tally) {
		fmt.Fprintf(out, "%-72s %6.1f%% %8.2f%% %10.1f%%\n", name, 100*t.cut(), 100*t.kept(), 100*t.violated())
	}
	line("certified", &given)
	line("the one threshold at which no more than 5 % of splits fall below", learned.steady(1-confidence))
	line("the best threshold for each test half", &learned.best)
	line("    answers ranked by the shipped prior alone", &prior.best)
	line("    a checker that costs nothing", &learned.free)
	fmt.Fprintf(out, "%-72s %6.1f%%\n", "oracle", 100*m.swept(oracle))
	return nil
}

// seen is taught without the judgements.
func (m *mix) seen(rows []*row) []*certify.Workload {
	workloads := make([]*certify.Workload, len(m.names))
	for w := range workloads {
		workloads[w] = certify.NewWorkload(certify.Shipped())
	}
	for _, r := range rows {
		workloads[r.workload].See(&r.evidence)
	}
	return workloads
}

// frontier is what each threshold comes to.
type frontier struct {
	at   []tally
	best tally // of the thresholds that hold on the half itself, the one that saves most
	free tally // the same if the checker cost nothing
}

func newFrontier() *frontier { return &frontier{at: make([]tally, headroomSteps)} }

func (f *frontier) add(m *mix, test []*row, workloads []*certify.Workload) {
	best, free := m.judge(test, premiumOnly), m.judge(test, premiumOnly)
	for i := range f.at {
		route := cascade(workloads, float64(i+1)*headroomStep)
		r := m.judge(test, route)
		f.at[i].add(r)
		if r.kept < target {
			continue
		}
		if r.cut > best.cut {
			best = r
		}
		if u := m.judge(test, unpaidChecker(route)); u.cut > free.cut {
			free = u
		}
	}
	f.best.add(best)
	f.free.add(free)
}

// unpaidChecker routes alike, and gets the checker's word for nothing.
func unpaidChecker(route func(*row) paid) func(*row) paid {
	return func(r *row) paid {
		free := *r
		free.CheckerCost = 0
		return route(&free)
	}
}

// steady is the threshold that saves most of those at which no more than some share of the halves falls below the target.
func (f *frontier) steady(most float64) *tally {
	best := new(tally)
	for i := range f.at {
		if t := &f.at[i]; t.violated() <= most && (len(best.results) == 0 || t.cut() > best.cut()) {
			best = t
		}
	}
	return best
}
