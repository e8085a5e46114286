package ledger

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"bursar/pricing"

	"pgregory.net/rapid"
)

// TestTornWrite cuts and spoils the journal's last record at each of its bytes: it is lost, as nobody was told that it is safe,
// and nothing else is.
func TestTornWrite(t *testing.T) {
	origin := t.TempDir()
	crash(t, origin, func(l *Ledger) {
		for n := range 3 {
			must(t, l.Append(row(n)))
		}
	})
	journal, err := os.ReadFile(segmentPath(journalDir(origin), 1))
	must(t, err)
	last := nextFrame(journal)
	last += nextFrame(journal[last:])
	f := func(name string, torn []byte, wantTorn int) {
		t.Helper()
		dir := t.TempDir()
		path := segmentPath(dir, 1)
		must(t, os.WriteFile(path, torn, 0o600))
		got, err := recoverJournal(dir, position{})
		must(t, err)
		if got.Rows != 2 || got.Torn != int64(wantTorn) || len(got.Damage) != 0 {
			t.Errorf("%s: recovered %+v, want 2 rows and %d torn bytes", name, got, wantTorn)
		}
		if left, err := os.ReadFile(path); err != nil || !bytes.Equal(left, journal[:last]) {
			t.Errorf("%s: %d bytes are left, want %d (%v)", name, len(left), last, err)
		}
	}
	for at := last; at < len(journal); at++ {
		f(fmt.Sprintf("cut at %d", at), journal[:at], at-last)
		spoiled := append([]byte{}, journal...)
		spoiled[at] ^= 0x40
		f(fmt.Sprintf("spoiled at %d", at), spoiled, len(journal)-last)
	}
	f("zeros, as a power failure leaves them", append(append([]byte{}, journal[:last]...), make([]byte, 5000)...), 5000)

	must(t, os.WriteFile(segmentPath(journalDir(origin), 1), journal[:last+20], 0o600))
	l := open(t, origin, Options{})
	if got := l.Recovered(); got.Rows != 2 || got.Torn != 20 {
		t.Errorf("recovered %+v", got)
	}
	must(t, l.Append(row(2)))
	must(t, l.Flush(t.Context()))
	if a := verify(t, &l.Reader); a.Rows != 3 {
		t.Errorf("%d rows", a.Rows)
	}
}

func TestDamageIsReportedAndTheRestRead(t *testing.T) {
	dir := t.TempDir()
	crash(t, dir, func(l *Ledger) {
		for n := range 10 {
			must(t, l.Append(row(n)))
		}
	})
	path := segmentPath(journalDir(dir), 1)
	journal, err := os.ReadFile(path)
	must(t, err)
	second := nextFrame(journal)
	third := second + nextFrame(journal[second:])
	journal[second+30] ^= 1
	must(t, os.WriteFile(path, journal, 0o600))
	l := open(t, dir, Options{})
	got := l.Recovered()
	if got.Rows != 9 || len(got.Damage) != 1 {
		t.Fatalf("recovered %+v", got)
	}
	want := Damage{Path: path, Offset: int64(second), Length: int64(third - second)}
	if *got.Damage[0] != want {
		t.Errorf("damage %+v, want %+v", *got.Damage[0], want)
	}
	if text := got.Damage[0].Error(); !strings.Contains(text, fmt.Sprintf("%s is damaged: %d bytes from offset %d", path, third-second, second)) {
		t.Error(text)
	}
	if a := verify(t, &l.Reader); a.Rows != 9 {
		t.Errorf("%d rows", a.Rows)
	}
	must(t, l.Flush(t.Context()))
	if a := verify(t, &l.Reader); a.Rows != 9 || a.Pending != 0 {
		t.Errorf("%+v", a)
	}
}

func TestMissingSegmentsAreReported(t *testing.T) {
	dir := t.TempDir()
	small := Options{SegmentSize: 1000, KeepOpens: true, CommitEvery: time.Hour}
	l := open(t, dir, small)
	for n := range 20 {
		must(t, l.Append(row(n)))
	}
	_ = l.committer.store.close()
	l.committer.options.Warn = func(string, error) {}
	l.abandon()
	must(t, os.Remove(segmentPath(journalDir(dir), 1)))
	must(t, os.Remove(segmentPath(journalDir(dir), 3)))
	l = open(t, dir, small)
	damage := l.Recovered().Damage
	if len(damage) != 2 || !strings.Contains(damage[0].Error(), "000000000001.journal is missing") || !strings.Contains(damage[1].Error(), "000000000003.journal is missing") {
		t.Fatalf("%v", damage)
	}
	rows := int64(l.Recovered().Rows)
	if a := verify(t, &l.Reader); a.Rows != rows || rows != 8 {
		t.Errorf("a reader sees %d rows, recovery saw %d", a.Rows, rows)
	}
	must(t, l.Flush(t.Context()))
	if a := verify(t, &l.Reader); a.Rows != rows {
		t.Errorf("%d rows, want %d", a.Rows, rows)
	}
}

