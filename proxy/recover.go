package proxy

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"bursar/budget"
	"bursar/ledger"
	"bursar/pricing"
)

// recoverHolds finishes what the last process left undone in a fleet's store: holds that the store may not have settled. A request that
// has a row is settled at its cost, any other at the held amount, as an orphan. Settling twice changes nothing. While the store
// does not answer it is tried again: requests are served meanwhile.
func (s *Server) recoverHolds(ctx context.Context) {
	defer close(s.recovered)
	left, holds := leftSlices(s.ledger.Recovered().Opens)
	known := shares(s.ledger.Recovered().Opens)
	for _, of := range left {
		s.insist(ctx, "recover a slice of a budget; tried again", of.slice.ID, func() error { return s.recoverSlice(ctx, of, known) })
	}
	for i := range holds {
		s.insist(ctx, "recover a hold; tried again", holds[i].ID, func() error { return s.recoverHold(ctx, &holds[i], known[holds[i].ID]) })
	}
}

// share is what is known of a hold that is open in the journal: a request that falls back, or escalates, leaves several.
type share struct {
	before pricing.Nano // what holds of its request have cost that are closed already; they have no row of their own
	cost   pricing.Nano // what this one has cost, if over
	over   bool         // its request went on to another hold
}

// shares works out the shares of holds: each tells what those before it have cost.
func shares(opens []ledger.OpenHold) map[string]share {
	type part struct {
		id   string
		sunk pricing.Nano
	}
	requests, known := map[string][]part{}, map[string]share{}
	for i := range opens {
		if seed, err := ledger.DecodeRow(opens[i].Seed); err == nil && !budget.IsSlice(opens[i].ID) {
			requests[seed.ID] = append(requests[seed.ID], part{opens[i].ID, seed.Cost})
		}
	}
	for _, parts := range requests {
		slices.SortFunc(parts, func(a, b part) int { return cmp.Compare(a.sunk, b.sunk) })
		for i, p := range parts {
			of := share{}
			if i == 0 {
				of.before = p.sunk
			}
			if i+1 < len(parts) {
				of.cost, of.over = parts[i+1].sunk-p.sunk, true
			}
			known[p.id] = of
		}
	}
	return known
}

// enterBefore enters what a request without a row has paid before a hold.
func (s *Server) enterBefore(open *ledger.OpenHold, of share) error {
	if of.before == 0 {
		return nil
	}
	row := (&ledger.OpenHold{ID: holdID(s.seedRow(open).ID, 0), Held: of.before, Time: open.Time, Seed: open.Seed}).Orphan()
	return s.ledger.Append(&row)
}

// insist tries until it is done, or ctx ends.
func (s *Server) insist(ctx context.Context, what, id string, do func() error) {
	for err := do(); err != nil; err = do() {
		s.Warn(what, fmt.Errorf("%s: %w", id, err))
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
	}
}

func (s *Server) recoverHold(ctx context.Context, open *ledger.OpenHold, of share) error {
	seed := s.seedRow(open)
	entered, ended, err := s.ledger.Find(ctx, seed.ID)
	if err != nil {
		return err
	}
	cost := open.Held
	switch {
	case of.over:
		cost = of.cost
	case ended:
		cost = max(0, entered.Cost-seed.Cost) // holds before this one had the rest
	}
	settled, err := s.budgets.Settle(ctx, budget.Settlement{ID: open.ID, Actual: cost, Tokens: budget.AsHeld})
	if err != nil {
		return err
	}
	switch {
	case ended && settled.Orphaned:
		s.correct(open.ID, entered, settled.Held)
	case !ended && !settled.Orphaned && !settled.Unknown: // else another gateway has its row, or the store never took it
		orphan := open.Orphan()
		orphan.Cost, orphan.Baseline = cost, cost
		if err := s.ledger.Append(&orphan); err != nil {
			return err
		}
	}
	if !ended {
		if err := s.enterBefore(open, of); err != nil {
			return err
		}
	}
	return s.ledger.Forget(open.ID)
}

// holdID names the n-th hold of a request, from 1: each candidate that is tried has its own.
func holdID(request string, n int) string { return request + "." + strconv.Itoa(n) }
