package policy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // the image has no zone files, and a budget must not depend on the machine's

	"bursar/exchange"
)

// compiler turns what stood in the file into a Policy. Like the decoder it goes on after a problem, so that all are told at once;
// what a problem left out is then missing in a policy that nobody will see.
type compiler struct {
	*notes
	file   *fileEntry
	env    func(string) string
	now    time.Time // prices that tiers are ranked by are those of now
	policy *Policy
}

func (c *compiler) compile() {
	c.version()
	c.timezone()
	c.providers()
	c.prices()
	c.models()
	c.defaults()
	c.teams()
	c.keys()
	c.budgets()
	c.limits()
	c.conversations()
	c.cache() // before the routes: what a route may do depends on it
	c.routes()
	c.trim()
	c.output()
	c.events()
}

func (c *compiler) version() {
	if v := c.file.Version; v.ok && v.value != 1 {
		c.problem(v.at, "write version: 1, or use a newer Bursar", "version %d of the file format is not known", v.value)
	}
}

func (c *compiler) timezone() {
	c.policy.Location = time.UTC
	zone := c.file.Timezone
	if !zone.ok {
		return
	}
	const hint = "write a name of the IANA time zone database, such as UTC, Europe/Berlin or America/New_York"
	location, err := time.LoadLocation(zone.value)
	if err != nil || strings.EqualFold(zone.value, "local") {
		c.problem(zone.at, hint, "time zone %s is not known", quoted(zone.value))
		return
	}
	c.policy.Location = location
}

// defaults finds the models that auto means and that savings are measured against.
func (c *compiler) defaults() {
	p := c.policy
	p.Default = c.model(c.file.Default, "default")
	p.Baseline = p.Default
	at := c.file.Default.at
	if c.file.Baseline.given() {
		p.Baseline = c.model(c.file.Baseline, "baseline")
		at = c.file.Baseline.at
	}
	if p.Baseline == nil {
		return
	}
	for _, target := range p.Baseline.Use {
		if target.Price != nil {
			p.Yardstick = target
			return
		}
	}
	c.warn(at, "give one of its targets a price under prices: overrides:",
		"baseline %q has no known price, so savings cannot be told", p.Baseline.Name)
}

func (c *compiler) teams() {
	c.policy.Teams = make(map[string]*Team, len(c.file.Teams.rows))
	for _, row := range c.file.Teams.rows {
		c.checkName("team", row.at, row.name, Each)
		c.policy.Teams[row.name] = &Team{Name: row.name, Owner: row.value.Owner.value, CostCenter: row.value.CostCenter.value}
	}
}

// team checks the name of a team.
func (c *compiler) team(name text, where string) {
	if name.ok && c.policy.Teams[name.value] == nil {
		c.problem(name.at, c.orAdd(c.didYouMean(name.value, maps.Keys(c.policy.Teams)), name.value, "teams"), "%s names team %s, which does not exist", where, quoted(name.value))
	}
}

// orAdd makes a hint of what is known, or of what to add if nothing is.
func (c *compiler) orAdd(hint, name, section string) string {
	if hint == "" {
		return fmt.Sprintf("add %s: under %s:", name, section)
	}
	return hint + fmt.Sprintf(" (or add it under %s:)", section)
}

// longestName bounds names, which become metric labels and parts of keys.
const longestName = 64

// checkName checks a name that the author made up. It must not be one of the words that mean something else.
func (c *compiler) checkName(what string, at place, name string, reserved ...string) {
	for _, word := range reserved {
		if name == word {
			c.problem(at, "choose another name", "%q cannot be the name of a %s: it has a meaning of its own", word, what)
		}
	}
	const others = "._-"
	bad := len(name) > longestName
	for _, r := range name {
		bad = bad || !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(others, r))
	}
	if bad {
		c.problem(at, fmt.Sprintf("use up to %d letters, digits, dots, dashes and underscores", longestName), "%s is not a good name for a %s", quoted(name), what)
	}
}

// usualTurnsAhead is over how many turns a move has to pay, if the policy does not say.
const usualTurnsAhead = 5

func (c *compiler) conversations() {
	c.policy.TurnsAhead = usualTurnsAhead
	file := c.file.Conversations
	if file == nil {
		return
	}
	c.policy.TurnsAhead = cmp.Or(file.TurnsAhead.value, usualTurnsAhead)
	if file.MoveDown.ok {
		c.policy.MoveDown = MoveDown(slices.Index(moveDownWords[:], file.MoveDown.value))
	}
}

// usualWait is how long a request waits for the answer to an equal one: what a provider may take to its first byte.
const usualWait = 2 * time.Minute

