package ledger

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	neturl "net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"bursar/pricing"
)

// server is a Postgres of a test's own, which it may kill.
type server struct {
	t         *testing.T
	port, url string
}

func newServer(t *testing.T) *server {
	t.Helper()
	if os.Getenv("BURSAR_TEST_POSTGRES") == "" {
		t.Skip("set BURSAR_TEST_POSTGRES to run against a real Postgres")
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	_, port, err := net.SplitHostPort(ln.Addr().String())
	must(t, err)
	must(t, ln.Close())
	s := &server{t: t, port: port}
	t.Cleanup(func() { s.do("drop") })
	s.url = s.do("start")
	return s
}

// do runs scripts/postgres.
func (s *server) do(verb string) string {
	s.t.Helper()
	cmd := exec.Command("../scripts/postgres", verb, s.port)
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("scripts/postgres %s %s: %v\n%s", verb, s.port, err, out)
	}
	return strings.TrimSpace(string(out))
}

// TestShipKill kills gateways and Postgres at random moments, with kill -9, in the middle of shipping. Each row that was acknowledged is
// in Postgres in the end, once, and the sums are those of the rows, to the nano-dollar.
func TestShipKill(t *testing.T) {
	db := newServer(t)
	var sites []*shippingSite
	for _, name := range []string{"one", "two"} {
		sites = append(sites, &shippingSite{name: name, dir: t.TempDir(), url: db.url})
	}
	const rounds = 4
	for range rounds {
		var running sync.WaitGroup
		for _, s := range sites {
			s.start(t)
			running.Go(func() { s.killAfter(300*time.Millisecond + rand.N(500*time.Millisecond)) })
		}
		time.Sleep(150*time.Millisecond + rand.N(400*time.Millisecond))
		db.do("kill")
		running.Wait()
		db.do("start")
	}
	var spend pricing.Nano
	var rows int64
	for _, s := range sites {
		l := open(t, s.dir, Options{Warn: func(string, error) {}})
		must(t, l.Flush(t.Context()))
		shipper, err := l.Ship(ShipOptions{URL: db.url, Gateway: s.name})
		must(t, err)
		must(t, shipper.Close(t.Context()))
		fleet := fleetOf(t, db.url)
		found, err := l.CompareFleet(t.Context(), fleet, s.name, time.Time{})
		must(t, err)
		audit := verify(t, &l.Reader)
		if found.Unshipped != 0 || found.Rows != audit.Rows || found.Twins != 0 {
			t.Errorf("gateway %s has %d rows; shipped: %+v", s.name, audit.Rows, found)
		}
		if audit.Rows < int64(len(s.said.rows)) || len(s.said.rows) < 100 {
			t.Errorf("gateway %s has %d rows, %d were acknowledged", s.name, audit.Rows, len(s.said.rows))
		}
		rows, spend = rows+audit.Rows, spend+audit.Spend
	}
	fleet := fleetOf(t, db.url)
	audit, err := fleet.Verify(t.Context())
	must(t, err)
	if audit.Rows != rows || audit.Spend != spend {
		t.Errorf("Postgres has %d rows of $%s, the gateways %d of $%s", audit.Rows, audit.Spend.Dollars(), rows, spend.Dollars())
	}
	ids := map[string]int{}
	must(t, fleet.Rows(t.Context(), Filter{}, func(r *Row) error { ids[r.ID]++; return nil }))
	for _, s := range sites {
		for _, n := range s.said.rows {
			if ids[rowID(n)] != 1 {
				t.Fatalf("row %d was acknowledged and is %d times in Postgres", n, ids[rowID(n)])
			}
		}
	}
	t.Logf("%d kills of gateways, %d of Postgres: %d rows, %d and %d acknowledged, $%s", len(sites)*rounds, rounds, rows,
		len(sites[0].said.rows), len(sites[1].said.rows), spend.Dollars())
}

// shippingSite is a gateway's folder, and what its processes said.
type shippingSite struct {
	name, dir, url string
	cmd            *exec.Cmd
	out            io.Reader
	said           acknowledged
}

func (s *shippingSite) start(t *testing.T) {
	t.Helper()
	s.cmd = exec.Command(os.Args[0])
	s.cmd.Env = append(os.Environ(), killDir+"="+s.dir, killShip+"="+s.url, killName+"="+s.name)
	out, err := s.cmd.StdoutPipe()
	must(t, err)
	must(t, s.cmd.Start())
	s.out = out
}

func (s *shippingSite) killAfter(d time.Duration) {
	lines := bufio.NewScanner(s.out)
	for first := true; lines.Scan(); first = false {
		if first { // it works by now
			time.AfterFunc(d, func() { _ = s.cmd.Process.Kill() })
		}
		var n int
		if _, err := fmt.Sscanf(lines.Text(), "row %d", &n); err == nil {
			s.said.rows = append(s.said.rows, n)
		}
	}
	_ = s.cmd.Wait() // it was killed
}

// TestShipStalled: a Postgres that takes connections and then says nothing, or is not there, slows no row and loses none; what waits is
// told, and is shipped when it answers again.
func TestShipStalled(t *testing.T) {
	url := newFleet(t)
	at, err := neturl.Parse(url)
	must(t, err)
	gate := newGate(t, at.Host)
	at.Host = gate.ln.Addr().String()
	l := open(t, t.TempDir(), Options{Warn: func(string, error) {}})
	s, err := l.Ship(ShipOptions{URL: at.String(), Gateway: "one", Every: time.Millisecond, Batch: 50, Timeout: 200 * time.Millisecond})
	must(t, err)
	fillLedger(t, l, 0, 120)
	eventually(t, "the first rows are shipped", func() bool { return s.Lag(t.Context()) == Lag{} })
	gate.close(true)
	fillLedger(t, l, 120, 1000) // flushes to SQLite meanwhile
	eventually(t, "the fault is told", func() bool { return s.Lag(t.Context()).Fault != nil })
	if lag := s.Lag(t.Context()); lag.Rows < 700 || lag.Time == 0 {
		t.Errorf("lag %+v", lag)
	}
	hurried, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := s.Close(hurried); err == nil {
		t.Error("all is shipped, though Postgres does not answer")
	}
	gate.close(false)
	shipped(t, ship(t, l, at.String(), "one"))
	audit, err := fleetOf(t, url).Verify(t.Context())
	if err != nil || audit.Rows != 1000 {
		t.Errorf("%+v, %v", audit, err)
	}
}

func eventually(t *testing.T, what string, good func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !good(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("in vain: %s", what)
		}
	}
}

// gate is a way to a server that can be closed: then bytes go nowhere.
type gate struct {
	ln net.Listener

	mu     sync.Mutex
	closed bool
	opened *sync.Cond
}

func newGate(t *testing.T, to string) *gate {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	g := &gate{ln: ln}
	g.opened = sync.NewCond(&g.mu)
	var all sync.WaitGroup
	t.Cleanup(func() {
		g.close(false)
		_ = ln.Close()
		all.Wait()
	})
	all.Go(func() {
		for {
			client, err := ln.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", to)
			must(t, err)
			all.Go(func() { g.pass(server, client) })
			all.Go(func() { g.pass(client, server) })
		}
	})
	return g
}

func (g *gate) close(closed bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = closed
	g.opened.Broadcast()
}

func (g *gate) pass(to, from net.Conn) {
	defer to.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		g.mu.Lock()
		for g.closed {
			g.opened.Wait()
		}
		g.mu.Unlock()
		if err != nil {
			return
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}
