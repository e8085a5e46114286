package proxy

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bursar/internal/testkit"

	"github.com/valyala/fasthttp"
)

// isolationRequests is how many requests the fuzz of isolation sends to each store: BURSAR_ISOLATION_REQUESTS, else a few thousand.
func isolationRequests(t *testing.T) int {
	if n, err := strconv.Atoi(os.Getenv("BURSAR_ISOLATION_REQUESTS")); err == nil {
		return n
	}
	if testing.Short() {
		return 500
	}
	return 2500
}

// ofTenant finds in an answer whose secret it tells.
var ofTenant = regexp.MustCompile(`tenant-(\d+)-secret`)

// TestIsolationOfTenants: fifty tenants ask equal and nearly equal questions at once, plain and as streams, through the cache, by what they mean, through flights, with and
// without namespaces. The provider answers each with a secret of the tenant whose request it got; no tenant ever reads another's.
func TestIsolationOfTenants(t *testing.T) {
	const tenants = 50
	eachStore(t, func(t *testing.T, kind func(testing.TB) stores) {
		teams := ""
		for i := range tenants {
			teams += fmt.Sprintf("t%d: {}, ", i)
		}
		sections := comparedInTeam
		if strings.HasPrefix(t.Name(), "TestIsolationOfTenants/slices") { // money differs, the caches do not
			sections = cached
		}
		h := open(t, plan{sections: sections + "teams: { search: {}, " + teams + "}\n", stores: kind})
		h.up.On("small", testkit.Script{Do: tellSecret})
		keys := make([]string, tenants)
		for i := range keys {
			keys[i] = h.key(fmt.Sprint("t", i))
		}
		until(t, "the keys to be known", func() bool {
			_, err := h.keys.Find([]byte(keys[tenants-1]))
			return err == nil
		})
		total := isolationRequests(t)
		var sent, crossed, hits, meant, shared atomic.Int64
		var wg sync.WaitGroup
		client := &fasthttp.Client{MaxConnsPerHost: 64, Dial: func(addr string) (net.Conn, error) { return net.Dial("tcp", addr) }}
		for g := range 32 {
			wg.Go(func() {
				random := rand.New(rand.NewPCG(1, uint64(g)))
				req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
				defer fasthttp.ReleaseRequest(req)
				defer fasthttp.ReleaseResponse(resp)
				for sent.Add(1) <= int64(total) {
					tenant := random.IntN(tenants)
					question := []string{"What is the secret?", "what is the secret?", "What is the secret? ", "What is the secret"}[random.IntN(4)]
					body := chat("small", fmt.Sprint(question, random.IntN(20)), []string{"", streamed, usageAsked}[random.IntN(3)])
					req.Reset()
					req.SetRequestURI("http://" + h.addr + "/v1/chat/completions")
					req.Header.SetMethod("POST")
					req.Header.Set("Authorization", "Bearer "+keys[tenant])
					req.Header.Set("traceparent", fmt.Sprintf("tenant-%d", tenant)) // tells the provider whose request it got; no part of the key
					if random.IntN(10) == 0 {
						req.Header.Set("x-bursar-cache-namespace", fmt.Sprint("n", random.IntN(2)))
					}
					if random.IntN(50) == 0 {
						req.Header.Set("Cache-Control", "no-cache")
					}
					req.SetBodyString(body)
					if err := client.Do(req, resp); err != nil || resp.StatusCode() != 200 {
						t.Errorf("%v, status %d: %s", err, resp.StatusCode(), resp.Body())
						return
					}
					found := ofTenant.FindSubmatch(resp.Body())
					if found == nil || string(found[1]) != strconv.Itoa(tenant) {
						crossed.Add(1)
						t.Errorf("tenant %d got %q", tenant, resp.Body())
					}
					switch string(resp.Header.Peek("x-bursar-cache")) {
					case "hit":
						hits.Add(1)
					case "semantic":
						meant.Add(1)
					}
					if strings.Contains(string(resp.Header.Peek("Cache-Status")), "collapsed") {
						shared.Add(1)
					}
				}
			})
		}
		wg.Wait()
		client.CloseIdleConnections()
		if crossed.Load() != 0 || hits.Load() < int64(total)/100 {
			t.Errorf("%d answers crossed tenants; %d hits of %d", crossed.Load(), hits.Load(), total)
		}
		t.Logf("%d requests of %d tenants: %d hits, %d of them from flights, %d semantic, %d calls; 0 crossed", total, tenants, hits.Load(), shared.Load(), meant.Load(), h.up.Count(""))
	})
}

