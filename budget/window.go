package budget

import (
	"fmt"
	"sync/atomic"
	"time"

	"bursar/exchange"
)

// Window is one turn of a budget on the calendar: Start <= t < End. Windows of one period follow each other without gap or overlap.
type Window struct {
	ID    string    // "2026-11-23", "2026-W48", "2026-11", "2026-Q4", "2026" or "total"
	Start time.Time // the zero time for total
	End   time.Time // the zero time for total: it never ends
}

// Contains tells whether t falls into the window.
func (w *Window) Contains(t time.Time) bool {
	return w.End.IsZero() || !t.Before(w.Start) && t.Before(w.End)
}

// WindowOf returns the window of period p that contains at, on the calendar of loc.
//
// A window starts at the first instant at which the calendar there has reached its first day. That is not always midnight, nor is each
// day 24 hours: clocks are put forward over midnight, put back to the day before, and islands skip a day. What comes after a window's
// start stays in it even if clocks are then put back before midnight: spend never returns to a window that is over.
func WindowOf(p exchange.Period, at time.Time, loc *time.Location) Window {
	if p >= exchange.PeriodTotal {
		return Window{ID: "total"}
	}
	y, m, d := at.In(loc).Date()
	first := firstDay(p, time.Date(y, m, d, 0, 0, 0, 0, time.UTC))
	next := nextFirstDay(p, first)
	end := begin(next, loc)
	for !at.Before(end) {
		first, next = next, nextFirstDay(p, next)
		end = begin(next, loc)
	}
	return Window{ID: windowID(p, first), Start: begin(first, loc), End: end}
}

// firstDay returns the first day of the period that day is in. Days are midnights in UTC, whatever the zone.
func firstDay(p exchange.Period, day time.Time) time.Time {
	y, m, d := day.Date()
	switch p {
	case exchange.PeriodWeekly:
		d -= (int(day.Weekday()) + 6) % 7 // days since Monday
	case exchange.PeriodMonthly:
		d = 1
	case exchange.PeriodQuarterly:
		m, d = m-(m-1)%3, 1
	case exchange.PeriodYearly:
		m, d = time.January, 1
	}
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

func nextFirstDay(p exchange.Period, first time.Time) time.Time {
	switch p {
	case exchange.PeriodWeekly:
		return first.AddDate(0, 0, 7)
	case exchange.PeriodMonthly:
		return first.AddDate(0, 1, 0)
	case exchange.PeriodQuarterly:
		return first.AddDate(0, 3, 0)
	case exchange.PeriodYearly:
		return first.AddDate(1, 0, 0)
	default:
		return first.AddDate(0, 0, 1)
	}
}

func windowID(p exchange.Period, first time.Time) string {
	switch p {
	case exchange.PeriodWeekly:
		y, w := first.ISOWeek()
		return fmt.Sprintf("%04d-W%02d", y, w)
	case exchange.PeriodMonthly:
		return first.Format("2006-01")
	case exchange.PeriodQuarterly:
		return fmt.Sprintf("%04d-Q%d", first.Year(), (first.Month()+2)/3)
	case exchange.PeriodYearly:
		return first.Format("2006")
	default:
		return first.Format(time.DateOnly)
	}
}

// begin returns the first instant at which the calendar in loc has reached day. It walks the stretches of constant offset around
// it, because time.Date says nothing of use about a midnight that does not exist, or does so twice.
func begin(day time.Time, loc *time.Location) time.Time {
	const farthest = 26 * time.Hour // no place was ever farther from UTC
	from := day.Add(-farthest).In(loc)
	for {
		_, offset := from.Zone()
		at := day.Add(-time.Duration(offset) * time.Second).In(loc)
		if at.Before(from) {
			at = from
		}
		_, until := from.ZoneBounds()
		if !until.IsZero() && !until.After(from) { // on 31 December of leap years from 2040 on: golang/go#81583
			until = from.Add(time.Hour)
		}
		if until.IsZero() || at.Before(until) {
			return at
		}
		from = until
	}
}

// Calendar finds windows of one zone without allocating, as long as it is asked about the present. It is safe for concurrent use.
type Calendar struct {
	loc     *time.Location
	current [exchange.PeriodTotal + 1]atomic.Pointer[Window] // the window last asked for
}

// NewCalendar makes the calendar of a zone.
func NewCalendar(loc *time.Location) *Calendar { return &Calendar{loc: loc} }

// Window returns the window of period p that contains at.
func (c *Calendar) Window(p exchange.Period, at time.Time) Window {
	last := &c.current[min(p, exchange.PeriodTotal)]
	if w := last.Load(); w != nil && w.Contains(at) {
		return *w
	}
	w := WindowOf(p, at, c.loc)
	last.Store(&w)
	return w
}
