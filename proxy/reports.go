package proxy

import (
	"fmt"
	"sync"
	"time"

	"bursar/exchange"
)

// reports counts the reports of wrong answers by key. Each report is a purge that every gateway of the fleet hears of, and a key that goes astray could
// empty its team's cache: so there is a limit, of this gateway's own.
type reports struct {
	mu     sync.Mutex
	minute int64
	by     map[string]int
}

// mostReports of one key in one minute of the clock.
const mostReports = 30

// take counts one report of a key, and refuses it beyond the limit.
func (r *reports) take(key string, now time.Time) *exchange.Fault {
	return r.takeUpTo(mostReports, "reports of wrong answers", key, now)
}

// takeUpTo is take with a limit of its own. What names the reports.
func (r *reports) takeUpTo(most int, what, key string, now time.Time) *exchange.Fault {
	r.mu.Lock()
	defer r.mu.Unlock()
	minute := now.Unix() / 60
	if r.by == nil || r.minute != minute {
		r.minute, r.by = minute, map[string]int{}
	}
	if r.by[key]++; r.by[key] <= most {
		return nil
	}
	return &exchange.Fault{
		Status: 429, Type: "rate_limit_exceeded", Code: "too_many_reports", Reason: exchange.ReasonRateLimited,
		Message:    fmt.Sprintf("A key may send %d %s in a minute.", most, what),
		Hint:       "Send the rest later.",
		RetryAfter: time.Unix((minute+1)*60, 0).Sub(now),
	}
}
