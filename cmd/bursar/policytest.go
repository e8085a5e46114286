package main

import (
	"cmp"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"math/big"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"bursar/exchange"
	"bursar/policy"
	"bursar/pricing"
	"bursar/replay"
	"bursar/router"
)

// testCommand runs the tests of a policy: each gives the facts of a request and what budgets have spent, and says what is to be decided. The functions
// are those that decide live requests.
func testCommand(p *program, args []string) error {
	f := p.flags("test")
	file := f.String("policies", "", "policy file; default is what the tests name, else policies.yaml")
	junit := f.String("junit", "", "write the results to this file too, as JUnit XML")
	rest, err := p.parse(f, args)
	if err != nil {
		return err
	}
	if len(rest) == 0 {
		return usageError{"name at least one file of tests"}
	}
	var all []suiteResult
	failed := 0
	for _, path := range rest {
		suite, err := policy.LoadSuite(path)
		if err != nil {
			return err
		}
		loaded, err := policy.LoadWithKeys(cmp.Or(*file, suite.Policies, "policies.yaml"))
		if err != nil {
			return whichPolicies(err)
		}
		begin := time.Now()
		result := suiteResult{suite: suite, policy: loaded, tests: make([]testResult, len(suite.Tests))}
		for i := range suite.Tests {
			if result.tests[i] = runTest(loaded, &suite.Tests[i]); len(result.tests[i].wrong) > 0 {
				failed++
				result.failed++
			}
		}
		result.took = time.Since(begin)
		all = append(all, result)
	}
	for i := range all {
		all[i].print(p.out)
	}
	if *junit != "" {
		if err := writeJUnit(*junit, all); err != nil {
			return err
		}
	}
	if failed > 0 {
		return errFailed
	}
	return nil
}

// suiteResult is what came of one file of tests.
type suiteResult struct {
	suite  *policy.Suite
	policy *policy.Policy
	tests  []testResult
	failed int
	took   time.Duration
}

// testResult is what came of one test.
type testResult struct {
	test  *policy.Test
	got   decided
	wrong []string // what differs from what is wanted, a sentence each; none is a pass
	why   string   // how the decision came about
}

// decided is what a test can look at.
type decided struct {
	rule, model, target, reason, cache, baseline string
	cap, status                                  int64
	observed                                     []string
}

func runTest(p *policy.Policy, t *policy.Test) testResult {
	result := testResult{test: t}
	facts := t.Facts
	assumeTarget(p, &facts.Sticky)
	switch {
	case t.Day:
		facts.At = t.Noon(p.Location)
	case facts.At.IsZero():
		facts.At = time.Now()
	}
	if t.Text != "" {
		if err := measureText(p, &facts, t.Text); err != nil {
			result.wrong = append(result.wrong, err.Error())
		}
	}
	books := replay.NewBooks(p)
	for _, s := range t.Spent {
		b, err := p.Budget(s.Budget)
		if err != nil {
			result.wrong = append(result.wrong, fmt.Sprintf("line %d: %v", s.Line, err))
			continue
		}
		amount := s.Amount
		if s.IsShare {
			amount = shareOf(b.LimitAt(facts.At), s.Share)
		}
		books.Set(b, &facts, amount)
	}
	if facts.BudgetUsed = books.Used(&facts); t.BudgetUsed != nil {
		facts.BudgetUsed = *t.BudgetUsed
	}
	result.got = decideTest(p, &facts, books)
	result.compare()
	told := router.Explain(p, &facts)
	result.why = told.Text()
	return result
}

// shareOf is a share of a limit, to the nano-dollar.
func shareOf(limit pricing.Nano, share float64) pricing.Nano {
	const steps = 1_000_000
	part := new(big.Int).Mul(big.NewInt(int64(limit)), big.NewInt(int64(math.Round(share*steps))))
	return pricing.Nano(part.Quo(part, big.NewInt(steps)).Int64())
}

// measureText fills in what is measured of a message that holds this text alone, but for what the test gives itself.
func measureText(p *policy.Policy, facts *exchange.Facts, text string) error {
	body, err := json.Marshal(map[string]any{"model": facts.Model, "messages": []map[string]string{{"role": "user", "content": text}}})
	if err != nil {
		return err
	}
	measured := exchange.Facts{Key: facts.Key}
	if err := measure(p, &measured, body); err != nil {
		return err
	}
	facts.Signals, facts.Complexity = measured.Signals, measured.Complexity
	if facts.PromptTokens == 0 {
		facts.PromptTokens, facts.PromptMethod = measured.PromptTokens, measured.PromptMethod
	}
	return nil
}

