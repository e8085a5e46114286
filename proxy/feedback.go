package proxy

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"bursar/exchange"
	"bursar/ledger"
	"bursar/router/samples"

	"github.com/valyala/fasthttp"
)

// Feedback says how good an answer was: by a score, or by a label that stands for one.
type Feedback struct {
	RequestID string   `json:"request_id"` // as in x-bursar-request-id; of a sample's other answer, with -shadow behind it
	Score     *float64 `json:"score"`      // 0 (useless) to 1 (perfect)
	Label     string   `json:"label"`      // good, bad, pass, fail, up, down
	Source    string   `json:"source"`     // who says so; one source scores an answer once
}

var labelScores = map[string]float64{"good": 1, "pass": 1, "up": 1, "bad": 0, "fail": 0, "down": 0}

// Bounds on what is taken.
const (
	mostFeedback      = 4 << 10 // bytes of one
	mostFeedbackOfKey = 600     // of one key in a minute
	longestSource     = 64
)

// feedback takes down how good an answer was. Only answers to the caller's own team can be judged. Saying the same again changes nothing.
func (s *Server) feedback(ctx *fasthttp.RequestCtx) {
	t := s.begin(ctx, chatCompletions)
	defer t.release()
	ctx.Response.Header.Set("x-bursar-request-id", t.ID)
	fault := s.identify(t)
	if fault == nil {
		fault = s.judgements.takeUpTo(mostFeedbackOfKey, "scores of answers", t.Identity.KeyID, t.Start)
	}
	repeated := false
	if fault == nil {
		repeated, fault = s.takeFeedback(t, ctx.Request.Body())
	}
	if fault != nil {
		retryHeaders(t, fault)
		writeFault(ctx, nil, fault, t.ID)
		return
	}
	ctx.SetContentType("application/json")
	ctx.SetBodyString(fmt.Sprintf(`{"recorded":true,"repeated":%t}`, repeated))
}

func (s *Server) takeFeedback(t *trip, body []byte) (repeated bool, fault *exchange.Fault) {
	f, score, fault := readFeedback(body)
	if fault != nil {
		return false, fault
	}
	row, fault := s.answerOfTeam(t, f.RequestID)
	if fault != nil {
		return false, fault
	}
	l := &samples.Label{ID: samples.ScoreID(f.RequestID, f.Source), At: t.Start, Team: row.Team, Route: row.Rule, Said: samples.Said{Of: f.RequestID, Source: f.Source, Score: &score}}
	if s.label(l, &row) {
		return false, nil
	}
	before, known := s.labels.book.Score(l.ID)
	if !known {
		return false, &exchange.Fault{
			Status: 409, Type: "invalid_request_error", Code: "feedback_full", Reason: exchange.ReasonBadRequest, NoRetry: true,
			Message: "This answer takes no more scores: it has as many as count, is too old, or its team has its share of all that are kept.",
		}
	}
	if before != score {
		return false, &exchange.Fault{
			Status: 409, Type: "invalid_request_error", Code: "already_scored", Param: "score", Reason: exchange.ReasonBadRequest, NoRetry: true,
			Message: fmt.Sprintf("Source %q has scored this answer with %v already.", f.Source, before), Hint: "A second opinion needs a source of its own.",
		}
	}
	return true, nil
}

// readFeedback reads and checks a body.
func readFeedback(body []byte) (f Feedback, score float64, fault *exchange.Fault) {
	bad := func(param, format string, args ...any) *exchange.Fault {
		return &exchange.Fault{
			Status: 400, Type: "invalid_request_error", Code: "bad_feedback", Param: param, Reason: exchange.ReasonBadRequest, NoRetry: true,
			Message: fmt.Sprintf(format, args...), Hint: `Send {"request_id": "req_...", "score": 0.8, "source": "my-evaluator"}, or "label": "good" in place of the score.`,
		}
	}
	if len(body) > mostFeedback {
		return f, 0, bad("", "Feedback has at most %d bytes.", mostFeedback)
	}
	if err := json.Unmarshal(body, &f); err != nil {
		return f, 0, bad("", "The feedback is no JSON object of the right kinds.")
	}
	switch named, known := labelScores[f.Label]; {
	case f.RequestID == "" || len(f.RequestID) > 64:
		return f, 0, bad("request_id", "The feedback names no request.")
	case (f.Score == nil) == (f.Label == ""):
		return f, 0, bad("score", "The feedback needs either a score or a label.")
	case f.Label != "" && !known:
		return f, 0, bad("label", "There is no such label: write good, bad, pass, fail, up or down.")
	case f.Score != nil && !(*f.Score >= 0 && *f.Score <= 1):
		return f, 0, bad("score", "A score goes from 0 to 1.")
	case f.Score != nil:
		score = *f.Score
	default:
		score = named
	}
	if f.Source == "" {
		f.Source = "client"
	}
	if len(f.Source) > longestSource || strings.ContainsFunc(f.Source, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return f, 0, bad("source", "A source is a word of at most %d printable characters without spaces.", longestSource)
	}
	return f, score, nil
}

// answerOfTeam finds the row of a request, or of a sample's other call. What another team has asked is as unknown as what nobody has.
func (s *Server) answerOfTeam(t *trip, id string) (ledger.Row, *exchange.Fault) {
	var failed error
	for _, from := range s.Sources {
		row, found, err := from.Find(context.Background(), id)
		if err != nil {
			failed = err
		}
		if found && row.Team == t.Identity.Team && row.Target != "" {
			return row, nil
		}
	}
	if failed != nil {
		return ledger.Row{}, &exchange.Fault{
			Status: 503, Type: "server_error", Code: "ledger_down", Reason: exchange.ReasonInternal, Err: failed, RetryAfter: 5 * time.Second,
			Message: "The ledger that knows the request does not answer.", Hint: "Send the feedback again later.",
		}
	}
	return ledger.Row{}, &exchange.Fault{
		Status: 404, Type: "invalid_request_error", Code: "unknown_request", Param: "request_id", Reason: exchange.ReasonBadRequest, NoRetry: true,
		Message: "No answered request of your team goes by that id.",
		Hint:    "Send the x-bursar-request-id of an answer; a fleet knows a request of another gateway a few seconds after it has ended.",
	}
}
