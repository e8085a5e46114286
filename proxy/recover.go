package proxy

import (
	"context"
	"fmt"
	"strconv"

	"bursar/exchange"
	"bursar/ledger"
)

// Recover finishes what the last process left undone in a fleet's store: holds that the store may not have settled. A request that
// has a row is settled at its cost, any other at the held amount, as an orphan. Settling twice changes nothing.
func (s *Server) Recover(ctx context.Context) error {
	for _, open := range s.ledger.Recovered().Opens {
		row, err := ledger.DecodeRow(open.Seed)
		if err != nil {
			return fmt.Errorf("recover the hold of %s: %w", open.ID, err)
		}
		if err := s.recoverHold(ctx, open, row); err != nil {
			return fmt.Errorf("recover the hold of %s: %w", open.ID, err)
		}
	}
	return nil
}

func (s *Server) recoverHold(ctx context.Context, open ledger.OpenHold, seed ledger.Row) error {
	entered, ended, err := s.ledger.Find(ctx, seed.ID)
	if err != nil {
		return err
	}
	cost := open.Held
	if ended {
		cost = entered.Cost
	}
	settled, err := s.budgets.Settle(ctx, open.ID, cost)
	if err != nil {
		return err
	}
	switch {
	case ended && settled.Orphaned:
		s.correct(open.ID, entered, settled.Held)
	case !ended && !settled.Orphaned && !settled.Unknown: // else another gateway has its row, or the store never took it
		orphan := seed
		orphan.ID, orphan.Kind, orphan.Cost, orphan.Baseline, orphan.Saved = open.ID, ledger.KindOrphan, open.Held, open.Held, exchange.Savings{}
		if err := s.ledger.Append(&orphan); err != nil {
			return err
		}
	}
	return s.ledger.Forget(open.ID)
}

// holdID names the n-th hold of a request, from 1: each candidate that is tried has its own.
func holdID(request string, n int) string { return request + "." + strconv.Itoa(n) }
