package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"bursar/admin"
	"bursar/exchange"
	"bursar/ledger"
	"bursar/pricing"
)

// auditCommand checks the books: journal, rows and sums of each ledger, and the counters of a running gateway against them. Exit
// status 1 if anything differs by a nano-dollar.
func auditCommand(p *program, args []string) error {
	f := p.flags("audit")
	var dirs []string
	f.Func("data", "a gateway's data folder; give it once for each gateway of a fleet (default data)", func(dir string) error {
		dirs = append(dirs, dir)
		return nil
	})
	url := f.String("admin", "", "admin address of a running gateway, to compare its counters with the ledger")
	whole := f.Bool("whole", false, "the one -data is the whole fleet's")
	asJSON := f.Bool("json", false, "print JSON")
	if err := p.parseAll(f, args); err != nil {
		return err
	}
	dirs = p.given(f, dirs)
	a := audit{url: adminURL(*url), whole: *whole || len(dirs) > 1, OK: true}
	defer a.close()
	if err := a.open(dirs); err != nil {
		return err
	}
	ctx := context.Background()
	a.verify(ctx)
	if a.url != "" {
		if err := a.compare(ctx); err != nil {
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
	Ledgers []*auditedLedger `json:"ledgers"`
	Windows []auditedWindow  `json:"windows,omitempty"`
	Note    string           `json:"note,omitempty"`
	OK      bool             `json:"ok"`

	url   string
	whole bool // the ledgers are all there are
}

// auditedLedger is what the audit of one data folder found.
type auditedLedger struct {
	Data    string       `json:"data"`
	Rows    int64        `json:"rows"`
	Pending int64        `json:"pending"` // of those, the rows that are only in the journal yet
	Spend   pricing.Nano `json:"spend_nano"`
	Fault   string       `json:"fault,omitempty"`

	reader *ledger.Reader
}

// auditedWindow is a budget's window by its counter and by the ledgers.
type auditedWindow struct {
	Name    string       `json:"name"`
	Window  string       `json:"window"`
	Counter pricing.Nano `json:"counter_nano"`
	Ledger  pricing.Nano `json:"ledger_nano"`
	Drift   pricing.Nano `json:"drift_nano"` // counter minus ledger
	Held    pricing.Nano `json:"held_nano"`
}

func (a *audit) open(dirs []string) error {
	for _, dir := range dirs {
		reader, err := ledger.OpenReader(dir)
		if err != nil {
			return inFolder(dir, err)
		}
		a.Ledgers = append(a.Ledgers, &auditedLedger{Data: dir, reader: reader})
	}
	return nil
}

func (a *audit) close() {
	for _, l := range a.Ledgers {
		_ = l.reader.Close() // it only read
	}
}

// verify audits each ledger by itself.
func (a *audit) verify(ctx context.Context) {
	for _, l := range a.Ledgers {
		found, err := l.reader.Verify(ctx)
		if err != nil {
			l.Fault, a.OK = err.Error(), false
			continue
		}
		l.Rows, l.Pending, l.Spend = found.Rows, found.Pending, found.Spend
	}
}

// auditTries is how often windows that differ are looked at again. A request that ends just then is in the ledger a moment before it
// is in the counter; a drift stays.
const auditTries = 6

// compare compares the counters of the gateway with the ledgers.
func (a *audit) compare(ctx context.Context) error {
	agreed := map[string]auditedWindow{}
	for try := 1; ; try++ {
		windows, err := a.look(ctx)
		if err != nil || a.Note != "" {
			return err
		}
		drifts := false
		for i, w := range windows {
			key := w.Name + " " + w.Window
			if _, ok := agreed[key]; !ok && w.Drift == 0 {
				agreed[key] = w
			}
			if good, ok := agreed[key]; ok {
				windows[i] = good
			}
			drifts = drifts || windows[i].Drift != 0
		}
		a.Windows = windows
		if !drifts {
			return nil
		}
		if try == auditTries {
			a.OK = false
			return nil
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// look asks the counters, the ledgers, and the counters again. A window agrees if its ledgers' sum is between the two.
func (a *audit) look(ctx context.Context) ([]auditedWindow, error) {
	before, err := fetchBudgets(ctx, a.url)
	if err != nil {
		return nil, err
	}
	if len(before) > 0 && before[0].Shared && !a.whole {
		a.Note = "the counters are those of a fleet's gateways together, and were not compared: give the -data of each of them, or -whole if there is only this one"
		return nil, nil
	}
	if len(before) > 0 && !before[0].Shared && len(a.Ledgers) > 1 {
		return nil, fmt.Errorf("-admin: the gateway at %s counts for itself only: give its own -data alone", a.url)
	}
	windows := make([]auditedWindow, len(before))
	for i := range before {
		b := &before[i]
		windows[i] = auditedWindow{Name: b.Name, Window: b.Window}
		for _, l := range a.Ledgers {
			spent, err := l.reader.Spent(ctx, filterOf(b))
			if err != nil {
				return nil, inFolder(l.Data, err)
			}
			windows[i].Ledger += spent
		}
	}
	after, err := fetchBudgets(ctx, a.url)
	if err != nil {
		return nil, err
	}
	latest := map[string]admin.Budget{}
	for _, b := range after {
		latest[b.Name+" "+b.Window] = b
	}
	for i := range windows {
		w := &windows[i]
		now, ok := latest[w.Name+" "+w.Window]
		if !ok { // its window has just ended, or the policy was edited
			now = before[i]
		}
		w.Counter, w.Held = now.Spent, now.Held
		if low, high := min(before[i].Spent, now.Spent), max(before[i].Spent, now.Spent); w.Ledger < low || w.Ledger > high {
			w.Drift = w.Counter - w.Ledger
		} else {
			w.Counter = w.Ledger // what the counter was when the ledger was asked
		}
	}
	return windows, nil
}

// filterOf picks the rows that a budget's window counts.
func filterOf(b *admin.Budget) ledger.Filter {
	s := &b.Scope
	f := ledger.Filter{Team: s.Team, Project: s.Project, Key: s.Key, User: s.User, Model: s.Model, From: b.Starts, To: b.Renews}
	if s.TagName != "" {
		f.Tag = &exchange.Tag{Name: s.TagName, Value: s.TagValue}
	}
	return f
}

// fetchBudgets asks a gateway how its budgets stand.
func fetchBudgets(ctx context.Context, url string) ([]admin.Budget, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/admin/budgets", nil)
	if err != nil {
		return nil, usageError{fmt.Sprintf("-admin: %v; write it as http://127.0.0.1:9090", err)}
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("-admin: %w; is a gateway running, and is this its admin address?", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<20))
	if err == nil && response.StatusCode != http.StatusOK {
		err = errors.New(response.Status + ": " + strings.TrimSpace(string(body[:min(len(body), 500)])))
	}
	var all []admin.Budget
	if err == nil {
		err = json.Unmarshal(body, &all)
	}
	if err != nil {
		return nil, fmt.Errorf("-admin: read %s/admin/budgets: %w", url, err)
	}
	return all, nil
}

func (a *audit) print(out io.Writer, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(a)
	}
	for _, l := range a.Ledgers {
		verdict := "journal, rows, sums and savings agree"
		if l.Fault != "" {
			verdict = l.Fault
		}
		fmt.Fprintf(out, "%s: %d rows (%d only in the journal yet), $%s spent: %s\n", l.Data, l.Rows, l.Pending, l.Spend.Dollars(), verdict)
	}
	if a.Note != "" {
		fmt.Fprintln(out, a.Note)
	}
	if len(a.Windows) > 0 {
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(w, "budget\twindow\tcounter $\tledger $\theld $\tdrift $\t")
		for _, l := range a.Windows {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t\n", l.Name, l.Window, l.Counter.Dollars(), l.Ledger.Dollars(), l.Held.Dollars(), l.Drift.Dollars())
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	verdict := "ok"
	if !a.OK {
		verdict = "THE BOOKS DO NOT BALANCE"
	}
	_, err := fmt.Fprintln(out, verdict)
	return err
}
