package ledger

import (
	"database/sql"
	"fmt"
	"strings"
)

// schemaVersion is kept in PRAGMA user_version.
const schemaVersion = 5

// upgrade makes the tables of a new database, or brings those of an older version up to date.
func upgrade(db *sql.DB) error {
	var version int
	if err := db.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	switch version {
	case schemaVersion:
		return nil
	case 0:
		return change(db, func(tx *sql.Tx) error { return execAll(tx, schema()) })
	case 1, 2:
		return change(db, func(tx *sql.Tx) error {
			if err := addFacts(tx); err != nil { // first, as rows are read
				return err
			}
			if err := splitHours(tx, version); err != nil {
				return err
			}
			return execAll(tx, indexLabels())
		})
	case 3:
		return change(db, func(tx *sql.Tx) error {
			if err := addFacts(tx); err != nil {
				return err
			}
			return execAll(tx, indexLabels())
		})
	case 4:
		return change(db, func(tx *sql.Tx) error { return execAll(tx, indexLabels()) })
	}
	return fmt.Errorf("it has schema %d and this version of Bursar knows %d: use the version that wrote it", version, schemaVersion)
}

func schema() []string {
	all := []string{
		"CREATE TABLE rows (" + idents(textColumns[:], " TEXT NOT NULL") + ", " + idents(numberColumns[:], " INTEGER NOT NULL") + ") STRICT",
		"CREATE UNIQUE INDEX rows_id ON rows (id, kind)",
		"CREATE INDEX rows_time ON rows (time)",
		"CREATE INDEX rows_tagged ON rows (time) WHERE tags <> ''",
		"CREATE TABLE position (segment INTEGER NOT NULL, offset INTEGER NOT NULL) STRICT",
		"INSERT INTO position VALUES (0, 0)",
		removedDays.create(sqlite),
	}
	all = append(all, indexLabels()...)
	for i := range rollups {
		all = append(all, rollups[i].create(sqlite))
	}
	return all
}

// splitHours turns the sums of schemas 1 and 2 into those of 3. They had one table of hours, with users, that was almost as long as the rows; 1 had no days.
func splitHours(tx *sql.Tx, from int) error {
	all := []string{"ALTER TABLE hours RENAME TO old_hours", removedDays.create(sqlite)}
	for i := range rollups {
		u := &rollups[i]
		if u.table == "days" && from == 2 {
			continue
		}
		all = append(all, u.create(sqlite))
		if !u.tagged {
			columns := idents(u.columns, "")
			all = append(all, fmt.Sprintf("INSERT INTO %s SELECT hour - hour %% %d, %s, %s FROM old_hours GROUP BY 1, %s", u.table, u.nanos, columns, sumList(false), columns))
		}
	}
	all = append(all, "DROP TABLE old_hours", fmt.Sprintf("PRAGMA user_version = %d", schemaVersion))
	if err := execAll(tx, all); err != nil {
		return err
	}
	return sumTags(tx)
}

// addFacts turns schema 3 into 4: what a decision went by is kept with its row. Rows before that lack it.
func addFacts(tx *sql.Tx) error {
	return execAll(tx, []string{"ALTER TABLE rows ADD COLUMN facts TEXT NOT NULL DEFAULT ''"})
}

// indexLabels turns schema 4 into 5: the judgements among the rows, which are few, are found without reading the others.
func indexLabels() []string {
	return []string{"CREATE INDEX rows_labels ON rows (time) WHERE kind = 5", fmt.Sprintf("PRAGMA user_version = %d", schemaVersion)}
}

// sumTags fills the sums by tag from the rows.
func sumTags(tx *sql.Tx) error {
	rows, err := tx.Query("SELECT " + rowColumns() + " FROM rows WHERE tags <> ''")
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what went wrong
	sums := newTally()
	for rows.Next() {
		row, err := scanRow(rows)
		if err != nil {
			return err
		}
		sums.add(&row)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for i := range rollups {
		if !rollups[i].tagged {
			continue
		}
		for key, sum := range sums[i] {
			if _, err := tx.Exec(rollups[i].insert(), rollups[i].line(nil, key, sum)...); err != nil {
				return err
			}
		}
	}
	return nil
}

// change makes the tables, or changes them, all or nothing.
func change(db *sql.DB, do func(*sql.Tx) error) error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if err := do(tx); err != nil {
		return err
	}
	return tx.Commit()
}

func execAll(tx *sql.Tx, statements []string) error {
	for _, text := range statements {
		if _, err := tx.Exec(text); err != nil {
			return fmt.Errorf("%s: %w", strings.SplitN(text, "(", 2)[0], err)
		}
	}
	return nil
}
