package proxy

import (
	"crypto/rand"
	"encoding/binary"
	"sync/atomic"
	"time"
)

// requestIDs makes request ids: sortable by time, unique over the fleet, not guessable from each other by accident of a counter
// alone. Form: base-32 digits, 10 of the milliseconds since 1970, 5 of
// a counter, 8 of a random number drawn per process.
type requestIDs struct {
	process uint64
	count   atomic.Uint64
}

func newRequestIDs() *requestIDs {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return &requestIDs{process: binary.LittleEndian.Uint64(b[:])}
}

const crockford = "0123456789abcdefghjkmnpqrstvwxyz"

func (r *requestIDs) next(at time.Time) string {
	var id [4 + 10 + 5 + 8]byte
	copy(id[:], "req_")
	put := func(at, n int, v uint64) {
		for i := at + n - 1; i >= at; i-- {
			id[i] = crockford[v&31]
			v >>= 5
		}
	}
	put(4, 10, uint64(at.UnixMilli()))
	put(14, 5, r.count.Add(1))
	put(19, 8, r.process)
	return string(id[:])
}
