package proxy

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bursar/budget"
	"bursar/internal/testkit"

	"github.com/alicebob/miniredis/v2"
)

// used returns what limits have counted.
func (h *house) used(limits ...budget.Limit) (used []int64) {
	h.Helper()
	rates := make([]budget.Rate, len(limits))
	must(h, h.budgets.Rates(h.Context(), limits, rates))
	for _, r := range rates {
		used = append(used, r.Used)
	}
	return used
}

func of(key string, unit budget.Unit) budget.Limit { return budget.Limit{Key: key, Unit: unit} }

// fullLimit is what programs may read of a refusal by a limit.
type fullLimit struct {
	Name, Unit          string
	Limit, Used, Needed int64
	RetryAfter          int64 `json:"retry_after_ms"`
}

func limitOf(t testing.TB, r reply) fullLimit {
	t.Helper()
	var body struct{ Error struct{ Limit fullLimit } }
	must(t, json.Unmarshal([]byte(r.body), &body))
	return body.Error.Limit
}

// TestRequestsPerMinute are refused with all that a client needs to come again.
func TestRequestsPerMinute(t *testing.T) {
	eachStore(t, func(t *testing.T, kind func(testing.TB) stores) {
		h := open(t, plan{stores: kind, sections: pot + cached + "limits: [ { name: search's pace, team: search, requests_per_minute: 2 }, { team: support, requests_per_minute: 5 } ]\n"})
		for i := range 2 {
			got := h.post(chat("small", fmt.Sprint("hi", i)))
			if got.status != 200 || got.header.Get("x-ratelimit-limit-requests") != "2" || got.header.Get("x-ratelimit-remaining-requests") != strconv.Itoa(1-i) ||
				got.header.Get("x-ratelimit-reset-requests") != "1m1s" || got.header.Get("x-ratelimit-limit-tokens") != "" {
				t.Fatalf("status %d, head %v", got.status, got.header)
			}
			h.outcome(got.id())
		}
		h.kept()
		if hit := h.post(chat("small", "hi0")); hit.status != 200 || hit.header.Get("x-bursar-cache") != "hit" || hit.header.Get("x-ratelimit-limit-requests") != "" {
			t.Errorf("a hit: status %d, head %v", hit.status, hit.header)
		}
		for _, form := range []string{"", streamed} {
			got := h.post(chat("small", "hi", form))
			f, l := got.fault(t), limitOf(t, got)
			if got.status != 429 || f.Type != "requests" || f.Code != "rate_limit_exceeded" || !strings.Contains(f.Message, `"search's pace" has no room: 2 of 2 requests per minute`) {
				t.Errorf("status %d, %+v", got.status, f)
			}
			if l.Name != "search's pace" || l.Unit != "requests" || l.Limit != 2 || l.Used != 2 || l.Needed != 1 || l.RetryAfter < 1000 || l.RetryAfter > 61_000 {
				t.Errorf("limit %+v", l)
			}
			seconds, err := strconv.ParseInt(got.header.Get("Retry-After"), 10, 64)
			if err != nil || seconds != (l.RetryAfter+999)/1000 || got.header.Get("retry-after-ms") != fmt.Sprint(l.RetryAfter) || got.header.Get("x-should-retry") != "" {
				t.Errorf("head %v", got.header)
			}
			reset, err := time.ParseDuration(got.header.Get("x-ratelimit-reset-requests"))
			if err != nil || reset.Milliseconds() != l.RetryAfter || got.header.Get("x-ratelimit-remaining-requests") != "0" {
				t.Errorf("head %v", got.header)
			}
			if row := h.row(got.id()); row.Reason != "rate_limited" || row.Status != 429 || row.Cost != 0 || row.Kind.String() != "refused" {
				t.Errorf("row %+v", row)
			}
		}
		if n := h.used(of("team=search", budget.Requests)); n[0] != 2 {
			t.Errorf("%d requests counted: refused ones and hits must not", n[0])
		}
		if other := h.asOther("support", chat("small", "hi")); other.status != 200 || other.header.Get("x-ratelimit-remaining-requests") != "4" {
			t.Errorf("another team: status %d, head %v", other.status, other.header)
		}
	})
}

