package budget

import (
	"context"
	"fmt"
	"strconv"

	"bursar/pricing"
)

// places returns where the limits stand, in the order that reserve.lua wants them in, and how many of the first ones a hold must leave.
func places(limits []Limit) (at []int, left int) {
	if len(limits) == 0 {
		return nil, 0
	}
	at = make([]int, 0, len(limits))
	for _, unit := range inOrder {
		if unit == Requests {
			left = len(at)
		}
		for i := range limits {
			if limits[i].Unit == unit {
				at = append(at, i)
			}
		}
	}
	return at, left
}

// text is the limit as reserve.lua reads it.
func (l *Limit) text() string {
	if !l.Hard {
		return ""
	}
	return strconv.FormatInt(l.Most, 10)
}

// rates reads what meters stood at before a call that counted, if it did.
func (g *Grant) rates(h *Hold, meters []int, used []pricing.Nano, counted bool) {
	if len(meters) == 0 {
		return
	}
	g.Rates = append(h.Rates[:0], make([]Rate, len(meters))...)
	for i, at := range meters {
		l := &h.Limits[at]
		g.Rates[at] = Rate{Used: int64(used[i]), Most: l.Most}
		if counted {
			g.Rates[at].Used += h.takes(l.Unit)
		}
	}
}

// Rates writes what each limit stands at into out, which must be as long as limits.
func (r *Redis) Rates(ctx context.Context, limits []Limit, out []Rate) error {
	if len(limits) == 0 {
		return nil
	}
	keys, args := make([]string, len(limits)), append(make([]any, 0, 1+len(limits)), r.drift.Milliseconds())
	for i := range limits {
		keys[i] = r.keys.meter(&limits[i])
		args = append(args, limits[i].Unit.String())
	}
	reply, err := r.run(ctx, ratesScript, keys, args...)
	if err != nil {
		return fmt.Errorf("read %d limits: %w", len(limits), err)
	}
	used, err := parseAmounts(reply)
	if err != nil || len(used) != len(limits) {
		return fmt.Errorf("read %d limits: reply %q cannot be understood: %w", len(limits), reply, ErrStoreDown)
	}
	for i := range limits {
		out[i] = Rate{Used: int64(used[i]), Most: limits[i].Most}
	}
	return nil
}
