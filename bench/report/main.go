// Command report measures how fast statements are: it makes a month of requests in a ledger of its own, straight into SQLite
// through the ledger's own commits, asks for statements as `bursar report` does, and checks that every CSV sums to the ledger.
//
//	go run ./bench/report                 # 5 million rows: some minutes, and 2 GB in the temporary folder
//	go run ./bench/report -rows 200000
//	go run ./bench/report -data DIR       # keeps the ledger there; a second run measures only
//
// The month is of 20 teams with 3 projects, 5 keys and 100 users each, 8 models, 4 rules and 50 features (a tag, on two rows of three); who asks is skewed, and nothing is left out: each user
// uses every project, key and model of the team, which is the worst case for tables of sums. The last line is
// JSON.
package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"bursar/ledger"
	"bursar/pricing"
)

func main() {
	rows := flag.Int("rows", 5_000_000, "rows of the month")
	rounds := flag.Int("rounds", 3, "how often each statement is asked for; the median is printed")
	dir := flag.String("data", "", "where to make the ledger, or where it is; default is a temporary folder that is removed")
	flag.Parse()
	if err := run(*rows, *rounds, *dir); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
}

// result is the last line.
type result struct {
	Rows      int64              `json:"rows"`
	Generated float64            `json:"generate_s"`
	Bytes     int64              `json:"bytes"`
	Seconds   map[string]float64 `json:"report_s"`
	CPU       map[string]float64 `json:"report_cpu_s"` // of this process, which is all that works on it: what Seconds would be on a quiet machine
	Drift     pricing.Nano       `json:"drift_nano"`
	Verify    float64            `json:"verify_s"`
}

func run(rows, rounds int, dir string) (err error) {
	if dir == "" {
		if dir, err = os.MkdirTemp("", "bursar-report-"); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
	}
	out := result{Seconds: map[string]float64{}, CPU: map[string]float64{}}
	if _, err := os.Stat(filepath.Join(dir, "ledger.db")); errors.Is(err, fs.ErrNotExist) {
		begun := time.Now()
		if err := ledger.Import(dir, month(rows)); err != nil {
			return err
		}
		out.Generated = time.Since(begun).Seconds()
		fmt.Printf("made %d rows in %.0f s, %.0f rows/s\n", rows, out.Generated, float64(rows)/out.Generated)
	}
	files, err := filepath.Glob(filepath.Join(dir, "ledger.db*"))
	if err != nil {
		return err
	}
	for _, file := range files {
		if info, err := os.Stat(file); err == nil {
			out.Bytes += info.Size()
		}
	}
	reader, err := ledger.OpenReader(dir)
	if err != nil {
		return err
	}
	defer reader.Close()
	begun := time.Now()
	audit, err := reader.Verify(context.Background())
	if err != nil {
		return err
	}
	out.Rows, out.Verify = audit.Rows, time.Since(begun).Seconds()
	fmt.Printf("%d rows, $%s, %.1f GB; every row added up again: %.1f s\n\n", audit.Rows, audit.Spend.Dollars(), float64(out.Bytes)/1e9, out.Verify)
	if err := measure(reader, rounds, audit.Spend, &out); err != nil {
		return err
	}
	if out.Drift != 0 {
		return fmt.Errorf("the statements differ from the ledger by %d nano-dollars", out.Drift)
	}
	return json.NewEncoder(os.Stdout).Encode(out)
}

// statements are by every dimension there is, alone and in the pairs that are asked for.
func statements() []string {
	return append(append([]string{""}, ledger.Dimensions()...),
		"tag:feature", "team,day", "team,month", "team,model,day", "project,key", "rule,day",
		"team,hour", "model,hour", "key,hour", "team,user", "project,user", "user,model", "user,day", "team,tag:feature", "tag:feature,day")
}

// fromRows are some that no table of sums answers; they are asked for once.
func fromRows() []string { return []string{"user,hour", "key,user", "key,model,hour"} }

// measure asks for each statement, rounds times.
func measure(reader *ledger.Reader, rounds int, spend pricing.Nano, out *result) error {
	fmt.Println("statement                    seconds   CPU s   lines   CSV sum - ledger")
	for _, by := range append(statements(), fromRows()...) {
		query := ledger.Query{}
		if by != "" {
			query.By = strings.Split(by, ",")
		}
		var took, worked []float64
		var statement *ledger.Statement
		if slices.Contains(fromRows(), by) {
			rounds = 1
		}
		for range rounds {
			begun, cpu := time.Now(), cpuTime()
			var err error
			if statement, err = reader.Report(context.Background(), query); err != nil {
				return err
			}
			took, worked = append(took, time.Since(begun).Seconds()), append(worked, (cpuTime()-cpu).Seconds())
		}
		slices.Sort(took)
		slices.Sort(worked)
		sum, err := sumCSV(statement.CSV())
		if err != nil {
			return err
		}
		drift := sum - spend
		out.Drift += max(drift, -drift)
		name := by
		if by == "" {
			name = "total"
		}
		out.Seconds[name], out.CPU[name] = took[len(took)/2], worked[len(worked)/2]
		fmt.Printf("%-28s %7.3f %7.3f %7d   %d nano-dollars\n", name, out.Seconds[name], out.CPU[name], len(statement.Lines), drift)
	}
	return nil
}

// cpuTime is what this process has used of the processors so far.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// sumCSV adds up the spend of a statement as finance would: from its CSV.
func sumCSV(text string) (pricing.Nano, error) {
	records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		return 0, err
	}
	column := slices.Index(records[0], "spend_usd")
	var sum pricing.Nano
	for _, record := range records[1:] {
		n, err := pricing.ParseDollars(record[column])
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}
