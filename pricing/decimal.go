package pricing

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// ParseDollars reads an amount of dollars as a plain decimal: "4000", "-0.25", "0.000000001". It is exact: more than nine decimals
// are an error unless they are zeros, and so is an exponent.
func ParseDollars(s string) (Nano, error) {
	n, err := parseDecimal(s, 9)
	if err != nil {
		return 0, fmt.Errorf("amount %q: %w", s, err)
	}
	return Nano(n), nil
}

// Dollars returns the amount as an exact decimal with at least two decimals: "4000.00", "-0.25", "0.000123".
func (n Nano) Dollars() string { return formatDecimal(int64(n), 9, 2) }

// PerMillion reads a rate in dollars per million tokens: "1.25" is 1_250_000 Pico. It is exact: more than six decimals are an
// error unless they are zeros.
func PerMillion(dollars string) (Pico, error) {
	n, err := parseDecimal(dollars, 6)
	if err == nil && n < 0 {
		err = fmt.Errorf("a rate cannot be negative")
	}
	if err != nil {
		return 0, fmt.Errorf("rate %q $ per million tokens: %w", dollars, err)
	}
	return Pico(n), nil
}

// PerMillion returns the rate in dollars per million tokens, as the function of that name reads it: "1.25".
func (p Pico) PerMillion() string { return formatDecimal(int64(p), 6, 2) }

// parseDecimal reads a decimal as an integer of units of 10^-places.
func parseDecimal(s string, places int) (int64, error) {
	digits, negative := strings.CutPrefix(s, "-")
	whole, fraction, point := strings.Cut(digits, ".")
	if whole == "" || point && fraction == "" || !isDigits(whole) || !isDigits(fraction) {
		return 0, fmt.Errorf("not a plain decimal number such as 12.50")
	}
	if len(fraction) > places {
		if strings.Trim(fraction[places:], "0") != "" {
			return 0, fmt.Errorf("finer than the smallest unit; at most %d decimals", places)
		}
		fraction = fraction[:places]
	}
	text := whole + fraction + strings.Repeat("0", places-len(fraction))
	if negative {
		text = "-" + text
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		most := formatDecimal(math.MaxInt64, places, 0)
		return 0, fmt.Errorf("too large; at most %s", most)
	}
	return n, nil
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// formatDecimal writes units of 10^-places with at least the given number of decimals and no zeros after those.
func formatDecimal(n int64, places, least int) string {
	magnitude := uint64(n)
	sign := ""
	if n < 0 {
		magnitude, sign = -magnitude, "-" // right for the smallest int64 too
	}
	text := fmt.Sprintf("%0*d", places+1, magnitude)
	whole, fraction := text[:len(text)-places], text[len(text)-places:]
	for len(fraction) > least && fraction[len(fraction)-1] == '0' {
		fraction = fraction[:len(fraction)-1]
	}
	if fraction == "" {
		return sign + whole
	}
	return sign + whole + "." + fraction
}
