// Package providers speaks to the providers of models: it keeps connections to them, calls them, retries, reads what they answer
// and what it used, and turns answers from plain to streamed and back.
// It is separate because everything that can go wrong on the way to a provider, and every dialect, is kept in here: the rest of
// the house sees an Answer, or a Failure that says what to tell the client.
package providers

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"bursar/dialect"
	"bursar/exchange"
	"bursar/pricing"
)

// Upstream is one provider: its connections, its credentials, and a breaker for each of its targets. It is safe for concurrent use.
type Upstream struct {
	cfg    Config
	host   string // for the Host header
	base   string // path of the base URL, no slash at its end
	chat   string // path and query of chat completions, for openai
	tail   string // query of every request
	scheme string
	azure  bool // Azure's OpenAI service

	deployments bool             // its older API, which has the model in the path
	dialect     *dialect.Dialect // nil for openai
	pool        *fasthttp.HostClient
	keys        []*credential // never none
	turn        atomic.Uint64 // counts requests without a conversation, which take turns among the keys

	staleWithin time.Duration // how soon a connection breaks that was dead before the request

	mu       sync.Mutex
	closed   bool
	breakers map[string]*Breaker
	crowd    *Breaker  // shared by targets beyond maxBreakers
	swept    time.Time // when breakers that know nothing were last dropped
}

// Config says where a provider is and how long it may take.
type Config struct {
	Name       string // name of the provider in the policy
	Dialect    string // "openai", the default: chat completions as OpenAI, vLLM, llama.cpp, Ollama and most others speak them; or see package dialect
	BaseURL    string // http or https, with the path before /chat/completions: https://api.openai.com/v1
	Key        string // the only key, sent as the dialect has it; "" sends none
	Keys       []Key  // several keys, in place of Key
	Quirks     dialect.Quirks
	Region     string      // what Amazon's signatures are for; "" is that of the host
	APIVersion string      // sent as the query parameter api-version, if any
	TLS        *tls.Config // for a private authority; nil uses the system's

	Connect   time.Duration // for a connection with its TLS handshake; default 5 s
	FirstByte time.Duration // from the end of the request to the head of a stream; default 60 s
	Idle      time.Duration // between two reads of a stream; default 60 s
	Total     time.Duration // for a plain answer, all attempts together; default 10 min, as the SDKs have it

	Retries       int           // attempts after the first; 0 is none
	RetryWait     time.Duration // a retry-after up to this is waited for, one beyond it ends the call; default 5 s
	MaxConcurrent int           // calls to one target at once; 0 is no bound
	MaxConns      int           // connections at once; default 8192
	MaxAnswer     int           // bytes of a plain answer; default 64 MiB
	MaxEvent      int           // bytes of one event of a stream; default 8 MiB
	MaxOutputText int           // bytes of a stream's text kept for counting; default 1 MiB

	Now  func() time.Time // nil is time.Now; for tests
	Rand func() float64   // 0 <= x < 1; nil is math/rand; for tests
}

// idleConn is how long a connection may lie unused: shorter than the idle timeouts of the load balancers in front of most
// providers (60 s and up). Servers that hang up sooner (uvicorn, llama.cpp: 5 s) are met by the free retry.
const idleConn = 50 * time.Second

// staleWithin is the longest that news of a dead connection takes: a round trip, and the delays of a busy machine.
const staleWithin = 2 * time.Second

// Validate says what is wrong with a configuration, and what to write instead.
func (c *Config) Validate() error {
	if c.Name == "" {
		return errors.New("a provider needs a name")
	}
	if _, known := dialect.Find(c.Dialect); !known {
		return fmt.Errorf("provider %q: dialect %q is not known: write one of %s", c.Name, c.Dialect, strings.Join(dialect.Names(), ", "))
	}
	u, err := url.Parse(c.BaseURL)
	switch {
	case err != nil:
		return fmt.Errorf("provider %q: base_url: %w", c.Name, err)
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return fmt.Errorf("provider %q: base_url %q needs http:// or https:// and a host", c.Name, c.BaseURL)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("provider %q: base_url must not hold a user, a query or a fragment", c.Name)
	case c.Key != "" && len(c.Keys) > 0:
		return fmt.Errorf("provider %q: give either one key or several", c.Name)
	case c.Connect < 0 || c.FirstByte < 0 || c.Idle < 0 || c.Total < 0 || c.RetryWait < 0:
		return fmt.Errorf("provider %q: a timeout must not be negative", c.Name)
	case c.Retries < 0 || c.Retries > 10:
		return fmt.Errorf("provider %q: retries is %d: write 0 to 10", c.Name, c.Retries)
	}
	return nil
}

