package proxy

import (
	"context"
	"time"

	"bursar/exchange"
	"bursar/ledger"
)

// typical is what an answer of the candidate will hardly exceed, in tokens, as answers of its kind have shown; all of the cap if they have not,
// or if the policy wants it so. Least is the shortest answer worth having.
func (s *Server) typical(t *trip, c *exchange.Candidate, least, most int64) int64 {
	if !t.using.policy.Output.HoldP99 {
		return most
	}
	if n, ok := s.lengths.P99(kindOf(t.Decision.Rule, c.Target)); ok {
		return min(most, max(least, n))
	}
	return most
}

func kindOf(rule, target string) string { return rule + "\n" + target }

// learnLength learns from an answer that its provider has told the length of. One that was cut would have got longer.
func (s *Server) learnLength(t *trip) {
	out := &t.Outcome
	if out.Method != exchange.MethodReported || out.Served == nil || t.hit || !answered(out.Reason) {
		return
	}
	s.lengths.Note(kindOf(t.Decision.Rule, out.Served.Target), out.Usage.Completion()/t.Facts.N, out.Finish != "length")
}

// relearnLengths learns anew what the gateway knew before it was restarted, as soon as a policy wants it. It holds nobody up: until then, holds are for the
// whole cap.
func (s *Server) relearnLengths(ctx context.Context) {
	begun := time.Now()
	ctx, done := context.WithCancel(ctx)
	defer done()
	every(ctx, relearnEvery, func() {
		if g := s.current.Load(); g == nil || !g.policy.Output.HoldP99 {
			return
		}
		if err := s.readLengths(ctx, begun); err != nil && ctx.Err() == nil {
			s.Warn("learn from the ledger how long answers get", err)
		}
		done()
	})
}

const (
	relearnEvery = 200 * time.Millisecond
	recently     = 24 * time.Hour
)

// readLengths learns from the answers that the ledger has of the day before a time.
func (s *Server) readLengths(ctx context.Context, until time.Time) error {
	return s.ledger.Rows(ctx, ledger.Filter{From: until.Add(-recently), To: until}, func(r *ledger.Row) error {
		told := r.UsageMethod == exchange.MethodReported.String() && r.Cache != ledger.CacheHit && r.Cache != ledger.CacheSemantic
		if r.Kind != ledger.KindRequest || !told || r.Reason != exchange.ReasonAnswered.String() && r.Reason != exchange.ReasonFallback.String() {
			return ctx.Err()
		}
		facts, err := exchange.ParseRecorded(r.Facts)
		if err != nil {
			return nil // of a version to come
		}
		s.lengths.Note(kindOf(r.Rule, r.Target), r.Usage.Completion()/max(1, facts.N), r.Finish != "length")
		return ctx.Err()
	})
}
