package policy

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"bursar/exchange"
	"bursar/pricing"
)

// Suite is a file of tests of a policy: what is given of a request and of budgets, and what is to be decided.
type Suite struct {
	File     string
	Policies string // path of the policy it tests, "" if the file does not say
	Tests    []Test
}

// Test is one request of a suite.
type Test struct {
	Name  string
	Line  int
	Facts exchange.Facts
	Text  string // of the user's message; its signals, and its tokens if none are given, are to be worked out
	// Day is set if only a day was given of the request's time: it is then noon of the policy's zone.
	Day        bool
	BudgetUsed *float64 // nil: worked out from Spent
	Spent      []Spending
	Want       Want
}

// Spending is what has been spent of a budget, as money or as a share of its limit.
type Spending struct {
	Budget  string
	Line    int
	Amount  pricing.Nano
	Share   float64 // of the limit, if IsShare; else Amount holds
	IsShare bool
}

// Want is what a test wants. What is nil or empty is not looked at.
type Want struct {
	Rule, Model, Target, Reason, Cache, Baseline string
	Cap                                          *int64
	Status                                       *int64 // 200 for a request that is served
	Observed                                     []string
	Sees                                         bool // Observed is wanted, even if it is empty
}

// suiteEntry is the file. Its tags are those of file.go.
type suiteEntry struct {
	At place

	Policies text            `key:"policies" like:"policies.yaml"`
	Tests    list[testEntry] `key:"tests" need:"yes"`
}

type testEntry struct {
	At place

	Name  text        `key:"name" need:"yes" like:"short questions go cheap"`
	Given *givenEntry `key:"given" need:"yes" like:"{ team: support }"`
	Want  *wantEntry  `key:"want" need:"yes" like:"{ model: cheap }"`
}

type givenEntry struct {
	At place

	Time         date            `key:"time"`
	Team         text            `key:"team" need:"yes" like:"support"`
	Project      text            `key:"project"`
	Key          text            `key:"key"`
	User         text            `key:"user"`
	Tags         table[text]     `key:"tags" each:"tag"`
	Model        text            `key:"model" like:"auto"`
	Text         text            `key:"text" like:"What is the capital of France?"`
	Stream       toggle          `key:"stream"`
	Tools        toggle          `key:"tools"`
	Images       whole           `key:"images"`
	Turns        whole           `key:"turns"`
	N            whole           `key:"n" least:"1"`
	PromptTokens whole           `key:"prompt_tokens"`
	MaxOutput    whole           `key:"max_output" least:"1"`
	Complexity   fraction        `key:"complexity" like:"0.25"`
	Pinned       toggle          `key:"pinned"`
	LastModel    text            `key:"last_model" like:"premium"`
	LastTarget   text            `key:"last_target" like:"openai/gpt-5"`
	LastCached   whole           `key:"last_cached"`
	LastOutput   whole           `key:"last_output"`
	BudgetUsed   fraction        `key:"budget_used" like:"80%"`
	Certified    words           `key:"certified" names:"route"`
	Spent        table[spending] `key:"spent" each:"budget"`
}

type wantEntry struct {
	At place

	Rule     text   `key:"rule" like:"short questions go cheap"`
	Model    text   `key:"model" like:"cheap"`
	Target   text   `key:"target" like:"openai/gpt-5-mini"`
	Cap      whole  `key:"cap" like:"1024"`
	Cache    choice `key:"cache" one:"off on refresh read"`
	Reason   text   `key:"reason" like:"rule"`
	Status   whole  `key:"status" least:"200" most:"599" like:"429"`
	Baseline text   `key:"baseline" like:"openai/gpt-5"`
	Observed words  `key:"observed"`
}

// LoadSuite reads a file of tests. A file with problems gives a *Problems that lists all of them.
func LoadSuite(path string) (*Suite, error) {
	src, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("read tests: %w", err)
	}
	s, err := ParseSuite(path, src)
	if err == nil && s.Policies != "" && !filepath.IsAbs(s.Policies) {
		s.Policies = filepath.Join(filepath.Dir(path), s.Policies)
	}
	return s, err
}

// ParseSuite reads the text of a file of tests. name is used in messages.
func ParseSuite(name string, src []byte) (*Suite, error) {
	d := &decoder{notes: notes{file: name}, opening: "begin with tests:"}
	root := d.document(src)
	if root == nil {
		return nil, d.err()
	}
	var file suiteEntry
	d.object(root, &file, field{})
	s := &Suite{File: name, Policies: file.Policies.value}
	names := map[string]int{}
	for i := range file.Tests.items {
		e := &file.Tests.items[i]
		if e.At.line == 0 {
			continue // not even a mapping; told already
		}
		if line := names[e.Name.value]; line > 0 && e.Name.ok {
			d.problem(e.Name.at, "give each test a name of its own", "the test on line %d is already called %s", line, quoted(e.Name.value))
		}
		names[e.Name.value] = e.At.line
		if t, ok := d.test(e); ok {
			s.Tests = append(s.Tests, t)
		}
	}
	if len(file.Tests.items) == 0 && file.Tests.ok {
		d.problem(file.Tests.at, "add one: - { name: ..., given: { team: ... }, want: { model: ... } }", "there is no test")
	}
	return s, d.err()
}

