package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"bursar/admin"
	"bursar/exchange"
	"bursar/ledger"
	"bursar/pricing"
)

// allTime is the beginning of an audit that leaves nothing out.
var allTime time.Time

// auditedWindow is a budget's window by its counter and by the books.
type auditedWindow struct {
	Name    string       `json:"name"`
	Window  string       `json:"window"`
	Counter pricing.Nano `json:"counter_nano"`
	Ledger  pricing.Nano `json:"ledger_nano"`
	Drift   pricing.Nano `json:"drift_nano"` // counter minus ledger
	Held    pricing.Nano `json:"held_nano"`
}

// budgetsFunc asks how budgets stand.
type budgetsFunc func(context.Context) ([]admin.Budget, error)

// auditTries is how often windows that differ are looked at again. A request that ends just then is in the ledger a moment before it
// is in the counter, and in Postgres some seconds after; a drift stays.
const (
	auditTries      = 6
	auditTriesFleet = 50
	auditPause      = 200 * time.Millisecond
)

// compare compares the counters of the gateway with the ledgers, those of a fleet with Postgres if it is there.
func (a *audit) compare(ctx context.Context, budgets budgetsFunc) error {
	agreed := map[string]auditedWindow{}
	tries := auditTries
	if a.Postgres != nil {
		tries = auditTriesFleet
	}
	for try := 1; ; try++ {
		windows, err := a.look(ctx, budgets)
		if err != nil || a.Note != "" {
			return err
		}
		drifts := false
		for i, w := range windows {
			key := w.Name + " " + w.Window
			if _, ok := agreed[key]; !ok && w.Drift == 0 {
				agreed[key] = w
			}
			if good, ok := agreed[key]; ok {
				windows[i] = good
			}
			drifts = drifts || windows[i].Drift != 0
		}
		a.Windows = windows
		if !drifts {
			return nil
		}
		if try == tries {
			a.OK = false
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(auditPause):
		}
	}
}

// look asks the counters, the books, and the counters again. A window agrees if the books' sum is between the two.
func (a *audit) look(ctx context.Context, budgets budgetsFunc) ([]auditedWindow, error) {
	before, err := budgets(ctx)
	if err != nil {
		return nil, err
	}
	books, err := a.books(before)
	if err != nil || a.Note != "" {
		return nil, err
	}
	windows := make([]auditedWindow, len(before))
	for i := range before {
		b := &before[i]
		windows[i] = auditedWindow{Name: b.Name, Window: b.Window}
		for _, book := range books {
			spent, err := book.Spent(ctx, filterOf(b))
			if err != nil {
				return nil, err
			}
			windows[i].Ledger += spent
		}
	}
	after, err := budgets(ctx)
	if err != nil {
		return nil, err
	}
	latest := map[string]admin.Budget{}
	for _, b := range after {
		latest[b.Name+" "+b.Window] = b
	}
	for i := range windows {
		w := &windows[i]
		now, ok := latest[w.Name+" "+w.Window]
		if !ok { // its window has just ended, or the policy was edited
			now = before[i]
		}
		w.Counter, w.Held = now.Spent, now.Held
		if low, high := min(before[i].Spent, now.Spent), max(before[i].Spent, now.Spent); w.Ledger < low || w.Ledger > high {
			w.Drift = w.Counter - w.Ledger
		} else {
			w.Counter = w.Ledger // what the counter was when the books were asked
		}
	}
	return windows, nil
}

// spender is a book that can be asked what was spent.
type spender interface {
	Spent(context.Context, ledger.Filter) (pricing.Nano, error)
}

// books are those that the counters must agree with.
func (a *audit) books(budgets []admin.Budget) ([]spender, error) {
	shared := len(budgets) > 0 && budgets[0].Shared
	switch {
	case shared && a.Postgres != nil:
		return []spender{a.Postgres.fleet}, nil
	case shared && !a.whole:
		a.Note = "the counters are those of a fleet's gateways together, and were not compared: give -postgres, the -data of each of them, or -whole if there is only this one"
	case !shared && len(a.Ledgers) != 1:
		return nil, errors.New("-admin: that gateway counts for itself only: give its own -data alone")
	}
	books := make([]spender, len(a.Ledgers))
	for i, l := range a.Ledgers {
		books[i] = l.reader
	}
	return books, nil
}

// filterOf picks the rows that a budget's window counts.
func filterOf(b *admin.Budget) ledger.Filter {
	s := &b.Scope
	f := ledger.Filter{Team: s.Team, Project: s.Project, Key: s.Key, User: s.User, Model: s.Model, From: b.Starts, To: b.Renews}
	if s.TagName != "" {
		f.Tag = &exchange.Tag{Name: s.TagName, Value: s.TagValue}
	}
	return f
}

// fetchBudgets asks a gateway how its budgets stand.
func fetchBudgets(ctx context.Context, url string) ([]admin.Budget, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/admin/budgets", nil)
	if err != nil {
		return nil, usageError{fmt.Sprintf("-admin: %v; write it as http://127.0.0.1:9090", err)}
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("-admin: %w; is a gateway running, and is this its admin address?", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<20))
	if err == nil && response.StatusCode != http.StatusOK {
		err = errors.New(response.Status + ": " + strings.TrimSpace(string(body[:min(len(body), 500)])))
	}
	var all []admin.Budget
	if err == nil {
		err = json.Unmarshal(body, &all)
	}
	if err != nil {
		return nil, fmt.Errorf("-admin: read %s/admin/budgets: %w", url, err)
	}
	return all, nil
}
