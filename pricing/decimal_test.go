package pricing

import (
	"math"
	"strings"
	"testing"
)

func TestDollars(t *testing.T) {
	for _, c := range []struct {
		nano Nano
		want string
	}{
		{0, "0.00"},
		{1, "0.000000001"},
		{123_000, "0.000123"},
		{Dollar / 10, "0.10"},
		{-Dollar / 4, "-0.25"},
		{4000 * Dollar, "4000.00"},
		{1_230_000_000, "1.23"},
		{1_234_000_000, "1.234"},
		{math.MaxInt64, "9223372036.854775807"},
		{math.MinInt64, "-9223372036.854775808"},
	} {
		if got := c.nano.Dollars(); got != c.want {
			t.Errorf("Nano(%d).Dollars() = %q, want %q", c.nano, got, c.want)
		}
		if back, err := ParseDollars(c.want); err != nil || back != c.nano {
			t.Errorf("ParseDollars(%q) = %d, %v, want %d", c.want, back, err, c.nano)
		}
	}
}

func TestParseDollarsRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                     "plain decimal",
		"-":                    "plain decimal",
		".5":                   "plain decimal",
		"5.":                   "plain decimal",
		"1e3":                  "plain decimal",
		"+1":                   "plain decimal",
		"--1":                  "plain decimal",
		"1,000":                "plain decimal",
		"1_000":                "plain decimal",
		" 1":                   "plain decimal",
		"$1":                   "plain decimal",
		"١":                    "plain decimal",
		"NaN":                  "plain decimal",
		"0.0000000001":         "at most 9 decimals",
		"9223372036.854775808": "too large; at most 9223372036.854775807",
	} {
		if n, err := ParseDollars(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseDollars(%q) = %d, %v, want an error with %q", text, n, err, want)
		}
	}
}

func TestPerMillion(t *testing.T) {
	for text, want := range map[string]Pico{"1.25": 1_250_000, "0": 0, "0.000001": 1, "0.0028": 2800, "600": 600_000_000, "1.2500000000": 1_250_000} {
		if got, err := PerMillion(text); err != nil || got != want {
			t.Errorf("PerMillion(%q) = %d, %v, want %d", text, got, err, want)
		}
	}
	for text, want := range map[string]string{"-1": "negative", "0.0000001": "at most 6 decimals", "cheap": "plain decimal"} {
		if n, err := PerMillion(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("PerMillion(%q) = %d, %v, want an error with %q", text, n, err, want)
		}
	}
	if got := Pico(3625).PerMillion(); got != "0.003625" {
		t.Errorf("Pico(3625).PerMillion() = %q", got)
	}
}

func FuzzDollars(f *testing.F) {
	for _, n := range []int64{0, 1, -1, 10, 1_000_000_000, math.MaxInt64, math.MinInt64} {
		f.Add(n)
	}
	f.Fuzz(func(t *testing.T, n int64) {
		if back, err := ParseDollars(Nano(n).Dollars()); err != nil || back != Nano(n) {
			t.Errorf("%d -> %q -> %d, %v", n, Nano(n).Dollars(), back, err)
		}
		if back, err := PerMillion(Pico(n).PerMillion()); n >= 0 && (err != nil || back != Pico(n)) {
			t.Errorf("%d -> %q -> %d, %v", n, Pico(n).PerMillion(), back, err)
		}
	})
}

func FuzzParseDollars(f *testing.F) {
	for _, s := range []string{"1", "-0.10", "007.5", "9223372036.854775807", "1e9", "0.0000000010"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParseDollars(s)
		if err != nil {
			return
		}
		if back, err := ParseDollars(n.Dollars()); err != nil || back != n {
			t.Errorf("%q -> %d -> %q -> %d, %v", s, n, n.Dollars(), back, err)
		}
	})
}
