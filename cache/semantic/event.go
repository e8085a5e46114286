package semantic

import (
	"encoding/binary"
	"math"
)

// event is something that estimates learn from. A partition that is alone takes events as they come; those of a fleet take all gateways' events in
// one order, so that each counts once and all have the same estimates.
type event struct {
	kind     eventKind
	risk     float64 // of the candidate, as it was estimated
	doubt    float64 // the same by the verifier alone
	chance   float64 // with which it was to be labelled
	wrong    bool
	answer   [16]byte // the candidate's
	evidence evidence
}

type eventKind uint8

const (
	asked   eventKind = iota + 1 // a question had a candidate
	passed                       // a hit was served without a check
	judged                       // a candidate was labelled: the question went upstream
	regrets                      // a hit was reported to be wrong
)

// take learns from an event.
func (p *Partition) take(e *event) {
	switch e.kind {
	case asked:
		p.gate.ask(e.risk)
		p.shipped.ask(e.doubt)
	case passed:
		p.gate.learn(e.risk, e.chance, false, false)
		p.shipped.learn(e.doubt, e.chance, false, false)
	case judged:
		p.gate.learn(e.risk, e.chance, true, e.wrong)
		p.shipped.learn(e.doubt, e.chance, true, e.wrong)
		p.selector.learn(&e.evidence, e.wrong, min(10, 1/e.chance))
		if c := p.classes[e.answer]; c != nil {
			c.judged++
			if !e.wrong {
				c.right++
			}
		}
	case regrets:
		// Nobody drew it for a check, so it stands for itself alone. That wrong hits are reported and right ones are not makes the estimates
		// err on the side of caution.
		p.gate.learn(e.risk, 1, true, true)
		p.shipped.learn(e.doubt, 1, true, true)
		p.selector.learn(&e.evidence, true, 1)
	}
}

// append writes an event: its kind, then what its kind has of risk, doubt, chance (float64 each), wrong (a byte), the answer's digest, and the evidence
// (float32 each), little-endian.
func (e *event) append(dst []byte) []byte {
	dst = append(dst, byte(e.kind))
	dst = appendFloats(dst, e.risk, e.doubt)
	if e.kind == passed || e.kind == judged {
		dst = appendFloats(dst, e.chance)
	}
	if e.kind == judged {
		dst = append(dst, byte(truth(e.wrong)))
		dst = append(dst, e.answer[:]...)
	}
	if e.kind == judged || e.kind == regrets {
		for _, x := range e.evidence {
			dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(x))
		}
	}
	return dst
}

// readEvent reads what append wrote and returns what follows it; ok is false if that is damaged.
func readEvent(src []byte, e *event) (rest []byte, ok bool) {
	*e = event{}
	r := reading{src, true}
	e.kind = eventKind(r.byte())
	e.risk, e.doubt = r.float(), r.float()
	if e.kind == passed || e.kind == judged {
		e.chance = r.float()
	}
	if e.kind == judged {
		e.wrong = r.byte() == 1
		copy(e.answer[:], r.bytes(len(e.answer)))
	}
	if e.kind == judged || e.kind == regrets {
		for i := range e.evidence {
			e.evidence[i] = math.Float32frombits(uint32(r.number(4)))
			r.ok = r.ok && !math.IsNaN(float64(e.evidence[i]))
		}
	}
	sound := e.risk >= 0 && e.risk <= 1 && e.doubt >= 0 && e.doubt <= 1 && (e.kind == asked || e.kind == regrets || e.chance > 0 && e.chance <= 1)
	return r.left, r.ok && sound && e.kind >= asked && e.kind <= regrets
}

func appendFloats(dst []byte, all ...float64) []byte {
	for _, x := range all {
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(x))
	}
	return dst
}

// reading takes numbers off bytes. Once there are too few it is no longer ok, and gives zeros.
type reading struct {
	left []byte
	ok   bool
}

func (r *reading) bytes(n int) []byte {
	if len(r.left) < n {
		r.left, r.ok = nil, false
		return make([]byte, n)
	}
	b := r.left[:n]
	r.left = r.left[n:]
	return b
}

func (r *reading) number(size int) (n uint64) {
	for i, b := range r.bytes(size) {
		n |= uint64(b) << (8 * i)
	}
	return n
}

func (r *reading) byte() byte     { return r.bytes(1)[0] }
func (r *reading) float() float64 { return math.Float64frombits(r.number(8)) }
