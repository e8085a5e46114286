package proxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"bursar/cache"
	"bursar/exchange"
	"bursar/internal/testkit"
)

// fleetOf opens gateways of one fleet before one provider.
func fleetOf(t *testing.T, size int, sections string, kind func(testing.TB) stores) []*house {
	up := testkit.NewUpstream(t)
	all := make([]*house, size)
	for i := range all {
		all[i] = open(t, plan{sections: sections, up: up, stores: kind})
	}
	return all
}

// inOneRedis joins all houses of a test into one fleet. Its stores are patient: what it tests is not the speed of the machine.
func inOneRedis(t *testing.T) func(testing.TB) stores {
	addr := realRedis(t)
	org := "proxy-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	t.Cleanup(func() { forget(addr, 7, org) })
	return func(t testing.TB) stores {
		return joinRedisWith(t, addr, 7, org, time.Minute, cache.RedisOptions{Lookup: time.Minute, Store: time.Minute, Lease: time.Minute})
	}
}

// TestStampede: a thousand equal requests at once on three gateways cost one call, in both forms. The others get its answer, at no cost, and
// count as hits.
func TestStampede(t *testing.T) {
	for _, form := range []string{"", streamed} {
		t.Run("form "+form, func(t *testing.T) {
			const each, gateways = 334, 3
			fleet := fleetOf(t, gateways, cached+"budgets: [ { team: search, daily_usd: 1 } ]\n", inOneRedis(t))
			up := fleet[0].up
			up.On("small", testkit.Script{Text: strings.Repeat("one answer ", 20), Latency: 300 * time.Millisecond, Pace: time.Millisecond})
			var wg sync.WaitGroup
			bodies := make(chan string, each*gateways)
			words := make(chan string, each*gateways)
			for _, h := range fleet {
				h.client.Transport.(*http.Transport).MaxIdleConnsPerHost = each
				for range each {
					wg.Go(func() {
						got := h.post(chat("small", "the same", form))
						if got.status != 200 {
							t.Errorf("status %d: %s", got.status, got.body)
						}
						bodies <- got.body
						words <- got.header.Get("x-bursar-cache")
					})
				}
			}
			wg.Wait()
			close(bodies)
			close(words)
			first, hits := "", 0
			for body := range bodies {
				if first == "" {
					first = body
				}
				if body != first {
					t.Fatalf("another answer: %q\nwas %q", body, first)
				}
			}
			for word := range words {
				if word == "hit" {
					hits++
				}
			}
			if calls := up.Count(""); calls != 1 || hits != each*gateways-1 {
				t.Errorf("%d calls, %d hits of %d", calls, hits, each*gateways)
				for _, h := range fleet {
					t.Logf("%+v", h.stores.cache.(interface{ Stats() cache.Stats }).Stats())
				}
			}
			until(t, "all to be settled", func() bool { return fleet[0].standing().Held == 0 })
			if spent, sum := fleet[0].standing().Spent, fleet[0].spent()+fleet[1].spent()+fleet[2].spent(); spent != sum || spent == 0 {
				t.Errorf("the budget has spent $%s, the ledgers $%s", spent.Dollars(), sum.Dollars())
			}
		})
	}
}

// reading reads a stream's events as they arrive.
func reading(t *testing.T, h *house, body string) (next func() string, leave func()) {
	ctx, cancel := context.WithCancel(t.Context())
	resp, err := h.client.Do(h.request(ctx, body))
	must(t, err)
	t.Cleanup(func() { cancel(); resp.Body.Close() })
	if resp.StatusCode != 200 {
		text, _ := io.ReadAll(resp.Body)
		t.Fatalf("status %d: %s", resp.StatusCode, text)
	}
	lines := bufio.NewScanner(resp.Body)
	return func() string {
		for lines.Scan() {
			if text := strings.TrimSpace(lines.Text()); text != "" {
				return text
			}
		}
		return ""
	}, cancel
}

