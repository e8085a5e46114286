package admin

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"sync"

	"bursar/cache"
	"bursar/cache/semantic"
	"bursar/exchange"
	"bursar/pricing"

	"github.com/prometheus/client_golang/prometheus"
)

// Cache is what the admin address shows of the answer cache, and does to it.
type Cache struct {
	Stats func() cache.Stats
	// Semantic tells of the semantic cache.
	Semantic func() semantic.Stats
	Why      func(id string) (why any, found bool)
	Purge    func(ctx context.Context, labels ...string) error // of all answers if it names none
	Evict    func(ctx context.Context, requestID, cacheKey string) error
}

// ErrNoSuchAnswer is Evict's word for an answer that is not known.
var ErrNoSuchAnswer = errors.New("no such answer")

// CacheLine is what the cache did for one team on one route since the gateway started.
type CacheLine struct {
	Team     string       `json:"team"`
	Route    string       `json:"route"`
	Requests int64        `json:"requests"` // that the cache was asked for
	Exact    int64        `json:"exact_hits"`
	Shared   int64        `json:"shared_hits"` // answers of equal requests that were under way; part of exact_hits
	Semantic int64        `json:"semantic_hits"`
	Checked  int64        `json:"semantic_checks"` // would-be semantic hits that were sent upstream to be checked; no hits
	Saved    pricing.Nano `json:"saved_nano"`      // by the levers exact and semantic
	Meaning  pricing.Nano `json:"saved_semantic_nano"`
}

// CacheReport is the answer of GET /admin/cache.
type CacheReport struct {
	Store    cache.Stats     `json:"store"`
	Lines    []CacheLine     `json:"lines"`
	Semantic *SemanticReport `json:"semantic,omitempty"` // nil where nothing is compared
}

// cacheTally counts by team and route.
type cacheTally struct {
	mu    sync.Mutex
	lines map[[2]string]*CacheLine
}

func (t *cacheTally) record(x *exchange.Exchange) {
	out := &x.Outcome
	if out.Cache == "off" || out.Cache == "" || out.Cache == "refresh" {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	key := [2]string{x.Identity.Team, x.Decision.Rule}
	line := t.lines[key]
	if line == nil {
		if t.lines == nil {
			t.lines = map[[2]string]*CacheLine{}
		}
		line = &CacheLine{Team: key[0], Route: key[1]}
		t.lines[key] = line
	}
	line.Requests++
	line.Saved += out.Saved[exchange.LeverExact] + out.Saved[exchange.LeverSemantic]
	line.Meaning += out.Saved[exchange.LeverSemantic]
	switch out.Cache {
	case "hit":
		line.Exact++
		if out.Reason == exchange.ReasonSharedHit {
			line.Shared++
		}
	case "semantic":
		line.Semantic++
	case "shadow":
		line.Checked++
	}
}

func (t *cacheTally) read() []CacheLine {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]CacheLine, 0, len(t.lines))
	for _, line := range t.lines {
		all = append(all, *line)
	}
	slices.SortFunc(all, func(a, b CacheLine) int { return cmp.Or(cmp.Compare(a.Team, b.Team), cmp.Compare(a.Route, b.Route)) })
	return all
}

func (s *Server) cacheStats(w http.ResponseWriter, _ *http.Request) {
	report := CacheReport{Store: s.deps.Cache.Stats(), Lines: s.deps.Metrics.tally.read()}
	if s.deps.Cache.Semantic != nil {
		report.Semantic = semanticReport(s.deps.Cache.Semantic())
	}
	writeJSON(w, report, nil)
}

func (s *Server) cacheWhy(w http.ResponseWriter, r *http.Request) {
	why, found := s.deps.Cache.Why(r.URL.Query().Get("id"))
	if !found {
		http.Error(w, "this gateway does not remember the request: it keeps the last 4096, and in a fleet only its own", http.StatusNotFound)
		return
	}
	writeJSON(w, why, nil)
}

// purgeOrder is the body of POST /admin/cache/purge: one label, or everything.
type purgeOrder struct {
	Label string `json:"label"`
	All   bool   `json:"all"`
}

func (s *Server) cachePurge(w http.ResponseWriter, r *http.Request) {
	var order purgeOrder
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&order); err != nil || (order.Label == "") != order.All {
		http.Error(w, `send {"label": "team=search"} (or route=, model=, tag=NAME=VALUE, namespace=) or {"all": true}`, http.StatusBadRequest)
		return
	}
	var labels []string
	if !order.All {
		labels = []string{order.Label}
	}
	writeJSON(w, map[string]bool{"purged": true}, s.deps.Cache.Purge(r.Context(), labels...))
}

// evictOrder is the body of POST /admin/cache/false-hit.
type evictOrder struct {
	RequestID string `json:"request_id"`
	CacheKey  string `json:"cache_key"`
}

func (s *Server) cacheEvict(w http.ResponseWriter, r *http.Request) {
	var order evictOrder
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&order); err != nil || (order.RequestID == "") == (order.CacheKey == "") {
		http.Error(w, `send {"request_id": "..."} or {"cache_key": "..."}`, http.StatusBadRequest)
		return
	}
	err := s.deps.Cache.Evict(r.Context(), order.RequestID, order.CacheKey)
	if errors.Is(err, ErrNoSuchAnswer) {
		http.Error(w, "no answer is known by that name; a cache_key is known to every gateway, a request_id only to the one that served it", http.StatusNotFound)
		return
	}
	writeJSON(w, map[string]bool{"evicted": true}, err)
}

// CacheStore adds what a store tells of itself to the metrics.
func (m *Metrics) CacheStore(stats func() cache.Stats) {
	for _, g := range []struct {
		name, help string
		read       func(cache.Stats) int64
	}{
		{"cache_entries", "Answers in this gateway's memory.", func(s cache.Stats) int64 { return s.Entries }},
		{"cache_bytes", "Bytes that they take.", func(s cache.Stats) int64 { return s.Bytes }},
		{"cache_store_down", "1 while the cache's Redis is not asked, because it does not answer.", func(s cache.Stats) int64 {
			if s.Open {
				return 1
			}
			return 0
		}},
	} {
		m.Gauge(g.name, g.help, func() float64 { return float64(g.read(stats())) })
	}
	for _, c := range []struct {
		name, help string
		read       func(cache.Stats) int64
	}{
		{"cache_stored_total", "Answers stored.", func(s cache.Stats) int64 { return s.Stored }},
		{"cache_refused_total", "Answers not stored: incomplete or too large.", func(s cache.Stats) int64 { return s.Refused }},
		{"cache_dropped_total", "Answers not stored: the queue was full, or Redis down.", func(s cache.Stats) int64 { return s.Dropped }},
		{"cache_failed_total", "Lookups and stores that Redis did not answer in time.", func(s cache.Stats) int64 { return s.Failed }},
		{"cache_corrupt_total", "Stored answers that were damaged, and deleted.", func(s cache.Stats) int64 { return s.Corrupt }},
		{"cache_mismatched_total", "Stored answers of another key, scope or version than asked for; never served.", func(s cache.Stats) int64 { return s.Mismatched }},
		{"cache_flights_total", "Requests that made an answer others could wait for.", func(s cache.Stats) int64 { return s.Led }},
		{"cache_followed_total", "Requests that got the answer of another under way.", func(s cache.Stats) int64 { return s.Followed }},
		{"cache_took_over_total", "Requests that were sent after one they waited for had failed.", func(s cache.Stats) int64 { return s.TookOver }},
	} {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "bursar", Name: c.name, Help: c.help}, func() float64 { return float64(c.read(stats())) }))
	}
}
