package pricing

import (
	"fmt"
	"time"
)

// Window is a part of every day in UTC, written "00:30-16:30": from the first minute to the one before the last. It may go over
// midnight.
type Window struct{ from, to int } // minutes of the day

// Contains tells whether a time is in the window.
func (w Window) Contains(at time.Time) bool {
	at = at.UTC()
	m := at.Hour()*60 + at.Minute()
	if w.from <= w.to {
		return w.from <= m && m < w.to
	}
	return m >= w.from || m < w.to
}

// MarshalText returns the window as "00:30-16:30".
func (w Window) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, "%02d:%02d-%02d:%02d", w.from/60, w.from%60, w.to/60, w.to%60), nil
}

// UnmarshalText reads "00:30-16:30".
func (w *Window) UnmarshalText(text []byte) error {
	var h1, m1, h2, m2 int
	n, err := fmt.Sscanf(string(text), "%02d:%02d-%02d:%02d", &h1, &m1, &h2, &m2)
	valid := func(h, m int) bool { return h >= 0 && h < 24 && m >= 0 && m < 60 }
	if err != nil || n != 4 || len(text) != len("00:30-16:30") || !valid(h1, m1) || !valid(h2, m2) {
		return fmt.Errorf("daily window %q is not two times of day, as in 00:30-16:30", text)
	}
	*w = Window{from: h1*60 + m1, to: h2*60 + m2}
	return nil
}
