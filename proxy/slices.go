package proxy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"bursar/budget"
	"bursar/ledger"
	"bursar/pricing"
)

// sliced is a store that grants holds from slices which this gateway has of its budgets. budget.Leased is one.
type sliced interface {
	Keep(ctx context.Context, j budget.Journal)
	Drain(ctx context.Context)
	Recover(ctx context.Context, left *budget.Left) (done budget.Settled, seed []byte, err error)
}

// keepSlices has the store tend its slices until the server is shut down.
func (s *Server) keepSlices(ctx context.Context) {
	if store, ok := s.budgets.(sliced); ok {
		s.running.Go(func() { store.Keep(ctx, sliceJournal{s}) })
	}
}

// drainFor bounds how long a gateway that ends tries to give back what is idle in its slices.
const drainFor = 2 * time.Second

// drainSlices gives back what is idle in the store's slices, once everything is settled.
func (s *Server) drainSlices() {
	if store, ok := s.budgets.(sliced); ok {
		ctx, cancel := context.WithTimeout(context.Background(), drainFor)
		defer cancel()
		store.Drain(ctx)
	}
}

// sliceJournal keeps slices in the ledger's journal, beside the holds: each is open there until the store knows all of it.
type sliceJournal struct{ s *Server }

// BeginSlice enters a slice before anything is drawn from it.
func (j sliceJournal) BeginSlice(id string, about []byte) error {
	err := j.s.ledger.Hold(id, 0, about)
	if err != nil {
		j.s.Warn("enter a slice of a budget into the journal; holds are taken one by one", err)
	}
	return err
}

// Reported closes holds whose cost the store knows now.
func (j sliceJournal) Reported(slice string, holds []string) {
	for _, id := range holds {
		if err := j.s.ledger.Forget(drawnFrom(id, slice)); err != nil {
			j.s.Warn("close a hold in the journal", err)
		}
	}
}

// EndSlice closes a slice.
func (j sliceJournal) EndSlice(id string, seed []byte, done budget.Settled) {
	if done.Orphaned { // this gateway was away for longer than a lease
		j.s.correct(id, j.s.seedRow(&ledger.OpenHold{ID: id, Time: time.Now().UnixNano(), Seed: seed}), done.Held)
	}
	if err := j.s.ledger.Forget(id); err != nil {
		j.s.Warn("close a slice of a budget in the journal", err)
	}
}

// Replay settles again what a restarted store may have lost. What the process before had left comes first.
func (j sliceJournal) Replay(ctx context.Context) error {
	select {
	case <-j.s.recovered:
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(recoveryFirst):
	}
	return j.s.replayLost(ctx)
}

// recoveryFirst is how long a gateway that starts grants nothing, so that the store hears first of what the process before it had left.
const recoveryFirst = 5 * time.Second

// drawnFrom is the journal's id of a hold that was drawn from a slice.
func drawnFrom(hold, slice string) string {
	if slice == "" {
		return hold
	}
	return hold + "@" + slice
}

// abandon books a hold at its amount that was drawn from a slice, and whose request a bug has ended. The slice lives on, so nothing else would:
// a hold of its own expires.
func (s *Server) abandon(t *trip) {
	if !t.held || !strings.Contains(t.journalled, "@") {
		return
	}
	t.held = false
	open := ledger.OpenHold{ID: t.hold.ID, Held: t.Outcome.Held, Time: t.Start.UnixNano(), Seed: t.hold.Seed}
	orphan := open.Orphan()
	if err := s.ledger.Append(&orphan); err != nil {
		s.Warn("enter a hold that a bug has left", err)
	}
	s.settleLater(t, &orphan, t.Outcome.Held, budget.AsHeld)
}

// seeded is the row that a hold was taken with: whose it is, and at which model.
func (s *Server) seeded(t *trip) *ledger.Row {
	row := s.seedRow(&ledger.OpenHold{ID: t.hold.ID, Time: t.Start.UnixNano(), Seed: t.hold.Seed})
	return &row
}

// seedRow reads the row that a hold was left open with.
func (s *Server) seedRow(open *ledger.OpenHold) ledger.Row {
	row, err := ledger.DecodeRow(open.Seed)
	if err != nil {
		s.Warn("read the row of a hold that was left open; it is booked by its amount alone", err)
		row = ledger.Row{ID: open.ID, Time: open.Time}
	}
	return row
}

// leftSlice is a slice that the last process left open, and its holds.
type leftSlice struct {
	slice ledger.OpenHold
	holds []ledger.OpenHold
}

// leftSlices sorts what the last process left open into slices with their holds, and holds of their own.
func leftSlices(opens []ledger.OpenHold) (slices []*leftSlice, holds []ledger.OpenHold) {
	byID := map[string]*leftSlice{}
	for _, o := range opens {
		if budget.IsSlice(o.ID) {
			byID[o.ID] = &leftSlice{slice: o}
			slices = append(slices, byID[o.ID])
		}
	}
	for _, o := range opens {
		_, slice, drawn := strings.Cut(o.ID, "@")
		switch left := byID[slice]; {
		case budget.IsSlice(o.ID):
		case drawn && left != nil:
			left.holds = append(left.holds, o)
		default:
			holds = append(holds, o)
		}
	}
	return slices, holds
}

var errNotSliced = errors.New("start this gateway on Redis, as the process before it was, so that they can be settled")

// recoverSlice tells the store what the last process spent of a slice. A hold without a row becomes an orphan at the held amount.
func (s *Server) recoverSlice(ctx context.Context, left *leftSlice) error {
	store, ok := s.budgets.(sliced)
	if !ok {
		return fmt.Errorf("slices of budgets are left open: %w", errNotSliced)
	}
	s.books.RLock() // the store is not restored from the ledger just now
	defer s.books.RUnlock()
	costs := budget.Left{ID: left.slice.ID, About: left.slice.Seed, Holds: map[string]pricing.Nano{}}
	for i := range left.holds {
		hold, _, _ := strings.Cut(left.holds[i].ID, "@")
		_, cost, entered, err := s.costOf(ctx, &left.holds[i])
		if err != nil {
			return err
		}
		if !entered {
			orphan := left.holds[i].Whole()
			orphan.ID = hold
			if err := s.ledger.Append(&orphan); err != nil {
				return err
			}
		}
		if entered && s.settling.summed.Load() > 0 { // the store was restored from a ledger that had the row
			cost = 0
		}
		costs.Holds[hold] = cost
	}
	done, seed, err := store.Recover(ctx, &costs)
	if err != nil {
		return err
	}
	if done.Orphaned {
		s.correct(left.slice.ID, s.seedRow(&ledger.OpenHold{ID: left.slice.ID, Time: left.slice.Time, Seed: seed}), done.Held)
	}
	for _, o := range append(left.holds, left.slice) {
		if err := s.ledger.Forget(o.ID); err != nil {
			return err
		}
	}
	return nil
}
