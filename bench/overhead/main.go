// Command overhead measures what Bursar costs: CPU time per request with everything on (key, count, rules, budget, cache lookup,
// ledger, metrics, log), beside a plain fasthttp pass-through and nginx, all against the same mock upstream in one run.
//
//	go run ./bench/overhead            # needs Linux; nginx is measured if it is installed
//	go run ./bench/overhead -redis redis://127.0.0.1:6389/0
//
// Gateways run one at a time on one core, mock and load generator on another, in shuffled rounds. Machines are noisy: only ratios
// within one run mean anything, and those within ten percent. The last line is JSON.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"time"
)

func main() {
	role := flag.String("role", "", "internal: mock or pass-through, run as a process of its own")
	addr := flag.String("addr", "", "internal: address of the role")
	upstream := flag.String("upstream", "", "internal: upstream of the pass-through")
	redis := flag.String("redis", "", "measure Bursar on this Redis too")
	rounds := flag.Int("rounds", 3, "rounds; the median is printed")
	seconds := flag.Float64("seconds", 2, "measured seconds per gateway, payload and round")
	conns := flag.Int("conns", 32, "connections of the closed-loop generator")
	flag.Parse()
	var err error
	switch *role {
	case "mock":
		err = serveMock(*addr)
	case "pass-through":
		err = servePassThrough(*addr, *upstream)
	default:
		err = measure(plan{redis: *redis, rounds: *rounds, length: time.Duration(*seconds * float64(time.Second)), conns: *conns})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "overhead:", err)
		os.Exit(1)
	}
}

type plan struct {
	redis  string
	rounds int
	length time.Duration
	conns  int
}

// sample is one measurement of one gateway.
type sample struct {
	cpu  time.Duration // per request
	rate float64       // requests per second
	p50  time.Duration
	p99  time.Duration
}

func measure(p plan) error {
	lab, err := openLab(p)
	if err != nil {
		return err
	}
	defer lab.close()
	samples := map[string][]sample{}
	for range p.rounds {
		for _, payload := range payloads() {
			order := slices.Clone(lab.gateways)
			rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
			for _, g := range order {
				s, err := lab.drive(g, payload, p)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", g.name, payload.name, err)
				}
				key := payload.name + "/" + g.name
				samples[key] = append(samples[key], s)
			}
		}
	}
	return print(lab, samples)
}

func print(lab *lab, samples map[string][]sample) error {
	result := map[string]float64{}
	for _, payload := range payloads() {
		floor := median(samples[payload.name+"/pass-through"]).cpu
		fmt.Printf("\n%s\n%-24s %10s %14s %10s %10s %10s\n", payload.what, "gateway", "CPU µs", "x pass-through", "req/s", "p50 µs", "p99 µs")
		for _, g := range lab.gateways {
			m := median(samples[payload.name+"/"+g.name])
			ratio := float64(m.cpu) / float64(floor)
			fmt.Printf("%-24s %10.1f %14.2f %10.0f %10.0f %10.0f\n", g.name, micros(m.cpu), ratio, m.rate, micros(m.p50), micros(m.p99))
			result[payload.name+"_"+g.name+"_cpu_us"] = micros(m.cpu)
			result[payload.name+"_"+g.name+"_ratio"] = ratio
		}
	}
	fmt.Println()
	return json.NewEncoder(os.Stdout).Encode(result)
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

func median(all []sample) sample {
	slices.SortFunc(all, func(a, b sample) int { return int(a.cpu - b.cpu) })
	return all[len(all)/2]
}