// TestTokensPerMinute count the worst case first, and the truth in the end.
func TestTokensPerMinute(t *testing.T) {
	eachStore(t, func(t *testing.T, kind func(testing.TB) stores) {
		h := open(t, plan{stores: kind, sections: "limits: [ { key: each, tokens_per_minute: 1000 } ]\n"})
		key := func(r reply) string { return "key=each:" + h.outcome(r.id()).Identity.KeyID }
		h.up.On("small", testkit.Script{PromptTokens: 300, Tokens: 50})
		first := h.post(chat("small", "hi", `,"max_tokens":200`))
		tokens := of(key(first), budget.Tokens)
		if left, err := strconv.Atoi(first.header.Get("x-ratelimit-remaining-tokens")); first.status != 200 || err != nil || left > 799 || left < 600 {
			t.Fatalf("status %d, head %v", first.status, first.header)
		}
		until(t, "the true count", func() bool { return h.used(tokens)[0] == 350 })
		streamed := h.post(chat("small", "hi", usageAsked, `,"max_tokens":200`))
		h.outcome(streamed.id())
		until(t, "the true count of a stream", func() bool { return h.used(tokens)[0] == 700 })

		got := h.post(chat("small", "hi", `,"max_tokens":280`))
		f, l := got.fault(t), limitOf(t, got)
		if got.status != 429 || f.Type != "tokens" || f.Code != "rate_limit_exceeded" || l.Unit != "tokens" || l.Used != 700 || l.Limit != 1000 || l.Needed <= 300 || l.RetryAfter == 0 || got.header.Get("x-should-retry") != "" {
			t.Errorf("status %d, %+v, %+v", got.status, f, l)
		}
		if got.header.Get("x-ratelimit-remaining-tokens") != "300" {
			t.Errorf("head %v", got.header)
		}
		if n := h.used(tokens)[0]; n != 700 {
			t.Errorf("%d tokens are used: a refusal counts nothing", n)
		}
		if fits := h.post(chat("small", "hi", `,"max_tokens":100`)); fits.status != 200 {
			t.Errorf("status %d: %s", fits.status, fits.body)
		}
	})
}

// TestWhatNeverFits gets a lower cap, and is refused for good if the prompt alone is too long.
func TestWhatNeverFits(t *testing.T) {
	h := open(t, plan{sections: "limits: [ { team: search, tokens_per_minute: 500 } ]\noutput: { default_max_tokens: 4000, least_useful_tokens: 10 }\n"})
	got := h.post(chat("small", "hi"))
	x := h.outcome(got.id())
	if got.status != 200 || x.Outcome.Capped < 300 || x.Outcome.Capped > 499 || x.Decision.Reason.String() != "cap_shrunk" {
		t.Errorf("status %d, cap %d, %s", got.status, x.Outcome.Capped, x.Decision.Reason)
	}
	got = h.post(chat("small", strings.Repeat("word ", 600)))
	f, l := got.fault(t), limitOf(t, got)
	if got.status != 429 || f.Code != "rate_limit_exceeded" || !strings.Contains(f.Message, "can never let this request pass") || l.RetryAfter != 0 || l.Needed < 600 {
		t.Errorf("status %d, %+v, %+v", got.status, f, l)
	}
	if got.header.Get("x-should-retry") != "false" || got.header.Get("Retry-After") != "" {
		t.Errorf("head %v: it would be refused again", got.header)
	}
}

