package proxy

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"bursar/exchange"
)

// wishes are what a client says of caching, in standard Cache-Control. Directives that mean nothing here are ignored, as the standard wants.
type wishes struct {
	noStore, noCache, onlyIfCached      bool
	hasMaxAge, hasMinFresh, hasMaxStale bool
	maxAge, minFresh, maxStale          time.Duration
}

func cacheControl(lines [][]byte) (w wishes) {
	if len(lines) == 0 {
		return w
	}
	for part := range strings.SplitSeq(string(bytes.Join(lines, []byte(","))), ",") {
		name, value, _ := strings.Cut(strings.ToLower(strings.TrimSpace(part)), "=")
		switch name {
		case "no-store":
			w.noStore = true
		case "no-cache":
			w.noCache = true
		case "only-if-cached":
			w.onlyIfCached = true
		case "max-age":
			w.maxAge, w.hasMaxAge = seconds(value)
		case "min-fresh":
			w.minFresh, w.hasMinFresh = seconds(value)
		case "max-stale":
			if w.maxStale, w.hasMaxStale = seconds(value); value == "" {
				w.maxStale, w.hasMaxStale = time.Duration(1<<62), true
			}
		}
	}
	return w
}

// seconds reads a number of seconds, quoted or not. What is none is as good as absent.
func seconds(value string) (time.Duration, bool) {
	n, err := strconv.ParseInt(strings.Trim(value, `"`), 10, 32)
	return time.Duration(n) * time.Second, err == nil && n >= 0
}

// limit narrows what the policy allows to what the client wants.
func (w *wishes) limit(allowed exchange.CacheMode) exchange.CacheMode {
	fresh := w.noCache || w.hasMaxAge && w.maxAge == 0
	switch {
	case w.noStore || allowed == exchange.CacheOff:
		return exchange.CacheOff
	case fresh && allowed == exchange.CacheRead:
		return exchange.CacheOff
	case fresh:
		return exchange.CacheRefresh
	default:
		return allowed
	}
}

// oldest is the age of the oldest answer that will do: one that lives for ttl, or stale longer. A client that says how old an answer may be, or
// how fresh it must stay, gets no stale one unless it says max-stale.
func (w *wishes) oldest(ttl, stale time.Duration) time.Duration {
	most := ttl
	if w.hasMinFresh {
		most -= w.minFresh
	}
	switch {
	case w.hasMaxStale:
		most += min(w.maxStale, stale)
	case !w.hasMaxAge && !w.hasMinFresh:
		most += stale
	}
	if w.hasMaxAge {
		most = min(most, w.maxAge)
	}
	return most
}
