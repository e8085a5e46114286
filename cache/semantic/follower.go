package semantic

import (
	"context"
	"errors"
	"strconv"
	"time"

	"bursar/cache"

	"github.com/redis/go-redis/v9"
)

// follower is what the one that reads the streams remembers.
type follower struct {
	reports string     // the last report read
	mark    cache.Mark // what had been purged when it last looked
}

const readAtOnce = 256 // messages of one stream

// follow learns what all gateways send, this one too, until the fleet is closed.
func (f *fleet) follow() {
	failures := 0
	for f.ctx.Err() == nil {
		err := f.read()
		if err == nil {
			failures = 0
			continue
		}
		if failures++; failures == 1 && f.ctx.Err() == nil {
			f.options.Warn("read what the fleet's semantic cache has learned from Redis; nothing is served from it meanwhile", err)
		}
		f.pause(failures)
	}
}

// read waits for news, a moment at most, and learns them.
func (f *fleet) read() error {
	if err := f.call(f.prepare); err != nil {
		return err
	}
	f.sweep()
	f.mu.Lock()
	followed := f.followed
	f.mu.Unlock()
	names := make([]string, 0, 1+streams*len(followed))
	names = append(names, f.reports())
	for _, s := range followed {
		for i := range streams {
			names = append(names, s.stream(i))
		}
	}
	ids := append(make([]string, 0, len(names)), f.follower.reports)
	for _, s := range followed {
		ids = append(ids, s.at[:]...)
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(f.ctx, f.options.Block+f.options.Timeout)
	defer cancel()
	news, err := f.client.XRead(ctx, &redis.XReadArgs{Streams: append(names, ids...), Count: readAtOnce, Block: f.options.Block}).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return err
	}
	byName := make(map[string][]redis.XMessage, len(news))
	for _, stream := range news {
		byName[stream.Stream] = stream.Messages
	}
	f.hearReports(byName[f.reports()])
	newcomers, err := f.fetch(followed, byName)
	if err != nil {
		return err
	}
	for _, s := range followed {
		whole := true
		for i := range streams {
			messages := byName[s.stream(i)]
			s.learn(i, messages, newcomers)
			whole = whole && len(messages) < readAtOnce
		}
		if whole {
			s.fresh.Store(began.UnixNano())
		}
	}
	return nil
}

// prepare asks for what must be known before anything is followed.
func (f *fleet) prepare(ctx context.Context) error {
	if err := f.fetchSecret(ctx); err != nil {
		return err
	}
	if f.follower.reports != "" {
		return nil
	}
	last, err := f.client.XRevRangeN(ctx, f.reports(), "+", "-", 1).Result()
	if err != nil {
		return err
	}
	f.follower.reports = "0-0"
	if len(last) > 0 {
		f.follower.reports = last[0].ID // nothing was loaded yet that older ones could be of
	}
	return nil
}

func (f *fleet) hearReports(messages []redis.XMessage) {
	for _, m := range messages {
		f.follower.reports = m.ID
		text, _ := m.Values["answer"].(string)
		if answer, ok := cache.ReadKey([]byte(text)); ok && m.Values["from"] != f.run {
			f.cache.condemn(answer)
		}
	}
}

// sweep forgets what purges have reached that this gateway has heard of since it last looked.
func (f *fleet) sweep() {
	if mark := f.options.Mark(); mark != f.follower.mark && mark.Epoch != 0 {
		f.follower.mark = mark
		f.cache.Forget(f.options.Hides)
	}
}

// learn takes messages of one of the partition's streams.
func (s *shared) learn(stream int, messages []redis.XMessage, newcomers map[ref]*newcomer) {
	if len(messages) == 0 {
		return
	}
	p := s.of
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range messages {
		m := &messages[i]
		s.at[stream] = m.ID
		if !s.isNew(stream, m) {
			continue
		}
		if stream == questions {
			for r := range refsOf(m) {
				s.enterKnown(newcomers[r])
			}
			continue
		}
		text, _ := m.Values["events"].(string)
		var e event
		for rest, ok := []byte(text), true; ok && len(rest) > 0; {
			if rest, ok = readEvent(rest, &e); ok {
				p.take(&e)
			}
		}
		s.contributed = s.contributed || m.Values["from"] == s.fleet.run
	}
}

