package proxy

import (
	"math/rand/v2"
	"time"

	"bursar/exchange"
	"bursar/ledger"
	"bursar/pricing"
	"bursar/router/samples"
	"bursar/router/verify"

	"github.com/valyala/fasthttp"
)

// sample is a request that both models of a cascade answer: one for the client, the other after it, or both if the first one's answer failed.
type sample struct {
	ctx           *fasthttp.RequestCtx // a copy of the request
	called        *endpoint
	most          int64        // output cap in tokens of the call that is to be made
	cheap, other  []byte       // the answers, plain
	bytes, digits int          // of the user's last message
	spent         pricing.Nano // on the cheap answer
	checker, paid pricing.Nano // on the second opinion, and on the other answer
	failed, agree bool
	served        bool // the client got the cheap answer
}

// draw decides whether a request is a sample, once.
func (s *Server) draw(t *trip) {
	k := t.Decision.Cascade
	if t.drawn || k == nil || k.Shadow == 0 || t.Aside != exchange.AsideNone || t.Facts.N > 1 {
		return
	}
	if t.drawn = true; rand.Float64() >= k.Shadow {
		return
	}
	p := &sample{ctx: copyRequest(t), called: t.endpoint.beside(), agree: true, most: t.Decision.MaxOutput}
	if n := t.Decision.Instead.MaxOutput; n > 0 {
		p.most = n
	}
	p.bytes, p.digits = t.lastMessage()
	t.sample = p
}

// lastMessage measures what the user wrote last, in bytes, and the digits in it.
func (t *trip) lastMessage() (size, digits int) {
	text := t.envelope.LastUser(nil)
	for _, c := range text {
		if c >= '0' && c <= '9' {
			digits++
		}
	}
	return len(text), digits
}

// hears tells whether the answer is wanted beside the client, as a plain one.
func (t *trip) hears() bool { return t.beside != nil || t.sample != nil }

// heard keeps a whole answer for whoever wants it beside the client, before its buffers are given back.
func (t *trip) heard(plain []byte) {
	switch {
	case t.beside != nil:
		t.beside.answer, t.beside.served = plain, t.Outcome.Served.Target
	case t.sample != nil && (t.escalated || t.Decision.Reason == exchange.ReasonUncertified):
		t.sample.other = plain
	}
}

// endSample has the other model answer a sample, and both compared, once the client has its answer.
func (s *Server) endSample(t *trip) {
	p, out := t.sample, &t.Outcome
	if p == nil || s.draining.Load() || !answered(out.Reason) {
		return
	}
	switch {
	case out.Cascade == exchange.CascadeKept && p.cheap != nil:
		p.served = true
	case p.other != nil:
		p.paid = out.Cost
	default:
		return
	}
	if !s.besides.begin() {
		return
	}
	k, using, row := t.Decision.Cascade, t.using, t.row()
	s.besides.running.Go(func() {
		defer s.besides.end()
		defer s.surviveBeside()
		if s.complete(p, k, using, row.ID) {
			s.labelPair(p, k, using, &row)
		}
	})
}

// complete makes the calls that a sample lacks. False: one of them came to nothing.
func (s *Server) complete(p *sample, k *exchange.Cascade, using *generation, id string) bool {
	if p.cheap == nil {
		b := &beside{kind: exchange.AsideShadow, of: id, cascade: k, model: k.Cheap, to: k.Own, most: p.most, called: p.called}
		s.callBeside(again(p.ctx), using, b)
		if b.answer == nil {
			return false
		}
		p.cheap, p.spent = b.answer, b.cost
		if p.failed = !verify.Expect(p.ctx.Request.Body()).Answer(p.cheap, using.checks[k]).OK; !p.failed && k.Second != "" {
			second := &beside{kind: exchange.AsideSecond, of: id, cascade: k, model: k.Second, to: k.Ask, most: p.most, called: p.called}
			s.callBeside(again(p.ctx), using, second)
			p.checker, p.agree = second.cost, second.says(p.cheap)
		}
	}
	if p.other == nil {
		b := &beside{kind: exchange.AsideShadow, of: id, cascade: k, model: k.Model, to: k.To, most: p.most, called: p.called}
		s.callBeside(again(p.ctx), using, b)
		p.other, p.paid = b.answer, b.cost
	}
	return p.other != nil
}

// again is a copy of a request that more than one call is made of.
func again(ctx *fasthttp.RequestCtx) *fasthttp.RequestCtx {
	other := new(fasthttp.RequestCtx)
	ctx.Request.CopyTo(&other.Request)
	return other
}

// says tells whether a second opinion says nothing against an answer.
func (b *beside) says(answer []byte) bool {
	return b.answer != nil && new(verify.Expectation).Answer(b.answer, verify.All).OK && verify.Agree(answer, b.answer) != verify.Different
}

// labelPair enters what came of a sample.
func (s *Server) labelPair(p *sample, k *exchange.Cascade, using *generation, of *ledger.Row) {
	s.label(&samples.Label{ID: samples.PairID(of.ID), At: time.Now(), Team: of.Team, Route: k.Route, Said: samples.Said{
		Of: of.ID, Source: string(exchange.AsideShadow), Pair: &samples.Pair{
			Terms: using.digests[k], Served: p.served, Cheap: p.spent, Checker: p.checker, Paid: p.paid, Bytes: p.bytes, Digits: p.digits,
			Failed: p.failed, Agree: p.agree, Same: verify.Agree(p.cheap, p.other).String(),
		},
	}}, of)
}

// label enters a label into the ledger, and into what this gateway knows. The row has the columns of the request that it is of.
func (s *Server) label(l *samples.Label, of *ledger.Row) bool {
	if !s.labels.book.Add(l, l.At) {
		return false
	}
	row := ledger.Row{
		ID: l.ID, Kind: ledger.KindLabel, Time: l.At.UnixNano(), Team: of.Team, Project: of.Project, Key: of.Key, User: of.User, Rule: l.Route,
		Target: of.Target, Tier: of.Tier, Policy: of.Policy, Reason: exchange.ReasonNone.String(), Facts: l.Text(),
	}
	if err := s.ledger.Append(&row); err != nil {
		s.Warn("enter a label into the ledger", err)
	}
	s.labels.wake()
	return true
}
