package ledger

import (
	"math/big"
	"time"

	"bursar/pricing"
)

// Forecast tells how a statement's spend would end if the rest of a stretch of time went as the part that is over did.
type Forecast struct {
	From, Now, To time.Time
}

// ThisMonth is the forecast to the end of the calendar month that now is in.
func ThisMonth(now time.Time) *Forecast {
	year, month, _ := now.Date()
	return &Forecast{From: time.Date(year, month, 1, 0, 0, 0, 0, now.Location()), Now: now, To: time.Date(year, month+1, 1, 0, 0, 0, 0, now.Location())}
}

// Of returns what a spend so far comes to at To, rounded towards zero. Where no time has passed yet, or f is nil, it is the spend
// itself.
func (f *Forecast) Of(spent pricing.Nano) pricing.Nano {
	if f == nil {
		return spent
	}
	elapsed, all := f.Now.Sub(f.From), f.To.Sub(f.From)
	if elapsed <= 0 || elapsed >= all {
		return spent
	}
	n := new(big.Int).Mul(big.NewInt(int64(spent)), big.NewInt(int64(all)))
	return pricing.Nano(n.Quo(n, big.NewInt(int64(elapsed))).Int64())
}

// forecast returns what the statement comes to: the sum of its lines' forecasts, so that they add up to it.
func (s *Statement) forecast() pricing.Nano {
	var sum pricing.Nano
	for _, line := range s.lines() {
		sum += s.Forecast.Of(line.Spend)
	}
	return sum
}

// until is the last day that a forecast is for.
func (f *Forecast) until() string { return f.To.Add(-1).Format(time.DateOnly) }
