package proxy

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bursar/budget"
	"bursar/exchange"
	"bursar/internal/testkit"
	"bursar/keys"
	"bursar/ledger"
	"bursar/policy"
	"bursar/pricing"
	"bursar/tokens"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	redis.SetLogger(quietRedis{})
	code := m.Run()
	var leaks error
	for range 5 { // the watcher of connections takes up to a second to see that its listener is closed
		if leaks = findLeaks(); leaks == nil {
			break
		}
	}
	if leaks != nil && code == 0 {
		fmt.Fprintln(os.Stderr, leaks)
		code = 1
	}
	os.Exit(code)
}

func findLeaks() error {
	return goleak.Find(
		// These end by themselves, but not soon: the cleaners of idle connections and of idle workers, a clock.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*HostClient).connsCleaner"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.startGlobalTimeCache.func1"),
	)
}

type quietRedis struct{}

func (quietRedis) Printf(context.Context, string, ...any) {}

// patience is how long tests wait for what must happen soon: long, since the machines that run them are slow at times.
const patience = 10 * time.Second

// counter is shared: building one takes a while.
var counter = sync.OnceValue(func() *tokens.Counter {
	c, err := tokens.New()
	if err != nil {
		panic(err)
	}
	return c
})

// plan says how to build a house. The zero plan has the model small, at $2 and $4 per million tokens, and no budget.
type plan struct {
	sections string // of policies.yaml, replacing those of the same name
	options  Options
	stores   func(testing.TB) stores // nil: in memory
	dir      string                  // "" is a new one
	up       *testkit.Upstream       // nil: a new one
}

// house is a running gateway with a fake provider behind it.
type house struct {
	testing.TB
	*Server
	up     *testkit.Upstream
	dir    string
	secret string // a key of team search
	stores stores
	addr   string
	served chan error
	client *http.Client

	mu    sync.Mutex
	news  chan struct{} // closed and replaced whenever a request has ended
	ended map[string]exchange.Exchange
	warns []string
}

// open builds a house and serves from it until the test ends.
func open(t testing.TB, p plan) *house {
	t.Helper()
	h := &house{TB: t, up: p.up, dir: p.dir, news: make(chan struct{}), ended: map[string]exchange.Exchange{}, served: make(chan error, 1)}
	if h.up == nil {
		h.up = testkit.NewUpstream(t)
	}
	if h.dir == "" {
		h.dir = t.TempDir()
	}
	if p.stores == nil {
		p.stores = inMemory
	}
	h.stores = p.stores(t)
	h.secret = h.key("search")
	p.options.Embedded = h.stores.embedded
	p.options.Observe = append(p.options.Observe, h.observe)
	p.options.Warn = h.warn
	ring, err := keys.Open(h.dir, keys.RingOptions{Poll: 5 * time.Millisecond})
	must(t, err)
	books, err := ledger.Open(h.dir, ledger.Options{KeepOpens: !h.stores.embedded, CommitEvery: time.Millisecond})
	must(t, err)
	h.Server = New(Rooms{Keys: ring, Counter: counter(), Cache: h.stores.cache, Semantic: h.stores.semantic, Budgets: h.stores.budgets, Ledger: books}, p.options)
	must(t, h.Use(parse(t, h.up, p.sections)))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	h.addr = ln.Addr().String()
	go func() { h.served <- h.Serve(ln) }()
	h.client = &http.Client{Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 256}, Timeout: time.Minute}
	t.Cleanup(h.close)
	return h
}

