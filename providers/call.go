package providers

import (
	"errors"
	"io"
	"time"
)

// Call is one request to one target.
type Call struct {
	Model     string // the provider's own name for the model, as the body has it
	Target    string // provider/model: what is watched by a breaker
	Path      string // after the base URL; "" is /chat/completions
	Body      []byte // the request, untouched; must stay as it is until Call returns
	Stream    bool   // the body asks for a stream
	N         int64  // answers asked for; 0 is one
	RequestID string // sent as x-client-request-id, "" for none
	Headers   []Header
	Caller    Caller // who waits for the answer; nil if nobody can leave
}

// Header is one more header to send to the provider, such as openai-beta or traceparent.
type Header struct{ Name, Value string }

// Caller is the client that waits for the answer. A connection to a provider is attached for as long as a call lives on it, and
// closed by the Caller the moment the client leaves, so that the provider stops generating what nobody will read.
type Caller interface {
	Attach(io.Closer) bool // close this when the client leaves; false: it has left already
	Detach()               // what was attached must not be closed any more
	Gone() bool
}

// Call carries a request to the provider and brings back its answer, which must be released. Any status that a client
// understands is an answer (see Answer.Refused); an error is a *Failure.
//
// Attempts are repeated, Config.Retries times, only while the provider cannot have the whole request or has said that it did not
// answer (408, 429, 5xx): never after a whole request was lost or timed out, since it may be worked on, and never after the first
// byte of a 2xx, since that work is billed.
func (u *Upstream) Call(c *Call) (*Answer, error) {
	breaker := u.breaker(c.Target)
	if ok, wait := breaker.allow(); !ok {
		return nil, &Failure{Target: c.Target, Cause: CauseBreaker, RetryAfter: wait, Err: errBreakerOpen}
	}
	answer, failure := u.attempts(c)
	if failure != nil {
		breaker.done(failure.verdict())
		return nil, failure
	}
	if answer.Refused {
		breaker.done(neutral)
		return answer, nil
	}
	breaker.done(healthy)
	if answer.Stream != nil {
		answer.Stream.breaker = breaker // it may still break
	}
	return answer, nil
}

func (u *Upstream) attempts(c *Call) (*Answer, *Failure) {
	deadline := time.Now().Add(u.cfg.Total)
	free := 0 // attempts that do not count as retries
	for n := 1; ; n++ {
		answer, failure := u.attempt(c, deadline)
		if failure == nil {
			answer.Attempts = n
			return answer, nil
		}
		failure.Target, failure.Attempts = c.Target, n
		if failure.stale && free == 0 {
			// The provider closed the connection while it lay in the pool, so it never saw the request. Those that lay there
			// longer are no better: start from a fresh one.
			free++
			u.pool.CloseIdleConnections()
			continue
		}
		if !failure.retry || n-free > u.cfg.Retries {
			return nil, failure
		}
		wait, ok := u.backoff(n-free, failure.RetryAfter)
		if !ok || !c.Stream && time.Now().Add(wait).After(deadline) {
			return nil, failure
		}
		if !pause(wait, c.Caller) {
			return nil, &Failure{Target: c.Target, Cause: CauseClientGone, Attempts: n, Sent: failure.Sent, Err: ErrClientGone}
		}
	}
}

const (
	firstBackoff   = 250 * time.Millisecond
	longestBackoff = 4 * time.Second
)

// backoff returns how long to wait after the n-th attempt: fully jittered, so that callers that failed together do not come back
// together, and not less than the provider asked for. False: the provider asked for more than is worth waiting for.
func (u *Upstream) backoff(n int, asked time.Duration) (time.Duration, bool) {
	if asked > u.cfg.RetryWait {
		return 0, false
	}
	most := min(firstBackoff<<min(n-1, 10), longestBackoff)
	return asked + time.Duration(u.cfg.Rand()*float64(most)), true
}

// pause waits, and ends early with false when the client leaves.
func pause(wait time.Duration, caller Caller) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	if caller == nil {
		<-timer.C
		return true
	}
	left := make(alarm, 1)
	if !caller.Attach(left) {
		return false
	}
	defer caller.Detach()
	select {
	case <-timer.C:
		return true
	case <-left:
		return false
	}
}

// alarm is a thing to close that wakes who waits.
type alarm chan struct{}

// Close wakes the waiter.
func (a alarm) Close() error {
	select {
	case a <- struct{}{}:
	default:
	}
	return nil
}

var errBreakerOpen = errors.New("its breaker is open")
