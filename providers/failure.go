package providers

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"bursar/exchange"
)

// Errors that callers branch on.
var (
	ErrClientGone   = errors.New("the client left")
	ErrStreamBroken = errors.New("the provider's stream ended early")
)

// Failure is a call that brought no answer. Its text is for operators; Fault is what a client may see.
type Failure struct {
	Target     string
	Cause      Cause
	Status     int           // the provider's HTTP status, 0 if it gave none
	Attempts   int           // requests made
	RetryAfter time.Duration // how long the provider, or the breaker, asks to wait; 0 if unknown
	Sent       bool          // a request went out whole: the provider may have worked on it, and may bill it
	Err        error

	retry   bool // another attempt may help
	stale   bool // a pooled connection was dead before any byte of an answer
	several bool // the provider has several keys: what befell one tells nothing of the target
}

// Cause is why a call failed.
type Cause uint8

// Causes.
const (
	CauseConnect    Cause = iota // no connection could be made
	CauseLost                    // the connection broke before a usable answer
	CauseTimeout                 // no answer in time
	CauseLimited                 // 429: the provider's rate or quota for our account
	CauseOverload                // 408, 5xx
	CauseCredential              // 401, 402, 403: our account with the provider
	CauseAnswer                  // it answered with what is no answer: not JSON, an error with status 200, a redirect
	CauseBreaker                 // not called: it failed too often just before
	CausePool                    // not called: every connection, or every place, is in use
	CauseKeyGone                 // not called: only a key that is no longer configured would do
	CauseClientGone              // the client left; nobody's fault
	causeCount
)

var causeNames = [causeCount]string{
	"connect", "lost", "timeout", "limited", "overload", "credential", "answer", "breaker", "pool", "key_gone", "client_gone",
}

// String returns the cause's name, for logs and metrics.
func (c Cause) String() string {
	if c < causeCount {
		return causeNames[c]
	}
	return "unknown"
}

// Error says what failed, on what, for operators.
func (f *Failure) Error() string {
	text := fmt.Sprintf("call %s: %s", f.Target, f.Cause)
	if f.Status != 0 {
		text += fmt.Sprintf(", status %d", f.Status)
	}
	if f.Attempts > 1 {
		text += fmt.Sprintf(", %d attempts", f.Attempts)
	}
	return fmt.Sprintf("%s: %v", text, f.Err)
}

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Err }

// aboutKey tells whether another key of the same provider may fare better.
func (f *Failure) aboutKey() bool { return f.Cause == CauseLimited || f.Cause == CauseCredential }

// verdict is what the failure tells of the target's health.
func (f *Failure) verdict() verdict {
	switch {
	case f.Cause == CauseClientGone || f.Cause == CausePool || f.Cause == CauseKeyGone || f.several && f.aboutKey():
		return neutral
	case f.Cause == CauseLimited && f.Attempts == 0: // nothing was asked, so nothing was learnt
		return neutral
	case f.Status == http.StatusForbidden:
		// Some providers answer 403 to a prompt they object to: one tenant's prompts must not close a target to all.
		return neutral
	default:
		return failing
	}
}

// Fault is what the client may see of the failure. It tells nothing of our account with the provider: neither its limits, nor
// its credentials, nor the provider's words about them.
func (f *Failure) Fault() *exchange.Fault {
	fault := &exchange.Fault{
		Status: http.StatusBadGateway, Type: "api_error", Code: "provider_failed", Reason: exchange.ReasonProviderFailed, Err: f,
	}
	switch f.Cause {
	case CauseConnect:
		fault.Message, fault.Hint = "No connection could be made to "+f.Target+".", "Try again, or name another model."
	case CauseLost:
		fault.Message, fault.Hint = f.Target+" broke the connection before it answered.", "Try again."
	case CauseTimeout:
		fault.Status, fault.Code = http.StatusGatewayTimeout, "provider_timeout"
		fault.Message, fault.Hint = f.Target+" did not answer in time.", "Try again, or ask for a shorter answer."
	case CauseLimited:
		fault.Status, fault.Code, fault.RetryAfter = http.StatusServiceUnavailable, "provider_limited", f.RetryAfter
		fault.Message, fault.Hint = f.Target+" takes no more requests from this gateway at the moment.", "Try again later, or name another model."
	case CauseOverload:
		fault.Status, fault.Code, fault.RetryAfter = http.StatusServiceUnavailable, "provider_overloaded", f.RetryAfter
		fault.Message, fault.Hint = f.Target+" failed or is overloaded.", "Try again later, or name another model."
	case CauseCredential:
		fault.Code = "provider_refuses_gateway"
		fault.Message, fault.Hint = f.Target+" refuses this gateway's account.", "Tell whoever runs the gateway; your own key is fine."
	case CauseBreaker:
		fault.Status, fault.Code, fault.RetryAfter = http.StatusServiceUnavailable, "provider_unavailable", f.RetryAfter
		fault.Message, fault.Hint = f.Target+" failed too often just now and is left alone for a moment.", "Try again later, or name another model."
	case CausePool:
		fault.Status, fault.Code = http.StatusServiceUnavailable, "gateway_busy"
		fault.Message, fault.Hint = f.Target+" has as many requests under way as it may have at once.", "Try again later."
	case CauseKeyGone:
		fault.Status, fault.Code, fault.NoRetry = http.StatusServiceUnavailable, "provider_key_gone", true
		fault.Message, fault.Hint = "The key that made what the request refers to is no longer one of the keys of "+f.Target+".", "Send the whole conversation as `input`; or an operator brings the key back under its old name."
	case CauseClientGone:
		fault.Status, fault.Code, fault.Reason = statusClientGone, "client_gone", exchange.ReasonClientGone
		fault.Message = "The client left before " + f.Target + " answered."
	default:
		fault.Message, fault.Hint = f.Target+" answered with something that is no answer.", "Try again, or name another model."
	}
	if errors.Is(f.Err, ErrStreamBroken) {
		fault.Code, fault.Reason = "stream_broken", exchange.ReasonStreamBroken
		fault.Message, fault.Hint = "The answer of "+f.Target+" ended early.", "What was sent so far is not all of it; try again."
	}
	return fault
}

// statusClientGone is nginx's word for a client that left; nobody receives it, but logs and ledgers show it.
const statusClientGone = 499