// tellSecret answers with a secret of the tenant that asks, as a stream if the request says so.
func tellSecret(w http.ResponseWriter, r *http.Request) {
	secret := r.Header.Get("traceparent") + "-secret"
	time.Sleep(time.Millisecond) // so that equal questions meet
	if r.Header.Get("Accept") != "text/event-stream" {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"id":"c","object":"chat.completion","model":"small","choices":[{"index":0,"message":{"role":"assistant","content":%q},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13}}`, secret)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	fmt.Fprintf(w, `data: {"id":"c","object":"chat.completion.chunk","model":"small","choices":[{"index":0,"delta":{"role":"assistant","content":%q},"finish_reason":null}],"usage":null}`+"\n\n", secret)
	fmt.Fprint(w, `data: {"id":"c","object":"chat.completion.chunk","model":"small","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}`+"\n\n")
	fmt.Fprint(w, `data: {"id":"c","object":"chat.completion.chunk","model":"small","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13}}`+"\n\ndata: [DONE]\n\n")
}

// TestReplayOfStreams: streams whose chunks come back to back are replayed to the byte, as the client that asked first got them.
func TestReplayOfStreams(t *testing.T) {
	streams := 500
	if n, err := strconv.Atoi(os.Getenv("BURSAR_REPLAY_STREAMS")); err == nil {
		streams = n
	}
	eachStore(t, func(t *testing.T, kind func(testing.TB) stores) {
		h := open(t, plan{sections: cached, stores: kind})
		h.client.Transport.(*http.Transport).MaxIdleConnsPerHost = 16
		h.up.On("small", testkit.Script{Tokens: 60})
		firsts := make([]string, streams)
		var wg sync.WaitGroup
		for g := range 8 {
			wg.Go(func() {
				for i := g; i < streams; i += 8 {
					firsts[i] = h.post(chat("small", fmt.Sprint("stream ", i), usageless(i))).body
				}
			})
		}
		wg.Wait()
		h.kept()
		var differ, missed atomic.Int64
		for g := range 8 {
			wg.Go(func() {
				for i := g; i < streams; i += 8 {
					got := h.post(chat("small", fmt.Sprint("stream ", i), usageless(i)))
					if got.header.Get("x-bursar-cache") != "hit" {
						missed.Add(1)
					}
					if want := withoutCost(firsts[i]); withoutCost(got.body) != want || !strings.HasSuffix(want, done) {
						differ.Add(1)
					}
				}
			})
		}
		wg.Wait()
		if differ.Load() != 0 || missed.Load() != 0 {
			t.Errorf("of %d streams %d differ, %d missed", streams, differ.Load(), missed.Load())
		}
	})
}

// usageless are the two forms of a stream: with and without its usage.
func usageless(i int) string {
	if i%2 == 0 {
		return streamed
	}
	return usageAsked
}

var costMember = regexp.MustCompile(`,"cost":[0-9.]+`)

// withoutCost leaves out what a hit tells otherwise: it costs nothing.
func withoutCost(body string) string { return costMember.ReplaceAllString(body, "") }

// TestWhy: each request's fate has a reason, and a miss names what made its key another.
func TestWhy(t *testing.T) {
	h := open(t, plan{sections: cached})
	system := func(text, user, more string) string {
		return `{"model":"small","messages":[{"role":"system","content":"` + text + `"},{"role":"user","content":"` + user + `"}]` + more + `}`
	}
	f := func(body, word, because, differs string, head ...string) reply {
		t.Helper()
		got := h.post(body, head...)
		h.outcome(got.id())
		why, missing := h.Why(got.id())
		if missing || why.Cache != word || !strings.Contains(why.Because, because) || strings.Join(why.Differs, ", ") != differs {
			t.Errorf("%s: %+v", body, why)
		}
		return got
	}
	base := system("be brief", "hi", `,"temperature":0`)
	f(base, "miss", "no other request was seen", "")
	f(base, "hit", "had been answered before", "")
	f(system("be brief", "hi", `,"temperature":1`), "miss", "differs in: temperature", "temperature")
	f(system("be verbose", "hi", `,"temperature":0`), "miss", "", "system prompt")
	f(system("be brief", "ho", `,"temperature":0`), "miss", "", "last message")
	f(system("be brief", "hi", `,"temperature":0,"unheard_of":1`), "miss", "", "unheard_of")
	f(base, "miss", "", "openai-beta header", "openai-beta", "x")
	f(base, "miss", "", "openai-beta header", "openai-beta", "x", "openai-beta", "y")
	f(base, "miss", "", "namespace", "x-bursar-cache-namespace", "n")
	f(base, "off", "was not asked", "", "Cache-Control", "no-store")
	h.up.On("small", testkit.Script{Finish: "length"}, testkit.Script{})
	f(system("be brief", "long", `,"temperature":0`), "miss", "", "last message")
	f(system("be brief", "long", `,"temperature":0`), "miss", `finish reason "length"`, "")
	if _, missing := h.Why("unknown"); !missing {
		t.Error("a request that never was")
	}
}

// TestFalseHit: a client takes an answer of its own out of the cache, and no other.
func TestFalseHit(t *testing.T) {
	h := open(t, plan{sections: cached})
	stranger := h.key("support")
	until(t, "the keys to be known", func() bool {
		_, err := h.keys.Find([]byte(stranger))
		return err == nil
	})
	report := func(body, key string) reply {
		t.Helper()
		r := h.request(context.Background(), body, "Authorization", "Bearer "+key)
		r.URL.Path = "/v1/bursar/false-hit"
		return h.do(r)
	}
	ask := func(want string) reply {
		t.Helper()
		got := h.post(chat("small", "hi"))
		h.outcome(got.id())
		if is := got.header.Get("x-bursar-cache"); is != want {
			t.Errorf("%s, want %s", is, want)
		}
		return got
	}
	ask("miss")
	hit := ask("hit")
	byID, byKey := `{"request_id":"`+hit.id()+`"}`, `{"cache_key":"`+hit.header.Get("x-bursar-cache-key")+`"}`
	for _, body := range []string{byID, byKey} {
		if got := report(body, stranger); got.status != 404 || got.fault(t).Code != "unknown_answer" {
			t.Errorf("a stranger: status %d: %s", got.status, got.body)
		}
	}
	ask("hit")
	for _, body := range []string{byID, byKey} {
		if got := report(body, h.secret); got.status != 200 {
			t.Errorf("status %d: %s", got.status, got.body)
		}
		ask("miss")
		ask("hit")
	}
	for _, body := range []string{"", "{}", `{"request_id":"a","cache_key":"b"}`, "[]"} {
		if got := report(body, h.secret); got.status != 400 {
			t.Errorf("%q: status %d", body, got.status)
		}
	}
	if got := report(byID, "sk-bursar-nobody"); got.status != 401 {
		t.Errorf("status %d", got.status)
	}
}
