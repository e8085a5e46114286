package proxy

import (
	"encoding/json"
	"sync"

	"bursar/exchange"
	"bursar/internal/runaway"
)

// guard ends a stream that only repeats itself, where the route wants that. It reads what the stream's text grows by.
type guard struct {
	detector runaway.Detector
	times    int
	read     int // bytes of the text
}

var guards = sync.Pool{New: func() any { return new(guard) }}

// guardOf returns the guard of a request, nil if its route has none. Several answers at a time come in turns, which is no text.
func guardOf(t *trip) *guard {
	if t.Decision.StopRepeats == 0 || t.Facts.N > 1 {
		return nil
	}
	g := guards.Get().(*guard)
	g.times = t.Decision.StopRepeats
	return g
}

// sees looks at what has come since, and tells whether the text only repeats itself.
func (g *guard) sees(text []byte) bool {
	more := text[g.read:]
	g.read = len(text)
	return g.detector.Feed(more, g.times)
}

// release gives the guard back.
func (g *guard) release() {
	g.detector.Reset()
	g.read = 0
	guards.Put(g)
}

// lastChunk is the end of a stream that we have ended.
type lastChunk struct {
	ID      string            `json:"id"`
	Object  string            `json:"object"`
	Created int64             `json:"created"`
	Model   string            `json:"model"`
	Choices []lastChoice      `json:"choices"`
	Usage   *lastUsage        `json:"usage,omitempty"`
	Bursar  map[string]string `json:"bursar,omitempty"`
}

type lastChoice struct {
	Index  int      `json:"index"`
	Delta  struct{} `json:"delta"`
	Finish string   `json:"finish_reason"`
}

type lastUsage struct {
	Prompt     int64           `json:"prompt_tokens"`
	Completion int64           `json:"completion_tokens"`
	Total      int64           `json:"total_tokens"`
	Cost       json.RawMessage `json:"cost"`
}

// stopRepetition ends the stream as a cap would have, in words that every client knows, and says why beside them. Its provider is hung up on when the
// stream is closed. Who asked for usage gets our own count: the provider has told none.
func (r *relay) stopRepetition() {
	t := r.trip
	r.end = exchange.ReasonRepetition
	usage, _ := r.used(false)
	r.server.price(t, usage)
	last := lastChunk{
		ID: t.ID, Object: "chat.completion.chunk", Created: t.Start.Unix(), Model: t.Outcome.Served.Model,
		Choices: []lastChoice{{Finish: "length"}}, Bursar: map[string]string{"ended": "repetition"},
	}
	end := appendChunk(nil, &last)
	if r.told.asked {
		last.Choices, last.Bursar = []lastChoice{}, nil
		last.Usage = &lastUsage{usage.Prompt(), usage.Completion(), usage.Prompt() + usage.Completion(), json.RawMessage(t.total().Dollars())}
		end = appendChunk(end, &last)
	}
	end = append(end, "data: [DONE]\n\n"...)
	r.keep(end) // for those who follow
	if out, _, err := r.told.all(r.out, end, t.total()); err == nil {
		r.out = out
	} else {
		r.fail(err)
	}
}

func appendChunk(dst []byte, c *lastChunk) []byte {
	text, err := json.Marshal(c)
	if err != nil { // strings, numbers and an amount of ours
		return dst
	}
	return append(append(append(dst, "data: "...), text...), "\n\n"...)
}

// hangUp takes down what a provider has sent of a stream that was ended: it was generated, and is billed.
func (r *relay) hangUp() {
	const most = 4096 // events; more do not wait in one buffer
	for range most {
		if !r.answer.Stream.Buffered() {
			return
		}
		if _, err := r.answer.Stream.Next(); err != nil {
			return
		}
	}
}
