package proxy

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"sync"

	"bursar/dialect"
	"bursar/exchange"
	"bursar/providers"
	"bursar/proxy/origin"
)

// stateful is what a request of the Responses API has to do with what providers store. A provider adds what it has stored to the prompt: only there
// can the request be answered, and nobody here has counted all of it.
type stateful struct {
	asked  dialect.Stored
	origin origin.Origin // of the response that it goes on from
	at     string        // see exchange.Facts.Origin
	key    uint32        // the only one of the provider's keys that will do, 0 if any will
	bound  int64         // of the prompt's tokens, with those that the provider adds
	ids    dialect.ResponseIDs
	served uint32 // the key that the answer was asked with

	pending bool   // it is answered, and its response still worked on
	sealed  string // its response, if that has not ended and the hold is booked as its cost
	unknown string // why the hold is booked
}

// readStored finds what a request refers to that a provider has stored, and puts the provider's own id into it.
func (s *Server) readStored(t *trip) (fault *exchange.Fault) {
	if t.endpoint != openaiResponses {
		return nil
	}
	body, st := t.ctx.Request.Body(), &t.stored
	if st.asked, fault = dialect.ReadStored(body); fault != nil {
		return fault
	}
	switch id := st.asked.Previous; {
	case id != "":
		if st.origin, fault = s.unseal(t.Identity.Team, id); fault != nil {
			if fault.Status == 404 { // as OpenAI says it
				fault.Status, fault.Code, fault.Param = 400, "previous_response_not_found", "previous_response_id"
			}
			return fault
		}
		st.at, st.key = st.origin.Target, st.origin.Key
		st.origin.Tokens = s.histories.atMost(st.origin.ID, st.origin.Tokens)
		st.ids.Theirs, st.ids.Ours = st.origin.ID, id
		t.ctx.Request.SetBody(dialect.WithPrevious(body, st.origin.ID))
	case st.asked.Unsized:
		if fault = t.onlyAccount(); fault != nil {
			return fault
		}
	}
	return t.ownAccount()
}

// unseal reads the id of a response: 404 if there is none of that id for the team.
func (s *Server) unseal(team, id string) (origin.Origin, *exchange.Fault) {
	sealer := s.sealer()
	if sealer == nil {
		return origin.Origin{}, &exchange.Fault{
			Status: 503, Type: "server_error", Code: "secret_unknown", Reason: exchange.ReasonNoCandidate,
			Message: "The secret that ids of stored responses are sealed with is not known yet.", Hint: "Try again; this gateway waits for Redis to tell it.",
		}
	}
	o, err := sealer.Open(team, id)
	if err == nil {
		return o, nil
	}
	return origin.Origin{}, &exchange.Fault{
		Status: 404, Type: "invalid_request_error", Code: "response_not_found", Reason: exchange.ReasonBadRequest, NoRetry: true, Err: err,
		Message: fmt.Sprintf("No response with id %.200q is stored for this team.", id),
		Hint:    "Only an answer that says `\"store\": true` is stored. Else send the whole conversation as `input`.",
	}
}

// onlyAccount pins a request to the only account that it can mean, since neither conversations nor prompts nor items have ids of ours.
func (t *trip) onlyAccount() *exchange.Fault {
	st, accounts := &t.stored, 0
	for name, p := range t.using.policy.Providers {
		up := t.using.upstreams[name]
		if p.Dialect != dialect.Responses.Native || up == nil {
			continue
		}
		key, only := up.OnlyKey(t.Identity.Team)
		if accounts++; !only {
			accounts++
		}
		st.at, st.key = name+"/", key
	}
	if accounts == 1 {
		return nil
	}
	return &exchange.Fault{
		Status: 400, Type: "invalid_request_error", Code: "unsupported_by_target", Param: st.asked.Member, Reason: exchange.ReasonNoCandidate, NoRetry: true,
		Message: fmt.Sprintf("`%s` means what one account of a provider has stored, and the policy has %s that could be meant.", st.asked.Member, several(accounts)),
		Hint:    "Go on from an answer with `previous_response_id`, whose id says where it is; or send the whole conversation as `input`, item by item.",
	}
}

// ownAccount refuses what is named by an id that is not ours at an account that the team shares: it may be another team's.
func (t *trip) ownAccount() *exchange.Fault {
	st := &t.stored
	provider, _, _ := strings.Cut(st.at, "/")
	up := t.using.upstreams[provider]
	if st.asked.Named == "" || up == nil || up.Owns(t.Identity.Team, st.key) {
		return nil
	}
	return &exchange.Fault{
		Status: 400, Type: "invalid_request_error", Code: "unsupported_by_target", Param: st.asked.Named, Reason: exchange.ReasonNotAllowed, NoRetry: true,
		Message: fmt.Sprintf("`%s` names what the account at provider %q has stored, and other teams use that account: nothing tells whose it is.", st.asked.Named, provider),
		Hint:    "Go on from an answer with `previous_response_id`, or send the whole conversation as `input`, item by item; or an operator gives the team a key of its own there.",
	}
}

