package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"bursar/admin"
	"bursar/ledger"
	"bursar/pricing"
)

// auditCommand checks the books: journal, rows and sums of each ledger, what of them is in the fleet's Postgres, Postgres' own rows and
// sums, and the counters of a running gateway against them. Exit status 1 if anything differs by a nano-dollar.
func auditCommand(p *program, args []string) error {
	f := p.flags("audit")
	var dirs []string
	f.Func("data", "a gateway's data folder; give it once for each gateway of a fleet (default data, or none with -postgres)", func(dir string) error {
		dirs = append(dirs, dir)
		return nil
	})
	postgres := f.String("postgres", "", "postgres://USER@HOST/DATABASE of the fleet's ledger; its password is best given in BURSAR_POSTGRES, with all of the URL")
	url := f.String("admin", "", "admin address of a running gateway, to compare its counters with the books")
	whole := f.Bool("whole", false, "the one -data is the whole fleet's")
	asJSON := f.Bool("json", false, "print JSON")
	if err := p.parseAll(f, args); err != nil {
		return err
	}
	if len(dirs) > 0 || *postgres == "" {
		dirs = p.given(f, dirs)
	}
	a := audit{whole: *whole || len(dirs) > 1, OK: true}
	defer a.close()
	ctx := context.Background()
	if err := a.open(ctx, dirs, *postgres); err != nil {
		return err
	}
	a.verify(ctx)
	if *url != "" {
		at := adminURL(*url)
		if err := a.compare(ctx, func(ctx context.Context) ([]admin.Budget, error) { return fetchBudgets(ctx, at) }); err != nil {
			return err
		}
	}
	if err := a.print(p.out, *asJSON); err != nil {
		return err
	}
	if !a.OK {
		return errFailed
	}
	return nil
}

// given are the values of the flag -data: the command line's, else the environment's, else the default.
func (p *program) given(f *flag.FlagSet, dirs []string) []string {
	if len(dirs) == 0 {
		return []string{"data"}
	}
	if len(dirs) > 1 && p.env(envName(f.Lookup("data").Name)) != "" {
		return dirs[1:] // parse read the environment first; the flag wins
	}
	return dirs
}

// adminURL takes what serve's -admin takes too.
func adminURL(address string) string {
	if address != "" && !strings.Contains(address, "://") {
		address = "http://" + address
	}
	return strings.TrimSuffix(address, "/")
}

// audit is a self-audit, as -json prints it.
type audit struct {
	Ledgers  []*auditedLedger `json:"ledgers"`
	Postgres *auditedFleet    `json:"postgres,omitempty"`
	Windows  []auditedWindow  `json:"windows,omitempty"`
	Note     string           `json:"note,omitempty"`
	OK       bool             `json:"ok"`

	whole bool // the ledgers are all there are
}

// auditedLedger is what the audit of one data folder found.
type auditedLedger struct {
	Data      string       `json:"data"`
	Rows      int64        `json:"rows"`
	Pending   int64        `json:"pending"`             // of those, the rows that are only in the journal yet
	Unshipped int64        `json:"unshipped,omitempty"` // of those, the rows that are not in Postgres yet
	Removed   int64        `json:"removed,omitempty"`   // further requests whose rows were removed
	Spend     pricing.Nano `json:"spend_nano"`
	Fault     string       `json:"fault,omitempty"`

	reader  *ledger.Reader
	gateway string // its name in the fleet
}

// auditedFleet is what the audit of Postgres found.
type auditedFleet struct {
	Rows     int64            `json:"rows"`
	Spend    pricing.Nano     `json:"spend_nano"`
	Gateways []ledger.Gateway `json:"gateways"`
	Fault    string           `json:"fault,omitempty"`

	fleet *ledger.Fleet
}

func (a *audit) open(ctx context.Context, dirs []string, postgres string) error {
	for _, dir := range dirs {
		reader, err := ledger.OpenReader(dir)
		if err != nil {
			return inFolder(dir, err)
		}
		l := &auditedLedger{Data: dir, reader: reader}
		a.Ledgers = append(a.Ledgers, l)
		if postgres != "" {
			name, err := os.ReadFile(filepath.Join(dir, gatewayFile))
			if err != nil {
				return fmt.Errorf("%w: the gateway of this folder has never run, and so shipped nothing", err)
			}
			l.gateway = strings.TrimSpace(string(name))
		}
	}
	if postgres == "" {
		return nil
	}
	fleet, err := ledger.OpenFleet(ctx, postgres)
	if err == nil {
		a.Postgres = &auditedFleet{fleet: fleet}
	}
	return err
}

