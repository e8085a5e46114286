package proxy

import (
	"context"
	"fmt"
	"slices"
	"time"

	"bursar/budget"
	"bursar/cache/opinion"
	"bursar/dialect"
	"bursar/exchange"
	"bursar/keys"
	"bursar/policy"
	"bursar/pricing"
	"bursar/prompt"
	"bursar/providers"
	"bursar/router/verify"
	"bursar/tokens"
)

// generation is all that is made from one loaded policy. A request keeps the generation it started with; a reload swaps one
// pointer.
type generation struct {
	policy     *policy.Policy
	mark       string                         // prefix of the policy's hash, for ledger rows
	trims      string                         // how prompts are trimmed, for cache keys
	served     map[string]string              // by model of the policy: its targets with their addresses, for cache keys
	reached    map[string]string              // by provider: its address and how it is spoken to, for cache keys
	upstreams  map[string]*providers.Upstream // by provider name
	families   map[*exchange.Candidate]tokens.Family
	budgets    []*budgetLine
	limits     []*limitLine
	calendar   *budget.Calendar
	checks     map[*exchange.Cascade]verify.Checks
	digests    map[*exchange.Cascade]string // of their models and checks
	opinion    *opinion.Client              // second opinions on what questions mean; nil asks nobody
	samples    bool                         // some route is sampled
	asksBudget bool                         // some route has a budget_used condition
}

// Use makes p the policy of the requests that start from now on. Upstreams whose configuration did not change are kept, with
// their connections and breakers.
func (s *Server) Use(p *policy.Policy) error {
	s.loading.Lock()
	defer s.loading.Unlock()
	g := &generation{
		policy: p, mark: p.Hash[:min(12, len(p.Hash))], trims: fmt.Sprintf("%+v", p.Trim), served: map[string]string{}, reached: map[string]string{}, upstreams: map[string]*providers.Upstream{}, families: map[*exchange.Candidate]tokens.Family{},
		calendar: budget.NewCalendar(p.Location),
	}
	for name, provider := range p.Providers {
		g.reached[name] = fmt.Sprintf("%s %s %s drop=%t %+v", provider.BaseURL, provider.APIVersion, provider.Dialect, provider.Drop, provider.Quirks)
		if provider.Unavailable != "" {
			continue
		}
		up, err := s.upstream(provider)
		if err != nil {
			return fmt.Errorf("provider %q: %w", name, err)
		}
		g.upstreams[name] = up
	}
	for _, m := range p.Models {
		for _, c := range m.Use {
			g.families[c] = tokens.FamilyOf(c.Provider, c.Model)
			g.served[m.Name] += g.servedAt(c)
		}
	}
	for _, b := range p.Budgets {
		g.budgets = append(g.budgets, &budgetLine{budget: b})
	}
	for _, l := range p.Limits {
		g.limits = append(g.limits, &limitLine{limit: l})
	}
	g.checks, g.digests = map[*exchange.Cascade]verify.Checks{}, map[*exchange.Cascade]string{}
	for _, r := range p.Routes {
		if k := r.Cascade; k != nil {
			set, err := verify.ParseChecks(k.Checks)
			if err != nil {
				return fmt.Errorf("route %q: %w", r.Name, err)
			}
			g.checks[k], g.digests[k] = set, k.Digest()
			g.samples = g.samples || k.Shadow > 0
		}
		g.asksBudget = g.asksBudget || r.When.AsksBudget()
	}
	if err := s.useOpinion(g); err != nil {
		return err
	}
	if err := s.take(context.Background(), g); err != nil {
		return err
	}
	s.retire(g)
	return nil
}

// take makes g the generation of new requests. Its counters are brought up to the ledger while no row is booked, and requests
// under way under the old one charge the budgets it brings when they end: so each row is counted once.
func (s *Server) take(ctx context.Context, g *generation) error {
	before := s.current.Load()
	if !s.Embedded && before == nil {
		if err := s.acquaint(ctx, g); err != nil {
			return err
		}
	}
	s.books.Lock()
	defer s.books.Unlock()
	if s.Embedded {
		if err := s.restore(ctx, g, before); err != nil {
			return err
		}
	}
	s.current.Store(g)
	if before == nil {
		close(s.inUse)
	}
	s.declareKeys(g.policy)
	return nil
}