// New makes the upstream of a provider. It connects when it is first called.
func New(cfg Config) (*Upstream, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.Connect = cmp.Or(cfg.Connect, 5*time.Second)
	cfg.FirstByte = cmp.Or(cfg.FirstByte, time.Minute)
	cfg.Idle = cmp.Or(cfg.Idle, time.Minute)
	cfg.Total = cmp.Or(cfg.Total, 10*time.Minute)
	cfg.RetryWait = cmp.Or(cfg.RetryWait, 5*time.Second)
	cfg.MaxConns = cmp.Or(cfg.MaxConns, 8192)
	cfg.MaxAnswer = cmp.Or(cfg.MaxAnswer, 64<<20)
	cfg.MaxEvent = cmp.Or(cfg.MaxEvent, 8<<20)
	cfg.MaxOutputText = cmp.Or(cfg.MaxOutputText, 1<<20)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Float64
	}
	base, err := url.Parse(cfg.BaseURL)
	if err != nil {
		return nil, err
	}
	u := &Upstream{
		cfg: cfg, scheme: base.Scheme, host: base.Host, base: strings.TrimRight(base.EscapedPath(), "/"),
		staleWithin: staleWithin, breakers: map[string]*Breaker{}, crowd: newBreaker(cfg.Now),
	}
	if u.deployments = cfg.Dialect == "azure" && !strings.HasSuffix(u.base, "/v1"); u.deployments {
		u.base = strings.TrimSuffix(u.base, "/openai")
		cfg.APIVersion = cmp.Or(cfg.APIVersion, azureVersion)
	}
	if cfg.APIVersion != "" {
		u.tail = "?api-version=" + url.QueryEscape(cfg.APIVersion)
	}
	u.dialect, _ = dialect.Find(cfg.Dialect)
	u.azure = cfg.Dialect == "azure" || strings.HasSuffix(base.Hostname(), ".azure.com")
	u.cfg.Region = cmp.Or(cfg.Region, pricing.RegionOf(base.Host))
	if err := u.credentials(); err != nil {
		return nil, err
	}
	u.chat = u.base + "/chat/completions" + u.tail
	u.pool = &fasthttp.HostClient{
		Addr:                base.Host,
		Dial:                newDialer(base, cfg.TLS, cfg.Connect).dial,
		MaxConns:            cfg.MaxConns,
		MaxIdleConnDuration: idleConn,
		MaxResponseBodySize: cfg.MaxAnswer,
		// The one used last is the least likely to have been closed by the provider.
		ConnPoolStrategy: fasthttp.LIFO,
		ReadBufferSize:   8 << 10, // an answer's head must fit in
		WriteBufferSize:  16 << 10,
	}
	return u, nil
}

// azureVersion is the version of the deployments' API that is asked for unless the policy says another.
const azureVersion = "2024-10-21"

// path is the path and query of a call.
func (u *Upstream) path(c *Call) string {
	switch {
	case c.Raw && u.tail != "" && strings.Contains(c.Path, "?"):
		return u.base + c.Path + "&" + u.tail[1:]
	case u.dialect != nil && c.Vectors:
		return u.base + u.dialect.Vectors.Path(u.base, c.Model, c.Single) + u.tail
	case u.deployments:
		return u.base + "/openai/deployments/" + url.PathEscape(c.Model) + cmp.Or(c.Path, "/chat/completions") + u.tail
	case c.Path != "":
		return u.base + c.Path + u.tail
	case u.dialect == nil:
		return u.chat
	}
	path := u.base + u.dialect.Path(u.base, c.Model, c.Stream)
	if u.tail != "" && strings.Contains(path, "?") {
		return path + "&" + u.tail[1:]
	}
	return path + u.tail
}

// Carry carries a chat completion over to the provider's dialect. Dropped are the members that it has nothing for, if the options allow that;
// else they are a fault, and nothing should be sent. A provider of the openai dialect gets the body of a client that speaks it as it is.
func (u *Upstream) Carry(body []byte, o dialect.Options) (carried []byte, dropped []string, fault *exchange.Fault) {
	switch {
	case u.dialect != nil && o.Vectors:
		return u.dialect.Vectors.Request(body, o)
	case u.dialect != nil:
		return u.dialect.Request(body, o)
	case o.Vectors:
		if body, dropped, fault = dialect.PlainVectors(body, o); fault != nil {
			return nil, nil, fault
		}
	case o.Foreign:
		o.Reasoning = u.cfg.Quirks.Reasoning != "" && u.cfg.Quirks.Reasoning != "none"
		if body, dropped, fault = dialect.Plain(body, o); fault != nil {
			return nil, nil, fault
		}
	}
	if !u.cfg.Quirks.Any() {
		return body, dropped, nil
	}
	carried, further, fault := u.cfg.Quirks.Request(body, o)
	return carried, append(dropped, further...), fault
}

// Serves tells whether the provider has a call of OpenAI's API, or one that says the same, by its path.
func (u *Upstream) Serves(path string) bool {
	switch {
	case u.dialect == nil || path == "/chat/completions":
		return true
	case path == "/embeddings" && u.dialect.Vectors != nil:
		return u.dialect.Vectors.Path(u.base, "", false) != ""
	}
	return false
}

// Name returns the provider's name in the policy.
func (u *Upstream) Name() string { return u.cfg.Name }

// Close closes idle connections; calls in flight end undisturbed, and their connections are closed after them.
func (u *Upstream) Close() {
	u.mu.Lock()
	u.closed = true
	u.mu.Unlock()
	u.pool.CloseIdleConnections()
}

func (u *Upstream) isClosed() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.closed
}