// TestConcurrent requests leave their place whatever becomes of them.
func TestConcurrent(t *testing.T) {
	eachStore(t, func(t *testing.T, kind func(testing.TB) stores) {
		h := open(t, plan{stores: kind, sections: pot + "limits: [ { user: each, concurrent: 1 }, { everyone: true, concurrent: 100 } ]\n"})
		ann, all := of("user=each:ann", budget.Concurrent), of("everyone", budget.Concurrent)
		h.up.On("small", testkit.Script{BlackHole: true})
		conn, _ := h.dial(h.raw(chat("small", "hi", streamed, `,"user":"ann"`)))
		h.up.WaitRequest("small", patience)
		got := h.post(chat("big", "hi", `,"user":"ann"`))
		if f, l := got.fault(t), limitOf(t, got); got.status != 429 || l.Unit != "concurrent" || l.Used != 1 || !strings.Contains(f.Message, "1 of 1 requests at a time") || got.header.Get("Retry-After") != "1" {
			t.Errorf("status %d, %+v, head %v", got.status, f, got.header)
		}
		if other := h.post(chat("big", "hi", `,"user":"bob"`)); other.status != 200 {
			t.Errorf("another user: status %d", other.status)
		}
		_ = conn.Close()
		until(t, "the place of a client that left", func() bool { return h.used(ann)[0] == 0 })
		h.up.On("small", testkit.Script{}, testkit.Script{Status: 400}, testkit.Script{Status: 500}, testkit.Script{CutAfter: 2})
		for _, form := range []string{streamed, "", "", streamed} {
			h.post(chat("small", "hi", form, `,"user":"ann"`))
			until(t, "the place of a request that has ended", func() bool { return h.used(ann)[0] == 0 })
		}
		until(t, "all places", func() bool { return h.used(all)[0] == 0 })
		h.settled()
	})
}

// TestOneAfterTheOther: a request has left its place, and what it did not use, when the client that has read its answer sends the next one.
func TestOneAfterTheOther(t *testing.T) {
	eachStore(t, func(t *testing.T, kind func(testing.TB) stores) {
		h := open(t, plan{stores: kind, sections: pot + "limits: [ { team: search, concurrent: 1 }, { user: each, tokens_per_minute: 5000 } ]\n"})
		for i := range 200 {
			got := h.post(chat("small", fmt.Sprint("hi", i), fmt.Sprintf(`,"user":"u%d","max_tokens":2600`, i/2))) // two of them fit when the first one is settled
			if got.status != 200 {
				t.Fatalf("request %d: status %d: %s", i, got.status, got.body)
			}
		}
	})
}

// TestFallbackFindsItsPlace: a candidate that may bill what it failed at has left the request's place when the next one is tried.
func TestFallbackFindsItsPlace(t *testing.T) {
	eachStore(t, func(t *testing.T, kind func(testing.TB) stores) {
		h := open(t, plan{stores: kind, sections: strings.Replace(pair, "DEAD", deadPort(t), 1) + "limits: [ { team: search, concurrent: 1 } ]\n"})
		for i := range 30 {
			h.up.On("first", testkit.Script{Body: "<html>busy</html>", Header: map[string]string{"Content-Type": "text/html"}})
			if got := h.post(chat("both", fmt.Sprint("hi", i))); got.status != 200 {
				t.Fatalf("request %d: status %d: %s", i, got.status, got.body)
			}
		}
	})
}

