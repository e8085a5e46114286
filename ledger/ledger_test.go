package ledger

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"bursar/exchange"
	"bursar/pricing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

var morning = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

// row makes the nth row of a test: all fields set, all different, its savings equal to its baseline minus its cost.
func row(n int) *Row {
	i := int64(n)
	r := &Row{
		ID: rowID(n), Time: morning.UnixNano() + i*int64(7*time.Second), Duration: time.Duration(i) + 1, FirstByte: 2,
		Team: fmt.Sprintf("team%d", n%3), Project: fmt.Sprintf("project%d", n%5), Key: fmt.Sprintf("key%d", n%7), User: fmt.Sprintf("user%d", n%4),
		Asked: "auto", Rule: fmt.Sprintf("rule%d", n%2), Decision: "rule", Reason: "answered", Status: 200,
		Target: fmt.Sprintf("openai/m%d", n%2), Tier: []string{"cheap", "premium"}[n%2], Attempts: 1, Stream: n%2 == 0,
		PromptTokens: 10 + i, PromptMethod: "exact", UsageMethod: "reported", Finish: "stop", MaxOutput: 500, Trimmed: i % 9, Cache: "miss",
		Usage:    pricing.Usage{Input: i, CacheRead: 1, CacheWrite: 2, CacheWrite1h: 3, AudioIn: 4, ImageIn: 5, Output: 6, Reasoning: 7, AudioOut: 8, ImageOut: 9, Tier: "flex", Region: "eu"},
		Cost:     pricing.Nano(1000*i + 1),
		Baseline: pricing.Nano(3000*i + 8), Held: pricing.Nano(5000*i + 3), Policy: "abcdef",
	}
	r.Saved[exchange.LeverRoute] = pricing.Nano(2500 * i)
	r.Saved[exchange.LeverTrim] = r.Baseline - r.Cost - r.Saved[exchange.LeverRoute]
	if n%4 == 0 {
		r.Tags = TagText([]exchange.Tag{{Name: "feature", Value: "a,b"}, {Name: "n", Value: fmt.Sprint(n)}})
	}
	return r
}

func rowID(n int) string { return fmt.Sprintf("req_%08d", n) }

func open(t testing.TB, dir string, options Options) *Ledger {
	t.Helper()
	if options.Warn == nil {
		options.Warn = func(what string, err error) { t.Errorf("warned: %s: %v", what, err) }
	}
	l, err := Open(dir, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func verify(t testing.TB, r *Reader) Audit {
	t.Helper()
	audit, err := r.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return audit
}

func TestMain(m *testing.M) {
	if dir := os.Getenv(killDir); dir != "" { // the re-executed half of TestKill
		serveUntilKilled(dir)
	}
	goleak.VerifyTestMain(m)
}

func TestRowsOutliveTheLedger(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Options{})
	var spend pricing.Nano
	for n := range 1500 {
		r := row(n)
		must(t, l.Hold(r.ID, r.Held, r.Encode(nil)))
		must(t, l.Append(r))
		spend += r.Cost
	}
	if a := verify(t, &l.Reader); a.Rows != 1500 || a.Spend != spend {
		t.Fatalf("before a flush: %+v, want 1500 rows and %d", a, spend)
	}
	must(t, l.Flush(t.Context()))
	if h := l.Health(); h != (Health{}) {
		t.Fatalf("after a flush: %+v", h)
	}
	must(t, l.Close())

	again := open(t, dir, Options{})
	if r := again.Recovered(); r.Rows != 0 || len(r.Orphans) != 0 || r.Torn != 0 || len(r.Damage) != 0 {
		t.Errorf("recovered %+v after a clean close", r)
	}
	if a := verify(t, &again.Reader); a.Rows != 1500 || a.Spend != spend || a.Pending != 0 {
		t.Errorf("after a restart: %+v, want 1500 rows and %d", a, spend)
	}
}

func TestRowsKeepEveryField(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Options{})
	must(t, l.Append(row(3)))
	must(t, l.Append(row(4)))
	must(t, l.Flush(t.Context()))
	var have Row
	var stream int64
	var into []any
	for _, text := range have.texts() {
		into = append(into, text)
	}
	for _, n := range have.numbers(&stream) {
		into = append(into, n)
	}
	list := strings.Join(append(textColumns[:], numberColumns[:]...), ", ")
	must(t, l.db.QueryRow("SELECT "+list+" FROM rows WHERE id = ?", row(4).ID).Scan(into...))
	have.Stream = stream != 0
	if diff := cmp.Diff(*row(4), have); diff != "" {
		t.Error(diff)
	}
}

func TestOneGatewayPerDirectory(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Options{})
	_, err := Open(dir, Options{})
	if err == nil || !strings.Contains(err.Error(), dir+" is in use by another gateway, process ") {
		t.Fatalf("a second ledger of %s: %v", dir, err)
	}
	must(t, l.Close())
	open(t, dir, Options{})
}

