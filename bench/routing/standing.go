package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"bursar/router/certify"
)

// stood is what live certificates came to over the runs of a workload: given by samples alone, as the gateway does it, and watched by those that follow.
type stood struct {
	runs, certified float64
	labels          float64 // samples until the certificate, mean
	cut             float64 // of the premium bill while it held, mean
	wrong           float64 // runs in which it ever covered what keeps less than the target of the whole workload
	violated        float64 // runs in which the quality of the answers given while it held was below the target, chance included
	revoked         float64 // runs taken back although nothing had changed
	caught          float64 // runs taken back after the change
	delay           float64 // samples from the change to that, mean
	after           float64 // runs whose quality from the change on was below the target, kept answers turned wrong included
	blind           float64 // the same if nobody had watched
}

// Of each run the first part is before the change and the second after it. A look is taken after every stride of samples.
const (
	standBefore, standAfter = 2500, 1500
	standStride             = 50
)

// stand gives certificates to a workload and lets it change midway: then one in six kept answers is wrong.
func (m *mix) stand(held, repeats int) stood {
	var s stood
	terms := certify.Terms{Demand: certify.Demand{Target: target, Confidence: confidence}, Valid: 365 * 24 * time.Hour}
	rows := m.of(held)
	for i := range repeats {
		s.runs++
		dice := rand.New(rand.NewPCG(uint64(i), uint64(held)))
		var all []certify.Sample
		var got, best, cost, bill, lateGot, lateBest, blindGot float64 // while certified; after the change
		var now, last *certify.Standing
		given, revokedAt, early, wrong := false, 0, false, false
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		for n := range standBefore + standAfter {
			r := rows[dice.IntN(len(rows))]
			drifted := n >= standBefore
			cheap := r.CheapScore
			if drifted && dice.IntN(6) == 0 {
				cheap = 0
			}
			at = at.Add(time.Minute)
			all = append(all, certify.Sample{At: at, Evidence: r.evidence, Cheap: cheap, Premium: r.PremiumScore, Paid: nano(r.PremiumCost)})
			score := r.PremiumScore
			if now != nil && now.Valid() {
				spent := r.CheapCost + r.CheckerCost
				if now.Keep(&r.evidence) {
					score = cheap
				} else {
					spent += r.PremiumCost
				}
				if !drifted {
					got, best, cost, bill = got+score, best+r.PremiumScore, cost+spent, bill+r.PremiumCost
				}
			}
			if drifted {
				lateGot, lateBest = lateGot+score, lateBest+r.PremiumScore
				if last != nil && last.Keep(&r.evidence) {
					blindGot += cheap
				} else {
					blindGot += r.PremiumScore
				}
			}
			if (n+1)%standStride != 0 {
				continue
			}
			was := now != nil && now.Valid()
			now = certify.Stand(all, terms, at)
			switch {
			case now.Valid() && !given:
				given = true
				s.labels += float64(now.Labels)
			case was && !now.Valid() && !drifted:
				early = true
			case was && !now.Valid() && revokedAt == 0:
				revokedAt = n + 1 - standBefore
			}
			wrong = wrong || !drifted && now.Valid() && keeps(rows, now) < target
			if n+1 == standBefore {
				last = now
			}
		}
		if !given || best == 0 {
			continue
		}
		s.certified++
		s.cut += 1 - cost/bill
		s.violated += when(got < target*best)
		s.revoked += when(early)
		s.wrong += when(wrong)
		if last == nil || !last.Valid() {
			continue
		}
		s.caught += when(revokedAt > 0)
		s.delay += float64(revokedAt)
		s.after += when(lateGot < target*lateBest)
		s.blind += when(blindGot < target*lateBest)
	}
	return s
}

// keeps is the quality that a standing keeps of all of a workload.
func keeps(rows []*row, s *certify.Standing) float64 {
	var got, best float64
	for _, r := range rows {
		best += r.PremiumScore
		if s.Keep(&r.evidence) {
			got += r.CheapScore
		} else {
			got += r.PremiumScore
		}
	}
	return got / best
}

func when(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// standings prints how live certificates come, hold and go.
func standings(out io.Writer, m *mix, repeats int) error {
	fmt.Fprintf(out, "%d samples, then %d after a change that turns one in six kept answers wrong; %d runs of each workload\n\n", standBefore, standAfter, repeats)
	fmt.Fprintf(out, "%-10s %10s %8s %7s %6s %9s %12s %9s %7s %14s %12s\n", "", "certified", "samples", "cut", "wrong", "by chance", "false alarm", "caught", "delay", "below, watched", "not watched")
	for w, name := range m.names {
		s := m.stand(w, repeats)
		of := max(1, s.certified)
		fmt.Fprintf(out, "%-10s %9.0f%% %8.0f %6.1f%% %5.1f%% %8.1f%% %11.1f%% %8.0f%% %7.0f %13.0f%% %11.0f%%\n", name, 100*s.certified/s.runs, s.labels/of, 100*s.cut/of, 100*s.wrong/of, 100*s.violated/of, 100*s.revoked/of,
			100*s.caught/of, s.delay/max(1, s.caught), 100*s.after/of, 100*s.blind/of)
	}
	return nil
}