// TestLimitsInACrowd: many at once, and never more than the limit at the provider, nor through the minute.
func TestLimitsInACrowd(t *testing.T) {
	eachStore(t, func(t *testing.T, kind func(testing.TB) stores) {
		h := open(t, plan{stores: kind, sections: pot + "limits: [ { team: search, concurrent: 4, requests_per_minute: 30 } ]\n"})
		var now, most atomic.Int64
		h.up.On("small", testkit.Script{Do: func(w http.ResponseWriter, _ *http.Request) {
			n := now.Add(1)
			for before := most.Load(); n > before && !most.CompareAndSwap(before, n); before = most.Load() {
			}
			time.Sleep(3 * time.Millisecond)
			now.Add(-1)
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"ok"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10}}`))
		}})
		statuses := make([]int, 100)
		var crowd sync.WaitGroup
		for i := range statuses {
			crowd.Go(func() { statuses[i] = h.try(t.Context(), chat("small", fmt.Sprint("hi", i))) })
		}
		crowd.Wait()
		answered := 0
		for _, status := range statuses {
			switch status {
			case 200:
				answered++
			case 429:
			default:
				t.Errorf("status %d", status)
			}
		}
		if most.Load() > 4 || answered > 30 || answered < 4 || h.up.Count("small") != answered {
			t.Errorf("%d answered, %d at once, %d at the provider", answered, most.Load(), h.up.Count("small"))
		}
		until(t, "all places", func() bool { return h.used(of("team=search", budget.Concurrent))[0] == 0 })
		if n := h.used(of("team=search", budget.Requests))[0]; n != int64(answered) {
			t.Errorf("%d counted, %d answered", n, answered)
		}
		h.settled()
	})
}

// TestFallbackCountsOnce: a request is one request, however many candidates it takes.
func TestFallbackCountsOnce(t *testing.T) {
	h := open(t, plan{sections: strings.Replace(pair, "DEAD", deadPort(t), 1) + "limits: [ { team: search, requests_per_minute: 10, tokens_per_minute: 100000 }, { model: fake/first, requests_per_minute: 10 }, { model: other/second, requests_per_minute: 10 } ]\n"})
	h.up.On("first", testkit.Script{Status: 500})
	got := h.post(chat("both", "hi"))
	x := h.outcome(got.id())
	if got.status != 200 || got.header.Get("x-ratelimit-remaining-requests") != "9" {
		t.Fatalf("status %d, head %v", got.status, got.header)
	}
	n := h.used(of("team=search", budget.Requests), of("model=fake%2Ffirst", budget.Requests), of("model=other%2Fsecond", budget.Requests), of("team=search", budget.Tokens))
	if n[0] != 1 || n[1] != 1 || n[2] != 1 || n[3] != x.Outcome.Usage.Prompt()+x.Outcome.Usage.Completion() {
		t.Errorf("counted %v", n)
	}
}

// TestLimitOfAModelLeadsToTheNext candidate, and one of a team does not.
func TestLimitOfAModelLeadsToTheNext(t *testing.T) {
	h := open(t, plan{sections: strings.Replace(pair, "DEAD", deadPort(t), 1) + "limits: [ { model: fake/first, requests_per_minute: 1 } ]\n"})
	for _, want := range []string{"fake/first", "other/second", "other/second"} {
		if got := h.post(chat("both", "hi")); got.status != 200 || got.header.Get("x-bursar-model") != want {
			t.Errorf("status %d by %s, want %s", got.status, got.header.Get("x-bursar-model"), want)
		}
	}
	if got := h.post(chat("one", "hi")); got.status != 429 {
		t.Errorf("status %d without another candidate", got.status)
	}
	h.settled()
}

// TestRefusalsHoldNothing: a limit without room takes no money, a budget without room no place.
func TestRefusalsHoldNothing(t *testing.T) {
	eachStore(t, func(t *testing.T, kind func(testing.TB) stores) {
		h := open(t, plan{stores: kind, sections: "budgets: [ { team: search, daily_usd: 0.00000001 }, { team: support, daily_usd: 1 } ]\nlimits: [ { team: each, requests_per_minute: 1, concurrent: 1 } ]\n"})
		if got := h.post(chat("small", "hi")); got.fault(t).Code != "budget_exceeded" {
			t.Errorf("status %d", got.status)
		}
		if n := h.used(of("team=each:search", budget.Requests), of("team=each:search", budget.Concurrent)); n[0]+n[1] != 0 {
			t.Errorf("counted %v", n)
		}
		h.asOther("support", chat("small", "hi"))
		if got := h.asOther("support", chat("small", "hi")); got.fault(t).Code != "rate_limit_exceeded" {
			t.Errorf("status %d", got.status)
		}
		until(t, "nothing to be held", func() bool {
			all := mustStanding(h)
			return all[0].Held == 0 && all[1].Held == 0
		})
	})
}

// TestObservedLimits let pass and tell.
func TestObservedLimits(t *testing.T) {
	var mu sync.Mutex
	var told []string
	h := open(t, plan{
		sections: "limits: [ { user: each, requests_per_minute: 1, mode: observe }, { team: search, requests_per_minute: 3 } ]\n",
		options: Options{Limit: func(e LimitEvent) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, fmt.Sprint(e.Limit.Name, " ", e.Unit, " ", e.Key, " ", e.Used, "/", e.Most))
		}},
	})
	for i, want := range []int{200, 200, 200, 429, 429} {
		got := h.post(chat("small", "hi", `,"user":"ann"`))
		if got.status != want || got.header.Get("x-ratelimit-limit-requests") != "3" {
			t.Errorf("request %d: status %d, head %v", i, got.status, got.header)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if got := strings.Join(told, ", "); got != "user=each requests user=each:ann 2/1, team=search requests team=search 3/3" {
		t.Errorf("told %s", got)
	}
}

// TestCompanyLimitIsDiscreet: what everybody together sends is not every team's business.
func TestCompanyLimitIsDiscreet(t *testing.T) {
	h := open(t, plan{sections: "limits: [ { everyone: true, requests_per_minute: 1 } ]\n"})
	if got := h.post(chat("small", "hi")); got.status != 200 || got.header.Get("x-ratelimit-limit-requests") != "" {
		t.Errorf("status %d, head %v", got.status, got.header)
	}
	got := h.post(chat("small", "hi"))
	if f := got.fault(t); got.status != 429 || !strings.Contains(f.Message, "whole organisation") || strings.Contains(got.body, `"used"`) || got.header.Get("Retry-After") == "" {
		t.Errorf("status %d: %s", got.status, got.body)
	}
}

// TestLimitsWhileTheStoreIsDown: `local` goes on with what this gateway counts, and counts in the store again when it is back. What only observes
// refuses nothing then, either.
func TestLimitsWhileTheStoreIsDown(t *testing.T) {
	server := miniredis.RunT(t)
	h := open(t, plan{
		sections: "limits: [ { team: search, requests_per_minute: 3, tokens_per_minute: 100000, concurrent: 5, on_store_down: local }, { user: each, concurrent: 5 }, { team: each, requests_per_minute: 1, mode: observe } ]\n",
		stores: func(t testing.TB) stores {
			return joinRedisFor(t, server.Addr(), 0, "acme", 200*time.Millisecond)
		},
	})
	if got := h.post(chat("small", "hi")); got.status != 200 {
		t.Fatalf("status %d", got.status)
	}
	server.Close()
	if got := h.post(chat("small", "hi", `,"user":"ann"`)); got.status != 503 || got.fault(t).Code != "budget_store_down" {
		t.Errorf("status %d: one limit denies", got.status)
	}
	for i, want := range []int{200, 200, 200, 429} {
		got := h.post(chat("small", "hi"))
		if got.status != want {
			t.Errorf("request %d: status %d: %s", i, got.status, got.body)
		}
		h.outcome(got.id())
	}
	rates := make([]budget.Rate, 2)
	must(t, h.alone.store.Rates(t.Context(), []budget.Limit{of("team=search", budget.Concurrent), of("team=search", budget.Tokens)}, rates))
	if rates[0].Used != 0 || rates[1].Used == 0 || rates[1].Used > 300 {
		t.Errorf("counted %+v: places are left and tokens corrected", rates)
	}
	must(t, server.Restart())
	until(t, "the store to be asked again", func() bool { return h.post(chat("small", "ho")).status == 200 })
}

// away is a store that grants its own part of the money while Redis is away, and knows nothing of limits then.
type away struct{ *budget.Memory }

func (a away) Reserve(ctx context.Context, h *budget.Hold) (budget.Grant, error) {
	money := *h
	money.Limits = nil
	return a.Memory.Reserve(ctx, &money)
}

// TestLimitsOfMoneyFromAway: a limit that the store did not check is checked here, and refuses with the money given back.
func TestLimitsOfMoneyFromAway(t *testing.T) {
	h := open(t, plan{
		sections: pot + "limits: [ { team: search, requests_per_minute: 2, on_store_down: local }, { user: each, requests_per_minute: 100 } ]\n",
		stores: func(t testing.TB) stores {
			s := inMemory(t)
			s.budgets = away{budget.NewMemory(time.Now, budget.Options{})}
			return s
		},
	})
	for i, want := range []int{200, 200, 429} {
		if got := h.post(chat("small", "hi")); got.status != want {
			t.Errorf("request %d: status %d: %s", i, got.status, got.body)
		}
	}
	if got := h.post(chat("small", "hi", `,"user":"ann"`)); got.status != 503 {
		t.Errorf("status %d: one limit denies", got.status)
	}
	h.settled()
}
