package proxy

import (
	"bytes"
	"errors"
	"fmt"

	"bursar/dialect"
	"bursar/exchange"
	"bursar/pricing"
	"bursar/prompt"
	"bursar/providers"
)

// shape makes the body for the candidate: the client's own bytes, with the model, the cap, the usage option and the trims spliced in. A client of
// another API has its own bytes sent to a candidate that speaks it, unless something in its messages is to be edited.
func (s *Server) shape(t *trip) {
	t.enter(exchange.StepShape)
	c := t.Decision.Candidates[t.candidate]
	s.markPrefixes(t, c)
	t.Outcome.Capped, t.Outcome.Trimmed = t.cap, t.plan.Removed
	if t.native = t.passes(c); t.native {
		return
	}
	t.body = t.envelope.Shape(prompt.Shape{
		Model: c.Model, Cap: t.cap, CapField: t.capField(c),
		IncludeUsage: t.Facts.Stream, Plan: t.plan, Marks: t.marks,
	}, t.body[:0])
}

// capField is the member that a candidate reads the cap from.
func (t *trip) capField(c *exchange.Candidate) string {
	switch t.endpoint.input {
	case prompt.Prompts:
		return "max_tokens" // legacy completions have no other
	case prompt.Inputs:
		return ""
	}
	return t.using.policy.Providers[c.Provider].OutputField
}

// passes makes the body of a client's own bytes, if they can go to a candidate as they are.
func (t *trip) passes(c *exchange.Candidate) (ok bool) {
	switch client := t.endpoint.client; {
	case !t.speaks(c) || t.plan.Removed > 0 || t.endpoint.array:
		return false
	case len(t.marks) > 0 && !dialect.Wraps(t.chat): // with what is wrapped a provider is better given what the client wrote
		return false
	case t.Facts.Stream && t.Decision.StopRepeats > 0: // a stream that we end is ended in the words of the hub
		return false
	default:
		t.body, ok = client.Splice(t.ctx.Request.Body(), c.Model, t.cap)
		if ok {
			t.marks = t.marks[:0]
		}
		return ok
	}
}

// speaks tells whether a candidate speaks the client's own API, and that is not chat completions. A body whose names another reader may take for
// others than we do goes as what we have read.
func (t *trip) speaks(c *exchange.Candidate) bool {
	client := t.endpoint.client
	return client != nil && client.Splice != nil && !t.cased && client.Native == t.using.policy.Providers[c.Provider].Dialect
}

