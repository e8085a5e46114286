package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bursar/ledger"
	"bursar/pricing"
)

// export exports and returns what the command said.
func export(t *testing.T, args ...string) (e exported) {
	t.Helper()
	must(t, json.Unmarshal([]byte(done(t, append([]string{"ledger", "export"}, args...)...)), &e))
	return e
}

// TestLedgerExport: an export of either form is whole, and imported elsewhere it is the same books.
func TestLedgerExport(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	sum := fill(t, dir)
	for _, name := range []string{"all.jsonl", "all.csv", "all.jsonl.gz", "all.csv.gz"} {
		file := filepath.Join(out, name)
		e := export(t, "-data", dir, "-out", file)
		body, err := os.ReadFile(file)
		must(t, err)
		if hash := sha256.Sum256(body); e.Rows != 300 || e.Spend != sum || e.SHA256 != hex.EncodeToString(hash[:]) {
			t.Errorf("%+v", e)
		}
		copied := filepath.Join(out, "of "+name)
		for range 2 { // the second time all are there already
			done(t, "ledger", "import", "-data", copied, file)
		}
		var a audit
		must(t, json.Unmarshal([]byte(done(t, "audit", "-data", copied, "-json")), &a))
		if a.Ledgers[0].Rows != 300 || a.Ledgers[0].Spend != sum {
			t.Errorf("%s imported: %+v", name, a.Ledgers[0])
		}
		if want, have := done(t, "report", "-data", dir, "-by", "team,user,hour"), done(t, "report", "-data", copied, "-by", "team,user,hour"); want != have {
			t.Errorf("%s imported says\n%s\nwant\n%s", name, have, want)
		}
		if got := (world{}).run("ledger", "export", "-data", dir, "-out", file); got.code != 1 || !strings.Contains(got.err, "replaces nothing") {
			t.Errorf("%+v", got)
		}
	}
	var parts pricing.Nano
	for i, days := range [][]string{{"-to", "2026-11-07"}, {"-from", "2026-11-08", "-to", "2026-11-15"}, {"-from", "2026-11-16"}} {
		parts += export(t, append(days, "-data", dir, "-out", fmt.Sprintf("%s/part%d.csv", out, i))...).Spend
	}
	if parts != sum {
		t.Errorf("the parts sum to %s, the whole to %s", parts.Dollars(), sum.Dollars())
	}
	if e := export(t, "-data", dir, "-team", "search", "-out", out+"/team.csv"); e.Rows != 100 {
		t.Errorf("%+v", e)
	}
	body, err := os.ReadFile(out + "/all.jsonl")
	must(t, err)
	write(t, out+"/cut.jsonl", string(body[:len(body)-100]))
	if got := (world{}).run("ledger", "import", "-data", t.TempDir(), out+"/cut.jsonl"); got.code != 1 || !strings.Contains(got.err, "line 300 of an export") {
		t.Errorf("%+v", got)
	}
}

