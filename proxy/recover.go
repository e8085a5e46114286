package proxy

import (
	"context"
	"fmt"
	"strconv"
	"strings"
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
	for _, of := range left {
		s.insist(ctx, "recover a slice of a budget; tried again", of.slice.ID, func() error { return s.recoverSlice(ctx, of) })
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
	row, cost, entered, err := s.costOf(ctx, open)
	if err != nil {
		return err
	}
	settled, err := s.budgets.Settle(ctx, budget.Settlement{ID: open.ID, Actual: cost, Tokens: budget.AsHeld})
	if err != nil {
		return err
	}
	switch {
	case entered && settled.Orphaned:
		s.correct(open.ID, row, settled.Held)
	case !entered && !settled.Orphaned && !settled.Unknown: // else another gateway has its row, or the store never took it
		orphan := open.Whole()
		if err := s.ledger.Append(&orphan); err != nil {
			return err
		}
	}
	return s.ledger.Forget(open.ID)
}

// costOf is what a hold has cost that the last process left open: what was paid under it before its request went on to another, or what the
// request ended with. If nothing is entered, nobody knows, and it is what was held.
func (s *Server) costOf(ctx context.Context, open *ledger.OpenHold) (row ledger.Row, cost pricing.Nano, entered bool, err error) {
	seed := s.seedRow(open)
	for _, id := range []string{tryOf(seed.ID, open.ID), seed.ID} {
		if row, entered, err = s.ledger.Find(ctx, id); entered || err != nil {
			return row, max(0, row.Cost-seed.Cost), entered, err // a seed of an earlier version says what its row has for holds before this one
		}
	}
	return ledger.Row{}, open.Held, false, nil
}

// holdID names the n-th hold of a request, from 1: each candidate that is tried has its own.
func holdID(request string, n int) string { return request + "." + strconv.Itoa(n) }

// tryOf names the row of what was paid under a hold of a request that has gone on to another, or would.
func tryOf(request, hold string) string {
	hold, _, _ = strings.Cut(hold, "@")
	n, _ := strconv.Atoi(strings.TrimPrefix(hold, request+"."))
	return ledger.TryID(request, n)
}