// close ends the house as the program does. A second close does nothing.
func (h *house) close() {
	if h.client == nil {
		return
	}
	h.client.CloseIdleConnections()
	h.client = nil
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := h.Shutdown(ctx); err != nil {
		h.Errorf("shut down: %v", err)
	}
	if err := <-h.served; err != nil {
		h.Errorf("serve: %v", err)
	}
	h.keys.Close()
	if _, err := h.ledger.Verify(ctx); err != nil {
		h.Errorf("the books do not balance: %v", err)
	}
	if err := h.ledger.Close(); err != nil {
		h.Errorf("close the ledger: %v", err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// basic is the policy that a plan's sections are laid over.
const basic = `version: 1
providers:
  fake: { dialect: openai, base_url: "UP", retries: 0, timeouts: { connect: 1s, first_byte: 20s, idle: 20s } }
models:
  small: { use: [fake/small] }
  big: { use: [fake/big] }
prices:
  overrides:
    fake/small: { input: 2, output: 4 }
    fake/big: { input: 10, output: 50 }
baseline: big
teams: { search: {}, support: {} }
routes:
  - { name: as asked, to: asked }
default: small
output: { default_max_tokens: 100 }
`

// parse compiles the basic policy with sections laid over it. UP stands for the provider's address.
func parse(t testing.TB, up *testkit.Upstream, sections string) *policy.Policy {
	t.Helper()
	text := ""
	for _, section := range topLevel(basic) {
		name, _, _ := strings.Cut(section, ":")
		if !strings.HasPrefix(sections, name+":") && !strings.Contains(sections, "\n"+name+":") {
			text += section
		}
	}
	text = strings.ReplaceAll(text+sections, "UP", up.URL)
	p, err := policy.Parse("policies.yaml", []byte(text), func(string) string { return "sk-of-the-provider" })
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return p
}

// topLevel cuts a YAML text before each line that is not indented.
func topLevel(text string) (all []string) {
	for line := range strings.Lines(text) {
		if line[0] == ' ' {
			all[len(all)-1] += line
			continue
		}
		all = append(all, line)
	}
	return all
}

// key issues a key for a team.
func (h *house) key(team string) string {
	h.Helper()
	secret, _, err := keys.File(h.dir).Add(context.Background(), keys.Terms{Team: team})
	must(h, err)
	return secret.Reveal()
}

func (h *house) observe(x *exchange.Exchange) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended[x.ID] = *x
	close(h.news)
	h.news = make(chan struct{})
}

func (h *house) warn(what string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.warns = append(h.warns, fmt.Sprintf("%s: %v", what, err))
}

// reply is what a client got.
type reply struct {
	status int
	header http.Header
	body   string
	err    error // of reading the body
}

func (r reply) id() string { return r.header.Get("x-bursar-request-id") }

// fault reads the reply as an error of OpenAI's dialect.
func (r reply) fault(t testing.TB) (f struct{ Message, Type, Param, Code string }) {
	t.Helper()
	var found struct{ Error map[string]any }
	if err := json.Unmarshal([]byte(r.body), &found); err != nil {
		t.Fatalf("status %d, no JSON: %v in %q", r.status, err, r.body)
	}
	text := func(name string, needed bool) string {
		value, has := found.Error[name]
		word, _ := value.(string)
		if !has || needed && word == "" {
			t.Errorf("an error without %s: %s", name, r.body)
		}
		return word
	}
	f.Message, f.Type, f.Code, f.Param = text("message", true), text("type", true), text("code", false), text("param", false)
	return f
}

// request makes a chat request; head is pairs of header names and values on top of the key's.
func (h *house) request(ctx context.Context, body string, head ...string) *http.Request {
	h.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+h.addr+"/v1/chat/completions", strings.NewReader(body))
	must(h, err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+h.secret)
	for i := 0; i < len(head); i += 2 {
		r.Header.Set(head[i], head[i+1])
	}
	return r
}

// post sends a chat request and reads the whole reply.
func (h *house) post(body string, head ...string) reply {
	h.Helper()
	return h.do(h.request(h.Context(), body, head...))
}

func (h *house) do(r *http.Request) reply {
	h.Helper()
	resp, err := h.client.Do(r)
	must(h, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(body), err}
}

// chat is a request's body. more is further members, each with a comma before it.
func chat(model, text string, more ...string) string {
	quoted, _ := json.Marshal(text)
	return `{"model":"` + model + `","messages":[{"role":"user","content":` + string(quoted) + `}]` + strings.Join(more, "") + `}`
}

const (
	streamed   = `,"stream":true`
	usageAsked = `,"stream":true,"stream_options":{"include_usage":true}`
)

// outcome waits until a request has ended, and returns what came of it.
func (h *house) outcome(id string) exchange.Exchange {
	h.Helper()
	return h.await("the end of "+id, func(x *exchange.Exchange) bool { return x.ID == id })
}

// await waits until a request has ended that is as wanted.
func (h *house) await(what string, good func(*exchange.Exchange) bool) exchange.Exchange {
	h.Helper()
	timeout := time.After(patience)
	for {
		h.mu.Lock()
		news := h.news
		for _, x := range h.ended {
			if good(&x) {
				h.mu.Unlock()
				return x
			}
		}
		h.mu.Unlock()
		select {
		case <-news:
		case <-timeout:
			h.Fatalf("waited in vain for %s", what)
		}
	}
}

// row returns the ledger row of a request that has ended.
func (h *house) row(id string) ledger.Row {
	h.Helper()
	h.outcome(id)
	row, found, err := h.ledger.Find(context.Background(), id)
	must(h, err)
	if !found {
		h.Fatalf("the ledger has no row of %s", id)
	}
	return row
}

// until waits for a condition that nothing tells of.
func until(t testing.TB, what string, good func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !good(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// spent returns the sum of the ledger.
func (h *house) spent() pricing.Nano {
	h.Helper()
	sum, err := h.ledger.Spent(context.Background(), ledger.Filter{})
	must(h, err)
	return sum
}

// standing returns how the first budget stands.
func (h *house) standing() budget.State {
	h.Helper()
	all, err := h.Standing(context.Background())
	must(h, err)
	return all[0].State
}

// settled waits until no money is held, and checks that the first budget has spent what the ledger says.
func (h *house) settled() pricing.Nano {
	h.Helper()
	until(h, "all holds to be settled", func() bool { return h.standing().Held == 0 })
	spent, booked := h.standing().Spent, h.spent()
	if spent != booked {
		h.Errorf("the budget has spent $%s, the ledger $%s", spent.Dollars(), booked.Dollars())
	}
	return spent
}

// dial sends bytes of a request as they are and returns the connection.
func (h *house) dial(raw string) (net.Conn, *bufio.Reader) {
	h.Helper()
	conn, err := net.Dial("tcp", h.addr)
	must(h, err)
	h.Cleanup(func() { _ = conn.Close() })
	must(h, conn.SetDeadline(time.Now().Add(patience)))
	_, err = conn.Write([]byte(raw))
	must(h, err)
	return conn, bufio.NewReader(conn)
}

// raw is a chat request as bytes on the wire.
func (h *house) raw(body string, head ...string) string {
	h.Helper()
	var wire bytes.Buffer
	must(h, h.request(context.Background(), body, head...).Write(&wire))
	return wire.String()
}

// all returns the requests that have ended.
func (h *house) all() []exchange.Exchange {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Collect(maps.Values(h.ended))
}