// decideTest goes through the steps decide and reserve.
func decideTest(p *policy.Policy, f *exchange.Facts, books *replay.Books) decided {
	d, fault := router.Decide(p, f)
	got := decided{rule: d.Rule, model: d.Model, reason: d.Reason.String(), cache: d.Cache.String(), cap: d.MaxOutput, status: 200, observed: d.Observed}
	if d.Baseline != nil {
		got.baseline = d.Baseline.Target
	}
	if fault != nil {
		got.status, got.cache, got.cap = int64(fault.Status), "off", 0
		return got
	}
	c, most, refused := books.Admit(f, &d)
	got.model, got.reason, got.cap = d.Model, d.Reason.String(), most
	if refused {
		got.status, got.reason, got.cap = 429, exchange.ReasonBudgetSpent.String(), 0
		return got
	}
	got.target = c.Target
	return got
}

func (r *testResult) compare() {
	want, got := &r.test.Want, &r.got
	differs := func(what, want, got string) {
		if want != "" && want != got {
			r.wrong = append(r.wrong, fmt.Sprintf("%s: want %s, got %s", what, want, orNothing(got)))
		}
	}
	differs("rule", want.Rule, got.rule)
	differs("model", want.Model, got.model)
	differs("target", want.Target, got.target)
	differs("cache", want.Cache, got.cache)
	differs("reason", want.Reason, got.reason)
	differs("baseline", want.Baseline, got.baseline)
	if want.Cap != nil && *want.Cap != got.cap {
		r.wrong = append(r.wrong, fmt.Sprintf("cap: want %d, got %d", *want.Cap, got.cap))
	}
	if want.Status != nil && *want.Status != got.status {
		r.wrong = append(r.wrong, fmt.Sprintf("status: want %d, got %d", *want.Status, got.status))
	}
	if want.Sees && !slices.Equal(want.Observed, got.observed) {
		r.wrong = append(r.wrong, fmt.Sprintf("observed: want [%s], got [%s]", strings.Join(want.Observed, ", "), strings.Join(got.observed, ", ")))
	}
}

func orNothing(s string) string { return cmp.Or(s, "nothing") }

func (d *decided) String() string {
	if d.status != 200 {
		return fmt.Sprintf("refused with %d, because %s", d.status, d.reason)
	}
	text := fmt.Sprintf("%s, %s, cap %d, cache %s, because %s", d.model, d.target, d.cap, d.cache, d.reason)
	if d.rule != "" {
		text = d.rule + ": " + text
	}
	return text
}

// print writes a line for each test, and for one that failed what is wrong and why it was decided so.
func (s *suiteResult) print(to io.Writer) {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintf(to, "%s of %s\n", s.suite.File, s.policy.File)
	for i := range s.tests {
		t := &s.tests[i]
		if len(t.wrong) == 0 {
			fmt.Fprintf(w, "  ok\t%s\t%s\n", t.test.Name, &t.got)
			continue
		}
		fmt.Fprintf(w, "  FAIL\t%s\t%s:%d\n", t.test.Name, s.suite.File, t.test.Line)
		_ = w.Flush() // what follows is no table
		for _, line := range t.wrong {
			fmt.Fprintf(to, "        %s\n", line)
		}
		for line := range strings.Lines(t.why) {
			fmt.Fprintf(to, "        %s", line)
		}
	}
	_ = w.Flush()
	fmt.Fprintf(to, "%d tests, %d failed\n", len(s.tests), s.failed)
	if untested := s.untested(); len(untested) > 0 {
		fmt.Fprintf(to, "decided by no test: %s\n", strings.Join(untested, ", "))
	}
}

// untested are the routes that no test is decided or observed by.
func (s *suiteResult) untested() []string {
	var names []string
	for _, r := range s.policy.Routes {
		if !slices.ContainsFunc(s.tests, func(t testResult) bool { return t.got.rule == r.Name || slices.Contains(t.got.observed, r.Name) }) {
			names = append(names, r.Name)
		}
	}
	return names
}

// The parts of JUnit's XML that CI systems read.
type (
	junitSuites struct {
		XMLName xml.Name     `xml:"testsuites"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		File    string        `xml:"file,attr"`
		Line    int           `xml:"line,attr"`
		Failure *junitFailure `xml:"failure,omitempty"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

func writeJUnit(path string, all []suiteResult) error {
	var out junitSuites
	for i := range all {
		s := &all[i]
		suite := junitSuite{Name: s.suite.File, Tests: len(s.tests), Failures: s.failed, Time: strconv.FormatFloat(s.took.Seconds(), 'f', 6, 64)}
		for k := range s.tests {
			t := &s.tests[k]
			one := junitCase{Class: s.policy.File, Name: t.test.Name, File: s.suite.File, Line: t.test.Line}
			if len(t.wrong) > 0 {
				one.Failure = &junitFailure{Message: strings.Join(t.wrong, "; "), Text: strings.Join(t.wrong, "\n") + "\n\n" + t.why}
			}
			suite.Cases = append(suite.Cases, one)
		}
		out.Suites = append(out.Suites, suite)
	}
	text, err := xml.MarshalIndent(out, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(xml.Header+string(text)+"\n"), 0o644)
}
