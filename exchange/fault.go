package exchange

import (
	"fmt"
	"time"
)

// Fault is an error a client may see. Whoever finds it says what failed, on what, and what to do; the proxy writes it in the
// client's dialect. Err is for operators and never leaves the house.
type Fault struct {
	Status     int    // HTTP status
	Type       string // OpenAI's error type: invalid_request_error, authentication_error, insufficient_quota, ...
	Code       string // short machine-readable code
	Param      string // the field at fault, "" if none
	Message    string // what failed, on what
	Hint       string // what to do, "" if nothing can be done
	Reason     Reason
	NoRetry    bool          // answer x-should-retry: false
	RetryAfter time.Duration // answer Retry-After, 0 for none
	Budget     *BudgetShort  // the budget that refused, nil if none did
	Limit      *LimitFull    // the limit that refused, nil if none did
	Err        error         // the cause, for the log
}

// Error returns the whole sentence, cause included.
func (f *Fault) Error() string {
	text := f.Message
	if f.Hint != "" {
		text += " " + f.Hint
	}
	if f.Err != nil {
		text = fmt.Sprintf("%s: %v", text, f.Err)
	}
	return text
}

// Unwrap returns the cause.
func (f *Fault) Unwrap() error { return f.Err }