func TestRecordsOfANewerVersionAreRefused(t *testing.T) {
	dir := t.TempDir()
	must(t, os.MkdirAll(journalDir(dir), 0o700))
	frame := append(openFrame(nil), 'z', 1, 2)
	closeFrame(frame, 0)
	must(t, os.WriteFile(segmentPath(journalDir(dir), 4), frame, 0o600))
	_, err := Open(dir, Options{})
	if err == nil || !strings.Contains(err.Error(), "000000000004.journal, offset 0") || !strings.Contains(err.Error(), "use the version that wrote it") {
		t.Fatal(err)
	}
}

// TestSegmentsAreDeleted rotates often while a hold stays open: its segment goes, the hold does not.
func TestSegmentsAreDeleted(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Options{SegmentSize: 4000})
	must(t, l.Hold("long stream", 42, row(0).Encode(nil)))
	for n := range 1000 {
		must(t, l.Append(row(n)))
		if n%100 == 99 {
			must(t, l.Flush(t.Context()))
		}
	}
	numbers, err := listSegments(journalDir(dir))
	must(t, err)
	if len(numbers) > 30 || numbers[0] == 1 {
		t.Errorf("segments %v are left of about 85", numbers)
	}
	if got := verify(t, &l.Reader); got.Rows != 1000 {
		t.Errorf("%d rows", got.Rows)
	}
	must(t, l.Close())
	l = open(t, dir, Options{})
	if got := l.Recovered(); len(got.Orphans) != 1 || got.Orphans[0].ID != "long stream" || got.Orphans[0].Cost != 42+row(0).Cost || len(got.Damage) > 0 {
		t.Errorf("recovered %+v", got)
	}
}

// TestTriesEndHolds: what a request has paid under a hold ends that hold, and not the one that follows, here and after a crash at each moment.
func TestTriesEndHolds(t *testing.T) {
	try := func(request string, n int) *Row {
		r := row(n)
		r.ID, r.Kind = TryID(request, n), KindAside
		return r
	}
	steps := []struct {
		do    func(l *Ledger) error
		opens string // after it
	}{
		{func(l *Ledger) error { return l.Hold("req_a", 10, nil) }, "req_a 10"},
		{func(l *Ledger) error { return l.Hold("req_a-second", 5, nil) }, "req_a 10, req_a-second 5"},
		{func(l *Ledger) error { return l.Append(try("req_a", 1)) }, "req_a-second 5"},
		{func(l *Ledger) error { return l.Append(try("req_a-second", 1)) }, ""},
		{func(l *Ledger) error { return l.Hold("req_a", 20, nil) }, "req_a 20"},
		{func(l *Ledger) error { r := try("req_a", 2); r.Kind = KindCorrection; return l.Append(r) }, "req_a 20"},
		{func(l *Ledger) error { r := try("req_a", 2); r.ID = "req_a-try"; return l.Append(r) }, "req_a 20"},
		{func(l *Ledger) error { r := try("req_a", 2); r.ID = "req_a-try2.reprice"; return l.Append(r) }, "req_a 20"},
		{func(l *Ledger) error { return l.Append(try("req_a", 2)) }, ""},
	}
	for n := range steps {
		dir := t.TempDir()
		crash(t, dir, func(l *Ledger) {
			for _, step := range steps[:n+1] {
				must(t, step.do(l))
			}
			if open, want := l.Health().Open, len(strings.Fields(steps[n].opens))/2; open != want {
				t.Errorf("step %d: %d holds are open, want %d", n, open, want)
			}
		})
		var opens []string
		l := open(t, dir, Options{KeepOpens: true})
		for _, o := range l.Recovered().Opens {
			opens = append(opens, fmt.Sprintf("%s %d", o.ID, o.Held))
		}
		must(t, l.Close())
		if got := strings.Join(opens, ", "); got != steps[n].opens {
			t.Errorf("step %d: after a crash %q are open, want %q", n, got, steps[n].opens)
		}
	}
}

