package main

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"

	"bursar/exchange"
	"bursar/ledger"
	"bursar/pricing"

	_ "modernc.org/sqlite" // the driver named sqlite
)

// row is what the checks need of a ledger row.
type row struct {
	id                 string
	kind               ledger.Kind
	time               int64
	facts              exchange.Facts
	served             exchange.Candidate
	reason, cache      string
	status             int
	stream             bool
	prompt, completion int64
	trimmed            int64 // prompt tokens
	cost, held         pricing.Nano
}

// tag returns the value of a request's tag, "" if it had none.
func (r *row) tag(name string) string {
	for _, t := range r.facts.Tags {
		if t.Name == name {
			return t.Value
		}
	}
	return ""
}

// readRows reads the ledger of a gateway that has ended, by plain SQL: a check by the ledger's own readers would share their faults.
func readRows(ctx context.Context, dir string) ([]row, error) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "ledger.db")+"?mode=ro")
	if err != nil {
		return nil, err
	}
	defer db.Close()
	found, err := db.QueryContext(ctx, `SELECT id, kind, time, team, project, "key", user, tags, asked, tier, target, reason, cache, status, stream,
		input + cache_read + cache_write + cache_write_1h + audio_in + image_in, output + reasoning + audio_out + image_out, trimmed, cost, held
		FROM rows ORDER BY time, id`)
	if err != nil {
		return nil, fmt.Errorf("read the ledger in %s: %w", dir, err)
	}
	defer found.Close()
	var all []row
	for found.Next() {
		var r row
		var tags string
		f := &r.facts
		err := found.Scan(&r.id, &r.kind, &r.time, &f.Team, &f.Project, &f.Key, &f.User, &tags, &f.Model, &r.served.Tier, &r.served.Target,
			&r.reason, &r.cache, &r.status, &r.stream, &r.prompt, &r.completion, &r.trimmed, &r.cost, &r.held)
		if err != nil {
			return nil, err
		}
		for tag := range strings.SplitSeq(tags, ",") {
			if name, value, ok := strings.Cut(tag, "="); ok {
				f.Tags = append(f.Tags, exchange.Tag{Name: name, Value: value})
			}
		}
		all = append(all, r)
	}
	return all, found.Err()
}
