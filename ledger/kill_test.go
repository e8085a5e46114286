package ledger

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"bursar/pricing"
)

// What the tests tell the process that they kill: its folder, and where and under which name it ships its rows, if it does.
const (
	killDir  = "BURSAR_TEST_KILL_DIR"
	killShip = "BURSAR_TEST_KILL_SHIP"
	killName = "BURSAR_TEST_KILL_NAME"
)

// serveUntilKilled is the process that TestKill and TestShipKill kill: it holds and appends from several goroutines, and prints what was
// acknowledged.
func serveUntilKilled(dir string) {
	l, err := Open(dir, Options{SegmentSize: 64 << 10, CommitEvery: time.Millisecond, KeepOpens: true})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	pace := time.Duration(0)
	if url := os.Getenv(killShip); url != "" {
		if _, err := l.Ship(ShipOptions{URL: url, Gateway: os.Getenv(killName), Every: time.Millisecond, Batch: 50}); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		pace = time.Millisecond
	}
	var printing sync.Mutex
	say := func(what string, n int) {
		printing.Lock()
		defer printing.Unlock()
		_, _ = fmt.Fprintf(os.Stdout, "%s %d\n", what, n) // one write: os.Stdout is not buffered
	}
	base := os.Getpid() * 100_000
	for worker := range 4 {
		go func() {
			for n := base + worker; ; n += 4 {
				r := row(n)
				if l.Hold(r.ID, r.Held, r.Encode(nil)) == nil {
					say("hold", n)
				}
				if l.Append(r) == nil {
					say("row", n)
				}
				time.Sleep(pace)
			}
		}()
	}
	select {}
}

// acknowledged is what the killed processes said is safe.
type acknowledged struct {
	rows, holds []int
	orphans     map[string]bool // and what became of holds without a row
}

// TestKill kills a gateway at random moments. What it had acknowledged is there, once; each hold without a row is one orphan. While
// it runs, a reader in another process (this one) sees all that was acknowledged.
func TestKill(t *testing.T) {
	for range 5 {
		dir := t.TempDir()
		all := acknowledged{orphans: map[string]bool{}}
		for range 4 {
			all.runAndKill(t, dir)
			l := open(t, dir, Options{})
			if d := l.Recovered().Damage; len(d) > 0 {
				t.Fatal(d[0])
			}
			for _, o := range l.Recovered().Orphans {
				if all.orphans[o.ID] {
					t.Fatalf("orphan %s twice", o.ID)
				}
				all.orphans[o.ID] = true
			}
			all.check(t, l)
			must(t, l.Close())
		}
		t.Logf("4 kills: %d rows and %d holds acknowledged, %d orphans", len(all.rows), len(all.holds), len(all.orphans))
	}
}

func (a *acknowledged) runAndKill(t *testing.T, dir string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), killDir+"="+dir)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	defer func() { _ = cmd.Wait() }() // it was killed
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); n++ {
		if n == 0 {
			time.AfterFunc(time.Duration(rand.IntN(60_000))*time.Microsecond, func() { _ = cmd.Process.Kill() })
		}
		a.note(t, lines.Text())
		if n == 100 {
			a.readBeside(t, dir)
		}
	}
}

func (a *acknowledged) note(t *testing.T, line string) {
	t.Helper()
	var what string
	var n int
	if _, err := fmt.Sscanf(line, "%s %d", &what, &n); err != nil {
		t.Fatalf("the gateway said %q", line)
	}
	if what == "row" {
		a.rows = append(a.rows, n)
	} else {
		a.holds = append(a.holds, n)
	}
}

// readBeside reads beside the running gateway.
func (a *acknowledged) readBeside(t *testing.T, dir string) {
	t.Helper()
	reader, err := OpenReader(dir)
	must(t, err)
	defer func() { must(t, reader.Close()) }()
	s, err := reader.Report(t.Context(), Query{})
	must(t, err)
	if want := int64(len(a.rows) + len(a.orphans)); s.Requests < want {
		t.Fatalf("a reader sees %d requests where %d were acknowledged", s.Requests, want)
	}
	verify(t, reader)
}

// check compares the ledger with what was acknowledged. A row whose acknowledgement was cut off may be there as well.
func (a *acknowledged) check(t *testing.T, l *Ledger) {
	t.Helper()
	must(t, l.Flush(t.Context()))
	found := map[string]Kind{}
	var spend pricing.Nano
	rows, err := l.db.Query("SELECT id, kind, cost FROM rows")
	must(t, err)
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id string
		var kind Kind
		var cost pricing.Nano
		must(t, rows.Scan(&id, &kind, &cost))
		if _, twice := found[id]; twice {
			t.Fatalf("%s is booked twice", id)
		}
		found[id] = kind
		spend += cost
		if (kind == KindOrphan) != a.orphans[id] {
			t.Fatalf("%s is of kind %s, recovered as orphan: %v", id, kind, a.orphans[id])
		}
	}
	must(t, rows.Err())
	for _, n := range a.rows {
		if kind, ok := found[rowID(n)]; !ok || kind != KindRequest {
			t.Fatalf("row %d was acknowledged and is not booked as a request", n)
		}
	}
	for _, n := range a.holds {
		if _, ok := found[rowID(n)]; !ok {
			t.Fatalf("hold %d was acknowledged and is neither a row nor an orphan", n)
		}
	}
	if audit := verify(t, &l.Reader); audit.Spend != spend || audit.Rows != int64(len(found)) {
		t.Fatalf("statements have %d rows and %d, the rows %d and %d", audit.Rows, audit.Spend, len(found), spend)
	}
}
