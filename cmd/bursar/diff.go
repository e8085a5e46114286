package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"bursar/exchange"
	"bursar/policy"
	"bursar/router"
)

// diffCommand compares two policies by what they mean, and decides sample requests under both. Exit status 1 if anything differs, as diff has it.
func diffCommand(p *program, args []string) error {
	f := p.flags("diff")
	rest, err := p.parse(f, args)
	if err != nil {
		return err
	}
	if len(rest) != 2 {
		return usageError{"name two policy files, the old one first"}
	}
	before, err := policy.LoadWithKeys(rest[0])
	if err != nil {
		return err
	}
	after, err := policy.LoadWithKeys(rest[1])
	if err != nil {
		return err
	}
	lines := compareSettings(before.Settings(p.clock()), after.Settings(p.clock()))
	lines = append(lines, compareOrder(before.RouteNames(), after.RouteNames())...)
	for _, line := range lines {
		fmt.Fprintln(p.out, line)
	}
	samples := sampleFacts(before, after, p.clock())
	changes := compareDecisions(before, after, samples)
	if len(lines) == 0 && len(changes) == 0 {
		fmt.Fprintf(p.out, "%s and %s mean the same; %d sample requests are decided alike\n", before.File, after.File, len(samples))
		return nil
	}
	printDecisions(p.out, changes, len(samples))
	return errFailed
}