// forward sends the body to the candidate. When it fails before its first byte, again says whether another may be tried.
func (s *Server) forward(t *trip) (again bool, fault *exchange.Fault) {
	t.enter(exchange.StepForward)
	c := t.Decision.Candidates[t.candidate]
	t.call = providers.Call{Model: c.Model, Target: c.Target, Body: t.body, Stream: t.Facts.Stream, N: t.Facts.N, RequestID: t.ID, Key: t.stored.key, Tokens: t.sent + t.cap*t.Facts.N, Others: t.candidate+1 < len(t.Decision.Candidates), Team: t.Facts.Team, Conversation: t.Facts.Conversation}
	switch {
	case t.stored.asked.Background: // it is worked on, and billed, whoever waits for the answer
	case t.client != nil && t.seat != nil:
		t.call.Caller = followedCaller{t.client, t.seat}
	case t.client != nil:
		t.call.Caller = t.client
	}
	t.passOn(passedOn[:])
	if t.speaks(c) {
		t.passOn(t.endpoint.client.Headers)
	}
	upstream := t.using.upstreams[c.Provider]
	if t.endpoint.input != prompt.Messages {
		if !upstream.Serves(t.endpoint.path) {
			t.failed = notServed(c, t.endpoint.path)
			t.candidate++
			return t.candidate < len(t.Decision.Candidates), t.failed
		}
		t.call.Path, t.call.Vectors = t.endpoint.path, t.endpoint.input == prompt.Inputs
		t.call.Base64, t.call.Single = dialect.Base64(t.body), t.native && t.endpoint.client == &dialect.EmbedContent
	}
	t.call.Native, t.dropped = t.native, nil
	if !t.native && t.Facts.Stateful != "" {
		t.failed = asItIs(c, t.Facts.Stateful)
		t.candidate++
		return t.candidate < len(t.Decision.Candidates), t.failed
	}
	if !t.native {
		var unfit *exchange.Fault
		if t.call.Body, t.dropped, unfit = upstream.Carry(t.body, t.carrying(c)); unfit != nil {
			t.failed = unfit
			t.candidate++
			return t.candidate < len(t.Decision.Candidates), unfit
		}
	}
	s.draw(t)
	if t.checks() && t.Decision.Cascade.Second != "" && t.Decision.Cascade.Quality == 0 {
		s.askSecond(t)
	}
	if t.stored.asked.Background && !t.Facts.Stream {
		return s.forwardBackground(t, c, upstream)
	}
	answer, err := upstream.Call(&t.call)
	if err != nil {
		return s.callFailed(t, c, err)
	}
	t.Outcome.Attempts += answer.Attempts
	if answer.Refused && t.elsewhere(c, answer.Refusal) || !answer.Refused && s.filtered(t, c, answer) {
		answer.Release()
		return true, t.failed
	}
	t.Outcome.FirstByte = answer.FirstByte().Sub(t.Start)
	t.Outcome.Served = c
	s.nameResponses(t, c, answer)
	switch {
	case answer.Refused && t.draft != nil && t.draft.body != nil: // that is worse than what there is
		answer.Release()
		t.Outcome.Served = nil
		return false, escalating
	case t.checks() && !answer.Refused:
		return s.check(t, c, answer)
	case answer.Stream != nil:
		s.beginRelay(t, answer)
	default:
		s.takePlain(t, c, answer)
	}
	return false, nil
}

// carrying says how the request is carried over to a candidate.
func (t *trip) carrying(c *exchange.Candidate) dialect.Options {
	return dialect.Options{Drop: t.using.policy.Providers[c.Provider].Drop, Foreign: t.foreign(), Vectors: t.endpoint.input == prompt.Inputs}
}

// passedOn are the client's headers that reach the provider. Its credentials never do.
var passedOn = [...]string{"openai-beta", "traceparent", "tracestate"}

// notServed refuses a call that the candidate's API does not have.
func notServed(c *exchange.Candidate, path string) *exchange.Fault {
	return &exchange.Fault{
		Status: 400, Type: "invalid_request_error", Code: "unsupported_by_target", Param: "model", Reason: exchange.ReasonBadRequest, NoRetry: true,
		Message: fmt.Sprintf("%s cannot be called for %s: its provider does not have that call.", c.Target, path),
		Hint:    "Name a model of a provider of the openai dialect, or for embeddings of gemini (at AI Studio) or bedrock.",
	}
}

// foreign tells whether the request is a chat completion that was carried over from another API.
func (t *trip) foreign() bool {
	return t.endpoint.input == prompt.Messages && (t.endpoint.client != nil || t.endpoint.over)
}

// passOn passes headers of the client on.
func (t *trip) passOn(names []string) {
	for _, name := range names {
		if value := t.header(name); len(value) > 0 {
			t.call.Headers = append(t.call.Headers, providers.Header{Name: name, Value: string(value)})
		}
	}
}

// callFailed counts a failed candidate and decides whether to go on to the next.
func (s *Server) callFailed(t *trip, c *exchange.Candidate, err error) (again bool, fault *exchange.Fault) {
	var failure *providers.Failure
	if !errors.As(err, &failure) {
		return false, asFault(err)
	}
	t.Outcome.Attempts += failure.Attempts
	fault = failure.Fault()
	if failure.Cause == providers.CauseClientGone {
		if failure.Sent {
			// The provider had the whole prompt. What it generated until its connection was closed nobody knows; the prompt is billed.
			t.Outcome.Served = c
			t.Outcome.Usage, t.Outcome.Method = pricing.Usage{Input: t.promptTokens()}, exchange.MethodEstimate
		}
		return false, fault
	}
	s.Warn("call a provider", err)
	if failure.Sent && mayBill(failure.Cause) {
		usage := pricing.Usage{Input: t.promptTokens(), Region: c.Region}
		if t.stored.asked.Background { // it may be worked on, and nobody has its id
			usage.Input, usage.Output = t.stored.bound, t.cap
		}
		t.paid = t.failedCall(c, usage, exchange.MethodEstimate, failure.Attempts, fault)
	}
	t.failed = fault
	t.candidate++
	return t.candidate < len(t.Decision.Candidates), fault
}

