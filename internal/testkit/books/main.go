// Command books checks that a gateway's books balance after two SDK clients have driven calls through it: a ledger row for each
// request, counters that equal the ledger to the nano-dollar, no hold left, what clients were told equal to what was booked, and
// no error that nobody can explain.
//
//	go run ./internal/testkit/books -data DIR -policies FILE -results FILE,... -standing FILE,... [-redis URL -org ORG [-forget]] \
//	    -holds N -conversations N -log FILE
//
// It runs after the gateway has ended. -standing are answers of /admin/budgets; with -redis the windows are read there as well.
// It prints a table, then one line of JSON, and ends with status 1 if anything is off.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"bursar/ledger"
	"bursar/policy"
	"bursar/pricing"
)

type options struct {
	data, policies, results, standing, redis, org, log string
	holds, conversations                               int
	overruns                                           bool
	forget, trims                                      bool
}

func main() {
	var o options
	flag.StringVar(&o.data, "data", "", "the gateway's data folder")
	flag.StringVar(&o.policies, "policies", "", "its policy")
	flag.StringVar(&o.results, "results", "", "what the clients wrote, files separated by commas")
	flag.StringVar(&o.standing, "standing", "", "answers of /admin/budgets, files separated by commas")
	flag.StringVar(&o.redis, "redis", "", "redis://HOST:PORT/DB of the counters")
	flag.StringVar(&o.org, "org", "default", "the fleet's name in Redis")
	flag.StringVar(&o.log, "log", "", "the gateway's log")
	flag.IntVar(&o.holds, "holds", 0, "holds that the gateway's own metric still counted")
	flag.IntVar(&o.conversations, "conversations", 0, "conversations driven, for the summary")
	flag.BoolVar(&o.overruns, "overruns", false, "the upstream replays the usage of other prompts, so calls may cost more than was held for them")
	flag.BoolVar(&o.trims, "trims", false, "some prompts must have been trimmed, and all of those taken")
	flag.BoolVar(&o.forget, "forget", false, "if all is right, delete all that the org has in Redis")
	flag.Parse()
	sums, err := check(context.Background(), &o)
	if err == nil {
		err = sums.print()
	}
	if err == nil && o.forget {
		err = forget(context.Background(), o.redis, o.org)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "books:", err)
		os.Exit(1)
	}
}

// summary is the line of JSON at the end.
type summary struct {
	Conversations int          `json:"conversations"`
	Requests      int          `json:"requests"`
	Rows          int          `json:"rows"`
	Ledger        pricing.Nano `json:"ledger_nano"`
	Counters      pricing.Nano `json:"counters_nano"`
	Drift         pricing.Nano `json:"drift_nano"` // over all windows, without sign
	Holds         int          `json:"holds_open"`
	Aborted       int          `json:"aborted"`
	Hits          int          `json:"hits"`
	Trimmed       int          `json:"trimmed"` // prompts that were answered all the same
	Unexplained   int          `json:"unexplained_errors"`

	windows []window
	tally   tally
	faults  []string // what is off, in words
}

func check(ctx context.Context, o *options) (*summary, error) {
	p, err := policy.Load(o.policies)
	if err != nil {
		return nil, err
	}
	attempts, err := readAttempts(o.results)
	if err != nil {
		return nil, err
	}
	rows, err := readRows(ctx, o.data)
	if err != nil {
		return nil, err
	}
	s := &summary{Conversations: o.conversations, Requests: len(attempts), Holds: o.holds}
	s.tally = match(attempts, rows)
	s.windows = windowsOf(p, rows)
	if err := readStanding(o.standing, s.windows); err != nil {
		return nil, err
	}
	if o.redis != "" {
		open, err := readRedis(ctx, o.redis, o.org, s.windows)
		if err != nil {
			return nil, err
		}
		s.Holds = max(s.Holds, open)
	}
	warned, err := readWarnings(o.log, o.overruns)
	if err != nil {
		return nil, err
	}
	s.tally.unexplained = append(s.tally.unexplained, warned...)
	s.add(rows)
	if o.trims && s.Trimmed == 0 {
		s.fault("no prompt was trimmed")
	}
	return s, s.audit(ctx, o.data)
}

