package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"bursar/budget"
	"bursar/ledger"
	"bursar/policy"
	"bursar/pricing"

	"github.com/redis/go-redis/v9"
)

// window is one window of one budget: what the ledger's rows in it sum to, and what its counter says.
type window struct {
	key, budget, id       string
	everyone              bool
	booked, counted, held pricing.Nano
	drift                 pricing.Nano // counter minus ledger; the largest of all that were asked
	from                  []string     // who was asked for the counter
}

// note takes down what a counter says.
func (w *window) note(from string, spent, held pricing.Nano) {
	w.counted, w.held = spent, max(w.held, held)
	if drift := spent - w.booked; max(drift, -drift) > max(w.drift, -w.drift) {
		w.drift = drift
	}
	w.from = append(w.from, from)
}

// windowsOf sums the rows by every window of every budget that they touch.
func windowsOf(p *policy.Policy, rows []row) []window {
	var all []window
	original := map[string]*row{} // a correction has the id of the row it corrects, and no facts of its own
	for i := range rows {
		if rows[i].kind != ledger.KindCorrection {
			original[rows[i].id] = &rows[i]
		}
	}
	for i := range rows {
		of := &rows[i]
		if o, ok := original[of.id]; ok {
			of = o
		}
		for _, b := range p.Budgets {
			if !b.Touches(&of.facts, &of.served) {
				continue
			}
			id := budget.WindowOf(b.Period, time.Unix(0, of.time), p.Location).ID
			key := b.ScopeKey(&of.facts, &of.served) + "/" + id
			at := slices.IndexFunc(all, func(w window) bool { return w.key == key })
			if at < 0 {
				at = len(all)
				all = append(all, window{key: key, budget: b.Name, id: id, everyone: strings.HasPrefix(key, "everyone/")})
			}
			all[at].booked += rows[i].cost
		}
	}
	slices.SortFunc(all, func(a, b window) int { return strings.Compare(a.key, b.key) })
	return all
}

// readStanding reads what the running gateway said of its windows. Budgets with a window for each of something are not in it.
func readStanding(files string, windows []window) error {
	for file := range strings.SplitSeq(files, ",") {
		raw, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var lines []struct {
			Name, Window string
			Spent        pricing.Nano `json:"spent_nano"`
			Held         pricing.Nano `json:"held_nano"`
		}
		if err := json.Unmarshal(raw, &lines); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		for _, l := range lines {
			at := slices.IndexFunc(windows, func(w window) bool { return w.budget == l.Name && w.id == l.Window })
			if at >= 0 {
				windows[at].note("gateway", l.Spent, l.Held)
			} else if l.Spent != 0 {
				return fmt.Errorf("%s: budget %q has spent $%s in %s, and no row touches it", file, l.Name, l.Spent.Dollars(), l.Window)
			}
		}
	}
	return nil
}

// readRedis asks Redis for every window, and for the number of open holds.
func readRedis(ctx context.Context, url, org string, windows []window) (open int, err error) {
	client, err := connect(url)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	store, err := budget.NewRedis(client, org, budget.Options{})
	if err != nil {
		return 0, err
	}
	charges := make([]budget.Charge, len(windows))
	for i, w := range windows {
		charges[i].Key = w.key
	}
	states := make([]budget.State, len(windows))
	open, openErr := store.Open(ctx)
	if err := errors.Join(openErr, store.States(ctx, charges, states)); err != nil {
		return 0, err
	}
	for i, s := range states {
		windows[i].note("redis", s.Spent, s.Held)
	}
	return open, nil
}

func connect(url string) (redis.UniversalClient, error) {
	o, err := redis.ParseURL(url)
	if err != nil {
		return nil, err
	}
	return budget.Connect(&redis.UniversalOptions{Addrs: []string{o.Addr}, Username: o.Username, Password: o.Password, DB: o.DB}), nil
}

// forget deletes what a fleet has in Redis: its counters and its cached answers.
func forget(ctx context.Context, url, org string) error {
	client, err := connect(url)
	if err != nil {
		return err
	}
	defer client.Close()
	found := client.Scan(ctx, 0, "bursar:{"+org+"}:*", 1000).Iterator()
	for found.Next(ctx) {
		if err := client.Unlink(ctx, found.Val()).Err(); err != nil {
			return err
		}
	}
	return found.Err()
}