// declareKeys makes the keys known that stand in a policy.
func (s *Server) declareKeys(p *policy.Policy) {
	all := make([]keys.Declared, len(p.Keys))
	for i, k := range p.Keys {
		all[i] = keys.Declared{ID: k.ID, SHA256: k.SHA256, Terms: keys.Terms{
			Team: k.Team, Project: k.Project, User: k.User, Name: k.Name,
			Tags: k.Scope.Tags, Models: k.Scope.Models, Routes: k.Scope.Routes, NoPin: k.Scope.NoPin, Expires: k.Expires,
		}}
	}
	s.keys.Declare(all)
}

// has tells whether the generation counts a budget in the same windows.
func (g *generation) has(b *policy.Budget, in *time.Location) bool {
	if g == nil || g.policy.Location.String() != in.String() {
		return false
	}
	scope := b.ScopeKey(&exchange.Facts{}, nil)
	return slices.ContainsFunc(g.budgets, func(l *budgetLine) bool { return l.budget.ScopeKey(&exchange.Facts{}, nil) == scope })
}

// upstream returns the running upstream of a provider, or makes one.
func (s *Server) upstream(p *policy.Provider) (*providers.Upstream, error) {
	same := fmt.Sprintf("%+v", *p)
	if up, ok := s.upstreams[same]; ok {
		return up, nil
	}
	config := providers.Config{
		Name: p.Name, Dialect: p.Dialect, BaseURL: p.BaseURL, APIVersion: p.APIVersion, Region: p.Region, MaxConcurrent: p.Concurrent, Quirks: dialect.Quirks(p.Quirks),
		Connect: p.Timeouts.Connect, FirstByte: p.Timeouts.FirstByte, Idle: p.Timeouts.Idle, Total: p.Timeouts.Total,
		Retries: p.Retries,
	}
	for _, k := range p.Keys {
		config.Keys = append(config.Keys, providers.Key(k))
	}
	up, err := providers.New(config)
	if err != nil {
		return nil, err
	}
	s.upstreams[same] = up
	return up, nil
}

// retireAfter is how long an upstream that no policy names any more lives on for the requests that still use it.
const retireAfter = 15 * time.Minute

// retire closes upstreams that the generation does not use, once their requests are surely over.
func (s *Server) retire(g *generation) {
	used := map[*providers.Upstream]bool{}
	for _, up := range g.upstreams {
		used[up] = true
	}
	for provider, up := range s.upstreams {
		if !used[up] {
			delete(s.upstreams, provider)
			time.AfterFunc(retireAfter, up.Close)
		}
	}
}

// targetOf returns what a request is counted for before a candidate is chosen: that of the first target of the model
// asked for, of the default for auto.
func (g *generation) targetOf(asked string) prompt.Target {
	first := g.first(asked)
	return prompt.Target{Family: g.family(first), Model: first.Model}
}

// first returns the first target of the model asked for, of the default for auto.
func (g *generation) first(asked string) *exchange.Candidate {
	model, ok := g.policy.Resolve(asked)
	if !ok {
		model = g.policy.Default
	}
	return model.Use[0]
}

func (g *generation) family(c *exchange.Candidate) tokens.Family {
	if f, ok := g.families[c]; ok {
		return f
	}
	return tokens.FamilyOf(c.Provider, c.Model)
}

// bounds of the prompt's tokens as a provider may count them, from our own count: a hold must be an upper bound. Exact families
// differ by what the provider adds unseen (a system line, a date); estimated ones by the tokenizer we do not have.
// Of a model that nobody knows not even that much is known: but no tokenizer makes more tokens than the text has bytes.
//
// What its provider has reported of a model before may raise the bound of an estimate.
func (s *Server) holdTokens(c *exchange.Candidate, counted int64, method exchange.Method, family tokens.Family, body int) int64 {
	usual := holdTokens(counted, method, family, body)
	if s.counter.Method(family) == tokens.Exact {
		return usual
	}
	return s.calibration.Bound(c.Target, counted, usual)
}

func holdTokens(counted int64, method exchange.Method, family tokens.Family, body int) int64 {
	if method == exchange.MethodExact {
		return counted + counted/50 + 16
	}
	bound := counted + counted/4 + 64
	if family == tokens.Unknown {
		return max(bound, int64(body))
	}
	return bound
}

// mostOutput bounds an output cap in tokens: far above what any model gives, and small enough that no product with it overflows.
const mostOutput = 1 << 24

// noBound is the room left where no hard budget bounds a request.
const noBound = pricing.Nano(-1)