func TestOpenHoldsBecomeOrphans(t *testing.T) {
	dir := t.TempDir()
	crash(t, dir, func(l *Ledger) {
		for n := range 5 {
			r := row(n)
			must(t, l.Hold(r.ID, 1, nil)) // replaced by the next
			must(t, l.Hold(r.ID, r.Held, r.Encode(nil)))
		}
		must(t, l.Append(row(1)))
		must(t, l.Forget(row(2).ID))
		must(t, l.Hold("seedless", 77, []byte("not a row")))
		correction := row(3)
		correction.Kind = KindCorrection
		must(t, l.Append(correction)) // ends no hold
	})
	l := open(t, dir, Options{})
	orphans := l.Recovered().Orphans
	want := []string{row(0).ID, row(3).ID, row(4).ID, "seedless"}
	paid := map[string]pricing.Nano{row(0).ID: row(0).Cost, row(3).ID: row(3).Cost, row(4).ID: row(4).Cost} // before they were held for
	if len(orphans) != len(want) {
		t.Fatalf("%d orphans: %+v", len(orphans), orphans)
	}
	for i, o := range orphans {
		if o.ID != want[i] || o.Kind != KindOrphan || o.Reason != "orphaned" || o.Cost != o.Held+paid[o.ID] || o.Baseline != o.Cost || o.Time == 0 {
			t.Errorf("orphan %d: %+v", i, o)
		}
	}
	if o := orphans[1]; o.Cost != row(3).Held+row(3).Cost || o.Team != row(3).Team || o.Time != row(3).Time {
		t.Errorf("the orphan of a seed: %+v", o)
	}
	must(t, l.Flush(t.Context()))
	s, err := l.Report(t.Context(), Query{})
	must(t, err)
	if s.Orphans != 4 || s.Requests != 5 {
		t.Errorf("%d orphans, %d requests", s.Orphans, s.Requests)
	}
	verify(t, &l.Reader)
	must(t, l.Close())
	if again := open(t, dir, Options{}); len(again.Recovered().Orphans) != 0 {
		t.Error("orphans twice")
	}
}

func TestKeepOpens(t *testing.T) {
	dir := t.TempDir()
	crash(t, dir, func(l *Ledger) {
		for n := range 3 {
			must(t, l.Hold(row(n).ID, row(n).Held, row(n).Encode(nil)))
		}
	})
	crash(t, dir, func(l *Ledger) { // a restart that settles none keeps them all
		if n := len(l.Recovered().Opens); n != 3 {
			t.Errorf("%d opens", n)
		}
		must(t, l.Append(row(0)))
	})
	l := open(t, dir, Options{KeepOpens: true})
	opens := l.Recovered().Opens
	if len(opens) != 2 || opens[0].ID != row(1).ID || opens[1].Held != row(2).Held {
		t.Fatalf("%+v", opens)
	}
	orphan := opens[0].Orphan()
	must(t, l.Append(&orphan))
	must(t, l.Forget(opens[1].ID))
	if h := l.Health(); h.Open != 0 {
		t.Errorf("%d holds are still open", h.Open)
	}
}

// crash uses a ledger that keeps opens and ends it as kill -9 would: what is in the journal stays, nothing else is done.
func crash(t *testing.T, dir string, use func(*Ledger)) {
	t.Helper()
	l := open(t, dir, Options{KeepOpens: true, CommitEvery: time.Hour, Warn: func(string, error) {}})
	use(l)
	l.abandon()
}

// abandon frees what a killed process would lose, and does nothing that a killed process would not do.
func (l *Ledger) abandon() {
	l.closing.Store(true)
	_ = l.committer.store.close() // so that the committer's last attempt comes to nothing
	l.stop()
	l.running.Wait()
	_ = l.journal.file.Close()
	for _, f := range l.journal.retired {
		_ = f.Close()
	}
	l.committer.reader.close()
	_ = l.Reader.Close()
	_ = l.lock.Close()
}

func TestDuplicateRowsAreBookedOnce(t *testing.T) {
	l := open(t, t.TempDir(), Options{CommitEvery: time.Hour})
	check := func(want int64) {
		t.Helper()
		if a := verify(t, &l.Reader); a.Rows != want {
			t.Fatalf("%d rows, want %d", a.Rows, want)
		}
	}
	for range 3 {
		must(t, l.Append(row(1)))
	}
	check(1) // among the journal's
	must(t, l.Flush(t.Context()))
	check(1) // within one commit
	for n := range 100 {
		must(t, l.Append(row(n)))
	}
	check(100) // between journal and database
	must(t, l.Flush(t.Context()))
	check(100) // within a group
	refused := row(1)
	refused.Kind = KindCorrection
	must(t, l.Append(refused))
	check(101) // another kind is another row
}

func TestFind(t *testing.T) {
	l := open(t, t.TempDir(), Options{CommitEvery: time.Hour})
	f := func(n int, want bool) {
		t.Helper()
		have, found, err := l.Find(t.Context(), rowID(n))
		must(t, err)
		if found != want {
			t.Fatalf("row %d is found: %v", n, found)
		}
		if diff := cmp.Diff(*row(n), have); found && diff != "" {
			t.Error(diff)
		}
	}
	must(t, l.Append(row(4)))
	correction := row(5)
	correction.Kind = KindCorrection
	must(t, l.Append(correction))
	f(4, true) // only journalled
	f(5, false)
	must(t, l.Flush(t.Context()))
	f(4, true)
	f(5, false)
}

// TestReaderAlone reads what a gateway left behind that was killed, with no gateway there, and then what one left that was closed.
func TestReaderAlone(t *testing.T) {
	dir := t.TempDir()
	crash(t, dir, func(l *Ledger) {
		for n := range 10 {
			must(t, l.Hold(rowID(n), 5, nil)) // no reader makes an orphan of these
		}
		must(t, l.Append(row(1)))
	})
	check := func(rows, pending int64) {
		t.Helper()
		reader, err := OpenReader(dir)
		must(t, err)
		if a := verify(t, reader); a.Rows != rows || a.Pending != pending {
			t.Errorf("%+v, want %d rows, %d of them pending", a, rows, pending)
		}
		must(t, reader.Close())
	}
	check(1, 1)
	must(t, open(t, dir, Options{}).Close())
	check(10, 0)
}
