package policy

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Setting is one thing that a policy says, whether its file does or a default: a path by names, not by positions, and what stands there. Secrets are
// in none.
type Setting struct{ Path, Value string }

// Settings lists what the policy says, so that two policies can be compared by their meaning: comments, the order of names and defaults that
// are written out make no difference. Prices are those at a moment, of the targets that the models use. The order of routes is not in it.
func (p *Policy) Settings(at time.Time) []Setting {
	s := &settings{}
	s.add("timezone", p.Location.String())
	s.add("default", p.Default.Name)
	s.add("baseline", p.Baseline.Name)
	s.add("prices.unknown", [...]string{"deny", "assume"}[p.UnknownPrice])
	for _, name := range slices.Sorted(maps.Keys(p.Providers)) {
		s.provider("providers."+name, p.Providers[name])
	}
	for _, name := range p.ModelNames() {
		s.model(name, p.Models[name], at)
	}
	for _, name := range slices.Sorted(maps.Keys(p.Teams)) {
		s.add("teams."+name, either(strings.Trim(p.Teams[name].Owner+" "+p.Teams[name].CostCenter, " "), "no owner"))
	}
	for i := range p.Keys {
		k := &p.Keys[i]
		s.add(fmt.Sprintf("keys.%s", either(k.ID, fmt.Sprintf("k-%x", k.SHA256[:6]))), keyText(k))
	}
	for _, b := range p.Budgets {
		s.budget("budgets."+b.key, b)
	}
	for _, l := range p.Limits {
		s.add("limits."+l.key, fmt.Sprintf("%d requests and %d tokens a minute, %d at a time, %s, without its store: %s", l.Requests, l.Tokens, l.Concurrent, modeText(l.Observe), l.OnStoreDown))
	}
	for _, r := range p.Routes {
		s.route("routes."+r.Name, r)
	}
	s.add("conversations.move_down", p.MoveDown.String())
	s.add("conversations.turns_ahead", strconv.FormatInt(p.TurnsAhead, 10))
	s.add("cache.scope", [...]string{"key", "team", "everyone"}[p.Cache.Scope])
	s.add("cache.exact.ttl", p.Cache.TTL.String())
	if c := p.Cache.Semantic; c != nil {
		s.add("cache.semantic", fmt.Sprintf("at most %v wrong, for %s, shared by %s", c.MaxFalseHits, c.TTL, [...]string{"key", "team", "everyone"}[c.Scope]))
		if o := c.Opinion; o != nil {
			s.add("cache.semantic.second_opinion", fmt.Sprintf("%s, %d coordinates, within %s", o.Embedder.Target, o.Dims, o.Deadline))
		}
	}
	s.add("trim", fmt.Sprintf("%+v", p.Trim))
	s.add("output.default_max_tokens", strconv.FormatInt(p.Output.DefaultMaxTokens, 10))
	s.add("output.max_tokens", strconv.FormatInt(p.Output.MaxTokens, 10))
	s.add("output.least_useful_tokens", strconv.FormatInt(p.Output.LeastUseful, 10))
	s.add("output.hold_p99", strconv.FormatBool(p.Output.HoldP99))
	s.add("events", fmt.Sprintf("%d times the usual, at least $%s", p.Events.Times, p.Events.Least.Dollars()))
	for _, w := range p.Events.Webhooks {
		s.add("events.webhooks."+w.Name, fmt.Sprintf("slack %v, kinds %v, teams %v", w.Slack, w.Kinds, w.Teams))
	}
	return s.all
}

type settings struct{ all []Setting }

func (s *settings) add(path, value string) { s.all = append(s.all, Setting{path, value}) }

func (s *settings) provider(path string, p *Provider) {
	s.add(path+".dialect", p.Dialect)
	s.add(path+".base_url", p.BaseURL)
	for _, k := range p.Keys {
		s.add(path+".keys", fmt.Sprintf("%s, weight %d, for %s", k.Name, k.Weight, either(k.Team, "all")))
	}
	if q := p.Quirks; len(q.Rename)+len(q.Unsupported) > 0 || q.Reasoning != "" {
		s.add(path+".quirks", fmt.Sprintf("renames %v, nothing for %v, reasoning in %s", q.Rename, q.Unsupported, either(q.Reasoning, "reasoning_content")))
	}
	if p.Concurrent > 0 {
		s.add(path+".max_concurrent", strconv.Itoa(p.Concurrent))
	}
	if p.Region != "" {
		s.add(path+".region", p.Region)
	}
	s.add(path+".api_version", p.APIVersion)
	s.add(path+".output_field", p.OutputField)
	s.add(path+".retries", strconv.Itoa(p.Retries))
	if p.Dialect == "anthropic" || p.Dialect == "bedrock" {
		s.add(path+".marks_prompts", strconv.FormatBool(p.MarksPrompts))
	}
	s.add(path+".timeouts", fmt.Sprintf("connect %s, first byte %s, idle %s, total %s", p.Timeouts.Connect, p.Timeouts.FirstByte, p.Timeouts.Idle, p.Timeouts.Total))
}

