package exchange

import (
	"time"

	"bursar/pricing"
)

// BudgetShort is the budget that has no room for a request, for programs that read errors.
type BudgetShort struct {
	Name   string
	Period Period
	Needed pricing.Nano // the least that the request would have cost at its worst
	Renews time.Time    // the zero time for never

	Secret             bool // what it stands at is not every client's business
	Spent, Held, Limit pricing.Nano
	Raised             string // why the limit is higher for a while, "" if it is not
}

// LimitFull is the limit that has no room for a request.
type LimitFull struct {
	Name       string
	Unit       string        // requests, tokens: per minute; concurrent: at a time
	Limit      int64         // in units
	Needed     int64         // by this request
	RetryAfter time.Duration // until there is room; 0 for never

	Secret bool // what is used of it is not every client's business
	Used   int64
}
