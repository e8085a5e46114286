package semantic

import (
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// learn takes messages of one of the partition's streams. A lookup that comes meanwhile waits for one question, or the events of one message, to be
// learned at most.
func (s *shared) learn(stream int, messages []redis.XMessage, newcomers map[ref]*newcomer) {
	for i := range messages {
		m := &messages[i]
		if stream == learning {
			s.takeEvents(m)
			continue
		}
		s.of.mu.Lock()
		isNew := s.isNew(stream, m)
		s.of.mu.Unlock()
		for r := range refsOf(m) {
			if isNew {
				s.enter(newcomers[r])
			}
		}
		s.of.mu.Lock()
		s.read(stream, m)
		s.of.mu.Unlock()
	}
}

// enter makes a newcomer an entry, if it still may serve.
func (s *shared) enter(n *newcomer) {
	if n == nil || !time.Now().Before(n.entry.expires) || s.fleet.options.Hides(n.entry.key, n.entry.labelled(), n.entry.mark) {
		return
	}
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	if e := s.of.known[n.entry.ref]; e != nil { // a lookup has had it from the vector set already
		s.of.teach(e, e.class)
		return
	}
	s.of.enter(n.entry, n.answer, &n.said)
}

// takeEvents learns from the events of a message. A snapshot has all of them, or none.
func (s *shared) takeEvents(m *redis.XMessage) {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	if s.isNew(learning, m) {
		text, _ := m.Values["events"].(string)
		var e event
		for rest, ok := []byte(text), true; ok && len(rest) > 0; {
			if rest, ok = readEvent(rest, &e); ok {
				s.of.take(&e)
			}
		}
		s.contributed = s.contributed || m.Values["from"] == s.fleet.run
	}
	s.read(learning, m)
}

// isNew tells whether a message was not learned yet.
func (s *shared) isNew(stream int, m *redis.XMessage) bool {
	from, number := sender(m)
	return number > s.seen[stream][from]
}

// read notes that a message was learned. If the one of the same gateway before it was not, it had been trimmed away before this gateway read it: then
// the partition must be loaded anew.
func (s *shared) read(stream int, m *redis.XMessage) {
	s.at[stream] = m.ID
	from, number := sender(m)
	known, has := s.seen[stream][from]
	switch {
	case has && number <= known:
		return
	case has && number > known+1 && s.fresh.Load() != 0:
		go s.fleet.cache.lose(s) // the lock that it takes is held
	case len(s.seen[stream]) >= mostRuns:
		clear(s.seen[stream]) // of long ago, most of them: a message that is sent twice is sent twice within seconds
	}
	s.seen[stream][from] = number
}

const mostRuns = 128

// sender is who sent a message, and its number among his; 0 is none.
func sender(m *redis.XMessage) (from string, number uint64) {
	from, _ = m.Values["from"].(string)
	text, _ := m.Values["number"].(string)
	number, _ = strconv.ParseUint(text, 10, 64)
	return from, number
}