func (a *audit) close() {
	for _, l := range a.Ledgers {
		_ = l.reader.Close() // it only read
	}
	if a.Postgres != nil {
		_ = a.Postgres.fleet.Close()
	}
}

// verify audits each ledger by itself, and then Postgres.
func (a *audit) verify(ctx context.Context) {
	for _, l := range a.Ledgers {
		if err := l.verify(ctx, a.Postgres); err != nil {
			l.Fault, a.OK = err.Error(), false
		}
	}
	if a.Postgres == nil {
		return
	}
	found, err := a.Postgres.fleet.Verify(ctx)
	if err == nil {
		a.Postgres.Rows, a.Postgres.Spend = found.Rows, found.Spend
		a.Postgres.Gateways, err = a.Postgres.fleet.Gateways(ctx)
	}
	if err != nil {
		a.Postgres.Fault, a.OK = err.Error(), false
	}
}

func (l *auditedLedger) verify(ctx context.Context, in *auditedFleet) error {
	found, err := l.reader.Verify(ctx)
	if err != nil {
		return err
	}
	l.Rows, l.Pending, l.Removed, l.Spend = found.Rows, found.Pending, found.Removed, found.Spend
	if in == nil {
		return nil
	}
	// A row may be entered, and shipped, between the two looks; what is compared is one moment each time.
	shipped, err := l.reader.CompareFleet(ctx, in.fleet, l.gateway, allTime)
	l.Unshipped = shipped.Unshipped
	return err
}

// imbalance returns the windows that drift as an error, nil if none does.
func (a *audit) imbalance() error {
	var found ledger.Imbalance
	for _, w := range a.Windows {
		if w.Drift != 0 {
			found.Note(w.Drift, "budget %s, window %s: the counter has $%s, the ledger $%s", w.Name, w.Window, w.Counter.Dollars(), w.Ledger.Dollars())
		}
	}
	return found.OrNil()
}

func (a *audit) print(out io.Writer, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(a)
	}
	for _, l := range a.Ledgers {
		verdict := "journal, rows, sums and savings agree"
		if a.Postgres != nil {
			verdict = fmt.Sprintf("journal, rows, sums, savings and Postgres agree (%d rows not shipped yet)", l.Unshipped)
		}
		if l.Fault != "" {
			verdict = l.Fault
		}
		fmt.Fprintf(out, "%s: %d rows (%d only in the journal yet), $%s spent: %s\n", l.Data, l.Rows, l.Pending, l.Spend.Dollars(), verdict)
		if l.Removed > 0 {
			fmt.Fprintf(out, "%s: the rows of %d further requests were removed; their sums are in the statements\n", l.Data, l.Removed)
		}
	}
	if f := a.Postgres; f != nil {
		verdict := "rows, sums and savings agree"
		if f.Fault != "" {
			verdict = f.Fault
		}
		fmt.Fprintf(out, "Postgres: %d rows of %d gateways, $%s spent: %s\n", f.Rows, len(f.Gateways), f.Spend.Dollars(), verdict)
	}
	if a.Note != "" {
		fmt.Fprintln(out, a.Note)
	}
	if err := a.printWindows(out); err != nil {
		return err
	}
	verdict := "ok"
	if !a.OK {
		verdict = "THE BOOKS DO NOT BALANCE"
	}
	_, err := fmt.Fprintln(out, verdict)
	return err
}

func (a *audit) printWindows(out io.Writer) error {
	if len(a.Windows) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "budget\twindow\tcounter $\tbooks $\theld $\tdrift $\t")
	for _, l := range a.Windows {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t\n", l.Name, l.Window, l.Counter.Dollars(), l.Ledger.Dollars(), l.Held.Dollars(), l.Drift.Dollars())
	}
	return w.Flush()
}
