package proxy

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"bursar/dialect"
	"bursar/exchange"
	"bursar/pricing"
	"bursar/providers"
	"bursar/proxy/origin"

	"github.com/valyala/fasthttp"
)

// A request with `background: true` is answered at once, and worked on later. Its hold stays open until its provider says that the response has
// ended, which this gateway asks for by itself: nobody may ever come back for the answer, and it is billed all the same.

// pendings are the responses that are worked on.
type pendings struct {
	mu      sync.Mutex
	byID    map[string]*pending // by the provider's id
	over    context.Context     // ends with the gateway
	stop    context.CancelFunc
	running sync.WaitGroup
}

// pending is one of them.
type pending struct {
	origin origin.Origin
	team   string
	since  time.Time
	told   chan dialect.StoredResponse // what a client has been told of it meanwhile
}

// mostPending bounds them. Each takes some kilobytes, and a call to its provider now and then.
const mostPending = 4096

func newPendings() pendings {
	over, stop := context.WithCancel(context.Background())
	return pendings{byID: map[string]*pending{}, over: over, stop: stop}
}

// begin takes one in. False: the gateway ends, or has too many.
func (p *pendings) begin(of *pending) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over.Err() != nil || len(p.byID) >= mostPending || p.byID[of.origin.ID] != nil {
		return false
	}
	p.byID[of.origin.ID] = of
	p.running.Add(1)
	return true
}

func (p *pendings) end(of *pending) {
	p.mu.Lock()
	delete(p.byID, of.origin.ID)
	p.mu.Unlock()
	p.running.Done()
}

// Pending is how many background responses the server keeps the books of until they end.
func (s *Server) Pending() int {
	s.pendings.mu.Lock()
	defer s.pendings.mu.Unlock()
	return len(s.pendings.byID)
}

// tell passes on what a client was told of a response.
func (p *pendings) tell(id string, seen *dialect.StoredResponse) {
	p.mu.Lock()
	of := p.byID[id]
	p.mu.Unlock()
	if of == nil || !seen.Ended() {
		return
	}
	select {
	case of.told <- *seen:
	default: // it has been told already
	}
}

// drain books what is still worked on by its hold, and returns when that is done. The next start goes on with it.
func (p *pendings) drain() {
	p.mu.Lock()
	p.stop()
	p.mu.Unlock()
	p.running.Wait()
}

// Why a hold is booked as the cost of a response, in the row's facts.
const (
	whyDrained  = "drained"  // the gateway ended before the response did
	whyGone     = "gone"     // the provider has no such response any more
	whyUnsaid   = "unsaid"   // it ended, and nothing was said of what it has used
	whyEndless  = "endless"  // it did not end for as long as this gateway asks
	whyUnnamed  = "unnamed"  // the provider gave it no id that could be asked for
	whyTooMany  = "too_many" // more are worked on than this gateway asks for
	longestWait = 24 * time.Hour
	pollsDouble = 30 // the longest wait between two polls, in first waits
)

// forwardBackground sends a request that is answered before it is worked on.
func (s *Server) forwardBackground(t *trip, c *exchange.Candidate, upstream *providers.Upstream) (again bool, fault *exchange.Fault) {
	if s.Pending() >= mostPending {
		return false, &exchange.Fault{
			Status: http.StatusServiceUnavailable, Type: "server_error", Code: "gateway_busy", Reason: exchange.ReasonNoCandidate,
			Message: "More background responses are worked on than this gateway keeps the books of.", Hint: "Try again later, or without `background`.",
		}
	}
	t.call.Raw = true
	answer, err := upstream.Call(&t.call)
	if err != nil {
		return s.callFailed(t, c, err)
	}
	defer answer.Release()
	out := &t.Outcome
	out.Attempts += answer.Attempts
	if answer.Refused && t.elsewhere(c, answer.Refusal) {
		return true, t.failed
	}
	out.FirstByte, out.Served, out.Status = answer.FirstByte().Sub(t.Start), c, answer.Status
	t.ctx.SetStatusCode(answer.Status)
	t.ctx.Response.Header.SetContentTypeBytes(answer.ContentType)
	t.providerID(answer)
	if answer.Refused {
		out.Reason = exchange.ReasonProviderRefused
		t.ctx.SetBody(t.stored.ids.Refusal(answer.Body))
		return false, nil
	}
	s.nameResponses(t, c, answer)
	out.Reason = t.answeredReason()
	t.ctx.SetBody(bytes.Clone(t.renamed(answer.Body)))
	if seen := &t.stored.ids.Seen; seen.Ended() {
		s.took(t, seen, "")
		return false, nil
	}
	t.stored.pending, t.streaming = true, true // its cost is not known yet, as a stream's is not
	s.headers(t)
	return false, nil
}