func (s *settings) model(name string, m *Model, at time.Time) {
	var targets []string
	for _, c := range m.Use {
		targets = append(targets, c.Target)
	}
	s.add("models."+name+".use", strings.Join(targets, ", "))
	s.add("models."+name+".max_output_tokens", strconv.FormatInt(m.MaxOutput, 10))
	if m.PastFilters {
		s.add("models."+name+".fallback_on_content_filter", "true")
	}
	for _, c := range m.Use {
		price := "not known"
		if c.Price != nil {
			r := &c.Price.EntryAt(at).Rates
			price = fmt.Sprintf("$%s in, $%s out, $%s from cache per million tokens", r.Input.PerMillion(), r.Output.PerMillion(), r.CacheRead.PerMillion())
		}
		if path := "prices." + c.Target; !slices.Contains(s.all, Setting{path, price}) { // one target may stand in several models
			s.add(path, price)
		}
	}
}

func (s *settings) budget(path string, b *Budget) {
	s.add(path+".limit", "$"+b.Limit.Dollars())
	if s.add(path+".when_spent", b.WhenSpent.String()); b.DowngradeTo != nil {
		s.add(path+".downgrade_to", b.DowngradeTo.Name)
	}
	s.add(path+".mode", modeText(b.Observe))
	s.add(path+".warn_at", fmt.Sprint(b.WarnAt))
	s.add(path+".on_store_down", b.OnStoreDown.String())
	for _, r := range b.Raises {
		s.add(path+".raises", fmt.Sprintf("to $%s, by $%s, from %s until %s", r.To.Dollars(), r.By.Dollars(), day(r.From), day(r.Until)))
	}
}

func (s *settings) route(path string, r *Route) {
	var when []string
	for key, want := range r.When.Conditions() {
		when = append(when, key+" "+want)
	}
	s.add(path+".when", either(strings.Join(when, ", "), "always"))
	to := Asked
	if r.To != nil {
		to = r.To.Name
	}
	s.add(path+".to", to)
	s.add(path+".cache", r.Cache.String())
	s.add(path+".mode", modeText(r.Observe))
	if r.Squeezes != nil {
		s.add(path+".squeeze", fmt.Sprintf("%d texts, %s", len(r.Squeezes.Texts), r.Squeezes.Digest))
	}
	if r.StopRepeats > 0 {
		s.add(path+".stop_repetition_after", strconv.Itoa(r.StopRepeats))
	}
	if k := r.Cascade; k != nil {
		s.add(path+".escalate", fmt.Sprintf("to %s unless %s", k.Model, strings.Join(k.Checks, ", ")))
		s.add(path+".escalate.agree_with", either(k.Second, "none"))
		s.add(path+".escalate.terms", fmt.Sprintf("refuse: %v, buffer: %d, quality %v at %v for %s, shadow %v", k.Refuse, k.Buffer, k.Quality, k.Confidence, k.Valid, k.Shadow))
	}
}

func keyText(k *Key) string {
	var tags []string
	for _, t := range k.Scope.Tags {
		tags = append(tags, t.Name+"="+t.Value)
	}
	text := fmt.Sprintf("team %s, project %s, user %s, tags %v", k.Team, either(k.Project, "none"), either(k.User, "none"), tags)
	if s := k.Scope; len(s.Models)+len(s.Routes) > 0 || s.NoPin {
		text += fmt.Sprintf(", models %v, routes %v, may pin: %v", s.Models, s.Routes, !s.NoPin)
	}
	if !k.Expires.IsZero() {
		text += ", until " + day(k.Expires)
	}
	return text
}

func modeText(observe bool) string {
	if observe {
		return "observe"
	}
	return "enforce"
}

func either(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func day(t time.Time) string {
	if t.IsZero() {
		return "always"
	}
	return t.Format(time.RFC3339)
}

// RouteNames returns the names of the routes, in the order in which they are read.
func (p *Policy) RouteNames() []string {
	names := make([]string, len(p.Routes))
	for i, r := range p.Routes {
		names[i] = r.Name
	}
	return names
}