// compareSettings tells what is there in one policy only, or differs, in the order of the new one.
func compareSettings(before, after []policy.Setting) []string {
	old, now := byPath(before), byPath(after)
	var lines []string
	for _, s := range before {
		if _, kept := now[s.Path]; !kept {
			lines = append(lines, fmt.Sprintf("- %s: %s", s.Path, s.Value))
		}
	}
	for _, s := range after {
		was, existed := old[s.Path]
		switch {
		case !existed:
			lines = append(lines, fmt.Sprintf("+ %s: %s", s.Path, s.Value))
		case !slices.Equal(was, now[s.Path]):
			if line := fmt.Sprintf("~ %s: %s -> %s", s.Path, strings.Join(was, "; "), strings.Join(now[s.Path], "; ")); !slices.Contains(lines, line) {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

func byPath(all []policy.Setting) map[string][]string {
	m := map[string][]string{}
	for _, s := range all {
		m[s.Path] = append(m[s.Path], s.Value)
	}
	return m
}

// compareOrder tells which routes that both policies have are read in another order.
func compareOrder(before, after []string) []string {
	common := func(names, others []string) []string {
		return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !slices.Contains(others, n) })
	}
	was, is := common(before, after), common(after, before)
	if slices.Equal(was, is) {
		return nil
	}
	return []string{fmt.Sprintf("~ routes are read in another order: %s -> %s", strings.Join(was, ", "), strings.Join(is, ", "))}
}

// sampleFacts are requests of all kinds that the two policies could tell apart: every team and one that neither knows, each model name, tags that a
// condition names, and numbers on both sides of each that a condition compares with.
func sampleFacts(before, after *policy.Policy, at time.Time) []exchange.Facts {
	teams, models := map[string]bool{"another-team": true}, map[string]bool{policy.Auto: true}
	edges := newEdges()
	for _, p := range []*policy.Policy{before, after} {
		for name := range p.Teams {
			teams[name] = true
		}
		for name := range p.Models {
			models[name] = true
		}
		for _, r := range p.Routes {
			for key, want := range r.When.Conditions() {
				edges.add(key, want)
			}
		}
	}
	all := []exchange.Facts{{At: at, Key: "k-sample", N: 1, Turns: 1, PromptTokens: 500, PromptMethod: exchange.MethodExact}}
	all = vary(all, slices.Sorted(maps.Keys(teams)), func(f *exchange.Facts, v string) { f.Team = v })
	all = vary(all, slices.Sorted(maps.Keys(models)), func(f *exchange.Facts, v string) { f.Model = v })
	all = vary(all, edges.of("prompt_tokens"), func(f *exchange.Facts, v float64) { f.PromptTokens = int64(v) })
	all = vary(all, append(edges.of("complexity"), -1), func(f *exchange.Facts, v float64) {
		f.Complexity = exchange.Complexity{Score: min(1, max(0, v)), Known: v >= 0}
	})
	all = vary(all, edges.of("budget_used"), func(f *exchange.Facts, v float64) { f.BudgetUsed = v })
	all = vary(all, edges.of("turns"), func(f *exchange.Facts, v float64) { f.Turns = int(v) })
	all = vary(all, edges.of("max_output"), func(f *exchange.Facts, v float64) { f.MaxOutput = int64(v) })
	all = vary(all, []bool{false, true}, func(f *exchange.Facts, v bool) { f.Tools = v })
	return vary(all, edges.tags, func(f *exchange.Facts, v exchange.Tag) {
		if v.Name != "" {
			f.Tags = []exchange.Tag{v}
		}
	})
}

// mostSamples bounds what a policy of many conditions makes of it: what would go beyond is left as it is.
const mostSamples = 1 << 19

// vary makes of each sample as many as there are values.
func vary[T any](samples []exchange.Facts, values []T, set func(*exchange.Facts, T)) []exchange.Facts {
	if len(samples)*len(values) > mostSamples {
		return samples
	}
	out := make([]exchange.Facts, 0, len(samples)*len(values))
	for _, f := range samples {
		for _, v := range values {
			one := f
			set(&one, v)
			out = append(out, one)
		}
	}
	return out
}

// edges are the numbers that conditions compare with, by key, and the tags that they name.
type edges struct {
	numbers map[string][]float64
	tags    []exchange.Tag
}

func newEdges() *edges {
	return &edges{
		numbers: map[string][]float64{"prompt_tokens": {500}, "complexity": {0.5}, "budget_used": {0}, "turns": {1}, "max_output": {0}},
		tags:    []exchange.Tag{{}},
	}
}

var numberPattern = regexp.MustCompile(`[0-9][0-9_]*(\.[0-9]+)?%?`)

func (e *edges) add(key, want string) {
	if name, ok := strings.CutPrefix(key, "tags."); ok {
		first, _, _ := strings.Cut(want, " or ")
		if tag := (exchange.Tag{Name: name, Value: first}); !slices.Contains(e.tags, tag) {
			e.tags = append(e.tags, tag)
		}
		return
	}
	if _, numeric := e.numbers[key]; !numeric {
		return
	}
	for _, text := range numberPattern.FindAllString(want, -1) {
		digits, percent := strings.CutSuffix(strings.ReplaceAll(text, "_", ""), "%")
		v, err := strconv.ParseFloat(digits, 64)
		if err != nil {
			continue
		}
		step := 1.0
		if percent {
			v /= 100
		}
		if key == "complexity" || key == "budget_used" {
			step = 0.001
		}
		e.numbers[key] = append(e.numbers[key], v-step, v, v+step)
	}
}

// of returns the numbers of a key, ascending, none twice.
func (e *edges) of(key string) []float64 {
	all := slices.DeleteFunc(e.numbers[key], func(v float64) bool { return v < 0 })
	slices.Sort(all)
	return slices.Compact(all)
}

// decisionChange is a kind of difference between decisions.
type decisionChange struct{ from, to string }

// decisionChanges are how often each kind occurs, and the first request that shows it.
type decisionChanges map[decisionChange]*struct {
	count   int
	example exchange.Facts
}

func compareDecisions(before, after *policy.Policy, samples []exchange.Facts) decisionChanges {
	changes := decisionChanges{}
	for i := range samples {
		c := decisionChange{outcomeOf(before, &samples[i]), outcomeOf(after, &samples[i])}
		if c.from == c.to {
			continue
		}
		if changes[c] == nil {
			changes[c] = &struct {
				count   int
				example exchange.Facts
			}{example: samples[i]}
		}
		changes[c].count++
	}
	return changes
}

func outcomeOf(p *policy.Policy, f *exchange.Facts) string {
	d, fault := router.Decide(p, f)
	if fault != nil {
		return fmt.Sprintf("refused with %d (%s)", fault.Status, fault.Reason)
	}
	return fmt.Sprintf("%s via %s, cap %d, cache %s (%s)", d.Model, d.Candidates[0].Target, d.MaxOutput, d.Cache, cmp.Or(d.Rule, d.Reason.String()))
}

func printDecisions(to io.Writer, changes decisionChanges, samples int) {
	total := 0
	for _, c := range changes {
		total += c.count
	}
	fmt.Fprintf(to, "\n%d of %d sample requests are decided otherwise\n", total, samples)
	kinds := slices.SortedFunc(maps.Keys(changes), func(a, b decisionChange) int {
		return cmp.Or(cmp.Compare(changes[b].count, changes[a].count), strings.Compare(a.from, b.from), strings.Compare(a.to, b.to))
	})
	for i, kind := range kinds {
		if i == mostChanges {
			fmt.Fprintf(to, "  and %d more kinds\n", len(kinds)-i)
			return
		}
		c := changes[kind]
		fmt.Fprintf(to, "  %d: %s\n     now %s\n     such as %s\n", c.count, kind.from, kind.to, sampleText(&c.example))
	}
}

func sampleText(f *exchange.Facts) string {
	text := fmt.Sprintf("team %s asks for %s, %d prompt tokens", f.Team, f.Model, f.PromptTokens)
	if f.Complexity.Known {
		text += fmt.Sprintf(", complexity %v", f.Complexity.Score)
	}
	if f.Tools {
		text += ", tools"
	}
	if f.BudgetUsed > 0 {
		text += fmt.Sprintf(", %v%% of a budget used", 100*f.BudgetUsed)
	}
	return text
}
