package policy

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"bursar/exchange"
)

// FuzzParse: whatever the bytes, Parse returns a policy that can be used or problems that can be shown.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/good/*.yaml", "testdata/broken/*.yaml", "../policies.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("%s: %d files, %v", pattern, len(files), err)
		}
		for _, path := range files {
			src, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(src)
		}
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		p, err := Parse("fuzz.yaml", src, keys)
		if err == nil {
			use(t, p)
			return
		}
		var problems *Problems
		if p != nil || !errors.As(err, &problems) || len(problems.List) == 0 {
			t.Fatalf("policy %v, error %v", p, err)
		}
		for _, one := range problems.List {
			if one.Line < 1 || one.Column < 1 || one.Message == "" {
				t.Fatalf("problem without place or message: %+v", one)
			}
		}
		_ = problems.Error()
	})
}

// use does with a policy what the router and the proxy do.
func use(t *testing.T, p *Policy) {
	facts := &exchange.Facts{Model: Auto, Team: "find", Key: "k1", User: "alice"}
	if p.Default == nil || len(p.Default.Use) == 0 || p.Baseline == nil || p.Output.DefaultMaxTokens <= 0 {
		t.Fatalf("incomplete policy: %+v", p)
	}
	matched := false
	for _, r := range p.Routes {
		ok, failed := r.When.Match(facts)
		if ok != (failed == "") || r.To != nil && len(r.To.Use) == 0 {
			t.Fatalf("route %+v: %v %q", r, ok, failed)
		}
		matched = matched || ok && !r.Observe
	}
	if !matched {
		t.Fatal("no route matches")
	}
	seen := map[string]bool{}
	for _, b := range p.Budgets {
		if b.Name == "" || b.Limit < 0 || (b.WhenSpent == Downgrade) != (b.DowngradeTo != nil) {
			t.Fatalf("budget %+v", b)
		}
		if !b.Touches(facts, p.Default.Use[0]) {
			continue
		}
		key := b.ScopeKey(facts, p.Default.Use[0])
		if seen[key] {
			t.Fatalf("two budgets count on %s", key)
		}
		seen[key] = true
	}
}
