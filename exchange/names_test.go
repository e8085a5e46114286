package exchange

import "testing"

// Names are what logs, metrics, ledger rows and docs go by: each value has one of its own, and none is left without.
func TestNamesAreCompleteAndUnique(t *testing.T) {
	f := func(kind string, n int, name func(int) string) {
		t.Helper()
		seen := map[string]int{}
		for i := range n {
			text := name(i)
			if text == "" || text == "unknown" {
				t.Errorf("%s %d has no name", kind, i)
			}
			if other, twice := seen[text]; twice {
				t.Errorf("%s %d and %d are both named %q", kind, other, i, text)
			}
			seen[text] = i
		}
		if name(n) != "unknown" {
			t.Errorf("%s %d does not exist but is named %q", kind, n, name(n))
		}
	}
	f("step", Steps, func(i int) string { return Step(i).String() })
	f("lever", Levers, func(i int) string { return Lever(i).String() })
	f("reason", len(Reasons()), func(i int) string { return Reason(i).String() })
	f("period", int(periodCount), func(i int) string { return Period(i).String() })
	f("method", len(methodNames), func(i int) string { return Method(i).String() })
	f("cache mode", len(cacheModeNames), func(i int) string { return CacheMode(i).String() })
}

func TestSavingsSum(t *testing.T) {
	s := Savings{LeverRoute: 5, LeverTrim: -2, LeverExact: 7}
	if s.Sum() != 10 {
		t.Errorf("sum is %d, want 10", s.Sum())
	}
}

func TestFaultSaysCauseToOperatorsOnly(t *testing.T) {
	f := &Fault{Message: "It failed.", Hint: "Try again.", Err: errSecret{}}
	if got, want := f.Error(), "It failed. Try again.: secret"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if f.Unwrap() != (errSecret{}) {
		t.Error("the cause is lost")
	}
}

type errSecret struct{}

func (errSecret) Error() string { return "secret" }