// TestLedgerPrune: nothing goes that is not in the exports, and what goes stays in the statements.
func TestLedgerPrune(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	sum := fill(t, dir)
	export(t, "-data", dir, "-to", "2026-11-05", "-out", out+"/1.jsonl.gz")
	export(t, "-data", dir, "-from", "2026-11-06", "-to", "2026-11-12", "-out", out+"/2.csv")
	refused := func(want string, code int, args ...string) {
		t.Helper()
		if got := (world{}).run(append([]string{"ledger", "prune"}, args...)...); got.code != code || !strings.Contains(got.err, want) {
			t.Errorf("prune %v: %+v", args, got)
		}
	}
	refused("-before is missing", 2, "-data", dir)
	refused("-exported is missing", 2, "-data", dir, "-before", "2026-11-10")
	refused("give -data", 2, "-before", "2026-11-10")
	refused("is not in the export: nothing was removed", 1, "-data", dir, "-before", "2026-11-10", "-exported", out+"/2.csv")
	refused("is not in the export", 1, "-data", dir, "-before", "2026-11-14", "-exported", out+"/1.jsonl.gz", "-exported", out+"/2.csv")
	body, err := os.ReadFile(out + "/2.csv")
	must(t, err)
	write(t, out+"/edited.csv", strings.Replace(string(body), "premium", "cheap", 1))
	refused("is not in the export", 1, "-data", dir, "-before", "2026-11-12", "-exported", out+"/1.jsonl.gz", "-exported", out+"/edited.csv")

	want := done(t, "report", "-data", dir, "-by", "team,user,day,rule")
	for _, before := range []string{"2026-11-05", "2026-11-10", "2026-11-10"} {
		done(t, "ledger", "prune", "-data", dir, "-before", before, "-exported", out+"/1.jsonl.gz", "-exported", out+"/2.csv")
	}
	if have := done(t, "report", "-data", dir, "-by", "team,user,day,rule"); have != want {
		t.Errorf("after pruning the statement is\n%s\nwant\n%s", have, want)
	}
	var a audit
	must(t, json.Unmarshal([]byte(done(t, "audit", "-data", dir, "-json")), &a))
	if a.Ledgers[0].Rows != 300-9*15 || a.Ledgers[0].Removed != 9*15 {
		t.Errorf("%+v", a.Ledgers[0])
	}
	if got := (world{}).run("ledger", "import", "-data", dir, out+"/1.jsonl.gz"); got.code != 1 || !strings.Contains(got.err, "count twice") {
		t.Errorf("%+v", got)
	}
	if got := (world{}).run("ledger", "export", "-data", dir, "-out", out+"/late.csv"); got.code != 1 || !strings.Contains(got.err, "were removed") {
		t.Errorf("%+v", got)
	}
	all := t.TempDir()
	done(t, "ledger", "import", "-data", all, out+"/1.jsonl.gz", out+"/2.csv")
	export(t, "-data", dir, "-from", "2026-11-13", "-out", out+"/3.jsonl")
	done(t, "ledger", "import", "-data", all, out+"/3.jsonl")
	must(t, json.Unmarshal([]byte(done(t, "audit", "-data", all, "-json")), &a))
	if a.Ledgers[0].Rows != 300 || a.Ledgers[0].Spend != sum {
		t.Errorf("the exports together: %+v", a.Ledgers[0])
	}
}

// TestLedgerPrunePostgres: rows of Postgres can go as well, and a gateway's once they are there.
func TestLedgerPrunePostgres(t *testing.T) {
	postgres := newPostgres(t)
	dir, out := t.TempDir(), t.TempDir()
	sum := fill(t, dir)
	write(t, dir+"/"+gatewayFile, "one\n")
	l, err := ledger.Open(dir, ledger.Options{})
	must(t, err)
	s, err := l.Ship(ledger.ShipOptions{URL: postgres, Gateway: "one"})
	must(t, err)
	must(t, s.Close(t.Context()))
	must(t, l.Close())
	if said := done(t, "ledger", "prune", "-data", dir, "-before", "2026-11-11", "-postgres", postgres); !strings.HasPrefix(said, "150 rows") {
		t.Error(said)
	}
	export(t, "-postgres", postgres, "-to", "2026-11-06", "-out", out+"/a.jsonl")
	if said := done(t, "ledger", "prune", "-postgres", postgres, "-before", "2026-11-06", "-exported", out+"/a.jsonl"); !strings.HasPrefix(said, "75 rows") {
		t.Error(said)
	}
	for _, args := range [][]string{{"-data", dir}, {"-postgres", postgres}, {"-data", dir, "-postgres", postgres}} {
		if said := done(t, append([]string{"audit"}, args...)...); !strings.HasSuffix(said, "ok\n") {
			t.Errorf("audit %v: %s", args, said)
		}
	}
	var statement statement
	must(t, json.Unmarshal([]byte(done(t, "report", "-postgres", postgres, "-by", "user,day", "-format", "json")), &statement))
	if nano(t, statement.Spend.String()) != sum {
		t.Errorf("Postgres says %s, want %s", statement.Spend, sum.Dollars())
	}
	statement.sumsUp(t)
}
