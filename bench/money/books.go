package main

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"bursar/budget"
	"bursar/exchange"
	"bursar/ledger"
	"bursar/pricing"
)

// books is what all ledgers together say.
type books struct {
	spent   map[string]pricing.Nano // by scope
	entries map[string]*entry       // by request id
	once    map[string]bool         // id and kind of each row
	rows    int
	kinds   map[ledger.Kind]int
	twice   []string
	slices  map[string]pricing.Nano // what is booked for slices themselves: they expire whole, and are corrected whole
}

// entry is all that is booked for one request, in whatever ledger.
type entry struct {
	rows     int          // of the request itself
	cost     pricing.Nano // with what it has paid before the call that it ended with
	reported bool         // the cost is of the usage that the provider reported
	holds    int          // orphan rows
	more     pricing.Nano // orphans and corrections of its holds
}

// compare holds the counters against the ledgers, and the ledgers against what the provider did. What is entered a moment after the
// last hold was settled may take some time to show.
func (r *result) compare(ctx context.Context, l *lab, up *upstream) error {
	deadline := time.Now().Add(10 * time.Second)
	for {
		b, err := readBooks(ctx, l)
		if err != nil {
			return err
		}
		states, err := l.states(ctx)
		if err != nil {
			return err
		}
		r.drift, r.stranded, r.usable, r.drifts = 0, 0, 1, nil
		for i, s := range l.scopes {
			r.standing(s, states[i].Spent, states[i].Held, b.spent[s.name])
		}
		if r.drift == 0 && r.stranded == 0 || time.Now().After(deadline) {
			r.audit(b, up)
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// standing compares one counter with what the ledgers have for its scope.
func (r *result) standing(s *scope, spent, held, booked pricing.Nano) {
	r.stranded += held
	if spent != booked {
		r.drift += max(spent-booked, booked-spent)
		r.drifts = append(r.drifts, fmt.Sprintf("%s: $%s spent by the counter, $%s by the ledgers, %d nano-dollars too many", s.name, spent.Dollars(),
			booked.Dollars(), spent-booked))
	}
	limit := pricing.Nano(s.limit.Load())
	if over := spent + held - limit; over > r.overspend {
		r.overspend, r.overOf = over, s.name+" at the end"
	}
	if s.refusals.Load() > 0 {
		r.usable = min(r.usable, float64(spent)/float64(limit))
	}
}

func readBooks(ctx context.Context, l *lab) (*books, error) {
	b := &books{spent: map[string]pricing.Nano{}, entries: map[string]*entry{}, once: map[string]bool{}, kinds: map[ledger.Kind]int{}, slices: map[string]pricing.Nano{}}
	for _, g := range l.gateways {
		reader, err := ledger.OpenReader(g.data)
		if err != nil {
			return nil, err
		}
		err = b.add(ctx, reader, g)
		_ = reader.Close() // it only reads
		if err != nil {
			return nil, fmt.Errorf("read the ledger of %s: %w", g.name, err)
		}
	}
	return b, nil
}

// add adds one ledger: its sums as a statement has them, and its rows once they are all in SQLite.
func (b *books) add(ctx context.Context, reader *ledger.Reader, g *gateway) error {
	for range 500 {
		audit, err := reader.Verify(ctx)
		if err != nil {
			return err
		}
		if audit.Pending == 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	for _, by := range []string{"", "team", "project"} {
		query := ledger.Query{}
		if by != "" {
			query.By = []string{by}
		}
		statement, err := reader.Report(ctx, query)
		if err != nil {
			return err
		}
		if by == "" {
			b.spent[everyone] += statement.Spend
		}
		for _, line := range statement.Lines {
			b.spent[line.Group[0]] += line.Spend
		}
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(g.data, "ledger.db")+"?mode=ro")
	if err != nil {
		return err
	}
	defer db.Close()
	rows, err := db.QueryContext(ctx, "SELECT id, kind, cost, usage_method FROM rows")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var row ledger.Row
		if err := rows.Scan(&row.ID, &row.Kind, &row.Cost, &row.UsageMethod); err != nil {
			return err
		}
		b.enter(&row)
	}
	return rows.Err()
}

func (b *books) enter(row *ledger.Row) {
	b.rows++
	b.kinds[row.Kind]++
	if once := row.ID + "/" + row.Kind.String(); b.once[once] {
		b.twice = append(b.twice, once+" is in two ledgers")
	} else {
		b.once[once] = true
	}
	if budget.IsSlice(row.ID) {
		b.slices[row.ID] += row.Cost
		return
	}
	id, _, _ := strings.Cut(row.ID, ".") // a hold's id is its request's with a number
	id, _, _ = strings.Cut(id, "-")      // and so is that of what was paid under it
	e := b.entries[id]
	if e == nil {
		e = new(entry)
		b.entries[id] = e
	}
	switch row.Kind {
	case ledger.KindRequest, ledger.KindRefused:
		e.rows++
		e.cost += row.Cost
		e.reported = row.UsageMethod == exchange.MethodReported.String()
	case ledger.KindAside:
		e.cost += row.Cost
	default:
		if row.Kind == ledger.KindOrphan {
			e.holds++
		}
		e.more += row.Cost
	}
}

// audit compares request by request: each is billed once, and at its true cost if the provider could say so.
func (r *result) audit(b *books, up *upstream) {
	r.rows, r.orphans, r.corrections = b.rows, b.kinds[ledger.KindOrphan], b.kinds[ledger.KindCorrection]
	r.fault2(len(b.twice), "rows are entered twice", b.twice)
	var billedTwice, wrong []string
	for id, e := range b.entries {
		if e.rows > 1 || e.rows == 1 && e.more != 0 || e.rows == 0 && e.holds > 1 {
			billedTwice = append(billedTwice, fmt.Sprintf("%s: %+v", id, *e))
		}
	}
	for id, left := range b.slices {
		if left != 0 {
			billedTwice = append(billedTwice, fmt.Sprintf("%s: %d of a slice that expired", id, left))
		}
	}
	r.duplicates = len(b.twice) + len(billedTwice)
	r.fault2(len(billedTwice), "requests are billed twice", billedTwice)
	up.mu.Lock()
	defer up.mu.Unlock()
	r.generated = len(up.made)
	var free []string
	for id, made := range up.made {
		e := b.entries[id]
		if e == nil {
			free = append(free, fmt.Sprintf("%s: %+v", id, *made))
			continue
		}
		truth, booked := cost(made.prompt, made.output), e.cost+e.more
		r.gap(truth, booked)
		if e.reported && made.calls == 1 && booked != truth {
			wrong = append(wrong, fmt.Sprintf("%s: booked %d, true %d", id, booked, truth))
		}
	}
	r.freeRides, r.misbilled = len(free), len(wrong)
	r.fault2(len(free), "requests were served and are in no ledger", free)
	r.fault2(len(wrong), "requests are not booked at the cost that the provider reported", wrong)
}

// gap adds up how far estimates are from the truth: of answers that were cut, and of orphans.
func (r *result) gap(truth, booked pricing.Nano) {
	r.truth += truth
	r.under += max(0, truth-booked)
	r.over += max(0, booked-truth)
}
