package providers

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"bursar/dialect"
	"bursar/internal/jsonspan"
)

// judgeStatus decides what an answer other than 200 is. Nil: the provider refused the request, in words the client's SDK
// understands, and it is the client who must hear them.
func judgeStatus(resp *fasthttp.Response, d *dialect.Dialect, now time.Time) *Failure {
	status, body := resp.StatusCode(), resp.Body()
	failure := &Failure{Cause: CauseOverload, Status: status, Err: saidWith(status, body)}
	switch {
	case status == http.StatusTooManyRequests:
		failure.Cause = CauseLimited
		failure.RetryAfter = retryAfter(&resp.Header, body, now)
		// A quota that is used up does not come back while a client waits.
		failure.retry = !bytes.Contains(body, []byte("insufficient_quota"))
	case status == http.StatusRequestTimeout || status == http.StatusFailedDependency || status >= http.StatusInternalServerError:
		failure.RetryAfter = retryAfter(&resp.Header, body, now)
		failure.retry = retriable(status)
	case status == http.StatusUnauthorized || status == http.StatusPaymentRequired || status == http.StatusForbidden:
		failure.Cause = CauseCredential
	case aboutAccount(body):
		failure.Cause = CauseCredential
	case status >= http.StatusBadRequest && (isObject(body) || d != nil && isArray(body)):
		return nil
	default: // a redirect, or the error page of something that is no provider
		failure.Cause = CauseAnswer
	}
	if should := resp.Header.Peek("X-Should-Retry"); string(should) == "false" {
		failure.retry = false
	}
	return failure
}

// accountWords are in answers of 400 that are about our account, and none of the client's business.
var accountWords = [...]string{
	"credit balance is too low",                          // Anthropic
	"API_KEY_INVALID", "User location is not supported ", // Google
}

func aboutAccount(body []byte) bool {
	for _, words := range accountWords {
		if bytes.Contains(body, []byte(words)) {
			return true
		}
	}
	return false
}

// isArray tells whether a body is an array: some of Google's services put their errors into one.
func isArray(body []byte) bool {
	w := jsonspan.Walk(body)
	return w.Kind() == jsonspan.Array && w.End() == nil
}

func isObject(body []byte) bool {
	w := jsonspan.Walk(body)
	return w.Kind() == jsonspan.Object && w.End() == nil
}

func retriable(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusFailedDependency, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable,
		http.StatusGatewayTimeout, statusOverloaded:
		return true
	}
	return false
}

// saidWith is what an answer other than 200 says, for logs, which must never hold a prompt or an answer: of an error in JSON its
// own words, and of anything else, or where a provider may quote the request, no more than its length. One that does not take our key may quote that.
func saidWith(status int, body []byte) error {
	switch status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusUnprocessableEntity:
		return fmt.Errorf("it answered %d with %d bytes", status, len(body))
	}
	words := ""
	if status >= http.StatusBadRequest && isObject(body) {
		for _, name := range [...]string{"code", "type", "message"} { // the longest comes last: what is too much of it is cut
			if name == "message" && status == http.StatusUnauthorized {
				break
			}
			v, ok := jsonspan.Get(body, "error", name)
			if !ok {
				v, ok = jsonspan.Get(body, name) // as Bedrock has it
			}
			if ok && (v.Kind == jsonspan.String || v.Kind == jsonspan.Number) {
				words += fmt.Sprintf(", %s %s", name, v.Of(body))
			}
		}
	}
	const most = 200 // bytes
	if len(words) > most {
		words = strings.ToValidUTF8(words[:most], "") + "..."
	}
	return fmt.Errorf("it answered %d with %d bytes%s", status, len(body), words)
}

// statusOverloaded is what Anthropic, and gateways in front of it, answer when they are.
const statusOverloaded = 529

// retryAfter reads how long the provider asks to wait: in milliseconds, in seconds, until a date, or in the body; 0 if it does not say.
func retryAfter(h *fasthttp.ResponseHeader, body []byte, now time.Time) time.Duration {
	if ms, err := strconv.ParseFloat(strings.TrimSpace(string(h.Peek("Retry-After-Ms"))), 64); err == nil && ms >= 0 {
		return bounded(ms * float64(time.Millisecond))
	}
	text := strings.TrimSpace(string(h.Peek("Retry-After")))
	if seconds, err := strconv.ParseFloat(text, 64); err == nil && seconds >= 0 {
		return bounded(seconds * float64(time.Second))
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return retryDelay(body)
}

// retryDelay reads google.rpc.RetryInfo, which says it as "34.4s" among the details of an error.
func retryDelay(body []byte) time.Duration {
	_, rest, found := bytes.Cut(body, []byte(`"retryDelay"`))
	if !found || !isObject(body) && !isArray(body) {
		return 0
	}
	rest, found = bytes.CutPrefix(bytes.TrimLeft(bytes.TrimLeft(rest, ": \t\r\n"), " "), []byte(`"`))
	text, _, ended := bytes.Cut(rest, []byte(`"`))
	if !found || !ended {
		return 0
	}
	wait, err := time.ParseDuration(string(text))
	if err != nil || wait < 0 {
		return 0
	}
	return min(wait, 24*time.Hour)
}

// bounded makes a duration of nanoseconds that may be absurd.
func bounded(ns float64) time.Duration { return time.Duration(min(ns, float64(24*time.Hour))) }
