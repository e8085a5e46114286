package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"

	"bursar/pricing"
	"bursar/router/certify"
)

// mix is the recorded outcomes of several workloads.
type mix struct {
	names []string
	rows  []*row
}

// row is one question: what each model would have scored and cost.
type row struct {
	Workload     string  `json:"workload"`
	Query        string  `json:"query"`
	CheapScore   float64 `json:"cheap_score"`
	PremiumScore float64 `json:"premium_score"`
	CheapCost    float64 `json:"cheap_cost"` // $
	CheckerCost  float64 `json:"checker_cost"`
	PremiumCost  float64 `json:"premium_cost"`
	Agree        float64 `json:"agree"`
	Invalid      float64 `json:"invalid"`

	workload int
	evidence certify.Evidence
}

func readMix(path string) (*mix, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	m := &mix{}
	index := map[string]int{}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<24)
	for n := 1; lines.Scan(); n++ {
		r := new(row)
		if err := json.Unmarshal(lines.Bytes(), r); err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", path, n, err)
		}
		if r.Workload == "" || !(r.CheapCost > 0 && r.PremiumCost > 0 && r.CheckerCost >= 0) {
			return nil, fmt.Errorf("%s, line %d: a row needs a workload, and costs above 0", path, n)
		}
		if _, known := index[r.Workload]; !known {
			index[r.Workload] = len(m.names)
			m.names = append(m.names, r.Workload)
		}
		r.workload = index[r.Workload]
		r.evidence = certify.Evidence{
			Cheap: nano(r.CheapCost), Checker: nano(r.CheckerCost), Bytes: len(r.Query), Digits: digits(r.Query),
			Invalid: r.Invalid > 0.5, Agree: r.Agree > 0.5,
		}
		m.rows = append(m.rows, r)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(m.names) < 2 {
		return nil, fmt.Errorf("%s: has %d workloads, at least 2 are needed", path, len(m.names))
	}
	return m, nil
}

func nano(dollars float64) pricing.Nano { return pricing.Nano(math.Round(dollars * 1e9)) }

func digits(text string) int {
	n := 0
	for i := range len(text) {
		if text[i] >= '0' && text[i] <= '9' {
			n++
		}
	}
	return n
}

// paid is what a router got for a question, and what it paid.
type paid struct{ score, cost float64 }

func premiumOnly(r *row) paid { return paid{r.PremiumScore, r.PremiumCost} }
func cheapOnly(r *row) paid   { return paid{r.CheapScore, r.CheapCost} }

// result is a router's quality as a share of the premium model's, and the share of the premium bill it saves.
type result struct{ kept, cut float64 }

// judge runs a router over rows. Workloads that the rows have none of do not count.
func (m *mix) judge(rows []*row, route func(*row) paid) result {
	n := len(m.names)
	score, best, cost, bill, count := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	for _, r := range rows {
		p, w := route(r), r.workload
		count[w]++
		score[w] += p.score
		cost[w] += p.cost
		best[w] += r.PremiumScore
		bill[w] += r.PremiumCost
	}
	var s, b, c, workloads float64
	for w := range n {
		if count[w] > 0 {
			s += score[w] / count[w]
			b += best[w] / count[w]
			c += cost[w] / bill[w]
			workloads++
		}
	}
	return result{s / b, 1 - c/workloads}
}
