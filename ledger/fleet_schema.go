package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
)

// fleetVersion is kept in the table version of the schema bursar.
const fleetVersion = 3

// version returns the version of the fleet's tables, 0 if there are none.
func (f *Fleet) version(ctx context.Context) (version int, err error) {
	var exists bool
	if err := f.db.QueryRowContext(ctx, "SELECT to_regclass('bursar.version') IS NOT NULL").Scan(&exists); err != nil || !exists {
		return 0, err
	}
	err = f.db.QueryRowContext(ctx, "SELECT version FROM bursar.version").Scan(&version)
	return version, err
}

// migrationLock is the advisory lock of whoever changes the tables, so that gateways that start at once take turns.
const migrationLock = 0x627572736172 // "bursar"

// migrate makes the tables, or brings them up to date.
func (f *Fleet) migrate(ctx context.Context) error {
	version, err := f.version(ctx)
	if err != nil || version == fleetVersion {
		return err
	}
	return f.transact(ctx, nil, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, fmt.Sprintf("SELECT pg_advisory_xact_lock(%d)", migrationLock)); err != nil {
			return err
		}
		version, err := f.version(ctx) // another gateway may have done it meanwhile
		if err != nil {
			return err
		}
		if version > fleetVersion {
			return fmt.Errorf("the fleet's ledger has schema %d and this version of Bursar knows %d: use the version of the other gateways", version, fleetVersion)
		}
		for _, step := range fleetMigrations()[version:] {
			if err := execAll(tx, step); err != nil {
				return err
			}
		}
		return nil
	})
}

// fleetMigrations lead from each version to the next. Those that were released are never changed.
func fleetMigrations() [][]string {
	before := slices.DeleteFunc(slices.Clone(textColumns[:]), func(column string) bool { return column == "facts" })
	first := []string{
		"CREATE SCHEMA IF NOT EXISTS bursar",
		"CREATE TABLE version (version INTEGER NOT NULL)",
		"INSERT INTO version VALUES (1)",
		// gateway is the one that shipped the row first.
		"CREATE TABLE rows (" + idents(before, " TEXT NOT NULL") + ", " + idents(numberColumns[:], " BIGINT NOT NULL") +
			", gateway TEXT NOT NULL, PRIMARY KEY (id, kind))",
		"CREATE INDEX rows_time ON rows (time)",
		"CREATE INDEX rows_gateway ON rows (gateway, time)",
		"CREATE INDEX rows_tagged ON rows (time) WHERE tags <> ''",
		// twins are rows that a second gateway has too: an orphan can be entered by two. They are in no sum; with them, what a gateway
		// has shipped can be compared with what it has.
		"CREATE TABLE twins (LIKE rows, PRIMARY KEY (gateway, id, kind))",
		// gateways says up to where each has shipped: the number of its last row, and whose that is.
		"CREATE TABLE gateways (name TEXT PRIMARY KEY, host TEXT NOT NULL, position BIGINT NOT NULL, id TEXT NOT NULL, kind BIGINT NOT NULL, " +
			"shipped TIMESTAMPTZ NOT NULL)",
		removedDays.create(postgres),
	}
	for i := range rollups {
		first = append(first, rollups[i].create(postgres))
	}
	second := []string{
		"ALTER TABLE rows ADD COLUMN facts TEXT NOT NULL DEFAULT ''",
		"ALTER TABLE twins ADD COLUMN facts TEXT NOT NULL DEFAULT ''",
		"UPDATE version SET version = 2",
	}
	third := []string{"CREATE INDEX rows_labels ON rows (time) WHERE kind = 5", "UPDATE version SET version = 3"}
	return [][]string{first, second, third}
}