// goesOn tells whether the provider works on, though the client's stream has ended.
func (st *stateful) goesOn() bool {
	return st.asked.Background && st.ids.Seen.ID != "" && !st.ids.Seen.Ended()
}

// watch keeps the books of a response open after its client has got the answer that there is so far. The trip is its own from here on.
func (s *Server) watch(t *trip) {
	head := new(fasthttp.RequestCtx)
	t.ctx.Request.Header.CopyTo(&head.Request.Header)
	t.ctx, t.client, t.chat, t.body = head, nil, nil, nil
	t.envelope.Reset()
	st := &t.stored
	p := &pending{
		origin: origin.Origin{Target: t.Outcome.Served.Target, Key: st.served, ID: st.ids.Seen.ID, Tokens: st.bound + t.cap},
		team:   t.Identity.Team, since: t.Start, told: make(chan dialect.StoredResponse, 1),
	}
	if sealer := s.sealer(); sealer != nil {
		st.sealed, _ = sealer.Seal(p.team, p.origin)
	}
	why := whyUnnamed
	if st.sealed != "" {
		why = whyTooMany
	}
	if st.sealed == "" || !s.pendings.begin(p) {
		if s.draining.Load() {
			why = whyDrained
		}
		s.took(t, &st.ids.Seen, why)
		s.end(t)
		return
	}
	if t.held { // should this process die, the next one finds the response by what the journal has
		t.hold.Seed = t.seed(t.Outcome.Served, nil)
		if err := s.ledger.Hold(t.journalled, t.Outcome.Held, t.hold.Seed); err != nil {
			s.Warn("enter a response that is worked on into the journal", err)
		}
	}
	go func() {
		defer s.pendings.end(p)
		defer s.survive(t)
		seen, why := s.waitFor(p)
		s.took(t, &seen, why)
		s.end(t)
	}()
}

// waitFor asks the provider for a response until that has ended, or it cannot be known what became of it: then why says so.
func (s *Server) waitFor(p *pending) (seen dialect.StoredResponse, why string) {
	wait := s.Poll
	for {
		timer := time.NewTimer(wait/2 + rand.N(wait/2+1))
		select {
		case <-s.pendings.over.Done():
			timer.Stop()
			return seen, whyDrained
		case seen = <-p.told:
			timer.Stop()
			return seen, ""
		case <-timer.C:
		}
		if seen, why = s.poll(p); why != "" || seen.Ended() {
			return seen, why
		}
		if time.Since(p.since) > longestWait {
			return seen, whyEndless
		}
		wait = min(2*wait, pollsDouble*s.Poll)
	}
}

// poll asks once. What fails for now is asked again.
func (s *Server) poll(p *pending) (seen dialect.StoredResponse, why string) {
	provider, model, _ := strings.Cut(p.origin.Target, "/")
	upstream := s.current.Load().upstreams[provider]
	if upstream == nil { // a later policy may have it again
		return seen, ""
	}
	answer, err := upstream.Call(&providers.Call{
		Model: model, Target: p.origin.Target, Path: "/responses/" + p.origin.ID, Method: http.MethodGet, Raw: true, Key: p.origin.Key, Team: p.team, Others: true,
	})
	if err != nil {
		return seen, ""
	}
	defer answer.Release()
	if answer.Refused {
		if answer.Status == http.StatusNotFound || answer.Status == http.StatusGone {
			return seen, whyGone
		}
		return seen, ""
	}
	seen, _ = dialect.ReadStoredResponse(answer.Body)
	return seen, ""
}

// took takes down what a response has used. Where that is not known, and why says why, all that is held for it counts as spent.
func (s *Server) took(t *trip, seen *dialect.StoredResponse, why string) {
	t.enter(exchange.StepSettle)
	out := &t.Outcome
	usage, told := providers.ResponseUsage(seen)
	if why == "" && !told {
		why = whyUnsaid
	}
	if out.Finish = seen.Finish; out.Finish == "" && seen.Ended() {
		out.Finish = seen.Status
	}
	if why == "" {
		t.stored.sealed = ""
		out.Method = exchange.MethodReported
		s.price(t, usage)
		return
	}
	if t.stored.unknown = why; why != whyDrained {
		t.stored.sealed = "" // nothing will be learnt of it any more
	}
	out.Method = exchange.MethodEstimate
	s.price(t, pricing.Usage{Input: t.stored.bound, Output: t.cap})
	if short := out.Held - out.Cost; short > 0 {
		out.Cost += short
		out.Saved[exchange.LeverRoute] -= short
	}
	if why != whyDrained {
		s.Warn("book a background response by what was held for it", &unknownCost{t.ID, why})
	}
}

// unknownCost says that a response's cost is not known.
type unknownCost struct{ request, why string }

func (u *unknownCost) Error() string { return "request " + u.request + ": " + u.why }
