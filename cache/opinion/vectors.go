package opinion

import (
	"crypto/sha256"
	"sync"
)

// vectors keeps the vectors of texts by the texts' digests, the latest that fit.
type vectors struct {
	lock  sync.Mutex
	most  int // bytes
	bytes int
	by    map[[sha256.Size]byte][]float32
	queue [][sha256.Size]byte // oldest first, from head on
	head  int
}

const overhead = 128 // bytes that an entry takes beside its coordinates, about

func newVectors(most int) *vectors {
	return &vectors{most: most, by: map[[sha256.Size]byte][]float32{}}
}

func (s *vectors) get(text string) []float32 {
	digest := sha256.Sum256([]byte(text))
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.by[digest]
}

func (s *vectors) put(text string, v []float32) {
	digest := sha256.Sum256([]byte(text))
	s.lock.Lock()
	defer s.lock.Unlock()
	if _, again := s.by[digest]; again {
		return
	}
	s.by[digest] = v
	s.queue = append(s.queue, digest)
	s.bytes += 4*len(v) + overhead
	for s.bytes > s.most && s.head < len(s.queue)-1 {
		oldest := s.queue[s.head]
		s.bytes -= 4*len(s.by[oldest]) + overhead
		delete(s.by, oldest)
		s.head++
	}
	if s.head > len(s.queue)/2 {
		s.queue = append(s.queue[:0], s.queue[s.head:]...)
		s.head = 0
	}
}
