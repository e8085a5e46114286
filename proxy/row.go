package proxy

import (
	"slices"

	"bursar/exchange"
	"bursar/ledger"
)

// row is the request as the ledger keeps it.
func (t *trip) row() ledger.Row { return t.rowOf(&t.Exchange) }

// rowOf is the request, or a call that it has gone on from.
func (t *trip) rowOf(x *exchange.Exchange) ledger.Row {
	f, d, out := &x.Facts, &x.Decision, &x.Outcome
	r := ledger.Row{
		ID: x.ID, Kind: ledger.KindRequest,
		Time: x.Start.UnixNano(), Duration: out.Duration, FirstByte: out.FirstByte,
		Team: x.Identity.Team, Project: x.Identity.Project, Key: x.Identity.KeyID, User: x.Identity.User, Tags: ledger.TagText(f.Tags),
		Asked: f.Model, Rule: d.Rule, Decision: d.Reason.String(), Reason: out.Reason.String(), Status: int64(out.Status),
		Attempts: int64(out.Attempts), Stream: f.Stream,
		PromptTokens: f.PromptTokens, PromptMethod: f.PromptMethod.String(),
		Usage: out.Usage, UsageMethod: out.Method.String(), Finish: out.Finish, MaxOutput: out.Capped, Trimmed: out.Trimmed,
		Cache: out.Cache, Cost: out.Cost, Baseline: out.Baseline, Saved: out.Saved, Held: out.Held, Policy: t.using.mark,
	}
	recorded := f.Record(t.key.Short())
	recorded.Certified = slices.Contains(f.Certified, d.Rule)
	recorded.Cascade, recorded.Failed = out.Cascade, out.Failed
	if x.Aside != exchange.AsideNone {
		r.Kind, recorded.Of = ledger.KindAside, t.ID
	}
	if x == &t.Exchange {
		recorded.Response, recorded.Unknown = t.stored.sealed, t.stored.unknown
		if w := &d.Switch; w.Kept() {
			recorded.Kept = w.Moves - w.Stays
		}
	}
	if t.beside != nil {
		recorded.Of = t.beside.of
	}
	t.recorded = recorded.AppendText(t.recorded[:0])
	r.Facts = string(t.recorded)
	if c := out.Served; c != nil {
		r.Target, r.Tier = c.Target, c.Tier
	}
	if out.Attempts == 0 && !t.hit && x.Aside == exchange.AsideNone && out.Reason != exchange.ReasonClientGone {
		r.Kind = ledger.KindRefused
	}
	return r
}

// seed is the row of a request whose gateway dies before it can write one.
func (t *trip) seed(c *exchange.Candidate, into []byte) []byte {
	r := t.row()
	r.Kind, r.Target, r.Tier, r.Reason, r.Cache = ledger.KindOrphan, c.Target, c.Tier, exchange.ReasonOrphaned.String(), "miss"
	r.Cost = 0 // seeds of earlier versions have what the request's holds before this one have cost
	return r.Encode(into)
}
