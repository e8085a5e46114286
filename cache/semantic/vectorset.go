package semantic

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"bursar/cache/embed"

	"github.com/redis/go-redis/v9"
)

// With vector sets, Redis finds questions that a gateway's memory has no room for: each partition has one, of the same questions as its stream, under a
// key of its own, so that no search ever meets another partition's. A partition that has let go of questions asks Redis in each lookup for the
// nearest, within a deadline, and takes those that it lacks in again: memory is to the vector set what a cache is to its store.

// ErrNoVectorSets says that a Redis has none.
var ErrNoVectorSets = errors.New("this Redis has no vector sets (it does not know VADD): use Redis 8 or later, or leave the index in memory")

// ProbeVectorSets tells whether a Redis has vector sets: ErrNoVectorSets if it has none, another error if it cannot be asked.
func ProbeVectorSets(ctx context.Context, client redis.UniversalClient) error {
	known, err := client.Do(ctx, "COMMAND", "INFO", "VADD").Slice()
	if err != nil && !answered(err) && !errors.Is(err, redis.Nil) {
		return fmt.Errorf("ask Redis whether it has vector sets: %w", err)
	}
	if len(known) == 1 {
		if command, ok := known[0].([]any); ok && len(command) > 0 && strings.EqualFold(fmt.Sprint(command[0]), "vadd") {
			return nil
		}
	}
	return ErrNoVectorSets
}

// answered tells whether an error is Redis's own answer, and not that there was none, or one for the time being.
func answered(err error) bool {
	var reply redis.Error
	return errors.As(err, &reply) && !errors.Is(err, redis.Nil) && !passing(err)
}

// passing tells whether Redis only says that it starts, fails over, takes nobody in, or is a replica.
func passing(err error) bool {
	return redis.IsLoadingError(err) || redis.IsReadOnlyError(err) || redis.IsMasterDownError(err) || redis.IsClusterDownError(err) ||
		redis.IsTryAgainError(err) || redis.IsNoReplicasError(err) || redis.IsMaxClientsError(err) || redis.IsAuthError(err)
}

const (
	mostAdded  = 64      // vectors that one pipeline adds: each takes Redis up to a millisecond
	mostAdding = 1 << 16 // vectors that wait, and condemnations
	mostAtOnce = 512     // of what is quick
	sampled    = 32      // members of a set that are looked at for whether they have gone, at once
	searched   = 64      // vectors that Redis looks at for the nearest: the greater, the fewer it misses
)

// indexed is a question on its way into a vector set, or out of it.
type indexed struct {
	of  *shared
	ref ref
	at  embed.Vector
}

func (s *shared) vectorSet() string { return s.name + ":vectors" }
func (s *shared) condemned() string { return s.name + ":condemned" }

// keeps is how long a partition's keys outlive the last that was written.
func (s *shared) keeps() time.Duration { return max(leastKept, s.of.options.TTL) }

// index has a parcel's questions put into the vector set. Its partition's lock is held.
func (f *fleet) index(s *shared, parcel *parcel) {
	if !f.options.VectorSets {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range parcel.newcomers {
		if n.entry.vector == (embed.Vector{}) { // without a word, it is near to nothing
			continue
		}
		if len(f.adding) >= mostAdding {
			s.of.counts.Dropped++
			continue
		}
		f.adding = append(f.adding, indexed{s, n.entry.ref, n.entry.vector})
	}
}

// sendVectors puts waiting questions into their vector sets, some at once. Without an answer they wait on; what Redis refuses is dropped.
func (f *fleet) sendVectors(ctx context.Context) error {
	f.mu.Lock()
	some := f.adding[:min(mostAdded, len(f.adding))]
	f.adding = f.adding[len(some):]
	left := len(f.adding)
	f.mu.Unlock()
	if len(some) == 0 {
		return nil
	}
	_, err := f.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range some {
			s := some[i].of
			p.VAddWithArgs(ctx, s.vectorSet(), string(some[i].ref[:]), &redis.VectorFP32{Val: floats32(&some[i].at)}, &redis.VAddArgs{Cas: true, Q8: true})
			p.PExpire(ctx, s.vectorSet(), s.keeps())
		}
		return nil
	})
	if err != nil && !answered(err) {
		f.mu.Lock()
		f.adding = append(some[:len(some):len(some)], f.adding...)
		f.mu.Unlock()
		return err
	}
	if left > 0 {
		f.rouse()
	}
	if err != nil {
		f.options.Warn("add questions to Redis's vector sets; these will not be found beyond memory", err)
	}
	return nil
}

