package providers

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// Call is one request to one target.
type Call struct {
	Model     string // the provider's own name for the model, as the body has it
	Target    string // provider/model: what is watched by a breaker
	Path      string // after the base URL, with its query; "" is /chat/completions
	Method    string // "" is POST
	Raw       bool   // it asks for no answer of a model: what comes back is given as it is
	Body      []byte // the request, untouched; must stay as it is until Call returns
	Stream    bool   // the body asks for a stream
	N         int64  // answers asked for; 0 is one
	Vectors   bool   // it is for embeddings: its answer has vectors, no choices
	Single    bool   // and its body is a client's own, for one embedding
	Base64    bool   // the client wants them in base64
	Native    bool   // the body is the client's own, in the provider's dialect: keep what the provider answers as it is, too
	RequestID string // sent as x-client-request-id, "" for none
	Headers   []Header
	Caller    Caller // who waits for the answer; nil if nobody can leave

	Tokens       int64  // of the prompt and the most that may be answered: what a provider's limit of tokens may count; 0 if not known
	Others       bool   // there are other targets: what this one asks to wait for is not waited for
	Team         string // whose own keys serve it, if it has any
	Key          uint32 // the only one of its keys that will do: an Answer's Key; 0 is any
	Conversation uint64 // all requests of one are sent with the same key, as far as it serves; 0 takes turns
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
	if c.Others && c.Stream && breaker.pulse.passOver() {
		breaker.done(neutral)
		return nil, &Failure{Target: c.Target, Cause: CauseBreaker, Err: errOutlier}
	}
	gate := &breaker.gate
	if !gate.enter(u.patience(c), c.Caller) {
		breaker.done(neutral)
		return nil, &Failure{Target: c.Target, Cause: CausePool, Err: errFull}
	}
	answer, failure := u.attempts(c)
	gate.heard(failure)
	if failure == nil && answer.Stream != nil {
		answer.Stream.gate = gate // it is under way until it ends
	} else {
		gate.leave()
	}
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
		breaker.pulse.note(answer.waited)
		answer.Stream.breaker = breaker // it may still break
	}
	return answer, nil
}

var errOutlier = errors.New("its first byte takes far longer than usual")

var errFull = errors.New("as many calls as it may have at once are under way")

// patience is how long a call may wait for what another target would not make it wait for.
func (u *Upstream) patience(c *Call) time.Duration {
	if c.Others {
		return 0
	}
	return u.cfg.RetryWait
}

func (u *Upstream) attempts(c *Call) (*Answer, *Failure) {
	deadline := time.Now().Add(u.cfg.Total)
	ring := u.ring(c.Team)
	able := only(ring, c.Key)
	if len(able) == 0 && len(ring) > 0 {
		return nil, &Failure{Target: c.Target, Cause: CauseKeyGone, Err: errKeyGone}
	}
	var tried []*credential // of this round
	free := 0               // attempts that do not count as retries
	stale := false
	for n := 1; ; n++ {
		key, wait := u.pick(able, c, tried)
		if key == nil && n-free <= u.cfg.Retries && u.worthWaiting(c, wait, deadline) && pause(wait, c.Caller) {
			key, wait = u.pick(able, c, tried)
		}
		if key == nil {
			return nil, &Failure{Target: c.Target, Cause: CauseLimited, Attempts: n - 1, RetryAfter: wait, several: len(ring) > 1, Err: errKeysRest(len(able))}
		}
		key.asks(c.Target, c.Tokens, u.cfg.Now())
		answer, failure := u.attempt(c, key, deadline)
		key.note(c.Target, failure, len(ring) == 1, u.cfg.Now())
		if failure == nil {
			answer.Attempts, answer.Key = n, key.number()
			return answer, nil
		}
		failure.Target, failure.Attempts, failure.several = c.Target, n, len(ring) > 1
		if failure.stale && !stale {
			// The provider closed the connection while it lay in the pool, so it never saw the request. Those that lay there
			// longer are no better: start from a fresh one.
			stale = true
			free++
			u.pool.CloseIdleConnections()
			continue
		}
		if failure.aboutKey() && len(able) > 1 {
			// Another key has limits, and perhaps an account, of its own: it is tried at once.
			tried = append(tried, key)
			if next, _ := u.pick(able, c, tried); next != nil {
				free++
				continue
			}
		}
		if !failure.retry || n-free > u.cfg.Retries {
			return nil, failure
		}
		wait, ok := u.backoff(n-free, failure.RetryAfter)
		if !ok || !u.worthWaiting(c, failure.RetryAfter, deadline) || !c.Stream && time.Now().Add(wait).After(deadline) {
			return nil, failure
		}
		if !pause(wait, c.Caller) {
			return nil, &Failure{Target: c.Target, Cause: CauseClientGone, Attempts: n, Sent: failure.Sent, Err: ErrClientGone}
		}
		tried = tried[:0]
	}
}

// worthWaiting tells whether to wait for as long as the provider asks, or a key rests. Another target may answer meanwhile.
func (u *Upstream) worthWaiting(c *Call, asked time.Duration, deadline time.Time) bool {
	most := u.cfg.RetryWait
	if c.Others {
		most = min(most, firstBackoff)
	}
	return asked <= most && (c.Stream || time.Now().Add(asked).Before(deadline))
}

// errKeysRest says why nothing was sent.
func errKeysRest(keys int) error {
	switch keys {
	case 0:
		return errors.New("the caller's team has no key of its own here, and there is none for all")
	case 1:
		return errors.New("it has asked not to be called before a time")
	}
	return fmt.Errorf("all %d keys rest after limits or refusals", keys)
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

var errKeyGone = errors.New("the key that made what the call refers to is not among its keys any more")

var errBreakerOpen = errors.New("its breaker is open")