func (c *compiler) cache() {
	file := c.file.Cache
	if file == nil {
		return
	}
	cache := &c.policy.Cache
	cache.Scope = scopeOf(file.Scope, ScopeTeam)
	if cache.Namespace = file.Namespace.value; !printable(cache.Namespace) {
		c.problem(file.Namespace.at, "use letters, digits, dots and hyphens", "cache.namespace is no word: %s", quoted(cache.Namespace))
	}
	if file.Exact != nil {
		cache.TTL, cache.Stale = file.Exact.TTL.value, file.Exact.StaleWhileRevalidate.value
		cache.Wait = cmp.Or(file.Exact.Wait.value, usualWait)
	}
	if s := file.Semantic; s != nil {
		cache.Semantic = &Semantic{MaxFalseHits: s.MaxFalseHits.value, TTL: s.TTL.value, Scope: scopeOf(s.Scope, cache.Scope)}
		if s.SecondOpinion != nil {
			cache.Semantic.Opinion = c.opinion(s.SecondOpinion)
		}
	}
}

// longestOpinion is the most that a request may wait for a second opinion.
const longestOpinion = 60 * time.Millisecond

func (c *compiler) opinion(file *opinionEntry) *Opinion {
	const where = "cache.semantic.second_opinion"
	if file.Deadline.value > longestOpinion {
		c.problem(file.Deadline.at, "give at most 60ms", "%s.deadline %s holds requests up for too long", where, file.Deadline.value)
	}
	if !file.Embedder.ok {
		return nil // told already
	}
	provider, _, ok := c.policy.target(file.Embedder.value)
	m, known := c.policy.Resolve(file.Embedder.value)
	if !ok || !known {
		c.badTarget(file.Embedder, where+".embedder")
		return nil
	}
	if provider.Dialect != "openai" {
		c.problem(file.Embedder.at, "name a target of a provider with dialect: openai", "%s.embedder: provider %q speaks %s, not OpenAI's embeddings API", where, provider.Name, provider.Dialect)
	}
	return &Opinion{Provider: provider, Embedder: m.Use[0], Dims: int(file.Dims.value), Deadline: cmp.Or(file.Deadline.value, longestOpinion)}
}

func scopeOf(word choice, usual Scope) Scope {
	switch word.value {
	case "key":
		return ScopeKey
	case "team":
		return ScopeTeam
	case "everyone":
		return ScopeEveryone
	default:
		return usual
	}
}

func (c *compiler) trim() {
	if t := c.file.Trim; t != nil {
		c.policy.Trim = exchange.Trim{
			MaxPromptTokens:   t.MaxPromptTokens.value,
			KeepLastTurns:     max(1, int(t.KeepLastTurns.value)),
			EvenIfDearer:      t.EvenIfDearer.value,
			MinifyToolResults: t.MinifyToolResults.value,
			TidyToolResults:   t.TidyToolResults.value,
			DedupeToolResults: t.DedupeToolResults.value,
			StripHTML:         t.StripHTML.value,
			ElideBase64:       t.ElideBase64.value,
		}
		c.summary(t)
	}
}

// summary takes who sums up what is dropped.
func (c *compiler) summary(t *trimEntry) {
	if t.Summary == nil {
		return
	}
	c.policy.Summarizer = c.model(t.Summary.Model, "trim.summary.model")
	if c.policy.Summarizer == nil {
		return
	}
	c.policy.Trim.SummaryModel, c.policy.Trim.SummaryTokens = c.policy.Summarizer.Name, cmp.Or(t.Summary.MaxTokens.value, usualSummary)
	if !t.MaxPromptTokens.ok {
		c.warn(t.Summary.At, "add max_prompt_tokens, or remove it", "trim.summary does nothing: without max_prompt_tokens no turn is dropped")
	}
}

// usualSummary is the longest summary in tokens, if the policy does not say.
const usualSummary = 400

// usualOutput caps the answer of a request that asks for no cap, in tokens, if the policy does not say.
const usualOutput = 4096

// usualLeast is the shortest answer worth having, in tokens, if the policy does not say.
const usualLeast = 64

func (c *compiler) output() {
	out := &c.policy.Output
	out.DefaultMaxTokens, out.LeastUseful = usualOutput, usualLeast
	file := c.file.Output
	if file == nil {
		return
	}
	out.MaxTokens, out.HoldP99 = file.MaxTokens.value, file.Hold.value == "p99"
	if least := file.LeastUsefulTokens; least.ok {
		if out.LeastUseful = least.value; out.MaxTokens > 0 && least.value > out.MaxTokens {
			c.problem(least.at, fmt.Sprintf("lower it to %d, or raise max_tokens", out.MaxTokens),
				"output.least_useful_tokens is %d, above output.max_tokens, which is %d", least.value, out.MaxTokens)
		}
	}
	if out.MaxTokens > 0 {
		out.DefaultMaxTokens = min(out.DefaultMaxTokens, out.MaxTokens)
	}
	usual := file.DefaultMaxTokens
	if !usual.ok {
		return
	}
	if out.DefaultMaxTokens = usual.value; out.MaxTokens > 0 && usual.value > out.MaxTokens {
		c.problem(usual.at, fmt.Sprintf("lower it to %d, or raise max_tokens", out.MaxTokens),
			"output.default_max_tokens is %d, above output.max_tokens, which is %d", usual.value, out.MaxTokens)
	}
}
