package proxy

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"bursar/budget"
	"bursar/cache"
	"bursar/cache/semantic"
	"bursar/exchange"
	"bursar/keys"
	"bursar/ledger"
	"bursar/policy"
	"bursar/pricing"
	"bursar/prompt"
	"bursar/providers"
	"bursar/tokens"

	"github.com/valyala/fasthttp"
)

// Server is the gateway's front door.
type Server struct {
	Options
	keys     *keys.Ring
	counter  *tokens.Counter
	cache    Cache
	semantic *semantic.Cache
	budgets  Budgets
	ledger   *ledger.Ledger
	current  atomic.Pointer[generation]
	ids      *requestIDs
	sticky   stickiness
	views    budgetViews
	leases   leases
	settling settler
	alone    alone
	renewing refreshes
	besides  besides
	pendings pendings
	labels   labels
	sealers  sealers

	histories histories

	judgements reports
	diary      diary
	reports    reports

	calibration tokens.Calibration
	lengths     tokens.Lengths // how long answers get, by route and target
	summaries   summaries
	recurrence  prompt.Recurrence // which prompts begin like others before them

	books     sync.RWMutex                   // read while a row is booked, written while counters are restored from the rows
	loading   sync.Mutex                     // guards upstreams and opinions
	upstreams map[string]*providers.Upstream // by all that the policy says of the provider
	opinions  opinions
	http      *fasthttp.Server
	draining  atomic.Bool
	serving   sync.Mutex // guards listener
	listener  net.Listener
	stop      context.CancelFunc
	running   sync.WaitGroup

	inUse     chan struct{} // closed when the first policy is in use
	recovered chan struct{} // closed when the store knows what the last process left undone
}

// Budgets is the store that holds money. budget.Memory and budget.Redis are such stores.
type Budgets interface {
	Reserve(ctx context.Context, h *budget.Hold) (budget.Grant, error)
	Settle(ctx context.Context, s budget.Settlement) (budget.Settled, error)
	SettleBatch(ctx context.Context, batch []budget.Settlement, results []budget.Settled) error
	Cancel(ctx context.Context, id string) error
	Charge(ctx context.Context, id string, charges []budget.Charge, amount pricing.Nano) (budget.Settled, error)
	RenewAll(ctx context.Context, ids []string, lease time.Duration) error
	States(ctx context.Context, charges []budget.Charge, into []budget.State) error
	Rates(ctx context.Context, limits []budget.Limit, into []budget.Rate) error
	Known(ctx context.Context) (bool, error)
	Expire(ctx context.Context) error
	Orphans(ctx context.Context, most int) ([]budget.Orphan, error)
	AckOrphan(ctx context.Context, id string) error
}

// Cache finds and keeps answers. cache.Memory and cache.Redis are such caches.
type Cache interface {
	Find(ctx context.Context, ask *cache.Ask) *cache.Answer
	Join(ctx context.Context, ask *cache.Ask) (*cache.Answer, *cache.Seat)
	Mark() cache.Mark
	Hides(key cache.Key, labels []string, mark cache.Mark) bool
	Purge(ctx context.Context, labels ...string) error
	Put(ctx context.Context, key cache.Key, answer *cache.Answer, ttl time.Duration)
}

// Options tune the front door. The zero value of a field takes its default.
type Options struct {
	Gateway     string        // names this gateway in a fleet; should stay the same over restarts; default is a random one
	MaxBody     int           // largest request body in bytes; default 32 MB, as Anthropic's
	ReadTimeout time.Duration // whole request, headers and body, from its first byte; default 60 s
	IdleTimeout time.Duration // between requests on a kept-alive connection; default 120 s
	SlowClient  time.Duration // one write to a client that does not read; default 30 s
	HoldLease   time.Duration // how long a hold outlives the gateway that took it, before it expires into spend; default 90 s
	Sources     []Labels      // where judgements of answers are read from, beside this gateway's own ledger
	Embedded    bool          // the budget store is in this process: it settles at once, and is restored from the ledger
	Observe     []func(*exchange.Exchange)
	Warn        func(what string, err error)          // faults of the house that no client hears of
	Budget      func(BudgetEvent)                     // thresholds that budgets reach
	Limit       func(LimitEvent)                      // limits that have no room, each at most once a minute
	Poll        time.Duration                         // how soon a background response is first asked for; the waits double, up to 30 of it; default 1 s
	Secret      func() []byte                         // what ids of stored responses are sealed with: the same for a fleet and over restarts; nil while it is not known. Default is one of this process
	Opinion     func(tokens int64, cost pricing.Nano) // what second opinions on questions took of their embedder; the cost is 0 if its price is not known
}

// maxHeaders bounds a request's headers in bytes; cookies and tokens of proxies on the way can be long.
const maxHeaders = 16 << 10

