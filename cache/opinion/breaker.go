package opinion

import (
	"sync"
	"time"
)

const (
	failures = 5                // in a row, after which the embedder is left alone
	pause    = 10 * time.Second // for so long; then one failure more is enough
)

// breaker leaves an embedder alone that fails.
type breaker struct {
	now   func() time.Time
	lock  sync.Mutex
	row   int // failures in a row
	until time.Time
}

func (b *breaker) allows() bool {
	b.lock.Lock()
	defer b.lock.Unlock()
	return !b.now().Before(b.until)
}

func (b *breaker) note(ok bool) {
	b.lock.Lock()
	defer b.lock.Unlock()
	if ok {
		b.row = 0
	} else if b.row++; b.row >= failures {
		b.until = b.now().Add(pause)
	}
}
