package proxy

import (
	"slices"
	"strings"
	"sync"

	"bursar/dialect"
	"bursar/exchange"
	"bursar/prompt"
	"bursar/router"
)

// read reads the body once.
func (s *Server) read(t *trip) *exchange.Fault {
	t.enter(exchange.StepRead)
	if t.endpoint.client != nil {
		cased, err := prompt.Distinct(t.ctx.Request.Body())
		if err != nil {
			return asFault(err)
		}
		t.cased = cased
	}
	if fault := s.readStored(t); fault != nil {
		return fault
	}
	if fault := t.translate(); fault != nil {
		return fault
	}
	if t.cased && dialect.Wraps(t.chat) {
		return &exchange.Fault{
			Status: 400, Type: "invalid_request_error", Code: "ambiguous_member", Reason: exchange.ReasonBadRequest, NoRetry: true,
			Message: "An object of the request has two members whose names differ by case alone, and the request has parts that go to the provider as they are: what is read here may not be what is read there.",
			Hint:    "Send one of them.",
		}
	}
	if err := t.envelope.ReadInput(t.chat, t.endpoint.input); err != nil {
		return asFault(err)
	}
	if user := t.envelope.User(); user != "" && t.Identity.User == "" { // the user that a key was issued to is not the client's to choose
		t.Identity.User = user
	}
	return nil
}

// measure fills in the facts: all that the router may know.
func (s *Server) measure(t *trip) {
	t.enter(exchange.StepMeasure)
	e, f, h := &t.envelope, &t.Facts, &t.ctx.Request.Header
	f.At = t.Start
	f.Team, f.Project, f.Key, f.User, f.Scope = t.Identity.Team, t.Identity.Project, t.Identity.KeyID, t.Identity.User, t.Identity.Scope
	f.Tags = tags(t)
	if t.beside != nil {
		f.Tags = tagAside(f.Tags, t.beside.kind, t.beside.cascade.Route)
	}
	f.Model, f.Stream, f.Tools = e.Model(), e.Stream(), e.HasTools()
	f.N, f.MaxOutput = e.N(), e.MaxOutput()
	f.Stateful, f.Origin = t.stored.asked.Member, t.stored.at
	f.Pinned = string(h.Peek("x-bursar-pin")) == "1"

	t.target = t.using.targetOf(f.Model)
	m := e.Measure(s.counter, t.target)
	f.PromptTokens, f.PromptMethod, f.Images, f.Turns = s.adjusted(t, t.using.first(f.Model), m.Tokens), m.Method, m.Images, m.Turns

	if t.using.asksBudget {
		f.BudgetUsed = s.budgetUsed(t)
	}
	if t.endpoint.input != prompt.Messages {
		t.fix()
		return
	}
	scratch := scratches.Get().(*[]byte)
	text := e.LastUser((*scratch)[:0])
	f.Signals = router.Read(text)
	f.Complexity = router.Complexity(f.Signals)
	if cap(text) <= maxScratch {
		*scratch = text
		scratches.Put(scratch)
	}

	f.Certified = s.labels.certified(f.Team)
	if t.stored.at == "" { // else it is one that began elsewhere
		f.Conversation = e.Conversation(f.Key)
	}
	f.Sticky = s.sticky.find(f.Conversation, t.Start)
}

// legacyCap is the cap of a legacy completion that names none, as its API has it.
const legacyCap = 16

// fix notes that a call of another kind than chats is answered by the model it asks for: a vector is of no use beside another model's, and a
// model that completes texts may not chat.
func (t *trip) fix() {
	f := &t.Facts
	f.Fixed = true
	switch t.endpoint.input {
	case prompt.Inputs:
		f.Stream, f.N, f.MaxOutput = false, 1, 0
	case prompt.Prompts:
		if f.MaxOutput == 0 {
			f.MaxOutput = legacyCap
		}
	}
}

// decide asks the router.
func (s *Server) decide(t *trip) *exchange.Fault {
	t.enter(exchange.StepDecide)
	if t.beside != nil {
		return t.decideBeside()
	}
	decision, fault := router.Decide(t.using.policy, &t.Facts)
	t.Decision = decision
	if t.endpoint.path != chatCompletions.path { // the checks are of chat completions
		t.Decision.Cascade = nil
	}
	if t.endpoint.input == prompt.Inputs {
		t.Decision.MaxOutput = 0 // it says nothing
	}
	if fault == nil && !t.using.policy.AllowPerCallTools {
		fault = unknownFee(t)
	}
	return fault
}

// scratches hold the text of a last user message where it had to be unescaped.
var scratches = sync.Pool{New: func() any { return new([]byte) }}

const maxScratch = 256 << 10

const tagPrefix = "x-bursar-tag-"

// tags reads the x-bursar-tag-NAME headers, sorted by name. What the key is tagged with is not the client's to choose.
func tags(t *trip) []exchange.Tag {
	var found []exchange.Tag
	if t.Identity.Scope != nil {
		found = slices.Clone(t.Identity.Scope.Tags)
	}
	own := found
	for name, value := range t.ctx.Request.Header.All() {
		if len(name) > len(tagPrefix) && strings.EqualFold(string(name[:len(tagPrefix)]), tagPrefix) {
			tag := exchange.Tag{Name: strings.ToLower(string(name[len(tagPrefix):])), Value: string(value)}
			if tag.Name != exchange.AsideTag && !slices.ContainsFunc(own, func(t exchange.Tag) bool { return t.Name == tag.Name }) {
				found = append(found, tag)
			}
		}
	}
	slices.SortStableFunc(found, func(a, b exchange.Tag) int { return strings.Compare(a.Name, b.Name) })
	return slices.CompactFunc(found, func(a, b exchange.Tag) bool { return a.Name == b.Name }) // a header sent twice counts once, by its first value
}
