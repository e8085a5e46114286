package events

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"bursar/pricing"
)

// Hours are what each subject has spent in each hour of Unix time.
type Hours interface {
	// Add adds to the sums of an hour and returns what they are then.
	Add(ctx context.Context, hour int64, sums map[Subject]pricing.Nano) (map[Subject]pricing.Nano, error)
	// Load returns the sums of the hours from up to but without to.
	Load(ctx context.Context, from, to int64) (map[Subject]map[int64]pricing.Nano, error)
}

// OwnHours are those of a gateway alone: what was booked before it started, and what was added since.
type OwnHours struct {
	started time.Time
	booked  func(ctx context.Context, from, to time.Time) (map[Subject]map[int64]pricing.Nano, error)
	read    bool // booked was
	hours   map[int64]map[Subject]pricing.Nano
}

// NewOwnHours makes the hours of a gateway that starts now. Booked returns what was booked in a span of time, by subject and hour of Unix
// time.
func NewOwnHours(started time.Time, booked func(ctx context.Context, from, to time.Time) (map[Subject]map[int64]pricing.Nano, error)) *OwnHours {
	return &OwnHours{started: started, booked: booked, hours: map[int64]map[Subject]pricing.Nano{}}
}

// Add adds to an hour.
func (o *OwnHours) Add(_ context.Context, hour int64, sums map[Subject]pricing.Nano) (map[Subject]pricing.Nano, error) {
	totals := make(map[Subject]pricing.Nano, len(sums))
	for s, n := range sums {
		o.add(s, hour, n)
		totals[s] = o.hours[hour][s]
	}
	return totals, nil
}

func (o *OwnHours) add(s Subject, hour int64, n pricing.Nano) {
	if o.hours[hour] == nil {
		o.hours[hour] = map[Subject]pricing.Nano{}
	}
	o.hours[hour][s] += n
}

// Load returns hours, and forgets those that are long past: whoever asks has them now.
func (o *OwnHours) Load(ctx context.Context, from, to int64) (map[Subject]map[int64]pricing.Nano, error) {
	if !o.read {
		booked, err := o.booked(ctx, time.Unix(from*3600, 0), o.started)
		if err != nil {
			return nil, err
		}
		for s, hours := range booked {
			for hour, n := range hours {
				o.add(s, hour, n)
			}
		}
		o.read = true
	}
	all := map[Subject]map[int64]pricing.Nano{}
	for hour, sums := range o.hours {
		if hour < to-recheck {
			delete(o.hours, hour)
		}
		if hour < from || hour >= to {
			continue
		}
		for s, n := range sums {
			note(all, s, hour, n)
		}
	}
	return all, nil
}

func note(all map[Subject]map[int64]pricing.Nano, s Subject, hour int64, n pricing.Nano) {
	if all[s] == nil {
		all[s] = map[int64]pricing.Nano{}
	}
	all[s][hour] = n
}

// FleetHours are those of all gateways of an org, in Redis: a hash for each hour.
type FleetHours struct {
	client redis.UniversalClient
	prefix string
}

// NewFleetHours makes the hours of an org.
func NewFleetHours(client redis.UniversalClient, org string) *FleetHours {
	return &FleetHours{client: client, prefix: "bursar:{" + org + "}:hour:"}
}

// Add adds to an hour. A call that fails may have been carried out: the sums are for judging, no money hangs on them.
func (f *FleetHours) Add(ctx context.Context, hour int64, sums map[Subject]pricing.Nano) (map[Subject]pricing.Nano, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	totals := make(map[Subject]pricing.Nano, len(sums))
	results := make(map[Subject]*redis.IntCmd, len(sums))
	_, err := f.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for s, n := range sums {
			results[s] = p.HIncrBy(ctx, f.key(hour), s.Team+" "+s.Key, int64(n))
		}
		p.Expire(ctx, f.key(hour), (historyHours+24)*time.Hour)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("add to the hours in Redis: %w", err)
	}
	for s, r := range results {
		totals[s] = pricing.Nano(r.Val())
	}
	return totals, nil
}

// Load reads hours, a day at a time.
func (f *FleetHours) Load(ctx context.Context, from, to int64) (map[Subject]map[int64]pricing.Nano, error) {
	all := map[Subject]map[int64]pricing.Nano{}
	for ; from < to; from += 24 {
		if err := f.load(ctx, from, min(from+24, to), all); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (f *FleetHours) load(ctx context.Context, from, to int64, into map[Subject]map[int64]pricing.Nano) error {
	ctx, cancel := context.WithTimeout(ctx, 5*patience)
	defer cancel()
	results := map[int64]*redis.MapStringStringCmd{}
	_, err := f.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for hour := from; hour < to; hour++ {
			results[hour] = p.HGetAll(ctx, f.key(hour))
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return fmt.Errorf("read the hours in Redis: %w", err)
	}
	for hour, r := range results {
		for field, text := range r.Val() {
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				continue // not of our making
			}
			team, key, _ := strings.Cut(field, " ")
			note(into, Subject{team, key}, hour, pricing.Nano(n))
		}
	}
	return nil
}

func (f *FleetHours) key(hour int64) string { return f.prefix + strconv.FormatInt(hour, 10) }
