package proxy

import (
	"context"
	"sync/atomic"
	"time"

	"bursar/exchange"
	"bursar/ledger"
	"bursar/router/certify"
	"bursar/router/samples"
)

// Labels are where judgements of answers are read from: the gateway's own ledger, and that of its fleet.
type Labels interface {
	Labels(ctx context.Context, since time.Time, do func(*ledger.Row) error) error
	Find(ctx context.Context, id string) (ledger.Row, bool, error)
}

// labels are what this gateway knows of how good answers were, and how routes stand by it. Requests read a snapshot that is made anew about once a
// second: none of them waits for it.
type labels struct {
	book     samples.Book
	snapshot atomic.Pointer[standings]
	news     chan struct{}
	down     bool // some could not be read the last time; of the goroutine that reads
}

// standings is how routes stand with teams, at a moment.
type standings struct {
	of        map[samples.Line]*certify.Standing
	certified map[string][]string // by team: routes, sorted
}

func newLabels() labels { return labels{news: make(chan struct{}, 1)} }

func (l *labels) wake() {
	select {
	case l.news <- struct{}{}:
	default: // awake already
	}
}

// certified returns the routes whose cheap answers are certified for a team.
func (l *labels) certified(team string) []string {
	if now := l.snapshot.Load(); now != nil {
		return now.certified[team]
	}
	return nil
}

// standing returns how a route stands with a team, nil if nothing is known.
func (l *labels) standing(team, route string) *certify.Standing {
	if now := l.snapshot.Load(); now != nil {
		return now.of[samples.Line{Team: team, Route: route}]
	}
	return nil
}

// How often labels of other gateways are read, how far back at least, and how often all of them are: rows can be shipped late.
const (
	readLabels   = 5 * time.Second
	lateLabels   = 15 * time.Minute
	rereadLabels = 10 * time.Minute
	restand      = time.Second
)

// keepStandings keeps the snapshot up to date.
func (s *Server) keepStandings(ctx context.Context) {
	var read, all time.Time
	tick := time.NewTicker(restand)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-s.labels.news:
		}
		g := s.current.Load()
		if g == nil || !g.samples {
			s.labels.snapshot.Store(nil)
			continue
		}
		if now := time.Now(); now.Sub(read) >= readLabels {
			since := now.Add(-lateLabels)
			if now.Sub(all) >= rereadLabels {
				since, all = now.Add(-samples.Horizon), now
			}
			if !s.readLabels(ctx, since) {
				all = time.Time{}
			}
			read = time.Now()
		}
		s.stand(g)
	}
}

// readLabels takes in what the ledgers have. False: not all could be read.
func (s *Server) readLabels(ctx context.Context, since time.Time) bool {
	fine, warned := true, s.labels.down
	for _, from := range s.Sources {
		err := from.Labels(ctx, since, func(r *ledger.Row) error {
			said, err := samples.ParseSaid(r.Facts)
			if err != nil {
				return nil // of a version to come
			}
			at := time.Unix(0, r.Time)
			s.labels.book.Add(&samples.Label{ID: r.ID, At: at, Team: r.Team, Route: r.Rule, Said: said}, time.Now())
			return ctx.Err()
		})
		if err != nil && ctx.Err() == nil {
			if fine = false; !warned { // once, until it works again
				s.Warn("read what is known of answers", err)
			}
		}
	}
	s.labels.down = !fine
	return fine
}

// stand makes the snapshot of a generation anew.
func (s *Server) stand(g *generation) {
	next := &standings{of: map[samples.Line]*certify.Standing{}, certified: map[string][]string{}}
	now := time.Now()
	for _, line := range s.labels.book.Lines() {
		k := g.cascade(line.Route)
		if k == nil || k.Quality == 0 {
			continue
		}
		standing := s.labels.book.Standing(line, g.digests[k], termsOf(k), now)
		next.of[line] = standing
		if standing.Valid() {
			next.certified[line.Team] = append(next.certified[line.Team], line.Route) // lines come sorted
		}
	}
	s.labels.snapshot.Store(next)
}

func termsOf(k *exchange.Cascade) certify.Terms {
	return certify.Terms{Demand: certify.Demand{Target: k.Quality, Confidence: k.Confidence}, Valid: k.Valid}
}

// cascade returns the cascade of a route, nil if it has none.
func (g *generation) cascade(route string) *exchange.Cascade {
	for _, r := range g.policy.Routes {
		if r.Name == route {
			return r.Cascade
		}
	}
	return nil
}

// CertificateStanding is how a route stands with a team, for operators.
type CertificateStanding struct {
	Team, Route string
	Terms       certify.Terms
	Waiting     int // samples that nobody has judged yet
	*certify.Standing
}

// Certificates returns how the policy's routes that need certificates stand, by route and team.
func (s *Server) Certificates() []CertificateStanding {
	g, now := s.current.Load(), s.labels.snapshot.Load()
	if g == nil || now == nil {
		return nil
	}
	var all []CertificateStanding
	for _, line := range s.labels.book.Lines() {
		if standing, k := now.of[line], g.cascade(line.Route); standing != nil && k != nil {
			all = append(all, CertificateStanding{line.Team, line.Route, termsOf(k), s.labels.book.Waiting(line, g.digests[k], time.Now()), standing})
		}
	}
	return all
}

// certificateHeader tells a client on what its answer rests.
func (s *Server) certificateHeader(t *trip) {
	k := t.Decision.Cascade
	if k == nil || k.Quality == 0 {
		return
	}
	standing := s.labels.standing(t.Identity.Team, k.Route)
	if standing == nil {
		standing = &certify.Standing{}
	}
	t.ctx.Response.Header.Set("x-bursar-certificate", standing.Text(termsOf(k)))
}