// isNew tells whether a message was not learned yet. One that is missing before it was trimmed away before this gateway read it: then the partition
// must be loaded anew.
func (s *shared) isNew(stream int, m *redis.XMessage) bool {
	from, _ := m.Values["from"].(string)
	text, _ := m.Values["number"].(string)
	number, err := strconv.ParseUint(text, 10, 64)
	known, has := s.seen[stream][from]
	if err != nil || has && number <= known {
		return false
	}
	if has && number > known+1 && s.fresh.Load() != 0 {
		go s.fleet.cache.lose(s) // the lock that it takes is held
	}
	if len(s.seen[stream]) >= mostRuns {
		clear(s.seen[stream]) // of long ago, most of them: a message that is sent twice is sent twice within seconds
	}
	s.seen[stream][from] = number
	return true
}

const mostRuns = 128

// enterKnown makes a newcomer an entry, if it still may serve.
func (s *shared) enterKnown(n *newcomer) {
	if n != nil && time.Now().Before(n.entry.expires) && !s.fleet.options.Hides(n.entry.key, n.entry.labelled(), n.entry.mark) {
		s.of.enter(n.entry, n.answer, &n.said)
	}
}

// fetch reads the questions that messages name, all in one round trip.
func (f *fleet) fetch(of []*shared, messages map[string][]redis.XMessage) (map[ref]*newcomer, error) {
	asked := map[ref]*redis.SliceCmd{}
	err := f.call(func(ctx context.Context) error {
		_, err := f.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for _, s := range of {
				for _, m := range messages[s.stream(questions)] {
					for r := range refsOf(&m) {
						asked[r] = p.HMGet(ctx, s.question(r), entryFields[:]...)
					}
				}
			}
			return nil
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	found := make(map[ref]*newcomer, len(asked))
	for r, values := range asked {
		found[r] = readNewcomer(r, values.Val())
	}
	return found, nil
}

func refsOf(m *redis.XMessage) func(func(ref) bool) {
	text, _ := m.Values["refs"].(string)
	return func(yield func(ref) bool) {
		for ; len(text) >= len(ref{}); text = text[len(ref{}):] {
			if !yield(ref([]byte(text[:len(ref{})]))) {
				return
			}
		}
	}
}

// loadAll loads partitions one after the other.
func (f *fleet) loadAll() {
	for {
		select {
		case <-f.ctx.Done():
			return
		case s := <-f.loads:
			for failures := 1; f.ctx.Err() == nil && !s.left(); failures++ {
				if err := f.load(s); err == nil {
					break
				}
				f.pause(failures)
			}
		}
	}
}

// load reads the estimates, the questions that still serve, and the events since. Then the partition is followed from there on.
func (f *fleet) load(s *shared) error {
	if err := f.call(func(ctx context.Context) error { return f.loadEstimates(ctx, s) }); err != nil {
		return err
	}
	p := s.of
	p.mu.Lock()
	learned := p.learned
	p.learned = 0
	p.mu.Unlock()
	for i := range streams {
		if err := f.loadStream(s, i); err != nil {
			return err
		}
	}
	p.mu.Lock()
	p.learned = max(p.learned, learned) // the snapshot has counted most of the questions
	p.mu.Unlock()
	s.fresh.Store(time.Now().UnixNano())
	f.mu.Lock()
	defer f.mu.Unlock()
	if !s.dropped {
		f.followed = append(f.followed[:len(f.followed):len(f.followed)], s)
	}
	return nil
}

func (f *fleet) loadEstimates(ctx context.Context, s *shared) error {
	values, err := f.client.HMGet(ctx, s.state(), "at", "estimates").Result()
	if err != nil {
		return err
	}
	at, _ := values[0].(string)
	estimates, _ := values[1].(string)
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	if seen, ok := s.of.restore([]byte(estimates)); ok && at != "" {
		s.at[learning], s.seen[learning] = at, seen
	}
	return nil
}

func (f *fleet) loadStream(s *shared, i int) error {
	for {
		var messages []redis.XMessage
		err := f.call(func(ctx context.Context) (err error) {
			messages, err = f.client.XRangeN(ctx, s.stream(i), "("+s.at[i], "+", readAtOnce).Result()
			return err
		})
		if err != nil {
			return err
		}
		newcomers, err := f.fetch([]*shared{s}, map[string][]redis.XMessage{s.stream(i): messages})
		if err != nil {
			return err
		}
		if s.learn(i, messages, newcomers); len(messages) < readAtOnce {
			return nil
		}
	}
}
