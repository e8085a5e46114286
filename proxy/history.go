package proxy

import "sync"

// histories remembers how many tokens stand in conversations that providers store. The id of a response tells it too, but that of a streamed one is
// told before its length is known, and so tells the most that it may have been: a gateway that has seen the end holds less for what comes next.
// Two generations bound it, as with stickiness.
type histories struct {
	mu         sync.Mutex
	young, old map[string]int64 // by the provider's id of the last response
}

// perHistory is how many conversations a generation holds, about 5 MB in all.
const perHistory = 1 << 15

// note takes down what a response has used, prompt and answer together.
func (h *histories) note(id string, tokens int64) {
	if id == "" || tokens <= 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.young == nil || len(h.young) >= perHistory {
		h.young, h.old = make(map[string]int64), h.young
	}
	h.young[id] = withMargin(tokens)
}

// atMost is what is known to stand there, else the bound that an id tells. What a provider's own tools have found may be more than that.
func (h *histories) atMost(id string, bound int64) int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	known, ok := h.young[id]
	if !ok {
		known, ok = h.old[id]
	}
	if ok {
		return known
	}
	return bound
}

// withMargin is what the provider may count of tokens that it has counted before: they come back in another frame.
func withMargin(tokens int64) int64 { return tokens + tokens/50 + 16 }
