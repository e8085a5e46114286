package main

import (
	"math/rand/v2"

	"bursar/router/certify"
)

// drifted is what becomes of a certificate when the workload changes under it.
type drifted struct {
	certified, revoked, falsely, blind float64 // shares of the runs
	delay                              float64 // labels from the change to the revocation, mean
}

// drift certifies a workload, then turns its traffic midway into answers that are wrong where the premium model's are right for one in six, and
// watches the labels of a shadow sample. blind is how often the certificate would be violated from the change on if nobody watched.
func (m *mix) drift(repeats int) drifted {
	var d drifted
	runs := 0.0
	for held := range m.names {
		for i := range repeats {
			runs++
			rows := m.of(held)
			dice := rand.New(rand.NewPCG(uint64(i), 6))
			dice.Shuffle(len(rows), func(a, b int) { rows[a], rows[b] = rows[b], rows[a] })
			w := m.tenant(held, rows[:len(rows)/3])
			c := certify.Certify([]*certify.Workload{w}, certify.Demand{Target: target, Confidence: confidence})
			if !c.Valid() {
				continue
			}
			d.certified++
			watch := certify.NewWatch(target, 1-confidence)
			kept := func(r *row) bool { return w.Decide(&r.evidence, c.Threshold) }
			before := rows[len(rows)/3:]
			for _, r := range before {
				if kept(r) {
					watch.Add(r.CheapScore, r.PremiumScore)
				} else {
					watch.Add(r.PremiumScore, r.PremiumScore)
				}
			}
			if watch.Broken() {
				d.falsely++
				continue
			}
			var got, best float64
			const after = 4000
			n := 0
			for ; n < after; n++ {
				r := before[dice.IntN(len(before))]
				cheap := r.CheapScore
				if dice.IntN(6) == 0 {
					cheap = 0
				}
				score := r.PremiumScore
				if kept(r) {
					score = cheap
				}
				got += score
				best += r.PremiumScore
				if watch.Add(score, r.PremiumScore); watch.Broken() {
					break
				}
			}
			if got < target*best {
				d.blind++
			}
			if watch.Broken() {
				d.revoked++
				d.delay += float64(n + 1)
			}
		}
	}
	d.delay /= max(1, d.revoked)
	d.revoked /= max(1, d.certified-d.falsely)
	d.blind /= max(1, d.certified-d.falsely)
	d.falsely /= max(1, d.certified)
	d.certified /= runs
	return d
}