// TestFollowersReadLive: a follower has the first events while the leader's answer still goes on, and the same text at the end.
func TestFollowersReadLive(t *testing.T) {
	eachStore(t, func(t *testing.T, kind func(testing.TB) stores) {
		h := open(t, plan{sections: cached, stores: kind})
		h.up.On("small", testkit.Script{Text: strings.Repeat("word ", 8), Pace: 50 * time.Millisecond})
		leader, _ := reading(t, h, chat("small", "tell", streamed))
		first := leader()
		follower, _ := reading(t, h, chat("small", "tell", usageAsked))
		if follower() == "" {
			t.Fatal("nothing")
		}
		begun := time.Now()
		rest := []string{first}
		for text := leader(); text != ""; text = leader() {
			rest = append(rest, text)
		}
		if time.Since(begun) < 50*time.Millisecond {
			t.Error("the follower had to wait for the end")
		}
		told, count := "", 1
		for text := follower(); text != ""; text = follower() {
			count++
			if strings.Contains(text, `"prompt_tokens"`) {
				told = text
			}
		}
		if count < len(rest) || !strings.Contains(told, `"cost":0.00`) {
			t.Errorf("%d events, the leader had %d; usage %s", count, len(rest), told)
		}
		if h.up.Count("") != 1 {
			t.Errorf("%d calls", h.up.Count(""))
		}
		x := h.await("the follower's end", func(x *exchange.Exchange) bool { return x.Outcome.Reason == exchange.ReasonSharedHit })
		if x.Outcome.Cost != 0 || x.Outcome.Saved[exchange.LeverExact] == 0 || x.Outcome.Cache != "hit" || x.Outcome.Finish != "stop" {
			t.Errorf("%+v", x.Outcome)
		}
	})
}

// TestLeaderLeaves: the client that asked first leaves in the middle; those who read the answer too get all of it, from the one call.
func TestLeaderLeaves(t *testing.T) {
	eachStore(t, func(t *testing.T, kind func(testing.TB) stores) {
		h := open(t, plan{sections: cached, stores: kind})
		h.up.On("small", testkit.Script{Text: strings.Repeat("word ", 20), Pace: 20 * time.Millisecond})
		leader, leave := reading(t, h, chat("small", "tell", streamed))
		leader()
		follower, _ := reading(t, h, chat("small", "tell", streamed))
		follower()
		leave()
		last := ""
		for text := follower(); text != ""; text = follower() {
			last = text
		}
		if last != "data: [DONE]" || h.up.Count("") != 1 {
			t.Errorf("it ends with %q after %d calls", last, h.up.Count(""))
		}
		x := h.await("the leader's end", func(x *exchange.Exchange) bool { return x.Outcome.Reason == exchange.ReasonClientGone })
		if x.Outcome.Cost == 0 || x.Outcome.Method != exchange.MethodReported {
			t.Errorf("%+v", x.Outcome)
		}
		h.kept()
		if got := h.post(chat("small", "tell", streamed)); got.header.Get("x-bursar-cache") != "hit" {
			t.Error("the answer was not kept")
		}
	})
}

// TestAllLeave: when those too have left who read the answer of a leader that is gone, nobody pays for the rest of it.
func TestAllLeave(t *testing.T) {
	eachStore(t, func(t *testing.T, kind func(testing.TB) stores) {
		h := open(t, plan{sections: cached, stores: kind})
		h.up.On("small", testkit.Script{Text: strings.Repeat("word ", 300), Pace: 20 * time.Millisecond})
		leader, leave := reading(t, h, chat("small", "tell", streamed, `,"max_tokens":300`))
		leader()
		follower, follow := reading(t, h, chat("small", "tell", streamed, `,"max_tokens":300`))
		follower()
		leave()
		for range 20 {
			follower()
		}
		follow()
		begun := time.Now()
		x := h.await("the leader's end", func(x *exchange.Exchange) bool { return x.Outcome.Attempts == 1 })
		if took := time.Since(begun); took > 2*time.Second || x.Outcome.Reason != exchange.ReasonClientGone || x.Outcome.Cost == 0 {
			t.Errorf("after %s: %+v", took, x.Outcome)
		}
	})
}

