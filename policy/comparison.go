package policy

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// comparison is a condition on a number: "< 1500", ">= 0.7", "= 3", "1000..2000", or the number itself. It is kept as an interval
// with both ends included: of whole numbers if its field counts, else of floats.
type comparison struct {
	spot
	text     string
	from, to int64
	low, top float64
}

func (c *comparison) read(d *decoder, n *yaml.Node, f field) {
	unit := f.tag.Get("unit")
	s, ok := c.scalar(d, n, f, "a comparison", comparisonHint(unit))
	if !ok {
		return
	}
	c.text = s
	if unit == "count or flag" && n.Tag == "!!bool" && n.Style == 0 {
		c.ok, c.from, c.to = true, 1, math.MaxInt64
		if !strings.EqualFold(s, "true") {
			c.from, c.to = 0, 0
		}
		return
	}
	var err error
	if strings.HasPrefix(unit, "count") {
		c.from, c.to, err = interval(s, parseWhole, func(v, by int64) int64 { return v + by }, math.MaxInt64)
		if err == nil && (c.from > c.to || c.to < 0) {
			err = errNever
		}
	} else {
		c.low, c.top, err = interval(s, parserOf(unit), func(v, by float64) float64 { return math.Nextafter(v, by*math.MaxFloat64) }, math.MaxFloat64)
		if err == nil && (c.low > c.top || c.top < 0 || unit == "score" && c.low > 1) {
			err = errNever
		}
	}
	if err != nil {
		hint := ""
		if strings.HasPrefix(unit, "count") && err != errNever {
			hint = wholeHint(strings.TrimLeft(s, "<>= "))
		}
		d.problem(c.at, cmp.Or(hint, comparisonHint(unit)), "%s is %s: %v", f.called(), quoted(s), err)
		return
	}
	c.ok = true
}

var errNever = fmt.Errorf("no request can ever match that")

// interval reads a comparison. step goes to the next number in a direction; most is the largest.
func interval[T int64 | float64](s string, parse func(string) (T, error), step func(v, by T) T, most T) (from, to T, err error) {
	least := -most
	if low, high, found := strings.Cut(s, ".."); found {
		if from, err = parse(strings.TrimSpace(low)); err == nil {
			to, err = parse(strings.TrimSpace(high))
		}
		return from, to, err
	}
	digits := strings.TrimLeft(s, "<>=!")
	sign := s[:len(s)-len(digits)]
	v, err := parse(strings.TrimSpace(digits))
	if err != nil {
		return 0, 0, err
	}
	switch sign {
	case "<":
		return least, step(v, -1), nil
	case "<=":
		return least, v, nil
	case ">":
		return step(v, 1), most, nil
	case ">=":
		return v, most, nil
	case "=", "==", "":
		return v, v, nil
	default:
		return 0, 0, fmt.Errorf("%s is not a comparison", sign)
	}
}

// parserOf returns how the numbers of a unit are written.
func parserOf(unit string) func(string) (float64, error) {
	return func(s string) (float64, error) {
		v, err := parseNumber(s)
		if unit == "share" {
			v, err = parseShare(s)
		}
		switch {
		case err != nil:
			return 0, fmt.Errorf("it has no number that can be read")
		case unit == "score" && v > 1:
			return 0, fmt.Errorf("scores go from 0 to 1")
		case unit == "share" && v > 1 && !strings.HasSuffix(s, "%"):
			return 0, fmt.Errorf("shares are percentages")
		}
		return v, nil
	}
}

func comparisonHint(unit string) string {
	switch unit {
	case "score":
		return `write it like ">= 0.7" or "0.2..0.5"; scores go from 0 to 1`
	case "share":
		return `write it like ">= 80%" or "50%..80%"`
	case "count or flag":
		return `write true, false, or a comparison like "> 2"`
	default:
		return `write it like "< 1500", ">= 8000" or "1000..2000"`
	}
}

// hours is a part of the day in whole hours, as a set of bits.
type hours struct {
	spot
	text string
	set  uint32
}

func (h *hours) read(d *decoder, n *yaml.Node, f field) {
	const hint = `write whole hours from 0 to 24 like "9-17"; "22-6" goes over midnight`
	s, ok := h.scalar(d, n, f, "hours of the day", hint)
	if !ok {
		return
	}
	first, last, found := strings.Cut(s, "-")
	from, err := parseHour(first)
	to, err2 := parseHour(last)
	switch {
	case !found || err != nil || err2 != nil:
		d.problem(h.at, hint, "%s is not a part of the day: %s", f.called(), quoted(s))
		return
	case from%24 == to%24:
		d.problem(h.at, "leave the key out to mean all day", "%s is %s, which is no hour or all of them", f.called(), quoted(s))
		return
	}
	for hour := from % 24; hour != to%24; hour = (hour + 1) % 24 {
		h.set |= 1 << hour
	}
	h.text, h.ok = s, true
}

func parseHour(s string) (int, error) {
	s = strings.TrimSuffix(strings.TrimSpace(s), ":00")
	v, err := strconv.ParseUint(s, 10, 8)
	if err != nil || v > 24 {
		return 0, fmt.Errorf("not an hour")
	}
	return int(v), nil
}
