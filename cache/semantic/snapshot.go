package semantic

import (
	"encoding/binary"
	"math"
)

// A snapshot is what a partition's estimates had come to after an event, so that a gateway that starts needs no older ones.

const snapshotVersion = 1

// snapshot writes the estimates: a version, how many questions were learned, the two gates, the selector, and of each gateway's run its last event.
func (p *Partition) snapshot(seen map[string]uint64) []byte {
	dst := []byte{snapshotVersion}
	dst = binary.LittleEndian.AppendUint64(dst, uint64(p.learned))
	dst = p.gate.append(dst)
	dst = p.shipped.append(dst)
	dst = appendFloats(dst, p.selector.weights[:]...)
	dst = appendFloats(dst, p.selector.precision[:]...)
	for run, n := range seen {
		dst = append(dst, byte(len(run)))
		dst = append(dst, run...)
		dst = binary.LittleEndian.AppendUint64(dst, n)
	}
	return dst
}

// restore takes the estimates of a snapshot; ok is false, and nothing is changed, if it is damaged or of another version.
func (p *Partition) restore(src []byte) (seen map[string]uint64, ok bool) {
	r := reading{src, true}
	if r.byte() != snapshotVersion {
		return nil, false
	}
	learned := r.number(8)
	gates := [2]gate{{target: p.options.Target}, {target: p.options.Target}}
	gates[0].read(&r)
	gates[1].read(&r)
	var s selector
	r.floats(s.weights[:])
	r.floats(s.precision[:])
	seen = map[string]uint64{}
	for r.ok && len(r.left) > 0 {
		run := string(r.bytes(int(r.byte())))
		seen[run] = r.number(8)
	}
	if !r.ok {
		return nil, false
	}
	p.learned, p.gate, p.shipped, p.selector = int(learned), gates[0], gates[1], s
	return seen, true
}

func (g *gate) append(dst []byte) []byte {
	for i := range g.strata {
		dst = appendFloats(dst, g.strata[i].mass, g.strata[i].labelled, g.strata[i].wrong)
	}
	dst = appendFloats(dst, g.wager.wealth[:]...)
	return appendFloats(dst, g.wager.seen, g.wager.wrong, g.estimate, g.alarm, float64(g.asked), float64(g.limit), float64(g.alarms), float64(truth(g.open)))
}

func (g *gate) read(r *reading) {
	for i := range g.strata {
		s := &g.strata[i]
		s.mass, s.labelled, s.wrong = r.float(), r.float(), r.float()
	}
	r.floats(g.wager.wealth[:])
	g.wager.seen, g.wager.wrong, g.estimate, g.alarm = r.float(), r.float(), r.float(), r.float()
	g.asked, g.limit, g.alarms, g.open = int(r.float()), int(r.float()), int(r.float()), r.float() == 1
	r.ok = r.ok && g.limit >= 0 && g.limit <= strataCount
}

// floats takes numbers; what is none is not ok.
func (r *reading) floats(into []float64) {
	for i := range into {
		into[i] = r.float()
		r.ok = r.ok && !math.IsNaN(into[i]) && !math.IsInf(into[i], 0)
	}
}
