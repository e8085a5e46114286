package certify

// Step is what to do with a cheap answer.
type Step uint8

// What to do.
const (
	Keep Step = iota
	Ask       // the second cheap model, whose word decides
	Escalate
)

// Next says what to do with an answer of which the second model has not been asked. It is asked only if its word could change the
// outcome: some answers are kept even if disputed, and some replaced even if agreed on.
func (w *Workload) Next(e *Evidence, threshold float64) Step {
	agreed, disputed := *e, *e
	agreed.Agree, disputed.Agree = true, false
	a, d := w.norms.Shape(&agreed), w.norms.Shape(&disputed)
	switch {
	case w.Weigh(&d) <= threshold && w.Weigh(&a) <= threshold:
		return Keep
	case w.Weigh(&a) > threshold && w.Weigh(&d) > threshold:
		return Escalate
	default:
		return Ask
	}
}

// Decide says whether the answer is kept, once all is known of it.
func (w *Workload) Decide(e *Evidence, threshold float64) bool {
	s := w.norms.Shape(e)
	return w.Weigh(&s) <= threshold
}