// TestFollowerTakesOver where the first call fails or has nothing to share.
func TestFollowerTakesOver(t *testing.T) {
	eachStore(t, func(t *testing.T, kind func(testing.TB) stores) {
		h := open(t, plan{sections: cached, stores: kind})
		for name, script := range map[string]testkit.Script{
			"fails":   {Status: 500, Latency: 100 * time.Millisecond},
			"refuses": {Status: 400, Latency: 100 * time.Millisecond},
			"is cut":  {Finish: "length", Latency: 100 * time.Millisecond},
		} {
			before := h.up.Count("")
			h.up.On("small", script, testkit.Script{Text: "second"})
			var first reply
			var wg sync.WaitGroup
			wg.Go(func() { first = h.post(chat("small", name)) })
			until(t, "the first call", func() bool { return h.up.Count("") == before+1 })
			second := h.post(chat("small", name))
			wg.Wait()
			if second.status != 200 || !strings.Contains(second.body, "second") || h.up.Count("") != before+2 {
				t.Errorf("%s: status %d after %d, %d calls: %s", name, second.status, first.status, h.up.Count("")-before, second.body)
			}
		}
	})
}

// TestWaitIsBounded: who has waited long enough is sent by itself.
func TestWaitIsBounded(t *testing.T) {
	h := open(t, plan{sections: "cache: { exact: { ttl: 1h, wait: 100ms } }\n"})
	h.up.On("small", testkit.Script{Latency: time.Second}, testkit.Script{Text: "second"})
	var wg sync.WaitGroup
	wg.Go(func() { h.post(chat("small", "hi")) })
	until(t, "the first call", func() bool { return h.up.Count("") == 1 })
	begun := time.Now()
	got := h.post(chat("small", "hi"))
	if took := time.Since(begun); !strings.Contains(got.body, "second") || took < 100*time.Millisecond || took > 900*time.Millisecond {
		t.Errorf("after %s: %s", took, got.body)
	}
	wg.Wait()
}

// TestFollowersOfARefusal do not wait for one another's calls for ever: a budget without room sends each on its own way.
func TestFollowersOfARefusal(t *testing.T) {
	h := open(t, plan{sections: cached + "budgets: [ { team: search, daily_usd: 0.000001 } ]\n"})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if got := h.post(chat("small", "hi")); got.status != 429 {
				t.Errorf("status %d", got.status)
			}
		})
	}
	wg.Wait()
	if h.up.Count("") != 0 {
		t.Errorf("%d calls", h.up.Count(""))
	}
}

// TestStaleWhileRevalidate: a stale answer is served at once, and fetched anew behind it by one request that is paid and booked.
func TestStaleWhileRevalidate(t *testing.T) {
	eachStore(t, func(t *testing.T, kind func(testing.TB) stores) {
		h := open(t, plan{sections: "cache: { exact: { ttl: 1s, stale_while_revalidate: 1h } }\nbudgets: [ { team: search, daily_usd: 1 } ]\n", stores: kind})
		h.up.On("small", testkit.Script{Text: "old"}, testkit.Script{Text: "new", Latency: 200 * time.Millisecond})
		h.post(chat("small", "hi", streamed))
		h.kept()
		time.Sleep(1100 * time.Millisecond)
		for i := range 10 {
			got := h.post(chat("small", "hi"))
			if got.header.Get("x-bursar-cache") != "hit" || !strings.Contains(got.body, "old") && i == 0 || !strings.HasPrefix(got.header.Get("Cache-Status"), "bursar; hit; ttl=") {
				t.Errorf("%d: %s %s: %s", i, got.header.Get("x-bursar-cache"), got.header.Get("Cache-Status"), got.body)
			}
		}
		x := h.await("the refresh", func(x *exchange.Exchange) bool { return x.Outcome.Cache == "refresh" })
		if row := h.row(x.ID); row.Cost == 0 || row.Team != "search" || row.Reason != "answered" {
			t.Errorf("%+v", row)
		}
		h.kept()
		if got := h.post(chat("small", "hi")); !strings.Contains(got.body, "new") || h.up.Count("") != 2 {
			t.Errorf("after %d calls: %s", h.up.Count(""), got.body)
		}
		h.settled()
	})
}

