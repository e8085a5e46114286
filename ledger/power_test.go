package ledger

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// TestPowerLoss cuts the power at random moments: of the journal only what was synced is left, and of the database what was committed,
// which is synced with each commit. Rows that were entered SyncEvery or longer before are there, and holds too. Time is the
// bubble's, so nothing else than SyncEvery passes; on a real disk the fsync itself comes on top.
func TestPowerLoss(t *testing.T) {
	for range 4 {
		dir, after := t.TempDir(), t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			l, err := Open(dir, Options{SegmentSize: 16 << 10, CommitEvery: time.Hour, KeepOpens: true})
			must(t, err)
			entered := map[int]time.Time{}
			for n := range 50 + rand.IntN(300) {
				r := row(n)
				must(t, l.Hold(r.ID, r.Held, r.Encode(nil)))
				if n%5 != 0 {
					must(t, l.Append(r))
				}
				entered[n] = time.Now()
				if rand.IntN(4) == 0 {
					time.Sleep(time.Duration(rand.IntN(20_000)) * time.Microsecond)
				}
			}
			synctest.Wait()
			cut := time.Now()
			l.journal.mu.Lock()
			synced := l.journal.synced
			l.journal.mu.Unlock()
			copyAsOf(t, dir, after, synced)
			must(t, l.Close())

			rest, err := Open(after, Options{KeepOpens: true})
			must(t, err)
			open := map[string]bool{}
			for _, o := range rest.Recovered().Opens {
				open[o.ID] = true
			}
			lost, safe := 0, 0
			for n, at := range entered {
				_, found, err := rest.Find(t.Context(), rowID(n))
				must(t, err)
				switch {
				case found || open[rowID(n)] && n%5 == 0:
					safe++
				case cut.Sub(at) >= rest.options.SyncEvery:
					t.Errorf("row %d, entered %v before the power went, is lost", n, cut.Sub(at))
				default:
					lost++
				}
			}
			must(t, rest.Close())
			t.Logf("%d entries safe, %d of the last %v lost", safe, lost, rest.options.SyncEvery)
		})
	}
}

// copyAsOf copies a ledger as it is on the disk when nothing after a place of its journal is.
func copyAsOf(t *testing.T, from, to string, synced position) {
	t.Helper()
	must(t, os.MkdirAll(journalDir(to), 0o700))
	numbers, err := listSegments(journalDir(from))
	must(t, err)
	for _, n := range numbers {
		body, err := os.ReadFile(segmentPath(journalDir(from), n))
		must(t, err)
		switch {
		case n == synced.segment:
			body = body[:synced.offset]
		case n > synced.segment:
			body = nil
		}
		must(t, os.WriteFile(segmentPath(journalDir(to), n), body, 0o600))
	}
	for _, name := range []string{databaseName, databaseName + "-wal"} {
		body, err := os.ReadFile(filepath.Join(from, name))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(to, name), body, 0o600))
	}
}
