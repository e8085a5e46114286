package proxy

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"

	"bursar/dialect"
	"bursar/exchange"
	"bursar/providers"
	"bursar/proxy/origin"

	"github.com/valyala/fasthttp"
)

// storedCall reads the path of a call about a response that is stored: /v1/responses/ID, /v1/responses/ID/cancel or /v1/responses/ID/input_items.
func storedCall(method, path string) (id, action string, ok bool) {
	rest, ok := strings.CutPrefix(path, "/v1/responses/")
	id, action, _ = strings.Cut(rest, "/")
	switch action {
	case "":
		ok = ok && (method == fasthttp.MethodGet || method == fasthttp.MethodDelete)
	case "cancel":
		ok = ok && method == fasthttp.MethodPost
	case "input_items":
		ok = ok && method == fasthttp.MethodGet
	default:
		ok = false
	}
	return id, action, ok && id != ""
}

// aboutStored answers a call about a stored response, from where it is stored. It asks no model, so it costs nothing and has no row in the ledger.
func (s *Server) aboutStored(ctx *fasthttp.RequestCtx, id, action string) {
	t := s.begin(ctx, openaiResponses)
	defer func() {
		if !t.streaming {
			t.release()
		}
	}()
	defer s.survive(t)
	if fault := s.askOrigin(t, id, action); fault != nil {
		t.requestID()
		retryHeaders(t, fault)
		writeFault(ctx, t.endpoint.client, fault, t.ID)
	}
}

func (s *Server) askOrigin(t *trip, id, action string) *exchange.Fault {
	if fault := s.identify(t); fault != nil {
		return fault
	}
	o, fault := s.unseal(t.Identity.Team, id)
	if fault != nil {
		return fault
	}
	upstream, fault := t.upstreamOf(&o, id)
	if fault != nil {
		return fault
	}
	call := t.callAbout(&o, action)
	answer, err := upstream.Call(call)
	if err != nil {
		var failure *providers.Failure
		if errors.As(err, &failure) {
			return failure.Fault()
		}
		return asFault(err)
	}
	t.requestID()
	t.providerID(answer)
	t.ctx.SetStatusCode(answer.Status)
	t.ctx.Response.Header.SetContentTypeBytes(answer.ContentType)
	ids := s.idsOf(t.Identity.Team, o, id)
	switch {
	case answer.Stream != nil:
		s.passAlong(t, answer, ids)
		return nil
	case answer.Refused:
		t.ctx.SetBody(ids.Refusal(answer.Body))
	default:
		t.ctx.SetBody(ids.Object(answer.Body))
		s.pendings.tell(o.ID, &ids.Seen)
	}
	answer.Release()
	return nil
}

// upstreamOf is the provider that has a response, for a key that may use it. A key that may not is told no more than somebody else's.
func (t *trip) upstreamOf(o *origin.Origin, id string) (*providers.Upstream, *exchange.Fault) {
	provider, _, _ := strings.Cut(o.Target, "/")
	upstream := t.using.upstreams[provider]
	m, ok := t.using.policy.Resolve(o.Target)
	switch {
	case upstream == nil || !ok:
		return nil, &exchange.Fault{
			Status: 503, Type: "server_error", Code: "no_candidate", Reason: exchange.ReasonNoCandidate, NoRetry: true,
			Message: fmt.Sprintf("The response is stored at provider %q, which cannot be asked at the moment.", provider), Hint: "An operator can bring it back.",
		}
	case !t.Identity.Scope.AllowsAny(m.Use) && !t.allowsTier(o.Target):
		return nil, &exchange.Fault{
			Status: 404, Type: "invalid_request_error", Code: "response_not_found", Reason: exchange.ReasonNotAllowed, NoRetry: true,
			Message: fmt.Sprintf("No response with id %.200q is stored for this key.", id),
		}
	}
	return upstream, nil
}

// allowsTier tells whether the key may use a target as part of a model of the policy.
func (t *trip) allowsTier(target string) bool {
	for _, m := range t.using.policy.Models {
		for _, c := range m.Use {
			if c.Target == target && t.Identity.Scope.Allows(c) {
				return true
			}
		}
	}
	return false
}

// callAbout is the call to the provider: what the client asked, with the provider's id and the key that made the response.
func (t *trip) callAbout(o *origin.Origin, action string) *providers.Call {
	path := "/responses/" + o.ID
	if action != "" {
		path += "/" + action
	}
	if query := t.ctx.URI().QueryString(); len(query) > 0 {
		path += "?" + string(query)
	}
	_, model, _ := strings.Cut(o.Target, "/")
	call := &providers.Call{
		Model: model, Target: o.Target, Path: path, Method: string(t.ctx.Method()), Raw: true, Key: o.Key, Team: t.Identity.Team, RequestID: t.ID,
		Stream: t.ctx.IsGet() && action == "" && t.ctx.QueryArgs().GetBool("stream"),
	}
	if t.client != nil {
		call.Caller = t.client
	}
	return call
}

// idsOf gives a response the id that the client has asked with, and the one before it another that leads to it.
func (s *Server) idsOf(team string, o origin.Origin, id string) *dialect.ResponseIDs {
	return &dialect.ResponseIDs{
		Theirs: o.ID, Ours: id, Unsaid: true,
		Seal: func(theirs string, _ int64) string {
			if theirs == o.ID {
				return id
			}
			return ""
		},
		Earlier: func(theirs string) string {
			sealed, _ := s.sealer().Seal(team, origin.Origin{Target: o.Target, Key: o.Key, ID: theirs, Tokens: o.Tokens}) // there are no more tokens in it
			return sealed
		},
	}
}

// passage passes a stored response on as a stream.
type passage struct {
	server *Server
	trip   *trip
	answer *providers.Answer
	ids    *dialect.ResponseIDs
	out    []byte
	closed bool
}

func (s *Server) passAlong(t *trip, answer *providers.Answer, ids *dialect.ResponseIDs) {
	t.streaming = true
	t.ctx.Response.Header.Set("Cache-Control", "no-cache")
	t.ctx.Response.ImmediateHeaderFlush = true
	t.ctx.SetBodyStream(&passage{server: s, trip: t, answer: answer, ids: ids}, -1)
}

// SupportsBodyWriteTo tells fasthttp to use WriteTo: it writes what it has when it has it, as reading would.
func (p *passage) SupportsBodyWriteTo() bool { return true }

// Read is not used; fasthttp asks for a reader.
func (p *passage) Read([]byte) (int, error) { return 0, io.ErrNoProgress }

// WriteTo passes events on until the stream ends.
func (p *passage) WriteTo(w io.Writer) (written int64, err error) {
	defer p.survive()
	for {
		event, err := p.answer.Stream.Next()
		switch {
		case errors.Is(err, io.EOF):
			return written, nil
		case err != nil: // the client's stream is cut as the provider's was: it can be asked for again, after the last event that came
			return written, err
		}
		p.out = p.ids.Events(p.out[:0], event.Raw)
		n, err := w.Write(p.out)
		if written += int64(n); err != nil {
			return written, err
		}
	}
}

// CloseWithError ends the call.
func (p *passage) CloseWithError(error) error {
	if p.closed {
		return nil
	}
	p.closed = true
	defer p.survive()
	p.server.pendings.tell(p.ids.Seen.ID, &p.ids.Seen)
	p.answer.Release()
	p.trip.release()
	return nil
}

func (p *passage) survive() {
	if bug := recover(); bug != nil {
		p.server.Warn("BUG: a stream panicked", fmt.Errorf("%v\n%s", bug, debug.Stack()))
	}
}