// TestCacheControlOfClients: routes have a time to live of their own, and clients bounds of their own.
func TestCacheControlOfClients(t *testing.T) {
	h := open(t, plan{sections: "cache: { exact: { ttl: 1h } }\nroutes: [ { name: brief, when: { team: search }, to: asked, cache_ttl: 10s }, { name: rest, to: asked } ]\n"})
	h.outcome(h.post(chat("small", "hi")).id())
	f := func(control, word, status string) {
		t.Helper()
		got := h.post(chat("small", "hi"), "Cache-Control", control)
		if is := got.header.Get("x-bursar-cache"); is != word || !strings.HasPrefix(got.header.Get("Cache-Status"), status) {
			t.Errorf("%q: %s, %s", control, is, got.header.Get("Cache-Status"))
		}
		h.outcome(got.id())
	}
	f("", "hit", "bursar; hit; ttl=")
	f("min-fresh=5", "hit", "bursar; hit")
	f("min-fresh=60", "miss", "bursar; fwd=miss") // its route gives it 10 seconds
	f("max-stale", "hit", "bursar; hit")
	f("only-if-cached", "hit", "bursar; hit")
	f("no-store", "off", "bursar; fwd=bypass")
	f("no-cache", "miss", "bursar; fwd=request")
	two := h.request(t.Context(), chat("small", "hi"), "Cache-Control", "max-age=60")
	two.Header.Add("Cache-Control", "no-store")
	if got := h.do(two); got.header.Get("x-bursar-cache") != "off" {
		t.Errorf("two lines of Cache-Control: %s", got.header.Get("x-bursar-cache"))
	}
	got := h.post(chat("small", "never asked"), "Cache-Control", "only-if-cached")
	if got.status != 504 || got.fault(t).Code != "not_cached" || got.header.Get("x-should-retry") != "false" {
		t.Errorf("status %d: %s", got.status, got.body)
	}
}

// TestNamespaces set answers apart.
func TestNamespaces(t *testing.T) {
	h := open(t, plan{sections: cached})
	f := func(namespace, want string) {
		t.Helper()
		var head []string
		if namespace != "" {
			head = []string{"x-bursar-cache-namespace", namespace}
		}
		got := h.post(chat("small", "hi"), head...)
		if is := got.header.Get("x-bursar-cache"); is != want || got.status != 200 {
			t.Errorf("%q: %s, status %d", namespace, is, got.status)
		}
		h.outcome(got.id())
	}
	f("", "miss")
	f("a", "miss")
	f("b", "miss")
	f("a", "hit")
	f("", "hit")
	must(t, h.Use(parse(t, h.up, "cache: { exact: { ttl: 1h }, namespace: v2 }\n")))
	f("", "miss")
	f("a", "miss")
	if got := h.post(chat("small", "hi"), "x-bursar-cache-namespace", strings.Repeat("x", 200)); got.status != 400 || got.fault(t).Code != "bad_namespace" {
		t.Errorf("status %d: %s", got.status, got.body)
	}
}

// TestHeadersThatChangeTheAnswer are in the key, and so is the address of the provider.
func TestHeadersThatChangeTheAnswer(t *testing.T) {
	h := open(t, plan{sections: cached})
	f := func(want string, head ...string) {
		t.Helper()
		got := h.post(chat("small", "hi"), head...)
		if is := got.header.Get("x-bursar-cache"); is != want {
			t.Errorf("%v: %s", head, is)
		}
		h.outcome(got.id())
	}
	f("miss")
	f("hit", "traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	f("miss", "openai-beta", "assistants=v2")
	f("hit", "openai-beta", "assistants=v2")
	elsewhere := testkit.NewUpstream(t)
	must(t, h.Use(parse(t, elsewhere, cached)))
	f("miss")
	if h.up.Count("")+elsewhere.Count("") != 3 {
		t.Error(fmt.Sprint(h.up.Count(""), elsewhere.Count("")))
	}
}