func several(accounts int) string {
	if accounts == 0 {
		return "none"
	}
	return "several"
}

// keepers are those of a model's targets that have what the request goes on from.
func (t *trip) keepers(all []*exchange.Candidate) []*exchange.Candidate {
	if t.Facts.Stateful == "" {
		return all
	}
	provider, _, _ := strings.Cut(t.stored.at, "/")
	return slices.DeleteFunc(all, func(c *exchange.Candidate) bool {
		return t.using.policy.Providers[c.Provider].Dialect != dialect.Responses.Native || provider != "" && c.Provider != provider
	})
}

// storing tells whether the answer will be stored by its provider. What the cache has is stored nowhere, so nobody could go on from it.
func (t *trip) storing() bool {
	return t.endpoint == openaiResponses && !t.stored.asked.Declined && t.speaks(t.Decision.Candidates[0])
}

// history bounds the tokens that the provider adds to the prompt: as many as the response has that it goes on from, all of the model's context if
// nobody knows. With them the prompt is no longer than the context.
func (t *trip) history(c *exchange.Candidate, prompt int64) (int64, *exchange.Fault) {
	added := t.stored.origin.Tokens
	switch {
	case t.stored.asked.Unsized && c.Context == 0:
		return 0, &exchange.Fault{
			Status: 400, Type: "invalid_request_error", Code: "unsupported_by_target", Param: t.stored.asked.Member, Reason: exchange.ReasonUnknownPrice, NoRetry: true,
			Message: fmt.Sprintf("How long `%s` makes the prompt is not known, nor is the context of %s, so no budget bounds what it costs.", t.stored.asked.Member, c.Target),
			Hint:    "Use `previous_response_id`; or an operator names a model whose context is known.",
		}
	case t.stored.asked.Unsized:
		added = c.Context
	}
	if c.Context > 0 {
		added = min(added, max(0, c.Context-prompt))
	}
	return added, nil
}

// asItIs refuses what a target could only be given in other words than the client's: those have nothing for what is stored.
func asItIs(c *exchange.Candidate, member string) *exchange.Fault {
	return &exchange.Fault{
		Status: 400, Type: "invalid_request_error", Code: "unsupported_by_target", Param: member, Reason: exchange.ReasonBadRequest, NoRetry: true,
		Message: fmt.Sprintf("`%s` needs the request to reach %s as it is, and the policy changes it on its way.", member, c.Target),
		Hint:    "Send the whole conversation as `input`.",
	}
}

// nameResponses prepares the ids of an answer that the client gets as its provider gave it.
func (s *Server) nameResponses(t *trip, c *exchange.Candidate, answer *providers.Answer) {
	if t.endpoint != openaiResponses || !t.native {
		return
	}
	t.stored.served = answer.Key
	team, key, target := t.Identity.Team, answer.Key, c.Target
	most := t.stored.bound + t.cap
	t.stored.ids.Unsaid = !t.stored.asked.Declined
	t.stored.ids.Seal = func(id string, tokens int64) string {
		if tokens == 0 {
			tokens = most
		} else {
			tokens = withMargin(tokens)
		}
		sealer := s.sealer()
		if sealer == nil {
			return ""
		}
		sealed, _ := sealer.Seal(team, origin.Origin{Target: target, Key: key, ID: id, Tokens: tokens})
		return sealed
	}
}

// renamed is what a native answer comes to with the ids that its client knows.
func (t *trip) renamed(native []byte) []byte {
	if t.stored.ids.Seal == nil {
		return native
	}
	return t.stored.ids.Object(native)
}

// appendRenamed is the same for events of a stream.
func (t *trip) appendRenamed(dst, events []byte) []byte {
	if t.stored.ids.Seal == nil {
		return append(dst, events...)
	}
	return t.stored.ids.Events(dst, events)
}

// sealers has the sealer at hand, as long as the secret is the same.
type sealers struct {
	mu     sync.Mutex
	sealer *origin.Sealer
	secret string
}

// sealer is nil while nobody knows the fleet's secret.
func (s *Server) sealer() *origin.Sealer {
	secret, k := s.Secret(), &s.sealers
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(secret) > 0 && (k.sealer == nil || k.secret != string(secret)) {
		k.sealer, k.secret = origin.New(secret), string(secret)
	}
	return k.sealer
}

// ownSecret is one that lives as long as this process.
func ownSecret() func() []byte {
	made := []byte(rand.Text())
	return func() []byte { return made }
}
