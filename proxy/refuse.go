package proxy

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"bursar/budget"
	"bursar/exchange"

	"github.com/valyala/fasthttp"
)

// refuse answers with a fault, in the client's dialect.
func (s *Server) refuse(t *trip, f *exchange.Fault) {
	s.cancel(t)
	if !t.held {
		s.price(t, t.Outcome.Usage) // what failed candidates may have billed
	}
	t.Outcome.Reason = f.Reason
	t.ctx.Response.Reset()
	s.headers(t)
	retryHeaders(t, f)
	t.Outcome.Status = writeFault(t.ctx, t.endpoint.client, f, t.ID)
}

// survive answers a request that a bug of ours has made panic: fasthttp would let the whole gateway die of it. Money that is held
// for it is no longer renewed, so it expires into spend, with an orphan's row from the journal: never into free money. The trip
// is not used again.
func (s *Server) survive(t *trip) {
	bug := recover()
	if bug == nil {
		return
	}
	s.Warn("BUG: a request panicked", fmt.Errorf("step %s: %v\n%s", t.Step, bug, debug.Stack()))
	s.leases.remove(t.hold.ID)
	s.leaveAlone(t, budget.AsHeld)
	s.leaveSeat(t, true)
	s.abandon(t)
	if t.client != nil {
		t.client.dropUpstream()
	}
	t.ctx.Response.Reset()
	t.requestID()
	writeFault(t.ctx, t.endpoint.client, asFault(fmt.Errorf("panic: %v", bug)), t.ID)
}

// asFault makes sure that an error is one a client may see.
func asFault(err error) *exchange.Fault {
	var f *exchange.Fault
	if errors.As(err, &f) {
		return f
	}
	return &exchange.Fault{
		Status: 500, Type: "api_error", Code: "internal_error", Reason: exchange.ReasonInternal, Err: err,
		Message: "Internal error.", Hint: "Try again; operators find the cause in the log by the request id.",
	}
}

// lost answers requests to no endpoint of ours.
func (s *Server) lost(ctx *fasthttp.RequestCtx, path string) {
	f := &exchange.Fault{
		Status: 404, Type: "invalid_request_error", Code: "unknown_url", Reason: exchange.ReasonBadRequest, NoRetry: true,
		Message: fmt.Sprintf("Unknown request URL: %s %.200s.", ctx.Method(), path),
		Hint: "This gateway serves POST /v1/chat/completions, /v1/responses (and what is stored below it), /v1/completions, /v1/embeddings, /v1/messages, /v1/messages/count_tokens, /v1beta/models/MODEL:generateContent, :streamGenerateContent, :countTokens, :embedContent and :batchEmbedContents, and GET /v1/models. " +
			"The base URL of OpenAI's SDKs ends in /v1, that of Anthropic's and Google's does not.",
	}
	if strings.HasPrefix(path, "/v1/conversations") {
		f.Hint = "Conversations are made by their provider; a request goes on from an earlier answer with `previous_response_id`, or brings the id of a conversation that was made there."
	}
	id, c := s.ids.next(ctx.Time()), clientOf(ctx)
	tellID(ctx, c, id)
	ctx.Response.Header.Set("x-should-retry", "false")
	writeFault(ctx, c, f, id)
}

// unreadable answers requests that fasthttp could not read: too large, too slow, not HTTP.
func (s *Server) unreadable(ctx *fasthttp.RequestCtx, err error) {
	f := &exchange.Fault{
		Status: 400, Type: "invalid_request_error", Code: "unreadable_request", Reason: exchange.ReasonBadRequest, NoRetry: true,
		Message: "The request could not be read as HTTP.", Err: err,
	}
	var timeout interface{ Timeout() bool }
	var small *fasthttp.ErrSmallBuffer
	switch {
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		f.Status, f.Code, f.Reason = 413, "request_too_large", exchange.ReasonBodyTooLarge
		f.Message = fmt.Sprintf("The request body is larger than %d bytes.", s.MaxBody)
		f.Hint = "Send less, or ask the operator to raise -max-body."
	case errors.As(err, &small):
		f.Status, f.Code = 431, "headers_too_large"
		f.Message = "The request's headers are too large."
	case errors.As(err, &timeout) && timeout.Timeout():
		f.Status, f.Code, f.NoRetry = 408, "request_timeout", false
		f.Message = fmt.Sprintf("The request did not arrive within %s.", s.ReadTimeout)
	}
	id, c := s.ids.next(ctx.Time()), clientOf(ctx)
	tellID(ctx, c, id)
	if f.NoRetry {
		ctx.Response.Header.Set("x-should-retry", "false")
	}
	writeFault(ctx, c, f, id)
	ctx.SetConnectionClose()
	if c, ok := ctx.Conn().(*clientConn); ok {
		c.unread = true
	}
}
