package proxy

import (
	"bytes"
	"slices"
	"time"

	"bursar/exchange"
	"bursar/pricing"
	"bursar/prompt"
	"bursar/providers"
	"bursar/router/certify"
	"bursar/router/verify"
)

// draft is a cheap answer that failed its checks, kept for when nobody else can answer.
type draft struct {
	paid        *paid
	model       string // that was decided for
	contentType string
	body        []byte          // nil if it is none that could be given
	told        bool            // body is as the client gets it; else it is a chat completion
	marks       []prompt.Prefix // that it was asked with
}

// checks tells whether the candidate's answer is to be checked before the client gets it.
func (t *trip) checks() bool {
	return t.Decision.Cascade != nil && !t.escalated && t.Aside == exchange.AsideNone && t.Decision.Reason != exchange.ReasonUncertified
}

// check looks at a cheap answer, and either passes it on or sends the request to the model that answers instead: then again is true.
func (s *Server) check(t *trip, c *exchange.Candidate, answer *providers.Answer) (again bool, fault *exchange.Fault) {
	if answer.Stream != nil {
		return s.checkStream(t, c, answer)
	}
	came := time.Now()
	failed := s.judge(t, answer.Body, s.answerCost(t, c, answer))
	t.Outcome.Waited = time.Since(came)
	if t.deserted {
		usage, method := s.usageOf(t, c, answer)
		return false, t.desert(answer, answer.Finish, usage, method)
	}
	if failed == "" {
		t.Outcome.Cascade = exchange.CascadeKept
		s.takePlain(t, c, answer)
		return false, nil
	}
	p := &paid{by: c, finish: answer.Finish, attempts: answer.Attempts, status: answer.Status, reason: exchange.ReasonAnswered, failed: failed}
	p.usage, p.method = s.usageOf(t, c, answer)
	d := &draft{paid: p, contentType: "application/json", body: bytes.Clone(answer.Body)}
	answer.Release()
	return s.escalate(t, d)
}

// checkStream holds a stream back until it is checked. One that outgrows its buffer is checked by its beginning, and flows on.
func (s *Server) checkStream(t *trip, c *exchange.Candidate, answer *providers.Answer) (again bool, fault *exchange.Fault) {
	buffer := t.Decision.Cascade.Buffer
	if buffer == 0 {
		t.Outcome.Cascade = exchange.CascadeUnchecked
		s.beginRelay(t, answer)
		return false, nil
	}
	r := s.newRelay(t, answer)
	r.gather(buffer)
	failed := ""
	switch end := r.end; {
	case end == exchange.ReasonClientGone:
	case end == exchange.ReasonRepetition:
		failed = verify.NotRepeated.String()
	case end == exchange.ReasonStreamBroken:
		failed = verify.Complete.String() // nothing of it has been sent, so it need not end so
	case end == exchange.ReasonNone || r.kept == nil:
		t.Outcome.Cascade = exchange.CascadeUnchecked
		if text, _ := answer.Stream.OutputText(); !verify.Begins(text, t.using.checks[t.Decision.Cascade]) {
			failed = verify.NotRefused.String()
		}
	default:
		t.Outcome.Cascade = exchange.CascadeKept
		usage, _ := r.used(true)
		if plain, err := providers.PlainOf(r.kept, nil); err != nil {
			failed = verify.Parses.String()
		} else {
			failed = s.judge(t, plain, c.Price.Cost(&usage, t.Start))
		}
		if t.deserted {
			usage, method := r.used(true)
			return false, t.desert(answer, answer.Stream.Finish(), usage, method)
		}
	}
	t.Outcome.Waited = time.Since(answer.FirstByte())
	if failed == "" {
		r.start()
		return false, nil
	}
	whole := r.end == t.answeredReason()
	p := &paid{by: c, finish: answer.Stream.Finish(), attempts: answer.Attempts, status: 200, reason: r.end, failed: failed}
	if r.end == exchange.ReasonNone { // it flows on, and nobody listens
		p.reason = exchange.ReasonAnswered
	}
	p.usage, p.method = r.used(whole)
	d := &draft{paid: p, contentType: t.streamType(), told: true}
	if whole {
		d.body = bytes.Clone(r.out)
	}
	answer.Release()
	return s.escalate(t, d)
}

// desert ends a request whose client has left before there was a second opinion. The answer is paid for, and money is held for it no longer.
func (t *trip) desert(answer *providers.Answer, finish string, usage pricing.Usage, method exchange.Method) *exchange.Fault {
	out := &t.Outcome
	out.Usage, out.Method, out.Finish, out.Cascade = usage, method, finish, exchange.CascadeNone
	answer.Release()
	return clientGone("a second opinion")
}

// judge makes the checks, and asks the second model if its word could change anything. It returns the check that failed, "" if none did.
func (s *Server) judge(t *trip, body []byte, cost pricing.Nano) (failed string) {
	k, p := t.Decision.Cascade, t.sample
	if verdict := verify.Expect(t.chat).Answer(body, t.using.checks[k]); !verdict.OK {
		failed = verdict.Failed.String()
	}
	if p != nil {
		p.cheap, p.spent, p.failed = bytes.Clone(body), cost, failed != ""
	}
	switch {
	case failed != "":
		return failed
	case k.Quality > 0:
		return s.judgeByCertificate(t, body, cost)
	case k.Second == "":
		return ""
	}
	if second := s.secondOpinion(t); !s.agrees(t, second, body) {
		return noAgreement
	}
	return ""
}

// Checks that no word of the policy names: a second model says something else, or nothing in time; and what is known of the answer does not
// suffice for the certificate.
const (
	noAgreement = "agree_with"
	noProof     = "certificate"
)

