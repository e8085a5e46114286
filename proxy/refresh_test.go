package proxy

import (
	"strings"
	"testing"
	"time"

	"bursar/cache"
	"bursar/exchange"
	"bursar/internal/testkit"

	"github.com/valyala/fasthttp"
)

const brief = "cache: { exact: { ttl: 1s, stale_while_revalidate: 1h }, scope: team }\n"

// TestNothingIsFetchedBehind a request that stores nothing, or wants no call to be made for it.
func TestNothingIsFetchedBehind(t *testing.T) {
	h := open(t, plan{sections: brief})
	h.outcome(h.post(chat("small", "hi")).id())
	time.Sleep(1100 * time.Millisecond)
	f := func(what, control string) {
		t.Helper()
		got := h.post(chat("small", "hi"), "Cache-Control", control)
		if got.header.Get("x-bursar-cache") != "hit" {
			t.Errorf("%s: %s, status %d", what, got.header.Get("x-bursar-cache"), got.status)
		}
		h.outcome(got.id())
		h.renewing.running.Wait()
		if calls := h.up.Count(""); calls != 1 {
			t.Errorf("%s: %d calls", what, calls)
		}
		for _, x := range h.all() {
			if x.Outcome.Cache == "refresh" {
				t.Errorf("%s: a refresh ended as %s", what, x.Outcome.Reason)
			}
		}
	}
	f("a client that wants no call", "only-if-cached, max-stale")
	must(t, h.Use(parse(t, h.up, brief+"routes: [ { name: reads, to: asked, cache: read } ]\n")))
	f("a route that only reads", "")
}

// TestRefreshIsOfItsKey: what is fetched behind a request may be refused, or decided for otherwise than the request was. Then it neither stores
// its answer under the key of the stale one, nor keeps others waiting for it.
func TestRefreshIsOfItsKey(t *testing.T) {
	h := open(t, plan{sections: cached})
	h.up.On("big", testkit.Script{Text: "of another model"})
	key := cache.NewKey("team=search").Part("the stale one").Key()
	behind := func(secret, body string) {
		t.Helper()
		ask := &cache.Ask{Key: key, Behind: true}
		found, seat := h.cache.Join(t.Context(), ask)
		if found != nil || !seat.Leads() {
			t.Fatalf("found %v, leads %v", found, seat != nil && seat.Leads())
		}
		ctx := new(fasthttp.RequestCtx)
		ctx.Request.Header.SetMethod("POST")
		ctx.Request.Header.Set("Authorization", "Bearer "+secret)
		ctx.Request.SetBodyString(body)
		h.serveBehind(ctx, chatCompletions, h.current.Load(), seat)
		if found := h.cache.Find(t.Context(), ask); found != nil {
			t.Errorf("stored under the key of another: %s", found.Body)
		}
	}
	behind("nobody's", chat("small", "hi"))
	behind(h.secret, chat("big", "hi"))
	behind(h.secret, chat("big", "hi", streamed))
	h.outcome(h.post(chat("big", "hi")).id())

	// It may find an equal request of its own under way, and read its stream.
	h.up.On("big", testkit.Script{Text: strings.Repeat("word ", 20), Pace: 20 * time.Millisecond})
	leader, _ := reading(t, h, chat("big", "slow", streamed))
	leader()
	behind(h.secret, chat("big", "slow", streamed))
	h.await("the end of what followed", func(x *exchange.Exchange) bool { return x.Outcome.Reason == exchange.ReasonSharedHit })
	for leader() != "" {
	}
}
