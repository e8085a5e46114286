package providers

import (
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

// TestHealth: what was learnt of targets and keys is told as it stands now.
func TestHealth(t *testing.T) {
	clk := newClock()
	u, err := New(Config{Name: "p", BaseURL: "http://127.0.0.1:1", Now: clk.now, MaxConcurrent: 8, Keys: []Key{{Name: "A", Value: "a"}, {Name: "B", Value: "b", Team: "search"}}})
	if err != nil {
		t.Fatal(err)
	}
	b := u.breaker("p/m")
	b.report(failing, failing, failing, failing, failing)
	b.gate.under, b.gate.learnt = 3, 2
	for range 12 * pulseKnown {
		b.pulse.note(time.Second)
	}
	for range 20 {
		b.pulse.note(20 * time.Second)
	}
	u.breaker("p/quiet")
	key := u.keys[0]
	key.note("p/m", &Failure{Cause: CauseLimited, RetryAfter: 30 * time.Second}, false, clk.now())
	var head fasthttp.ResponseHeader
	for name, value := range map[string]string{"Limit": "100", "Remaining": "40", "Reset": "60s"} {
		head.Set("X-Ratelimit-"+name+"-Requests", value)
	}
	key.learn("p/m", &head, clk.now())
	clk.pass(10 * time.Second)
	h := u.Health()
	if len(h.Targets) != 2 || h.Provider != "p" {
		t.Fatalf("%+v", h)
	}
	m := h.Targets[0]
	if m.Target != "p/m" || m.Breaker != BreakerHalfOpen || m.Under != 3 || m.Most != 2 || !m.Learnt || !m.Outlier || m.Late < 4*m.Usual {
		t.Errorf("%+v", m)
	}
	if q := h.Targets[1]; q.Target != "p/quiet" || q.Breaker != BreakerClosed || q.Most != 8 || q.Learnt || q.Outlier || q.Usual != 0 {
		t.Errorf("%+v", q)
	}
	if k := h.Keys[0]; k.Name != "A" || len(k.Rests) != 1 || k.Rests["p/m"] != 20*time.Second || len(k.Limits) != 1 || k.Limits[0] != (KeyLimit{"p/m", "requests", 100, 50}) {
		t.Errorf("%+v", k)
	}
	if k := h.Keys[1]; k.Team != "search" || len(k.Rests)+len(k.Limits) != 0 {
		t.Errorf("%+v", k)
	}
}
