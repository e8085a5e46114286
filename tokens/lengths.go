package tokens

import (
	"math"
	"math/bits"
	"sync"
	"sync/atomic"
)

// Lengths learns how long the answers of each kind of request get, so that no more needs to be kept free for one than its like have needed. It is
// bounded in memory and follows what changes. The zero value is ready, and safe for concurrent use.
type Lengths struct {
	kinds sync.Map // name to *histogram
	known atomic.Int64
}

// histogram counts answers by their length: each of 16 up to 15 tokens, and then eight to a doubling, so that it errs by at most an eighth.
type histogram struct {
	mu    sync.Mutex
	count [buckets]uint32
	all   uint32
}

const (
	exactly = 16
	octaves = 20 // up to 16 million tokens
	buckets = exactly + 8*octaves + 1
	endless = buckets - 1 // those that ended for want of room: how long they would have got, nobody knows

	mostLengths = 8192 // then all counts halve
	mostKinds   = 4096 // where a server takes any name for a model, clients make them up
)

// Note takes the length of an answer in tokens. Whole is false if its cap cut it.
func (l *Lengths) Note(kind string, n int64, whole bool) {
	found, ok := l.kinds.Load(kind)
	if !ok {
		if l.known.Load() >= mostKinds {
			return
		}
		if found, ok = l.kinds.LoadOrStore(kind, &histogram{}); !ok {
			l.known.Add(1)
		}
	}
	h, at := found.(*histogram), endless
	if whole {
		at = bucketOf(n)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.count[at]++
	if h.all++; h.all < mostLengths {
		return
	}
	h.all = 0
	for i := range h.count {
		h.count[i] /= 2
		h.all += h.count[i]
	}
}

// P99 returns a length in tokens that, with a confidence of 95 %, at least 99 in 100 answers do not exceed. It is false if too few were seen to say
// so, which is below 299, or if too many were cut.
func (l *Lengths) P99(kind string) (int64, bool) {
	found, ok := l.kinds.Load(kind)
	if !ok {
		return 0, false
	}
	h := found.(*histogram)
	h.mu.Lock()
	defer h.mu.Unlock()
	longer := beyond(h.all)
	if longer < 0 {
		return 0, false
	}
	for at := endless; at >= 0; at-- {
		if longer -= int(h.count[at]); longer < 0 {
			return upTo(at), at < endless
		}
	}
	return 0, false
}

// beyond is how many of n answers may be longer than the bound, for it to hold with a confidence of 95 %; negative if not even none may. It is the
// one-sided tolerance bound for a quantile, by the binomial's normal approximation; at its smallest, 0.99 to the power of 299 is 0.05.
func beyond(n uint32) int {
	if n < 299 {
		return -1
	}
	return int(float64(n)*0.01 - 1.645*math.Sqrt(float64(n)*0.01*0.99))
}

// bucketOf returns the bucket of a length.
func bucketOf(n int64) int {
	if n < exactly {
		return int(max(0, n))
	}
	octave := bits.Len64(uint64(n)) - 5 // 16 to 31 are the first
	return min(exactly+8*octave+int(n>>(octave+1))&7, endless-1)
}

// upTo returns the longest length of a bucket.
func upTo(at int) int64 {
	if at < exactly {
		return int64(at)
	}
	octave, part := (at-exactly)/8, (at-exactly)%8
	return int64(8+part+1)<<(octave+1) - 1
}
