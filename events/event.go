// Package events tells people what happens to their money: a budget that reaches a threshold, one that is spent, spend that is out of
// all proportion. It is separate because webhooks are slow, fail, and must never hold up a request.
package events

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"bursar/pricing"
)

// Kind is what an event is about.
type Kind string

// Kinds.
const (
	BudgetThreshold Kind = "budget-threshold" // a window has reached a share of warn_at
	BudgetSpent     Kind = "budget-spent"     // a window has no room
	Anomaly         Kind = "anomaly"          // a team or a key spends far more than its own history
	Test            Kind = "test"             // sent by hand
)

// Event is one thing that somebody should hear of.
type Event struct {
	ID      string // the same for the same thing, on every gateway and after a restart; receivers may see it twice
	Kind    Kind
	At      time.Time
	Gateway string // who noticed
	Team    string // whose money it is; "" if it is not one team's
	Key     string // id of the key, "" if it is not about one
	Text    string // one sentence for people
	Budget  *Budget
	Spend   *Spend
	Matters time.Time // until when it is remembered as told
}

// longestID bounds an id, in bytes.
const longestID = 400

// plainID returns an id that any header, log and file can hold. Clients choose some of the names in it: what has other characters than
// printable ASCII is escaped, cut, and told apart by its digest.
func plainID(id string) string {
	if len(id) <= longestID && !strings.ContainsFunc(id, func(r rune) bool { return r < ' ' || r > '~' }) {
		return id
	}
	var out []byte
	for _, c := range []byte(id[:min(len(id), longestID/4)]) {
		if c < ' ' || c > '~' {
			out = fmt.Appendf(out, "%%%02X", c)
		} else {
			out = append(out, c)
		}
	}
	digest := sha256.Sum256([]byte(id))
	return string(out) + "~" + hex.EncodeToString(digest[:])
}

// Budget is how the budget of an event stands.
type Budget struct {
	Name               string
	Window             string  // scope and window, as budgets count
	Share              float64 // the threshold, 1 for all of it
	Spent, Held, Limit pricing.Nano
	Renews             time.Time // zero: never
}

// Spend is what was spent in an hour, beside what is usual.
type Spend struct {
	Hour  time.Time
	Spent pricing.Nano
	Usual pricing.Nano // what only one in twenty of the busy hours before exceeded
	Bound pricing.Nano // above it the hour is out of proportion
}

// payload is an event as generic webhooks get it. Money is decimal dollars, in strings: no reader turns them into floats unasked.
type payload struct {
	ID      string         `json:"id"`
	Kind    Kind           `json:"kind"`
	At      time.Time      `json:"at"`
	Gateway string         `json:"gateway"`
	Team    string         `json:"team,omitempty"`
	Key     string         `json:"key,omitempty"`
	Text    string         `json:"text"`
	Budget  *payloadBudget `json:"budget,omitempty"`
	Spend   *payloadSpend  `json:"spend,omitempty"`
}

type payloadBudget struct {
	Name   string    `json:"name"`
	Window string    `json:"window"`
	Share  float64   `json:"share"`
	Spent  string    `json:"spent_usd"`
	Held   string    `json:"held_usd"`
	Limit  string    `json:"limit_usd"`
	Renews time.Time `json:"renews,omitzero"`
}

type payloadSpend struct {
	Hour  time.Time `json:"hour"`
	Spent string    `json:"spent_usd"`
	Usual string    `json:"usual_usd"`
	Bound string    `json:"bound_usd"`
}

// body writes the event as a webhook wants it.
func (e *Event) body(format Format) ([]byte, error) {
	if format == Slack {
		return json.Marshal(map[string]string{"text": fmt.Sprintf("*%s* %s", e.Kind, escaped(e.Text))})
	}
	p := payload{ID: e.ID, Kind: e.Kind, At: e.At.UTC(), Gateway: e.Gateway, Team: e.Team, Key: e.Key, Text: e.Text}
	if b := e.Budget; b != nil {
		p.Budget = &payloadBudget{b.Name, b.Window, b.Share, b.Spent.Dollars(), b.Held.Dollars(), b.Limit.Dollars(), b.Renews}
	}
	if s := e.Spend; s != nil {
		p.Spend = &payloadSpend{s.Hour.UTC(), s.Spent.Dollars(), s.Usual.Dollars(), s.Bound.Dollars()}
	}
	return json.Marshal(p)
}

// escaped keeps names of teams and budgets from being read as Slack's markup.
func escaped(s string) string {
	var out []byte
	for i := range len(s) {
		switch s[i] {
		case '&':
			out = append(out, "&amp;"...)
		case '<':
			out = append(out, "&lt;"...)
		case '>':
			out = append(out, "&gt;"...)
		default:
			out = append(out, s[i])
		}
	}
	return string(out)
}
