package pricing

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// picos is a non-negative sum of pico-dollars, wide enough that no usage wraps it: sums stop at 2^100, which is $1e18, far above
// the largest Nano.
type picos struct{ hi, lo uint64 }

var full = picos{hi: 1 << 36}

func (s picos) add(hi, lo uint64) picos {
	lo, carry := bits.Add64(s.lo, lo, 0)
	hi, carry = bits.Add64(s.hi, hi, carry)
	if carry != 0 || hi >= full.hi {
		return full
	}
	return picos{hi, lo}
}

// plus adds tokens at a rate. Negative counts add nothing.
func (s picos) plus(rate Pico, tokens int64) picos {
	if tokens <= 0 || rate <= 0 {
		return s
	}
	return s.add(bits.Mul64(uint64(rate), uint64(tokens)))
}

// fee adds an amount.
func (s picos) fee(n Nano) picos { return s.plus(picosPerNano, int64(n)) }

const picosPerNano = 1000

func (s picos) max(t picos) picos {
	if s.hi > t.hi || s.hi == t.hi && s.lo > t.lo {
		return s
	}
	return t
}

// times returns the sum as a fraction: nothing is rounded before nano. One that is too wide is the widest: more than the largest Nano,
// whatever it is divided by.
func (s picos) times(r Ratio) product {
	carry, lo := bits.Mul64(s.lo, r.num)
	over, hi := bits.Mul64(s.hi, r.num)
	hi, wrapped := bits.Add64(hi, carry, 0)
	if over != 0 || wrapped != 0 {
		hi = math.MaxUint64
	}
	return product{hi: hi, lo: lo, den: r.den}
}

// product is a sum of pico-dollars over a denominator.
type product struct{ hi, lo, den uint64 }

type rounding bool

const (
	halfEven rounding = false
	up       rounding = true
)

// nano rounds to nano-dollars, at most the largest.
func (p product) nano(how rounding) Nano {
	den := p.den * picosPerNano // below 2^50: a region's and a contract's
	high, rest := p.hi/den, p.hi%den
	q, rest := bits.Div64(rest, p.lo, den)
	if high != 0 || q >= math.MaxInt64 {
		return math.MaxInt64
	}
	if how == up && rest > 0 || how == halfEven && (2*rest > den || 2*rest == den && q&1 == 1) {
		q++
	}
	return Nano(q)
}

// room returns how many more tokens at a rate fit a budget: the largest n with ceil((s + n*rate) * r) <= budget.
func (s picos) room(budget Nano, r Ratio, rate Pico) int64 {
	if budget == math.MaxInt64 { // a bill stops there
		return math.MaxInt64
	}
	if budget < 0 {
		return 0
	}
	// ceil(x) <= budget is x <= budget, so: s + n*rate <= floor(budget * den / num), all in picos.
	hi, lo := bits.Mul64(uint64(budget), picosPerNano*r.den)
	quotient := picos{hi: hi / r.num}
	quotient.lo, _ = bits.Div64(hi%r.num, lo, r.num)
	lo, borrow := bits.Sub64(quotient.lo, s.lo, 0)
	hi, borrow = bits.Sub64(quotient.hi, s.hi, borrow)
	switch {
	case borrow != 0:
		return 0
	case rate == 0 || hi >= uint64(rate):
		return math.MaxInt64
	}
	n, _ := bits.Div64(hi, lo, uint64(rate))
	return int64(min(n, math.MaxInt64))
}

// scaleUp returns rate * num / den, rounded up, at most the largest Pico. All are positive.
func scaleUp(rate Pico, num, den int64) Pico {
	hi, lo := bits.Mul64(uint64(rate), uint64(num))
	if hi >= uint64(den) {
		return math.MaxInt64
	}
	q, rest := bits.Div64(hi, lo, uint64(den))
	if q >= math.MaxInt64 {
		return math.MaxInt64
	}
	if rest > 0 {
		q++
	}
	return Pico(q)
}

// Ratio is an exact multiplier, written "11/10".
type Ratio struct{ num, den uint64 }

var one = Ratio{1, 1}

// by returns the product of two ratios as they are read: neither has a part above a million.
func (r Ratio) by(s Ratio) Ratio { return Ratio{r.num * s.num, r.den * s.den} }

// NewRatio returns num/den. Both are 1 to 1 000 000.
func NewRatio(num, den uint64) (Ratio, error) {
	var r Ratio
	return r, r.UnmarshalText(fmt.Appendf(nil, "%d/%d", num, den))
}

func (r Ratio) less(s Ratio) bool { return r.num*s.den < s.num*r.den }

// String returns the ratio as "11/10".
func (r Ratio) String() string {
	return strconv.FormatUint(r.num, 10) + "/" + strconv.FormatUint(r.den, 10)
}

// MarshalText returns the ratio as "11/10".
func (r Ratio) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads "11/10". Both numbers are 1 to 1 000 000.
func (r *Ratio) UnmarshalText(text []byte) error {
	num, den, ok := strings.Cut(string(text), "/")
	n, err1 := strconv.ParseUint(num, 10, 64)
	d, err2 := strconv.ParseUint(den, 10, 64)
	const most = 1_000_000
	if !ok || err1 != nil || err2 != nil || n == 0 || d == 0 || n > most || d > most {
		return fmt.Errorf("multiplier %q is not two numbers from 1 to %d, as in 11/10", text, most)
	}
	*r = Ratio{n, d}
	return nil
}
