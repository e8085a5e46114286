package cache

import (
	"bytes"
	"context"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// storing writes answers to Redis behind the requests' backs: a bounded queue and a few workers. What does not fit is dropped, because
// an answer that is not kept costs a call, and a queue that grows costs the gateway.
type storing struct {
	redis   *Redis
	jobs    chan job
	stop    context.CancelFunc
	ctx     context.Context // ends probes when the store closes
	running sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	pending int   // jobs queued or being done
	bytes   int64 // that they take
	idle    chan struct{}
}

// job is an answer to store, or a name to remove, or a lease to give back.
type job struct {
	key     Key
	answer  *Answer
	expires time.Time
	epoch   uint64 // 0: not known when it was put
	lease   string // by which the answer was made; it is given back with the answer stored
	remove  string
	seen    []byte // how the value to remove begins: one that was stored since stays
}

func (j *job) size() int64 {
	if j.answer == nil {
		return int64(len(j.remove) + len(j.seen))
	}
	return int64(j.answer.weight())
}

func newStoring(r *Redis) *storing {
	s := &storing{redis: r, jobs: make(chan job, r.options.Queue)}
	s.ctx, s.stop = context.WithCancel(context.Background())
	for range r.options.Workers {
		s.running.Go(s.work)
	}
	return s
}

// add queues a job, or drops it.
func (s *storing) add(j job) {
	if s.enqueue(j) {
		return
	}
	s.redis.fleet.over(j.lease)
	if j.answer != nil {
		s.redis.dropped.Add(1)
	}
}

// remove removes a value that was read under a name, unless another has taken its place.
func (s *storing) remove(name string, value []byte) {
	s.add(job{remove: name, seen: bytes.Clone(value[:min(len(value), frameHeader)])})
}

// removeScript: a frame's header has its checksum and its times, so no two frames begin alike.
var removeScript = redis.NewScript(`
if redis.call('GETRANGE', KEYS[1], 0, #ARGV[1] - 1) == ARGV[1] then return redis.call('UNLINK', KEYS[1]) end
return 0
`)

func (s *storing) enqueue(j job) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.bytes+j.size() > s.redis.options.MaxQueued {
		return false
	}
	select {
	case s.jobs <- j:
		s.pending++
		s.bytes += j.size()
		return true
	default:
		return false
	}
}

// spawn runs a probe, which close waits for.
func (s *storing) spawn(f func(context.Context)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.running.Go(func() { f(s.ctx) })
	}
}

func (s *storing) work() {
	for j := range s.jobs {
		s.redis.carryOut(&j)
		s.mu.Lock()
		s.pending--
		s.bytes -= j.size()
		if s.pending == 0 && s.idle != nil {
			close(s.idle)
			s.idle = nil
		}
		s.mu.Unlock()
	}
}

// carryOut stores or removes, within the deadline of a store.
func (r *Redis) carryOut(j *job) {
	defer r.fleet.over(j.lease)
	call, probe := r.breaker.ask()
	if probe {
		r.storing.spawn(r.probe)
	}
	if !call {
		if j.answer != nil {
			r.dropped.Add(1)
		}
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), r.options.Store)
	defer cancel()
	var err error
	switch {
	case j.answer != nil:
		err = r.store(ctx, j)
	case j.remove != "":
		err = removeScript.Run(ctx, r.client, []string{j.remove}, j.seen).Err()
	default:
		err = r.release(ctx, j)
	}
	r.breaker.tell(err == nil)
	if err != nil {
		r.failed.Add(1)
	}
}

func (r *Redis) store(ctx context.Context, j *job) error {
	// Where nobody looks up, nobody learns of a purge but here. The job keeps the epoch that it was put in.
	epoch, due := r.epochs.current(r.options.Now())
	if due {
		var err error
		if epoch, err = r.readEpoch(ctx); err != nil {
			return err
		}
	}
	if j.epoch == 0 {
		j.epoch = epoch
	}
	left := j.expires.Sub(r.options.Now())
	if left < time.Millisecond {
		return nil // it waited too long
	}
	left = (left + time.Second - 1).Truncate(time.Second) // EX counts seconds; the frame has the exact end
	frame := appendFrame(make([]byte, 0, j.answer.weight()), j.key, j.answer, j.expires)
	name := r.name(j.epoch, j.key)
	var err error
	if j.lease == "" {
		err = r.client.Set(ctx, name, frame, left).Err()
	} else {
		err = storeScript.Run(ctx, r.client, []string{name, name + leaseSuffix}, frame, int64(left/time.Second), j.lease).Err()
	}
	if err != nil {
		return err
	}
	r.stored.Add(1)
	return nil
}

// flush waits until nothing is queued or being done.
func (s *storing) flush(ctx context.Context) error {
	s.mu.Lock()
	if s.pending == 0 {
		s.mu.Unlock()
		return nil
	}
	if s.idle == nil {
		s.idle = make(chan struct{})
	}
	idle := s.idle
	s.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *storing) close() {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.jobs)
		s.stop()
	}
	s.mu.Unlock()
	s.running.Wait()
}