func (d *decoder) test(e *testEntry) (Test, bool) {
	if e.Given == nil || e.Want == nil {
		return Test{}, false
	}
	g := e.Given
	t := Test{
		Name: e.Name.value, Line: e.At.line, Text: g.Text.value, Day: g.Time.day,
		Facts: exchange.Facts{
			At: g.Time.value, Team: g.Team.value, Project: g.Project.value, Key: g.Key.value, User: g.User.value, Model: Auto,
			Stream: g.Stream.value, Tools: g.Tools.value, Images: int(g.Images.value), Turns: int(g.Turns.value), N: max(1, g.N.value),
			PromptTokens: g.PromptTokens.value, PromptMethod: exchange.MethodExact, MaxOutput: g.MaxOutput.value,
			Complexity: exchange.Complexity{Score: g.Complexity.value, Known: g.Complexity.ok}, Pinned: g.Pinned.value,
			Sticky: exchange.Sticky{Model: g.LastModel.value, Target: g.LastTarget.value, Warm: g.LastCached.value, Output: g.LastOutput.value},
		},
		Want: e.Want.want(),
	}
	for _, route := range g.Certified.items {
		t.Facts.Certified = append(t.Facts.Certified, route.value)
	}
	if g.Model.ok {
		t.Facts.Model = g.Model.value
	}
	if !g.Turns.given() {
		t.Facts.Turns = 1
	}
	if g.Text.ok && g.Complexity.given() {
		d.problem(g.Complexity.at, "keep one of the two", "complexity is given, and a text that has its own")
	}
	if g.Complexity.ok && g.Complexity.value > 1 {
		d.problem(g.Complexity.at, "scores go from 0 to 1", "complexity cannot be %v", g.Complexity.value)
	}
	if g.BudgetUsed.ok {
		t.BudgetUsed = &g.BudgetUsed.value
	}
	for i := range g.Tags.rows {
		t.Facts.Tags = append(t.Facts.Tags, exchange.Tag{Name: strings.ToLower(g.Tags.rows[i].name), Value: g.Tags.rows[i].value.value})
	}
	slices.SortFunc(t.Facts.Tags, func(a, b exchange.Tag) int { return strings.Compare(a.Name, b.Name) })
	for i := range g.Spent.rows {
		row := &g.Spent.rows[i]
		t.Spent = append(t.Spent, Spending{row.name, row.at.line, row.value.amount, row.value.share, row.value.isShare})
	}
	if e.Want.empty() {
		d.problem(e.Want.At, "add one of rule, model, target, cap, cache, reason, status, baseline and observed", "test %s wants nothing", quoted(t.Name))
	}
	return t, true
}

func (w *wantEntry) empty() bool {
	return !w.Rule.given() && !w.Model.given() && !w.Target.given() && !w.Cap.given() && !w.Cache.given() && !w.Reason.given() &&
		!w.Status.given() && !w.Baseline.given() && !w.Observed.given()
}

func (w *wantEntry) want() Want {
	out := Want{
		Rule: w.Rule.value, Model: w.Model.value, Target: w.Target.value, Reason: w.Reason.value, Cache: w.Cache.value, Baseline: w.Baseline.value,
		Observed: w.Observed.values(), Sees: w.Observed.given(),
	}
	if w.Cap.ok {
		out.Cap = &w.Cap.value
	}
	if w.Status.ok {
		out.Status = &w.Status.value
	}
	return out
}

// Budget finds what a test calls a budget by: its name, or its scope and period. The error names those there are.
func (p *Policy) Budget(name string) (*Budget, error) {
	known := map[string]*Budget{}
	for _, b := range p.Budgets {
		known[b.key], known[b.Name] = b, b
	}
	if b := known[name]; b != nil {
		return b, nil
	}
	all := slices.Sorted(maps.Keys(known))
	if near := nearest(name, all); near != "" {
		return nil, fmt.Errorf("there is no budget %s; did you mean %q?", quoted(name), near)
	}
	return nil, fmt.Errorf("there is no budget %s; there are: %s", quoted(name), strings.Join(all, ", "))
}

// Noon returns the middle of the day of a test in the policy's zone.
func (t *Test) Noon(zone *time.Location) time.Time {
	y, m, d := t.Facts.At.Date()
	return time.Date(y, m, d, 12, 0, 0, 0, zone)
}
