package policy

import (
	"testing"
	"time"
)

func TestParseSuite(t *testing.T) {
	s, err := ParseSuite("t.yaml", []byte(`
policies: p.yaml
tests:
  - name: all of it
    given:
      time: 2026-11-26
      team: a
      model: premium
      tags: { Kind: batch, a: b }
      n: 2
      spent: { team=a/daily: 80%, all: 12.5 }
      budget_used: 1.2
    want: { cap: 5, status: 429, observed: one }
`))
	if err != nil {
		t.Fatal(err)
	}
	one := &s.Tests[0]
	f := &one.Facts
	if s.Policies != "p.yaml" || one.Name != "all of it" || one.Line != 4 || !one.Day || f.Model != "premium" || f.N != 2 || f.Turns != 1 || f.Tags[1].Name != "kind" ||
		!one.Spent[0].IsShare || one.Spent[0].Share != 0.8 || one.Spent[1].Amount != 12_500_000_000 || *one.BudgetUsed != 1.2 ||
		*one.Want.Cap != 5 || *one.Want.Status != 429 || !one.Want.Sees || one.Want.Observed[0] != "one" {
		t.Errorf("%+v", one)
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	if noon := one.Noon(berlin); noon.Hour() != 12 || noon.Day() != 26 {
		t.Errorf("noon is %s", noon)
	}
}

func FuzzParseSuite(f *testing.F) {
	f.Add([]byte("tests:\n  - { name: a, given: { team: x, spent: { b: 5% } }, want: { cap: 1 } }"))
	f.Fuzz(func(t *testing.T, src []byte) {
		if s, err := ParseSuite("t.yaml", src); err == nil && len(s.Tests) == 0 {
			t.Error("a file without tests was taken")
		}
	})
}
