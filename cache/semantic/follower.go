package semantic

import (
	"context"
	"errors"
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