// add sums up, and writes down what is off.
func (s *summary) add(rows []row) {
	t := &s.tally
	for i := range rows {
		s.Ledger += rows[i].cost
		if rows[i].kind != ledger.KindCorrection {
			s.Rows++
		}
	}
	s.Aborted, s.Hits, s.Trimmed, s.Unexplained = t.aborted, t.hits, t.trimmed, len(t.unexplained)
	for _, w := range s.windows {
		if w.everyone {
			s.Counters += w.counted
		}
		if w.drift != 0 {
			s.fault("window %s: the ledger has $%s and the counter $%s", w.key, w.booked.Dollars(), w.counted.Dollars())
		}
		if w.held != 0 {
			s.fault("window %s still holds $%s", w.key, w.held.Dollars())
		}
		s.Drift += max(w.drift, -w.drift)
	}
	if s.Counters != s.Ledger {
		s.fault("the company's counters have $%s, the ledger $%s", s.Counters.Dollars(), s.Ledger.Dollars())
	}
	if s.Rows != s.Requests {
		s.fault("%d requests and %d rows", s.Requests, s.Rows)
	}
	if s.Holds != 0 {
		s.fault("%d holds are open", s.Holds)
	}
	if s.Hits == 0 {
		s.fault("nothing was answered from the cache")
	}
	if s.Requests >= 40 && s.Aborted*100 < s.Requests*8 { // one in ten, less those that were answered before they could be
		s.fault("only %d of %d requests were aborted", s.Aborted, s.Requests)
	}
	s.faults = append(s.faults, t.unexplained...)
	s.faults = append(s.faults, t.unequal...)
}

func (s *summary) fault(format string, args ...any) {
	s.faults = append(s.faults, fmt.Sprintf(format, args...))
}

// audit asks the ledger to check itself: statements against rows, savings against costs.
func (s *summary) audit(ctx context.Context, dir string) error {
	reader, err := ledger.OpenReader(dir)
	if err != nil {
		return err
	}
	defer reader.Close()
	audit, err := reader.Verify(ctx)
	if err != nil {
		s.fault("%v", err)
	} else if audit.Spend != s.Ledger {
		s.fault("the ledger says it spent $%s, its rows sum to $%s", audit.Spend.Dollars(), s.Ledger.Dollars())
	}
	return nil
}

func (s *summary) print() error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "client\trequests\tanswered\tstreams\thits\taborted\tnoticed\trefused by budget\tother refusals\tunexplained")
	for _, name := range s.tally.clients() {
		c := s.tally.by[name]
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\n", name,
			c.requests, c.answered, c.streams, c.hits, c.aborted, c.noticed, c.spent, c.refused, c.unexplained)
	}
	fmt.Fprintln(w, "\nwindow\tledger $\tcounter $\theld $\tdrift $\tread from")
	for _, x := range s.windows {
		if len(x.from) == 0 {
			fmt.Fprintf(w, "%s\t%s\t-\t-\t-\tnobody tells\n", x.key, x.booked.Dollars())
			continue
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", x.key, x.booked.Dollars(), x.counted.Dollars(), x.held.Dollars(), x.drift.Dollars(), strings.Join(x.from, " "))
	}
	fmt.Fprintf(w, "\ntrimmed, and answered all the same: %d", s.Trimmed)
	fmt.Fprintf(w, "\nequal to what the clients were told: %d usages, %d costs\n", s.tally.usages, s.tally.costs)
	if t := &s.tally; t.over > 0 { // holds of a model whose tokenizer nobody knows are estimates; recorded usage is of another prompt
		fmt.Fprintf(w, "calls that cost more than was held for them: %d, up to %.2f times as much\n", t.over, t.most)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, f := range s.faults {
		fmt.Println("OFF:", f)
	}
	if err := json.NewEncoder(os.Stdout).Encode(s); err != nil {
		return err
	}
	if n := len(s.faults); n > 0 {
		return fmt.Errorf("%d things are off", n)
	}
	return nil
}