// TestReplayIsIdempotent is a gateway that is killed at any moment, also between a commit and the deletion of its segments, again
// and again. The model is what was acknowledged.
func TestReplayIsIdempotent(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp("", "ledger")
		must(t, err)
		defer func() { _ = os.RemoveAll(dir) }()
		rows := map[string]pricing.Nano{}
		holds := map[string]bool{}
		kept := map[string][]byte{} // segments as they were before the gateway deleted them
		for range rapid.IntRange(1, 3).Draw(rt, "lives") {
			l, err := Open(dir, Options{SegmentSize: 1500, KeepOpens: true, CommitEvery: time.Hour, CommitRows: 3, Warn: func(string, error) {}})
			must(t, err)
			if len(l.Recovered().Damage) > 0 {
				rt.Fatal(l.Recovered().Damage[0])
			}
			opens := map[string]bool{}
			for _, o := range l.Recovered().Opens {
				opens[o.ID] = true
			}
			if len(opens) != len(holds) {
				rt.Fatalf("%d holds are open, want %d", len(opens), len(holds))
			}
			for range rapid.IntRange(0, 30).Draw(rt, "steps") {
				r := row(rapid.IntRange(0, 60).Draw(rt, "row"))
				switch rapid.IntRange(0, 9).Draw(rt, "step") {
				case 0:
					must(t, l.Flush(t.Context()))
				case 1, 2, 3:
					if _, booked := rows[r.ID]; !booked {
						must(t, l.Hold(r.ID, r.Held, nil))
						holds[r.ID] = true
					}
				case 4:
					must(t, l.Forget(r.ID))
					delete(holds, r.ID)
				case 5:
					snapshotSegments(t, dir, kept)
				default:
					must(t, l.Append(r))
					rows[r.ID] = r.Cost
					delete(holds, r.ID)
				}
			}
			if rapid.Bool().Draw(rt, "closed") {
				must(t, l.Flush(t.Context()))
				must(t, l.Close())
				// Killed after the commit and before the deletion: the segments are back.
				restoreNewest(t, dir, kept)
			} else {
				l.abandon()
			}
			clear(kept)
		}
		l, err := Open(dir, Options{KeepOpens: true})
		must(t, err)
		defer func() { must(t, l.Close()) }()
		var want pricing.Nano
		for _, cost := range rows {
			want += cost
		}
		if a := verify(t, &l.Reader); a.Rows != int64(len(rows)) || a.Spend != want {
			rt.Fatalf("%+v, want %d rows and %d", a, len(rows), want)
		}
		must(t, l.Flush(t.Context()))
		if a := verify(t, &l.Reader); a.Rows != int64(len(rows)) || a.Spend != want || a.Pending != 0 {
			rt.Fatalf("%+v, want %d rows and %d", a, len(rows), want)
		}
	})
}

func snapshotSegments(t *testing.T, dir string, into map[string][]byte) {
	numbers, err := listSegments(journalDir(dir))
	must(t, err)
	for _, n := range numbers {
		path := segmentPath(journalDir(dir), n)
		if data, err := os.ReadFile(path); err == nil { // else it was just deleted
			into[path] = data
		}
	}
}

// restoreNewest puts back deleted segments without a gap before those that are there.
func restoreNewest(t *testing.T, dir string, kept map[string][]byte) {
	numbers, err := listSegments(journalDir(dir))
	must(t, err)
	for n := numbers[0] - 1; n > 0; n-- {
		data, ok := kept[segmentPath(journalDir(dir), n)]
		if !ok {
			return
		}
		// Only a segment that was whole when it was kept; one that still grew would not have been deleted like that.
		if int64(len(data)) < 1500 {
			return
		}
		must(t, os.WriteFile(segmentPath(journalDir(dir), n), data, 0o600))
	}
}

func TestManyAppendersAndReaders(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "odd ?#%41 name")
	must(t, os.Mkdir(dir, 0o700))
	l := open(t, dir, Options{SegmentSize: 20_000, CommitEvery: time.Millisecond, SyncEvery: time.Millisecond})
	var wg sync.WaitGroup
	for worker := range 16 {
		wg.Go(func() {
			for n := worker; n < 3200; n += 16 {
				r := row(n)
				if err := l.Hold(r.ID, r.Held, r.Encode(nil)); err != nil {
					t.Error(err)
				}
				if err := l.Append(r); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 2 {
		wg.Go(func() {
			reader, err := OpenReader(dir)
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = reader.Close() }()
			var last int64
			for range 40 {
				s, err := reader.Report(t.Context(), Query{})
				if err != nil {
					t.Error(err)
					return
				}
				if s.Requests < last {
					t.Errorf("%d requests after %d", s.Requests, last)
				}
				last = s.Requests
			}
		})
	}
	wg.Wait()
	if h := l.Health(); h.Open != 0 || h.Journal != nil || h.Database != nil {
		t.Errorf("%+v", h)
	}
	if a := verify(t, &l.Reader); a.Rows != 3200 {
		t.Errorf("%d rows", a.Rows)
	}
}
