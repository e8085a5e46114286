package events

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// line is one webhook with the events that wait for it, told one after the other.
type line struct {
	sender *Sender
	hook   Hook
	queue  chan *Event
	known  map[string]time.Time // since when events wait or are being told; guarded by the sender's mu
	aside  []*Event             // being told by another gateway; looked at again later
	end    context.CancelFunc
}

// run tells what is queued until ctx ends.
func (l *line) run(ctx context.Context) {
	defer l.forgetAll()
	again := time.NewTicker(claimLease / 4)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-l.queue:
			l.tell(ctx, e)
		case <-again.C:
			waiting := l.aside
			l.aside = nil
			for _, e := range waiting {
				l.tell(ctx, e)
			}
		}
	}
}

// tell delivers an event, unless another gateway has done so or is at it. Where nobody can say, it is delivered: better twice than never.
func (l *line) tell(ctx context.Context, e *Event) {
	fleet := l.sender.options.Fleet
	switch fleet.claim(ctx, l.hook.Name, e) {
	case claimed:
		if len(l.aside) < l.sender.options.Queue {
			l.aside = append(l.aside, e)
			return
		}
		l.sender.count(l.hook.Name, func(t *Tally) { t.Dropped++ })
		l.finish(e, false)
		return
	case done:
		l.finish(e, true)
		return
	}
	err := l.deliver(ctx, e)
	switch {
	case ctx.Err() != nil:
		fleet.release(l.hook.Name, e)
		return
	case err != nil:
		fleet.release(l.hook.Name, e)
		l.sender.options.Warn("tell an event to webhook "+l.hook.Name, fmt.Errorf("%s given up: %w", e.ID, err))
		l.sender.count(l.hook.Name, func(t *Tally) { t.Failed++ })
	default:
		fleet.done(ctx, l.hook.Name, e)
		l.sender.count(l.hook.Name, func(t *Tally) { t.Sent++ })
	}
	l.finish(e, err == nil)
}

// deliver tries until the webhook takes the event, refuses it, or the event is too old.
func (l *line) deliver(ctx context.Context, e *Event) error {
	o := &l.sender.options
	since, pause := l.since(e), o.First
	for {
		err := l.hook.post(ctx, l.sender.client, e, time.Now())
		var no refusal
		if err == nil || errors.As(err, &no) || ctx.Err() != nil {
			return err
		}
		wait := pause/2 + rand.N(pause/2+1)
		var asked later
		if errors.As(err, &asked) {
			wait = max(wait, asked.after)
		}
		if time.Since(since)+wait > o.Patience {
			return err
		}
		if pause == o.First {
			o.Warn("tell an event to webhook "+l.hook.Name+"; tried again", err)
		}
		l.sender.count(l.hook.Name, func(t *Tally) { t.Retried++ })
		if !l.pause(ctx, e, wait) {
			return ctx.Err()
		}
		pause = min(2*pause, o.Longest)
	}
}

// since returns since when an event waits: behind one that is not taken, others get old as well.
func (l *line) since(e *Event) time.Time {
	l.sender.mu.Lock()
	defer l.sender.mu.Unlock()
	return l.known[e.ID]
}

// pause waits, and renews the claim on the event meanwhile.
func (l *line) pause(ctx context.Context, e *Event, wait time.Duration) bool {
	over := time.NewTimer(wait)
	defer over.Stop()
	renew := time.NewTicker(claimLease / 3)
	defer renew.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-over.C:
			return true
		case <-renew.C:
			l.sender.options.Fleet.claim(ctx, l.hook.Name, e)
		}
	}
}

// finish remembers that an event was told, or forgets it.
func (l *line) finish(e *Event, told bool) {
	s := l.sender
	if told {
		if err := s.told.note(l.hook.Name, e, time.Now()); err != nil {
			s.options.Warn("remember that an event was told", err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(l.known, e.ID)
}

// forgetAll counts what a webhook that is gone leaves behind.
func (l *line) forgetAll() {
	s := l.sender
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped.Err() == nil {
		s.tally[l.hook.Name].Dropped += int64(len(l.known))
	}
	clear(l.known)
}
