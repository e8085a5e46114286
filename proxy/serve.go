// Package proxy carries each request through the nine steps, from the client's bytes to the settled ledger row.
// It is the one room that knows all the others; what they know of each other is only what package exchange names.
package proxy

import (
	"bursar/exchange"

	"github.com/valyala/fasthttp"
)

// serve answers one request. A plain answer is settled when serve returns; a stream is settled when its body is closed,
// at its last byte or when the client leaves.
func (s *Server) serve(ctx *fasthttp.RequestCtx, e *endpoint) {
	s.carryOut(s.begin(ctx, e))
}

// carryOut serves a request that has begun.
func (s *Server) carryOut(t *trip) {
	defer s.survive(t)
	if fault := s.carry(t); fault != nil {
		s.refuse(t, fault)
	}
	switch {
	case t.stored.pending:
		s.watch(t)
	case !t.streaming:
		s.end(t)
	}
}

// carry takes a request through the nine steps. A fault ends it where it is; whatever was held by then is settled by refuse.
func (s *Server) carry(t *trip) *exchange.Fault {
	if fault := s.identify(t); fault != nil {
		return fault
	}
	if fault := s.read(t); fault != nil {
		return fault
	}
	s.measure(t)
	if fault := s.decide(t); fault != nil {
		return fault
	}
	if answered, fault := s.lookup(t); answered || fault != nil {
		return fault
	}
	for {
		// Each round is one candidate. A later one may cost more or less than the one that failed, so it gets its own hold.
		hit, fault := s.reserve(t)
		if fault != nil && s.serveDraft(t, fault) {
			s.settle(t)
			return nil
		}
		if hit || fault != nil {
			return fault
		}
		s.shape(t)
		again, fault := s.forward(t)
		if fault == nil {
			s.settle(t) // for a stream: only arranged here, done when its body is closed
			return nil
		}
		s.cancel(t)
		if !again && s.serveDraft(t, fault) {
			s.settle(t)
			return nil
		}
		if !again {
			return fault
		}
	}
}
