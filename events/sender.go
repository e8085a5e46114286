package events

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"sync"
	"time"
)

// Sender tells events to webhooks: each of them in its own goroutine, from a bounded queue, again and again until it is taken. It never
// blocks whoever has an event to tell; what finds a full queue is dropped and counted.
type Sender struct {
	options Options
	client  *http.Client
	told    *told

	mu    sync.Mutex
	lines map[string]*line // by the hook's name
	tally map[string]*Tally

	stop    context.CancelFunc
	stopped context.Context
	running sync.WaitGroup
}

// Options tune a sender. The zero value of a field takes its default.
type Options struct {
	Gateway  string                       // who tells
	Dir      string                       // where it is remembered what was told; "" forgets it at the end
	Fleet    *Claims                      // so that of several gateways one tells; nil for a gateway alone
	Warn     func(what string, err error) // of deliveries that fail
	Queue    int                          // events that may wait for one webhook; default 256
	Timeout  time.Duration                // for one delivery; default 10 s
	First    time.Duration                // pause after the first failed delivery, doubled after each further one; default 1 s
	Longest  time.Duration                // longest pause; default 5 min
	Patience time.Duration                // how old an event may get before it is given up; default 6 h
}

func (o Options) withDefaults() Options {
	or := func(d *time.Duration, usual time.Duration) {
		if *d == 0 {
			*d = usual
		}
	}
	or(&o.Timeout, 10*time.Second)
	or(&o.First, time.Second)
	or(&o.Longest, 5*time.Minute)
	or(&o.Patience, 6*time.Hour)
	if o.Queue == 0 {
		o.Queue = 256
	}
	if o.Warn == nil {
		o.Warn = func(string, error) {}
	}
	return o
}

// Tally counts what became of the events for one webhook.
type Tally struct {
	Sent    int64 // taken by the webhook
	Retried int64 // deliveries that failed and were tried again
	Failed  int64 // given up: refused, or too old
	Dropped int64 // not even queued, because the queue was full
	Waiting int64 // in the queue, or being told
}

// New makes a sender without webhooks. It remembers what it told before, if there is a folder to remember it in.
func New(o Options) (*Sender, error) {
	o = o.withDefaults()
	told, err := openTold(o.Dir, time.Now())
	if err != nil {
		return nil, err
	}
	s := &Sender{options: o, client: newClient(o.Timeout), told: told, lines: map[string]*line{}, tally: map[string]*Tally{}}
	s.stopped, s.stop = context.WithCancel(context.Background())
	return s, nil
}

// Use makes these the webhooks. One that has not changed goes on with its queue; what waits for one that is gone is dropped.
func (s *Sender) Use(hooks []Hook) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped.Err() != nil {
		return
	}
	lines := map[string]*line{}
	for _, h := range hooks {
		if old := s.lines[h.Name]; old != nil && reflect.DeepEqual(old.hook, h) {
			lines[h.Name] = old
			continue
		}
		if s.tally[h.Name] == nil {
			s.tally[h.Name] = &Tally{}
		}
		lines[h.Name] = s.begin(h)
	}
	for name, old := range s.lines {
		if lines[name] != old {
			old.end()
		}
	}
	s.lines = lines
}

func (s *Sender) begin(h Hook) *line {
	ctx, end := context.WithCancel(s.stopped)
	l := &line{sender: s, hook: h, queue: make(chan *Event, s.options.Queue), known: map[string]time.Time{}, end: end}
	s.running.Go(func() { l.run(ctx) })
	return l
}

// Send tells an event to every webhook that wants it, unless it was told before or waits already. It returns at once.
func (s *Sender) Send(e Event) {
	if e.Gateway == "" {
		e.Gateway = s.options.Gateway
	}
	e.ID = plainID(e.ID)
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, l := range s.lines {
		if _, waits := l.known[e.ID]; waits || !l.hook.wants(&e) || s.told.has(name, e.ID) {
			continue
		}
		select {
		case l.queue <- &e:
			l.known[e.ID] = time.Now()
		default:
			s.tally[name].Dropped++
		}
	}
}

// Tallies returns what became of the events, by webhook.
func (s *Sender) Tallies() map[string]Tally {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make(map[string]Tally, len(s.tally))
	for name, t := range s.tally {
		all[name] = *t
		if l := s.lines[name]; l != nil {
			tally := *t
			tally.Waiting = int64(len(l.known))
			all[name] = tally
		}
	}
	return all
}

// Close lets the webhooks take what waits for them until ctx ends. What is left is not remembered as told, so it is told again when it is
// noticed again.
func (s *Sender) Close(ctx context.Context) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for s.waiting() > 0 && ctx.Err() == nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	left := s.waiting()
	s.stop()
	s.running.Wait()
	s.client.CloseIdleConnections()
	err := s.told.close()
	if left > 0 {
		err = fmt.Errorf("%d events were not told to their webhooks", left)
	}
	return err
}

func (s *Sender) waiting() (n int64) {
	for _, t := range s.Tallies() {
		n += t.Waiting
	}
	return n
}

// count changes a webhook's tally.
func (s *Sender) count(hook string, change func(*Tally)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s.tally[hook])
}
