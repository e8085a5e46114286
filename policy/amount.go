package policy

import (
	"strings"

	"go.yaml.in/yaml/v4"

	"bursar/pricing"
)

// fraction is a number from 0 up, written 0.8 or 80%.
type fraction struct {
	spot
	value float64
}

func (s *fraction) read(d *decoder, n *yaml.Node, f field) {
	const hint = "write a number or a percentage, such as 0.8 or 80%"
	text, ok := s.scalar(d, n, f, "a number", hint)
	if !ok {
		return
	}
	v, err := parseShare(text)
	if err != nil || v < 0 {
		d.problem(s.at, hint, "%s cannot be %s", f.called(), quoted(text))
		return
	}
	s.value, s.ok = v, true
}

// spending is what was spent of a budget: dollars, or a percentage of its limit.
type spending struct {
	spot
	amount  pricing.Nano
	share   float64
	isShare bool
}

func (s *spending) read(d *decoder, n *yaml.Node, f field) {
	const hint = "write dollars, such as 12.50, or a percentage of the limit, such as 95%"
	text, ok := s.scalar(d, n, f, "an amount of dollars or a percentage", hint)
	if !ok {
		return
	}
	var err error
	if s.isShare = strings.HasSuffix(text, "%"); s.isShare {
		s.share, err = parseShare(text)
	} else {
		s.amount, err = pricing.ParseDollars(strings.ReplaceAll(text, "_", ""))
	}
	if err != nil || s.share < 0 || s.amount < 0 {
		d.problem(s.at, hint, "%s cannot be %s", f.called(), quoted(text))
		return
	}
	s.ok = true
}
