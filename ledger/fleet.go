package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"bursar/pricing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// Fleet is the ledger of a fleet in Postgres: the rows of all its gateways, each of them once, as far as they have been shipped, and the
// same tables of sums as a gateway's own ledger has. It lives in a schema of its own, named bursar.
type Fleet struct {
	db *sql.DB
}

// OpenFleet opens the ledger of a fleet for reading: who asks needs to see the schema and read its tables, no more.
func OpenFleet(ctx context.Context, url string) (*Fleet, error) {
	f, err := connectFleet(url)
	if err != nil {
		return nil, err
	}
	version, err := f.version(ctx)
	switch {
	case err != nil:
		err = fmt.Errorf("ledger: ask Postgres: %w", err)
	case version == 0:
		err = errors.New("ledger: this database of Postgres has no ledger of a fleet: start a gateway with -postgres on it first, and let the reader use schema bursar")
	case version > fleetVersion:
		err = fmt.Errorf("ledger: the fleet's ledger in Postgres has schema %d and this version of Bursar knows %d: use the version of its gateways", version, fleetVersion)
	case version < fleetVersion:
		err = fmt.Errorf("ledger: the fleet's ledger in Postgres has schema %d and this version of Bursar reads %d: start a gateway of this version once", version, fleetVersion)
	}
	if err != nil {
		_ = f.db.Close() // the first error says more
		return nil, err
	}
	return f, nil
}

// connectFleet prepares connections; none is made yet. The URL may hold a password, so no error repeats it.
func connectFleet(url string) (*Fleet, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, errors.New("ledger: the address of Postgres is not a URL such as postgres://USER:PASSWORD@HOST:5432/DATABASE?sslmode=verify-full")
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 5 * time.Second
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "bursar"
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec // keeps nothing on the server, so that a pooler may stand between
	db := sql.OpenDB(stdlib.GetConnector(*config))
	db.SetMaxOpenConns(4)
	db.SetConnMaxIdleTime(time.Minute)
	return &Fleet{db: db}, nil
}

// Close ends reading.
func (f *Fleet) Close() error { return f.db.Close() }

// Report returns the statement of a query over all rows that have been shipped.
func (f *Fleet) Report(ctx context.Context, q Query) (*Statement, error) {
	plan, err := q.plan()
	if err != nil {
		return nil, err
	}
	plan.dialect = postgres
	if err := f.view(ctx, func(tx *sql.Tx) error { return plan.sum(ctx, tx) }); err != nil {
		return nil, fmt.Errorf("ledger: report from Postgres: %w", err)
	}
	return plan.statement(), nil
}

// Spent returns what the rows of a filter cost, to the nano-dollar.
func (f *Fleet) Spent(ctx context.Context, filter Filter) (pricing.Nano, error) {
	s, err := f.Report(ctx, Query{Filter: filter})
	if err != nil {
		return 0, err
	}
	return s.Spend, nil
}

// Rows calls do for every row of a filter, as Reader.Rows does.
func (f *Fleet) Rows(ctx context.Context, filter Filter, do func(*Row) error) error {
	plan, err := Query{Filter: filter}.plan()
	if err != nil {
		return err
	}
	plan.dialect = postgres
	if err := f.view(ctx, func(tx *sql.Tx) error { return plan.merged(ctx, tx, nil, do) }); err != nil {
		return fmt.Errorf("ledger: read rows from Postgres: %w", err)
	}
	return nil
}

// view shows one moment of the fleet's ledger.
func (f *Fleet) view(ctx context.Context, look func(*sql.Tx) error) error {
	return f.transact(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}, look)
}

// transact does something in one transaction, in which the names of tables are those of the schema bursar.
func (f *Fleet) transact(ctx context.Context, options *sql.TxOptions, do func(*sql.Tx) error) error {
	tx, err := f.db.BeginTx(ctx, options)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if _, err := tx.ExecContext(ctx, "SET LOCAL search_path = bursar"); err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// Gateway is one of a fleet, as Postgres knows it.
type Gateway struct {
	Name    string    `json:"name"` // of its data folder
	Host    string    `json:"host"` // where it ran last
	Shipped time.Time `json:"shipped"`
}

// Gateways returns the gateways that have shipped rows, and when each did last.
func (f *Fleet) Gateways(ctx context.Context) ([]Gateway, error) {
	rows, err := f.db.QueryContext(ctx, "SELECT name, host, shipped FROM bursar.gateways ORDER BY name")
	if err != nil {
		return nil, fmt.Errorf("ledger: list the gateways in Postgres: %w", err)
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what went wrong
	all := []Gateway{}
	for rows.Next() {
		var g Gateway
		if err := rows.Scan(&g.Name, &g.Host, &g.Shipped); err != nil {
			return nil, fmt.Errorf("ledger: list the gateways in Postgres: %w", err)
		}
		g.Shipped = g.Shipped.UTC()
		all = append(all, g)
	}
	return all, rows.Err()
}
