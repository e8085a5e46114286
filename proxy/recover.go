package proxy

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"bursar/budget"
	"bursar/exchange"
	"bursar/ledger"
)

// recoverHolds finishes what the last process left undone in a fleet's store: holds that the store may not have settled. A request that
// has a row is settled at its cost, any other at the held amount, as an orphan. Settling twice changes nothing. While the store
// does not answer it is tried again: requests are served meanwhile.
func (s *Server) recoverHolds(ctx context.Context) {
	for _, open := range s.ledger.Recovered().Opens {
		seed, err := ledger.DecodeRow(open.Seed)
		if err != nil {
			s.Warn("read the row of a hold that was left open; it is booked by its amount alone", err)
			seed = ledger.Row{ID: open.ID, Time: open.Time}
		}
		for {
			if err = s.recoverHold(ctx, open, seed); err == nil {
				break
			}
			s.Warn("recover a hold; tried again", fmt.Errorf("hold %s: %w", open.ID, err))
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Second):
			}
		}
	}
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
	settled, err := s.budgets.Settle(ctx, budget.Settlement{ID: open.ID, Actual: cost, Tokens: budget.AsHeld})
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