func (o Options) withDefaults() Options {
	if o.MaxBody == 0 {
		o.MaxBody = 32 << 20
	}
	if o.ReadTimeout == 0 {
		o.ReadTimeout = time.Minute
	}
	if o.IdleTimeout == 0 {
		o.IdleTimeout = 2 * time.Minute
	}
	if o.SlowClient == 0 {
		o.SlowClient = 30 * time.Second
	}
	if o.HoldLease == 0 {
		o.HoldLease = 90 * time.Second
	}
	if o.Warn == nil {
		o.Warn = func(string, error) {}
	}
	if o.Budget == nil {
		o.Budget = func(BudgetEvent) {}
	}
	if o.Limit == nil {
		o.Limit = func(LimitEvent) {}
	}
	if o.Poll == 0 {
		o.Poll = time.Second
	}
	if o.Secret == nil {
		o.Secret = ownSecret()
	}
	if o.Opinion == nil {
		o.Opinion = func(int64, pricing.Nano) {}
	}
	return o
}

// Rooms are the rooms that the server carries requests through.
type Rooms struct {
	Keys     *keys.Ring
	Counter  *tokens.Counter
	Cache    Cache
	Semantic *semantic.Cache // nil compares nothing
	Budgets  Budgets
	Ledger   *ledger.Ledger
}

// New makes a server. It serves nothing until it has a policy (Use) and a listener (Serve).
func New(rooms Rooms, options Options) *Server {
	s := &Server{
		Options: options.withDefaults(),
		keys:    rooms.Keys, counter: rooms.Counter, cache: rooms.Cache, semantic: rooms.Semantic, budgets: rooms.Budgets, ledger: rooms.Ledger,
		ids: newRequestIDs(), settling: newSettler(), alone: newAlone(), pendings: newPendings(), recovered: make(chan struct{}), inUse: make(chan struct{}), upstreams: map[string]*providers.Upstream{},
	}
	s.labels, s.Sources = newLabels(), append([]Labels{s.ledger}, s.Sources...)
	if s.Gateway == "" {
		s.Gateway = rand.Text()
	}
	s.http = &fasthttp.Server{
		Name: "bursar", Handler: s.route, ErrorHandler: s.unreadable,
		HeaderReceived: s.admit, DisablePreParseMultipartForm: true, ReadBufferSize: maxHeaders,
		MaxRequestBodySize: s.MaxBody, ReadTimeout: s.ReadTimeout, IdleTimeout: s.IdleTimeout,
		// No WriteTimeout: it bounds a whole answer, and streams are long. clientConn bounds each write instead.
		NoDefaultDate: true, NoDefaultContentType: true, CloseOnShutdown: true,
		Logger: quiet{},
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.running.Go(s.settleQueued)
	s.running.Go(func() { s.keepLeases(ctx) })
	s.running.Go(func() { s.sweep(ctx) })
	s.running.Go(func() { s.keepStandings(ctx) })
	s.running.Go(func() { s.restoreLost(ctx) })
	s.running.Go(func() { s.relearnLengths(ctx) })
	if s.Embedded {
		close(s.recovered)
	} else {
		s.running.Go(func() { s.recoverHolds(ctx) })
	}
	s.keepSlices(ctx)
	s.pendings.running.Go(func() { s.resume(s.pendings.over) })
	return s
}

// quiet drops fasthttp's own log lines: each fault it would print reaches unreadable or the access log.
type quiet struct{}

func (quiet) Printf(string, ...any) {}

// Policy returns the policy of new requests, nil before the first Use.
func (s *Server) Policy() *policy.Policy {
	if g := s.current.Load(); g != nil {
		return g.policy
	}
	return nil
}

// Health tells how the providers of the policy in force stand.
func (s *Server) Health() (all []providers.Health) {
	g := s.current.Load()
	if g == nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(g.upstreams)) {
		all = append(all, g.upstreams[name].Health())
	}
	return all
}

// Serve answers requests on a listener until Shutdown.
func (s *Server) Serve(ln net.Listener) error {
	if s.current.Load() == nil {
		return errors.New("proxy: no policy is loaded")
	}
	watched, err := watch(ln, s.SlowClient)
	if err != nil {
		return fmt.Errorf("watch %s for clients that leave: %w", ln.Addr(), err)
	}
	s.serving.Lock()
	s.listener = watched
	if s.draining.Load() { // shut down before it began to serve
		_ = watched.Close()
	}
	s.serving.Unlock()
	return s.http.Serve(watched)
}

// Draining tells whether the server is shutting down.
func (s *Server) Draining() bool { return s.draining.Load() }

// Shutdown stops accepting, lets requests under way finish until ctx ends, and settles everything.
func (s *Server) Shutdown(ctx context.Context) error {
	s.serving.Lock()
	s.draining.Store(true)
	if s.listener != nil {
		_ = s.listener.Close() // fasthttp does not know a listener yet that Serve is about to hand to it
	}
	s.serving.Unlock()
	err := s.http.ShutdownWithContext(ctx)
	s.renewing.drain(ctx)
	s.besides.drain(ctx)
	s.pendings.drain()
	s.settling.close()
	s.stop()
	s.running.Wait()
	s.drainSlices()
	s.loading.Lock()
	defer s.loading.Unlock()
	for _, up := range s.upstreams {
		up.Close()
	}
	if s.opinions.client != nil {
		s.opinions.client.Close()
	}
	return err
}