// judgeByCertificate keeps what the certificate covers.
func (s *Server) judgeByCertificate(t *trip, body []byte, cost pricing.Nano) (failed string) {
	k := t.Decision.Cascade
	standing := s.labels.standing(t.Identity.Team, k.Route)
	if standing == nil {
		return noProof // it was taken back meanwhile
	}
	e := certify.Evidence{Cheap: cost, Agree: true}
	e.Bytes, e.Digits = t.lastMessage()
	step := certify.Keep
	if k.Second == "" {
		if !standing.Keep(&e) {
			step = certify.Escalate
		}
	} else if step = standing.Next(&e); step == certify.Ask || t.sample != nil { // a sample shall know all that there is
		second := s.secondOpinion(t)
		if e.Agree = s.agrees(t, second, body); second != nil {
			e.Checker = second.cost
		}
		if step == certify.Ask && !standing.Keep(&e) {
			step = certify.Escalate
		}
	}
	if step == certify.Escalate {
		return noProof
	}
	return ""
}

// agrees tells whether a second opinion says nothing against an answer, and notes it where it is a sample.
func (s *Server) agrees(t *trip, second *beside, body []byte) bool {
	agree := second != nil && second.says(body)
	if p := t.sample; p != nil {
		if p.agree = agree; second != nil {
			p.checker = second.cost
		}
	}
	return agree
}

func (s *Server) answerCost(t *trip, c *exchange.Candidate, answer *providers.Answer) pricing.Nano {
	usage, _ := s.usageOf(t, c, answer)
	return c.Price.Cost(&usage, t.Start)
}

// usageOf is what a plain answer has used, counted if the provider does not tell.
func (s *Server) usageOf(t *trip, c *exchange.Candidate, answer *providers.Answer) (pricing.Usage, exchange.Method) {
	if answer.HasUsage {
		usage := answer.Usage
		if usage.Region == "" {
			usage.Region = c.Region
		}
		return usage, exchange.MethodReported
	}
	if t.call.Vectors {
		return pricing.Usage{Input: t.promptTokens(), Region: c.Region}, exchange.MethodEstimate
	}
	return pricing.Usage{Input: t.promptTokens(), Output: s.counter.Text(t.using.family(c), answer.Text()), Region: c.Region}, exchange.MethodEstimate
}

// escalating is why a round of the candidates is over when the next one is that of the other model. No client hears of it.
var escalating = &exchange.Fault{
	Status: 502, Type: "api_error", Code: "answer_rejected", Reason: exchange.ReasonProviderFailed,
	Message: "The model's answer failed the checks of its route, and no other model could answer.", Hint: "Try again; an operator can write otherwise: serve on the route.",
}

// escalate sends the request on to the model that answers instead. The cheap answer is paid, and has a row of its own; if nobody can answer
// instead it is given at once, as the request's own.
func (s *Server) escalate(t *trip, d *draft) (again bool, fault *exchange.Fault) {
	out := &t.Outcome
	d.model, d.marks = t.Decision.Model, slices.Clone(t.marks)
	out.Waited = time.Since(t.stepAt) // all that it took to find out
	out.Served, out.Status, out.Reason, out.FirstByte, out.Finish, out.Usage = nil, 0, exchange.ReasonNone, 0, "", pricing.Usage{}
	out.Cascade, out.Failed = exchange.CascadeEscalated, d.paid.failed
	t.escalated, t.draft, t.paid = true, d, d.paid
	instead := &t.Decision.Instead
	t.Decision.Candidates, t.candidate, t.failed = instead.Candidates, 0, nil
	switch {
	case len(instead.Candidates) > 0:
		t.Decision.Model, t.Decision.MaxOutput = t.Decision.Cascade.Model, instead.MaxOutput
		return true, escalating
	case s.serveDraft(t, escalating):
		return false, nil
	}
	return false, escalating
}

// serveDraft answers with what failed its checks, as nobody else can answer: for want of money, or of a provider. False: there is none, or the
// policy wants no such answer.
func (s *Server) serveDraft(t *trip, why *exchange.Fault) bool {
	d := t.draft
	if d == nil || why.Reason == exchange.ReasonClientGone {
		return false
	}
	t.draft = nil
	if t.Decision.Cascade.Refuse || d.body == nil {
		t.Outcome.Cascade = exchange.CascadeRefused
		return false
	}
	body := d.body
	if !d.told {
		var err error
		if body, err = t.whole(d.body); err != nil {
			s.Warn("carry an answer back to the client's API", err)
			return false
		}
	}
	out, p := &t.Outcome, d.paid
	t.Decision.Model, t.marks = d.model, d.marks
	out.Cascade, out.Served, out.Usage, out.Method, out.Finish = exchange.CascadeServed, p.by, p.usage, p.method, p.finish
	if t.paidBefore = p.booked; t.paidBefore {
		out.Method = exchange.MethodBeside
	} else {
		t.paid = nil // the request ends with it
	}
	out.Status, out.Reason = 200, exchange.ReasonAnswered
	t.scatter(nil)
	t.ctx.SetStatusCode(200)
	t.ctx.Response.Header.SetContentType(d.contentType)
	t.ctx.SetBody(body)
	return true
}

// escalationHeaders tell what the checks made of the answer.
func (t *trip) escalationHeaders() {
	out := &t.Outcome
	if out.Cascade == exchange.CascadeNone {
		return
	}
	text := string(out.Cascade)
	if out.Failed != "" {
		text += "; failed=" + out.Failed
	}
	t.ctx.Response.Header.Set("x-bursar-cascade", text)
}
