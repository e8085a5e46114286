// Command failover is a failure drill: a real gateway between clients and two providers of our own, the first of which fails in one way after
// another. It tells what the clients see of it, what it costs in time, and whether anybody is billed twice.
//
//	go run ./bench/failover                    # every drill, about a minute and a half
//	go run ./bench/failover -requests 1000 -only "cut streams"
//
// Half of the requests are streams. "alone" is a client of the first provider without a gateway and without retries. The exit status is 1 if an
// answer was generated whole for one request by both providers, or a request has not exactly one row in the books, or one of another cost than
// what was delivered and wasted on its way.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"
)

func main() {
	requests := flag.Int("requests", 400, "per drill")
	workers := flag.Int("workers", 16, "clients that send at once")
	only := flag.String("only", "", "the name of one drill")
	seed := flag.Uint64("seed", 1, "of which requests fail")
	flag.Parse()
	if err := run(*requests, *workers, *only, *seed); err != nil {
		fmt.Fprintln(os.Stderr, "failover:", err)
		os.Exit(1)
	}
}

func run(requests, workers int, only string, seed uint64) error {
	fmt.Printf("%d requests per drill, half of them streams, %d at once; first_byte 500ms, total 2s, one retry\n\n", requests, workers)
	fmt.Printf("%-34s %8s %8s %9s %9s %9s %9s %8s %7s %9s\n", "drill", "alone", "success", "p50", "p99", "added p50", "added p99", "calls", "twice", "beside")
	var calm result
	bad := 0
	for i, d := range drills {
		if only != "" && only != d.name && i > 0 {
			continue
		}
		r, err := d.run(requests, workers, seed)
		if err != nil {
			return fmt.Errorf("%s: %w", d.name, err)
		}
		if i == 0 {
			calm = r
		}
		fmt.Printf("%-34s %7.1f%% %7.2f%% %9s %9s %9s %9s %8.2f %7d %9s\n", d.name, r.alone*100, r.success*100,
			short(r.p50), short(r.p99), short(r.p50-calm.p50), short(r.p99-calm.p99), r.calls, r.twice, "$"+r.wasted.Dollars())
		for _, why := range r.why {
			fmt.Println("    ", why)
		}
		bad += r.twice + r.unbooked + r.misbooked
		if r.misbooked+r.unbooked > 0 {
			fmt.Printf("     %d requests have not exactly one row, %d one of another cost than what was delivered and wasted\n", r.unbooked, r.misbooked)
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d requests were billed twice, wrongly or not at all", bad)
	}
	return nil
}

func short(d time.Duration) string { return d.Round(100 * time.Microsecond).String() }
