package ledger

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"bursar/pricing"
)

const killDir = "BURSAR_TEST_KILL_DIR"

// killed is what the killed process does: it holds and appends from several goroutines, and prints what was acknowledged.
func killed() bool {
	dir := os.Getenv(killDir)
	if dir == "" {
		return false
	}
	l, err := Open(dir, Options{SegmentSize: 64 << 10, CommitEvery: time.Millisecond, KeepOpens: true})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	var print sync.Mutex
	say := func(what string, n int) {
		print.Lock()
		defer print.Unlock()
		_, _ = os.Stdout.WriteString(fmt.Sprintf("%s %d\n", what, n))
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
			}
		}()
	}
	select {}
}

// TestKill kills a gateway at random moments. What it had acknowledged is there, once; each hold without a row is one orphan.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	rows, holds := map[int]bool{}, map[int]bool{}
	orphans := map[string]bool{}
	for range 25 {
		runAndKill(t, dir, func(what string, n int) {
			switch what {
			case "row":
				rows[n] = true
			case "hold":
				holds[n] = true
			}
		})
		l := open(t, dir, Options{})
		if d := l.Recovered().Damage; len(d) > 0 {
			t.Fatal(d[0])
		}
		for _, o := range l.Recovered().Orphans {
			if orphans[o.ID] {
				t.Fatalf("orphan %s twice", o.ID)
			}
			orphans[o.ID] = true
		}
		checkBooks(t, l, rows, holds, orphans)
		must(t, l.Close())
	}
	t.Logf("25 kills: %d rows and %d holds acknowledged, %d orphans", len(rows), len(holds), len(orphans))
}

func runAndKill(t *testing.T, dir string, note func(what string, n int)) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), killDir+"="+dir)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatal("the gateway said nothing")
	}
	timer := time.AfterFunc(time.Duration(rand.IntN(60_000))*time.Microsecond, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	for ok := true; ok; ok = lines.Scan() {
		var what string
		var n int
		if _, err := fmt.Sscanf(lines.Text(), "%s %d", &what, &n); err == nil && strings.HasPrefix(lines.Text(), what+" ") {
			note(what, n)
		}
	}
	_ = cmd.Wait() // it was killed
}

// checkBooks compares the ledger with what was acknowledged. A row whose acknowledgement was cut off may be there as well.
func checkBooks(t *testing.T, l *Ledger, rows, holds map[int]bool, orphans map[string]bool) {
	t.Helper()
	must(t, l.Flush(t.Context()))
	found := map[string]Kind{}
	var spend pricing.Nano
	all, err := l.db.Query("SELECT id, kind, cost FROM rows")
	must(t, err)
	defer func() { _ = all.Close() }()
	for all.Next() {
		var id string
		var kind Kind
		var cost pricing.Nano
		must(t, all.Scan(&id, &kind, &cost))
		if _, twice := found[id]; twice {
			t.Fatalf("%s is booked twice", id)
		}
		found[id] = kind
		spend += cost
		if kind == KindOrphan != orphans[id] {
			t.Fatalf("%s is of kind %s, recovered as orphan: %v", id, kind, orphans[id])
		}
	}
	must(t, all.Err())
	for n := range rows {
		if kind, ok := found[row(n).ID]; !ok || kind != KindRequest {
			t.Fatalf("row %d was acknowledged and is not booked as a request", n)
		}
	}
	for n := range holds {
		if _, ok := found[row(n).ID]; !ok {
			t.Fatalf("hold %d was acknowledged and is neither a row nor an orphan", n)
		}
	}
	if a := verify(t, &l.Reader); a.Spend != spend || a.Rows != int64(len(found)) {
		t.Fatalf("statements have %d rows and %d, the rows %d and %d", a.Rows, a.Spend, len(found), spend)
	}
}
