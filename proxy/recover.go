package proxy

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"bursar/budget"
	"bursar/ledger"
)

// recoverHolds finishes what the last process left undone in a fleet's store: holds that the store may not have settled. A request that
// has a row is settled at its cost, any other at the held amount, as an orphan. Settling twice changes nothing. While the store
// does not answer it is tried again: requests are served meanwhile.
func (s *Server) recoverHolds(ctx context.Context) {
	defer close(s.recovered)
	slices, holds := leftSlices(s.ledger.Recovered().Opens)
	for _, left := range slices {
		s.insist(ctx, "recover a slice of a budget; tried again", left.slice.ID, func() error { return s.recoverSlice(ctx, left) })
	}
	for i := range holds {
		s.insist(ctx, "recover a hold; tried again", holds[i].ID, func() error { return s.recoverHold(ctx, &holds[i]) })
	}
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

func (s *Server) recoverHold(ctx context.Context, open *ledger.OpenHold) error {
	seed := s.seedRow(open)
	entered, ended, err := s.ledger.Find(ctx, seed.ID)
	if err != nil {
		return err
	}
	cost := open.Held
	if ended {
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
		if err := s.ledger.Append(&orphan); err != nil {
			return err
		}
	}
	return s.ledger.Forget(open.ID)
}

// holdID names the n-th hold of a request, from 1: each candidate that is tried has its own.
func holdID(request string, n int) string { return request + "." + strconv.Itoa(n) }