// adds tells whether questions wait for their vector sets.
func (f *fleet) adds() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.adding) > 0
}

// floats32 is a vector as Redis reads it: little-endian numbers of 32 bits.
func floats32(v *embed.Vector) []byte {
	b := make([]byte, 0, 4*len(v))
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(x)))
	}
	return b
}

// missing is asked for once a partition is loaded: whether Redis has more of its questions than memory.
func (f *fleet) missing(ctx context.Context, s *shared) error {
	if !f.options.VectorSets {
		return nil
	}
	n, err := f.client.VCard(ctx, s.vectorSet()).Result()
	if err != nil && !errors.Is(err, redis.Nil) && !answered(err) {
		return err
	}
	if n > int64(s.of.index.Len()) {
		s.beyond.Store(true)
	}
	return nil
}

// tidy takes questions whose hashes have gone out of a partition's vector set, whose members cannot expire: as Redis does with keys, it looks at some,
// and goes on while it finds many. Each time it is another partition's turn.
func (f *fleet) tidy(ctx context.Context) error {
	f.mu.Lock()
	followed := f.followed
	f.mu.Unlock()
	if !f.options.VectorSets || len(followed) == 0 {
		return nil
	}
	f.turn++
	const rounds = 32
	for range rounds {
		if gone, err := f.tidySome(ctx, followed[f.turn%len(followed)]); err != nil || gone < sampled/4 {
			return err
		}
	}
	return nil
}

func (f *fleet) tidySome(ctx context.Context, s *shared) (gone int, err error) {
	members, err := f.client.VRandMemberCount(ctx, s.vectorSet(), sampled).Result()
	if errors.Is(err, redis.Nil) || answered(err) || err == nil && len(members) == 0 {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	there := make([]*redis.IntCmd, len(members))
	if _, err := f.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, m := range members {
			there[i] = p.Exists(ctx, s.name+":q:"+m)
		}
		return nil
	}); err != nil {
		return 0, err
	}
	_, err = f.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, m := range members {
			if there[i].Val() == 0 {
				p.VRem(ctx, s.vectorSet(), m)
				gone++
			}
		}
		return nil
	})
	return gone, err
}

// condemn has questions with an answer that was reported stay out of memory where only Redis has them: by the answer's key, and by what it says if that
// is known. Its partition's lock may be held.
func (s *shared) condemn(members ...string) {
	f := s.fleet
	if !f.options.VectorSets {
		return
	}
	f.mu.Lock()
	for _, m := range members {
		f.condemning = append(f.condemning, condemnation{s, m})
	}
	f.condemning = f.condemning[max(0, len(f.condemning)-mostAdding):]
	f.mu.Unlock()
	f.rouse()
}

// condemnation is an answer's key, or the digest of what it says.
type condemnation struct {
	of     *shared
	member string
}

func (f *fleet) sendCondemned(ctx context.Context) error {
	for {
		f.mu.Lock()
		some := f.condemning[:min(mostAtOnce, len(f.condemning))]
		f.condemning = f.condemning[len(some):]
		f.mu.Unlock()
		if len(some) == 0 {
			return nil
		}
		_, err := f.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for _, c := range some {
				p.SAdd(ctx, c.of.condemned(), c.member)
				p.PExpire(ctx, c.of.condemned(), c.of.keeps())
			}
			return nil
		})
		if err != nil {
			f.mu.Lock()
			f.condemning = append(some[:len(some):len(some)], f.condemning...)
			f.mu.Unlock()
			return err
		}
	}
}

// refFrom reads a member of a vector set.
func refFrom(member string) (r ref, ok bool) {
	return r, copy(r[:], member) == len(r) && len(member) == len(r)
}
