package proxy

import (
	"context"
	"fmt"
	"io"
	"runtime/debug"
	"sync"
	"time"

	"bursar/exchange"
	"bursar/pricing"

	"github.com/valyala/fasthttp"
)

// beside is a call of the house's own: the same request, to another model. It holds money, is settled and has a row like any other, but no
// client waits for its body, no limit of requests counts it, and statements count it as no request.
type beside struct {
	kind    exchange.Aside
	of      string // the request that it is made for
	cascade *exchange.Cascade
	model   string
	to      []*exchange.Candidate
	most    int64         // output cap in tokens
	kept    time.Duration // how long its answer may be given again to the same call; 0 if it may not
	called  *endpoint     // as the request was, but for its client's API

	answer []byte // a plain answer; nil if none came
	cost   pricing.Nano
	served string // its target
}

// besides are those under way.
type besides struct {
	mu      sync.Mutex
	under   int // samples
	running sync.WaitGroup
}

// mostBesides bounds the samples that are under way: while a provider is slow they are left out, and do not pile up.
const mostBesides = 256

func (b *besides) begin() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.under >= mostBesides {
		return false
	}
	b.under++
	return true
}

func (b *besides) end() {
	b.mu.Lock()
	b.under--
	b.mu.Unlock()
}

// drain waits until none is under way, or ctx ends.
func (b *besides) drain(ctx context.Context) {
	done := make(chan struct{})
	go func() {
		b.running.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// beside is what calls beside a request call.
func (e *endpoint) beside() *endpoint {
	if e.client != nil {
		return carriedOver
	}
	return chatCompletions
}

// copyRequest copies a request, as a chat completion, for calls that may outlive it. What asks for the cache or for a model by name is left out.
func copyRequest(t *trip) *fasthttp.RequestCtx {
	ctx := new(fasthttp.RequestCtx)
	t.ctx.Request.Header.CopyTo(&ctx.Request.Header)
	ctx.Request.SetRequestURI(chatCompletions.path)
	if key := keyInQuery(t.ctx.Request.Header.RequestURI()); key != nil && len(ctx.Request.Header.Peek("x-goog-api-key")) == 0 {
		ctx.Request.Header.SetBytesV("x-goog-api-key", key)
	}
	ctx.Request.SetBody(t.chat)
	for _, name := range []string{"Cache-Control", "x-bursar-pin", "x-bursar-cache-namespace"} {
		ctx.Request.Header.Del(name)
	}
	return ctx
}

// call makes the call, and returns when it has been settled. The request is the call's own.
func (s *Server) callBeside(ctx *fasthttp.RequestCtx, using *generation, b *beside) {
	t := s.begin(ctx, b.called)
	t.using, t.beside, t.Aside, t.ID = using, b, b.kind, b.of+"-"+string(b.kind)
	s.carryOut(t)
	if stream, ok := ctx.Response.BodyStream().(stream); ok {
		_, err := stream.WriteTo(io.Discard)
		_ = stream.CloseWithError(err)
	}
}

// surviveBeside keeps a bug of ours, met outside of a request, from ending the gateway.
func (s *Server) surviveBeside() {
	if bug := recover(); bug != nil {
		s.Warn("BUG: a call beside a request panicked", fmt.Errorf("%v\n%s", bug, debug.Stack()))
	}
}

// decideBeside decides as the house wants it, within what the key of the request may use.
func (t *trip) decideBeside() *exchange.Fault {
	b := t.beside
	t.Decision = exchange.Decision{
		Rule: b.cascade.Route, Reason: exchange.ReasonAside, Model: b.model, MaxOutput: b.most, Trim: t.using.policy.Trim,
		Candidates: usable(b.to, t.Facts.Scope),
	}
	if b.kept > 0 {
		t.Decision.Cache, t.Decision.CacheTTL = exchange.CacheOn, b.kept
	}
	if len(t.Decision.Candidates) == 0 {
		return &exchange.Fault{
			Status: 503, Type: "server_error", Code: "no_candidate", Reason: exchange.ReasonNoCandidate,
			Message: "No target of model " + b.model + " can serve, or has a price.",
		}
	}
	return nil
}

// tagAside tags a call beside a request, so that statements and budgets can tell it.
func tagAside(tags []exchange.Tag, kind exchange.Aside, route string) []exchange.Tag {
	return append([]exchange.Tag{{Name: exchange.AsideTag, Value: string(kind) + ":" + route}}, tags...)
}

// lever is where its cost is a loss.
func (b *beside) lever() exchange.Lever {
	if b.kind == exchange.AsideSummary {
		return exchange.LeverTrim
	}
	return exchange.LeverEscalate
}

// askSecond asks the second cheap model of a cascade, while the first is answering.
func (s *Server) askSecond(t *trip) {
	k := t.Decision.Cascade
	if t.second != nil || s.draining.Load() {
		return
	}
	b := &beside{kind: exchange.AsideSecond, of: t.ID, cascade: k, model: k.Second, to: k.Ask, most: t.Decision.MaxOutput, called: t.endpoint.beside()}
	ctx, using, done := copyRequest(t), t.using, make(chan *beside, 1)
	t.second = done
	s.besides.running.Go(func() { // as many as there are clients that wait for them
		defer s.surviveBeside()
		s.callBeside(ctx, using, b)
		done <- b
	})
}

// secondPatience is how long a second opinion is waited for once the first answer is there.
const secondPatience = 30 * time.Second

// secondOpinion waits for the second model: nil if it is not done in time, or if nobody is there any more for what the first one has answered.
func (s *Server) secondOpinion(t *trip) *beside {
	if t.second == nil {
		s.askSecond(t)
	}
	if t.second == nil {
		return nil
	}
	gone := make(alarm, 1)
	if caller := t.call.Caller; caller != nil {
		if t.deserted = !caller.Attach(gone); t.deserted {
			return nil
		}
		defer caller.Detach()
	}
	late := time.NewTimer(secondPatience)
	defer late.Stop()
	select {
	case b := <-t.second:
		t.second <- b // whoever asks again finds it
		t.Outcome.Second = b.cost
		return b
	case <-gone:
		t.deserted = true
		return nil
	case <-late.C:
		return nil
	}
}