// mayBill tells whether a provider that failed so may bill the request all the same. Overload and refusals are not billed.
func mayBill(cause providers.Cause) bool {
	return cause == providers.CauseTimeout || cause == providers.CauseLost || cause == providers.CauseAnswer
}

// takePlain passes a whole answer on, byte for byte, and keeps what was read of it.
func (s *Server) takePlain(t *trip, c *exchange.Candidate, answer *providers.Answer) {
	defer answer.Release()
	out := &t.Outcome
	out.Status = answer.Status
	response := &t.ctx.Response
	response.SetStatusCode(answer.Status)
	response.Header.SetContentTypeBytes(answer.ContentType)
	t.providerID(answer)
	if answer.Refused {
		t.scatter(nil)
		out.Reason = exchange.ReasonProviderRefused
		t.passRefusal(answer)
		return
	}
	out.Reason = t.answeredReason()
	out.Finish = answer.Finish
	out.Usage, out.Method = s.usageOf(t, c, answer)
	s.calibrate(t)
	if t.escalated {
		t.draft = nil
	}
	if t.hears() {
		t.heard(bytes.Clone(answer.Body))
	}
	if answer.Complete() {
		s.keep(t, answer.Body, false)
		if t.meaning != nil {
			s.learn(t, answer.Text())
		}
	} else {
		t.scatter(nil)
	}
	if err := t.pass(answer); err != nil {
		s.Warn("carry an answer back to the client's API", err)
	}
}

// pass makes a provider's answer the client's.
func (t *trip) pass(answer *providers.Answer) error {
	switch {
	case t.endpoint.client == nil:
		answer.MoveBody(&t.ctx.Response)
		return nil
	case t.native:
		t.ctx.SetBody(t.renamed(answer.Native))
		return nil
	}
	body, err := t.whole(answer.Body)
	if err != nil { // it is billed all the same
		writeFault(t.ctx, t.endpoint.client, answerLost(t.Outcome.Served.Target), t.ID)
		return err
	}
	t.ctx.SetContentType("application/json")
	t.ctx.SetBody(body)
	return nil
}

func answerLost(target string) *exchange.Fault {
	return &exchange.Fault{
		Status: 502, Type: "api_error", Code: "provider_failed", Reason: exchange.ReasonProviderFailed,
		Message: target + " answered with what cannot be said in the API that was called.", Hint: "Try again, or name another model.",
	}
}

// passRefusal makes a provider's refusal the client's.
func (t *trip) passRefusal(answer *providers.Answer) {
	switch {
	case t.endpoint.client == nil:
		answer.MoveBody(&t.ctx.Response)
		return
	case t.native:
		t.ctx.SetBody(t.stored.ids.Refusal(answer.Native))
		return
	}
	status, body := t.refusedBy(answer.Status, answer.Body)
	t.Outcome.Status = status
	t.ctx.SetStatusCode(status)
	t.ctx.SetContentType("application/json")
	t.ctx.SetBody(body)
}

// providerID passes on the provider's own id of the request, where SDKs look for one.
func (t *trip) providerID(answer *providers.Answer) {
	if len(answer.ProviderID) > 0 {
		name := "x-request-id"
		if c := t.endpoint.client; c != nil && c.IDHeader != "" {
			name = c.IDHeader
		}
		t.ctx.Response.Header.SetBytesV(name, answer.ProviderID)
	}
}

func (t *trip) answeredReason() exchange.Reason {
	if t.escalated {
		return exchange.ReasonEscalated
	}
	if t.candidate > 0 || t.failed != nil {
		return exchange.ReasonFallback
	}
	return exchange.ReasonAnswered
}

// promptTokens is our own count of the prompt that was sent.
func (t *trip) promptTokens() int64 { return t.sent }
