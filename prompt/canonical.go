package prompt

import (
	"encoding/binary"
	"hash"

	"bursar/internal/jsonspan"
)

// CanonicalKey writes to h everything of the request that changes the answer, so that two requests with equal keys may share one:
// all members in the order of their names, each name and value with its length before it, values without insignificant
// whitespace and otherwise as sent. Left out are the model, which the caller adds as decided, the form of the answer (stream,
// stream_options), and labels (user, metadata, safety_identifier, prompt_cache_key, prompt_cache_retention).
func (e *Envelope) CanonicalKey(h hash.Hash) {
	for i := range e.members {
		m := &e.members[i]
		switch m.field {
		case fieldModel, fieldStream, fieldStreamOptions, fieldUser, fieldLabel:
			continue
		}
		e.scratch = append(e.scratch[:0], make([]byte, sizeBytes)...)
		e.scratch, _ = jsonspan.Unescape(e.scratch, m.key.Of(e.body))
		e.writeSized(h)
		e.scratch = append(e.scratch[:0], make([]byte, sizeBytes)...)
		e.scratch = jsonspan.Compact(e.scratch, m.value.Of(e.body))
		e.writeSized(h)
	}
}

// sizeBytes is the room at the beginning of the scratch for the length of what follows, which is known last.
const sizeBytes = 8

func (e *Envelope) writeSized(h hash.Hash) {
	binary.LittleEndian.PutUint64(e.scratch, uint64(len(e.scratch)-sizeBytes))
	h.Write(e.scratch) // a hash never fails
}
