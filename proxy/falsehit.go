package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"bursar/cache"
	"bursar/cache/semantic"
	"bursar/exchange"

	"github.com/valyala/fasthttp"
)

// FalseHit names an answer that was wrong to give: by the request that got it, if this gateway served it, or by the x-bursar-cache-key that it
// came with, on any gateway.
type FalseHit struct {
	RequestID string `json:"request_id"`
	CacheKey  string `json:"cache_key"`
}

// ErrNoSuchAnswer says that a report names no answer that is known here.
var ErrNoSuchAnswer = errors.New("no such answer")

// falseHit lets a client take an answer of its own scope out of the cache.
func (s *Server) falseHit(ctx *fasthttp.RequestCtx) {
	t := s.begin(ctx, chatCompletions)
	defer t.release()
	ctx.Response.Header.Set("x-bursar-request-id", t.ID)
	fault := s.identify(t)
	if fault == nil {
		fault = s.reports.take(t.Identity.KeyID, t.Start)
	}
	if fault == nil {
		fault = s.evict(t, ctx.Request.Body())
	}
	if fault != nil {
		fault.NoRetry = fault.RetryAfter == 0
		retryHeaders(t, fault)
		writeFault(ctx, nil, fault, t.ID)
		return
	}
	ctx.SetContentType("application/json")
	ctx.SetBodyString(`{"evicted":true}`)
}

func (s *Server) evict(t *trip, body []byte) *exchange.Fault {
	var report FalseHit
	if err := json.Unmarshal(body, &report); err != nil || (report.RequestID == "") == (report.CacheKey == "") {
		return &exchange.Fault{
			Status: 400, Type: "invalid_request_error", Code: "bad_report", Reason: exchange.ReasonBadRequest,
			Message: "A report names one answer.", Hint: `Send {"request_id": "..."} or {"cache_key": "..."}, from the x-bursar- headers of the answer.`,
		}
	}
	t.Facts.Team, t.Facts.Key = t.Identity.Team, t.Identity.KeyID
	scope := t.using.policy.Cache.Scope.Key(&t.Facts)
	if err := s.Evict(context.Background(), report, &scope); errors.Is(err, ErrNoSuchAnswer) {
		return &exchange.Fault{
			Status: 404, Type: "invalid_request_error", Code: "unknown_answer", Reason: exchange.ReasonBadRequest,
			Message: "No cached answer of yours goes by that name.",
			Hint:    "A request_id is known only to the gateway that served it, and for a while; the x-bursar-cache-key of the answer is known to all.",
		}
	} else if err != nil {
		return &exchange.Fault{Status: 503, Type: "server_error", Code: "cache_down", Reason: exchange.ReasonInternal, Err: err, Message: "The answer could not be evicted.", Hint: "Try again."}
	}
	return nil
}

// Evict takes one answer out of the cache, on every gateway within about a second, and with it all that the semantic cache has learned of it. With a scope it does so only if the answer is of that
// scope.
func (s *Server) Evict(ctx context.Context, report FalseHit, scope *string) error {
	key, ok := cache.ParseKey(report.CacheKey)
	var receipt *semantic.Receipt // of the hit, if it was given to a question that means the same
	if report.RequestID != "" {
		s.diary.mu.Lock()
		p := s.diary.find(report.RequestID)
		evicted := false
		if ok = p != nil && !p.key.IsZero() && (scope == nil || p.key.IsOf(*scope)); ok {
			key, receipt, evicted = p.answer, p.receipt, p.evicted
		}
		s.diary.mu.Unlock()
		if ok && evicted {
			return nil // once is enough: what is stored since is another answer, and each purge is work for all gateways
		}
	} else if ok && scope != nil {
		key = key.In(*scope)
		ok = s.cache.Find(ctx, &cache.Ask{Key: key}) != nil
	}
	if !ok {
		return ErrNoSuchAnswer
	}
	if err := s.cache.Purge(ctx, cache.Label(cache.LabelAnswer, key.String())); err != nil {
		return fmt.Errorf("evict an answer: %w", err)
	}
	if s.semantic != nil {
		s.semantic.Condemn(key, receipt)
	}
	s.diary.noteEvicted(report.RequestID)
	return nil
}
