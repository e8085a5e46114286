// Package admin lets operators and finance look: health, readiness, metrics, reload, and a page with the statement. It has a
// listener of its own, on the loopback interface unless told otherwise, and speaks net/http: it is off the hot path.
package admin

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"math"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"bursar/ledger"
	"bursar/policy"
	"bursar/pricing"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Deps are what the pages show and the buttons do.
type Deps struct {
	Metrics *Metrics
	Policy  func() *policy.Policy
	Reload  func() error
	Ready   func(context.Context) error // nil if requests can be served
	Report  func(context.Context) (*ledger.Statement, error)
	Budgets func(context.Context) ([]Budget, error)
	Limits  func(context.Context) ([]Limit, error)
	// Certificates are of the routes whose cheap answers need one.
	Certificates func() []Certificate
	Cache        Cache
	Version      string
}

// Budget is how one budget stands in its current window.
type Budget struct {
	Name      string       `json:"name"`
	Window    string       `json:"window"`
	Spent     pricing.Nano `json:"spent_nano"`
	Held      pricing.Nano `json:"held_nano"`
	Limit     pricing.Nano `json:"limit_nano"`
	WhenSpent string       `json:"when_spent"`
	Raised    *Raise       `json:"raised,omitempty"` // why Limit is higher for a while
	Renews    time.Time    `json:"renews,omitzero"`

	// What the ledger must be asked to compare with Spent.
	Scope  Scope     `json:"scope,omitzero"`
	Starts time.Time `json:"starts,omitzero"`  // zero if the window has always been open
	Shared bool      `json:"shared,omitempty"` // Spent is of all gateways of a fleet, not of this one
}

// Raise is why a limit is higher for a while.
type Raise struct {
	From  pricing.Nano `json:"from_nano"` // the limit without it
	Until time.Time    `json:"until"`
	Why   string       `json:"why"`
}

// Limit is how one limit stands.
type Limit struct {
	Name     string `json:"name"`
	Unit     string `json:"unit"` // requests or tokens, within the last minute; concurrent: now under way
	Used     int64  `json:"used"`
	Limit    int64  `json:"limit"`
	Observed bool   `json:"observed,omitempty"` // it refuses nothing
}

// Scope is whom a budget bounds: requests that meet every part that is set; all of them if none is.
type Scope struct {
	Team     string `json:"team,omitempty"`
	Project  string `json:"project,omitempty"`
	Key      string `json:"key,omitempty"`
	User     string `json:"user,omitempty"`
	Model    string `json:"model,omitempty"` // provider/model, or a model of the policy
	TagName  string `json:"tag_name,omitempty"`
	TagValue string `json:"tag_value,omitempty"`
}

// State is spent, or the share that is used: never 100 % while something is left.
func (b Budget) State() string {
	if b.Spent+b.Held >= b.Limit {
		return "spent"
	}
	return fmt.Sprintf("%.0f %%", min(99, math.Floor(float64(b.Spent+b.Held)*100/float64(b.Limit))))
}

// Server is the admin listener.
type Server struct {
	deps Deps
	http *http.Server
}

// New makes the server.
func New(deps Deps) *Server {
	s := &Server{deps: deps}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.Handle("GET /metrics", promhttp.HandlerFor(deps.Metrics.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("POST /-/reload", s.reload)
	mux.HandleFunc("GET /admin/budgets", s.budgets)
	mux.HandleFunc("GET /admin/limits", s.limits)
	mux.HandleFunc("GET /admin/report", s.report)
	mux.HandleFunc("GET /admin/certificates", s.certificates)
	mux.HandleFunc("GET /admin/cache", s.cacheStats)
	mux.HandleFunc("GET /admin/cache/why", s.cacheWhy)
	mux.HandleFunc("POST /admin/cache/purge", s.cachePurge)
	mux.HandleFunc("POST /admin/cache/false-hit", s.cacheEvict)
	mux.HandleFunc("GET /{$}", s.page)
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	s.http = &http.Server{Handler: secured(mux), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	return s
}

// secured sets the headers of a page that runs no scripts and is framed by nobody.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		h.Set("Referrer-Policy", "no-referrer")
		next.ServeHTTP(w, r)
	})
}

// Serve answers until Shutdown.
func (s *Server) Serve(ln net.Listener) error { return s.http.Serve(ln) }

// Shutdown ends the server.
func (s *Server) Shutdown(ctx context.Context) error { return s.http.Shutdown(ctx) }

func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") }

// readyz tells a load balancer whether to send requests here.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	if err := s.deps.Ready(r.Context()); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
}

// reload loads the policy file. On an error the last good policy stays, and the answer has every problem.
func (s *Server) reload(w http.ResponseWriter, _ *http.Request) {
	if err := s.deps.Reload(); err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	fmt.Fprintf(w, "policy %.12s is in force\n", s.deps.Policy().Hash)
}

func (s *Server) budgets(w http.ResponseWriter, r *http.Request) {
	all, err := s.deps.Budgets(r.Context())
	writeJSON(w, all, err)
}

func (s *Server) limits(w http.ResponseWriter, r *http.Request) {
	all, err := s.deps.Limits(r.Context())
	writeJSON(w, all, err)
}

func (s *Server) report(w http.ResponseWriter, r *http.Request) {
	statement, err := s.deps.Report(r.Context())
	writeJSON(w, statement, err)
}

func writeJSON(w http.ResponseWriter, v any, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // a reader that left
}

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// page is the one page: policy, statement by team, budgets, limits.
func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	statement, err := s.deps.Report(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	budgets, budgetsErr := s.deps.Budgets(r.Context())
	limits, limitsErr := s.deps.Limits(r.Context())
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = pageTemplate.Execute(w, map[string]any{
		"Policy": s.deps.Policy(), "Statement": statement, "Budgets": budgets, "BudgetsErr": budgetsErr, "Version": s.deps.Version,
		"Limits": limits, "LimitsErr": limitsErr,
	})
}
