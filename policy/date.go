package policy

import (
	"time"

	"go.yaml.in/yaml/v4"
)

// date is an instant: a day, which begins in the policy's time zone, or a time with its own.
type date struct {
	spot
	value time.Time
	day   bool // only the day is given
}

func (t *date) read(d *decoder, n *yaml.Node, f field) {
	const hint = "write a day, such as 2027-01-31, or a time, such as 2027-01-31T12:00:00Z"
	text, ok := t.scalar(d, n, f, "a date", hint)
	if !ok {
		return
	}
	for _, form := range []string{time.DateOnly, time.RFC3339} {
		v, err := time.Parse(form, text)
		if err != nil {
			continue
		}
		if v.Year() < 2000 || v.Year() > 2999 {
			d.problem(t.at, hint, "%s has an unlikely year: %s", f.called(), quoted(text))
			return
		}
		t.value, t.day, t.ok = v, form == time.DateOnly, true
		return
	}
	d.problem(t.at, hint, "%s is not a date: %s", f.called(), quoted(text))
}

// in returns the instant, in the time zone that a day begins in; the zero time if there is none.
func (t *date) in(zone *time.Location) time.Time {
	if !t.ok || !t.day {
		return t.value
	}
	return midnight(t.value, zone)
}

// over returns when a day is over; an instant is over at once.
func (t *date) over(zone *time.Location) time.Time {
	if !t.ok || !t.day {
		return t.value
	}
	return midnight(t.value.AddDate(0, 0, 1), zone)
}

// midnight is the first moment of a day. Where clocks are put forward over midnight, time.Date may name a moment of the day before.
func midnight(day time.Time, zone *time.Location) time.Time {
	y, m, d := day.Date()
	at := time.Date(y, m, d, 0, 0, 0, 0, zone)
	if at.Day() != d {
		_, at = at.ZoneBounds()
	}
	return at
}
