package ledger

import (
	"context"
	"math/big"
	"time"

	"bursar/pricing"
)

// RunRate is how fast money was spent lately.
type RunRate struct {
	Spent pricing.Nano
	Over  time.Duration
}

// runRateDays is how many days a run-rate looks back over: a week, so that weekdays and weekends weigh as they come.
const runRateDays = 7

// RunRates returns how fast each line of a query spends, by the last seven days up to now, or from the first of these days on on which
// the line spent anything. The query's own times and calendar are not looked at; a line's key is its Group, joined with NULs.
func RunRates(ctx context.Context, books interface {
	Report(context.Context, Query) (*Statement, error)
}, q Query, now time.Time,
) (map[string]RunRate, error) {
	lines := len(q.By)
	q.By = append(q.By[:lines:lines], "day")
	if q.Location == nil {
		q.Location = time.UTC
	}
	year, month, day := now.In(q.Location).Date()
	q.From, q.To = time.Date(year, month, day-runRateDays+1, 0, 0, 0, 0, q.Location), now
	s, err := books.Report(ctx, q)
	if err != nil {
		return nil, err
	}
	rates := map[string]RunRate{}
	for _, line := range s.Lines { // by day, the first one first
		key := lineKey(line.Group[:lines])
		rate, known := rates[key]
		if !known {
			if line.Spend == 0 {
				continue
			}
			first, err := time.ParseInLocation(time.DateOnly, line.Group[lines], q.Location)
			if err != nil {
				return nil, err
			}
			rate.Over = max(now.Sub(first), time.Hour)
		}
		rate.Spent += line.Spend
		rates[key] = rate
	}
	return rates, nil
}

// Within returns what is spent in a time at this rate, rounded towards zero.
func (r RunRate) Within(d time.Duration) pricing.Nano {
	if r.Over <= 0 || d <= 0 {
		return 0
	}
	n := new(big.Int).Mul(big.NewInt(int64(r.Spent)), big.NewInt(int64(d)))
	if n.Quo(n, big.NewInt(int64(r.Over))); !n.IsInt64() {
		return pricing.Nano(1<<63 - 1)
	}
	return pricing.Nano(n.Int64())
}

// Until returns how long an amount lasts at this rate, rounded down to the second; false if it lasts for centuries.
func (r RunRate) Until(amount pricing.Nano) (time.Duration, bool) {
	if r.Spent <= 0 {
		return 0, false
	}
	n := new(big.Int).Mul(big.NewInt(int64(max(amount, 0))), big.NewInt(int64(r.Over)))
	if n.Quo(n, big.NewInt(int64(r.Spent))); !n.IsInt64() {
		return 0, false
	}
	return time.Duration(n.Int64()).Truncate(time.Second), true
}
