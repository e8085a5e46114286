package prompt

import (
	"encoding/binary"
	"math/bits"
)

// Conversation returns a fingerprint of the conversation that the request is a turn of: of the seed, which should name the caller, of
// what the system says first, and of the first user message. It is equal for all turns, for every spelling of the same JSON, and
// on every gateway; 0 if no user speaks. It is not made to withstand forgery: whoever can choose another caller's seed
// and texts can meet their fingerprint.
func (e *Envelope) Conversation(seed string) uint64 {
	h := newFingerprint()
	h.add([]byte(seed))
	for i := range e.messages {
		m := &e.messages[i]
		if m.role != roleSystem && m.role != roleUser {
			continue
		}
		h.mix(uint64(m.role))
		for k := m.pieces.Start; k < m.pieces.End; k++ {
			if p := &e.pieces[k]; p.kind != pieceRaw {
				h.add(e.textOf(p.span, p.escaped))
			}
		}
		if m.role == roleUser {
			return max(1, h.sum())
		}
	}
	return 0
}

// fingerprint is a 64-bit hash of a list of texts, eight bytes at a time: system prompts are long, and are hashed with every
// request. Unlike hash/maphash it is the same in every process.
type fingerprint struct{ state uint64 }

func newFingerprint() fingerprint { return fingerprint{state: 0x9e3779b97f4a7c15} }

// add takes one text. Its length is mixed in, so that the border between two texts counts.
func (h *fingerprint) add(text []byte) {
	h.mix(uint64(len(text)))
	for ; len(text) >= 8; text = text[8:] {
		h.mix(binary.LittleEndian.Uint64(text))
	}
	var rest [8]byte
	copy(rest[:], text)
	h.mix(binary.LittleEndian.Uint64(rest[:]))
}

// mix folds the 128-bit product of the state and an odd constant. The word is added, too, so that no word can erase the state.
func (h *fingerprint) mix(word uint64) {
	high, low := bits.Mul64(h.state^word, 0xa0761d6478bd642f)
	h.state = (high ^ low) + bits.RotateLeft64(word, 32) + 0xe7037ed1a0b428db
}

func (h *fingerprint) sum() uint64 {
	last := *h
	last.mix(0)
	return last.state
}
