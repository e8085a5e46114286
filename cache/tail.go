package cache

import "sync"

// tail is an answer as it comes: bytes that are only ever appended, and then its end. Any number of readers follow it, each at its own pace.
type tail struct {
	mu     sync.Mutex
	body   []byte
	ended  bool
	how    ended         // at its end
	answer *Answer       // at its end, nil if it broke off or is none to give others
	news   chan struct{} // closed when something happens; nil while nobody waits
}

// show replaces the body by a longer one that begins with it.
func (t *tail) show(body []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.body = body
	t.wake()
}

// end ends the answer; the first end counts.
func (t *tail) end(a *Answer, how ended) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.ended {
		t.ended, t.answer, t.how = true, a, how
	}
	t.wake()
}

func (t *tail) wake() {
	if t.news != nil {
		close(t.news)
		t.news = nil
	}
}

// look returns what there is beyond the first n bytes, and what tells of more.
func (t *tail) look(n int) (more []byte, ended bool, news <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	body := t.body
	if t.ended && t.answer != nil && t.answer.Form == Stream {
		body = t.answer.Body
	}
	if n < len(body) {
		return body[n:len(body):len(body)], t.ended, nil
	}
	if t.ended {
		return nil, true, nil
	}
	if t.news == nil {
		t.news = make(chan struct{})
	}
	return nil, false, t.news
}

// next waits for what there is beyond the first n bytes. Nothing, and no answer, is a tail that broke off, or a reader that is gone.
func (t *tail) next(gone <-chan struct{}, n int) (more []byte, whole *Answer) {
	for {
		more, ended, news := t.look(n)
		switch {
		case len(more) > 0:
			return more, nil
		case ended:
			return nil, t.answer
		}
		select {
		case <-news:
		case <-gone:
			return nil, nil
		}
	}
}
