package tokens

import (
	"math"
	"sync"
	"sync/atomic"
)

// Calibration learns what our count of a prompt comes to by a model's own tokenizer, from the usage that its provider reports. It is for
// families that are estimated; nothing is stored, so a restart begins anew. The zero value is ready, and safe for concurrent use.
type Calibration struct {
	models sync.Map // name to *scale
	known  atomic.Int64
}

// scale is what was learned of one model. Older requests count less: a provider may change a tokenizer, and a company what it asks.
type scale struct {
	mu                sync.Mutex
	requests          int
	counted, reported float64 // sums of tokens, each request weighing halfLife'th-root-of-a-half of the next
	high              float64 // the largest ratio of late, sinking slowly
}

const (
	fading  = 0.98 // a request's weight after the next one: half of it after 34
	sinking = 0.999
	trusted = 10     // requests until the mean is used
	widest  = 10_000 // models: a provider that answers to any name must not fill the memory
	least   = 64     // tokens: below, a frame or a system line makes any ratio
	most    = 4      // times our count, and a frame: beyond, what was counted is not what was sent, as with a file that is named by its id
)

// Note takes what was counted of a prompt by Text and its overheads, and what the provider reported for it.
func (c *Calibration) Note(model string, counted, reported int64) {
	if counted <= 0 || reported <= 0 || reported/most > counted+least {
		return
	}
	found, ok := c.models.Load(model)
	if !ok {
		if c.known.Load() >= widest {
			return
		}
		var raced bool
		if found, raced = c.models.LoadOrStore(model, &scale{}); !raced {
			c.known.Add(1)
		}
	}
	s := found.(*scale)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	s.counted = s.counted*fading + float64(counted)
	s.reported = s.reported*fading + float64(reported)
	if counted >= least {
		mean := s.reported / s.counted
		s.high = max(float64(reported)/float64(counted), mean+(s.high-mean)*sinking)
	}
}

// Adjust returns the likely count of the model's own tokenizer, and whether anything is known of it; else the count as it is.
func (c *Calibration) Adjust(model string, counted int64) (int64, bool) {
	mean, _, requests := c.ratios(model)
	if requests < trusted {
		return counted, false
	}
	return int64(math.Round(float64(counted) * mean)), true
}

// Bound returns what the model's own count will not exceed, as far as one can know: usual, or more as soon as one request has shown that
// usual is too little. It is never less: what many prompts were says nothing of the next one, which may be of another language.
func (c *Calibration) Bound(model string, counted, usual int64) int64 {
	_, high, _ := c.ratios(model)
	return max(usual, int64(math.Ceil(float64(counted)*high*1.05))+least)
}

func (c *Calibration) ratios(model string) (mean, high float64, requests int) {
	found, ok := c.models.Load(model)
	if !ok {
		return 1, 1, 0
	}
	s := found.(*scale)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reported / s.counted, s.high, s.requests
}
