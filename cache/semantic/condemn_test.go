package semantic

import (
	"fmt"
	"slices"
	"testing"

	"bursar/cache"
)

func contextOf(name string) cache.Key { return cache.NewKey("team=a").Part(name).Key() }

// known is a cache in which one user asked a question in two ways and a second user confirmed the answer.
func known(t *testing.T, c *Cache, context cache.Key, labels ...string) (p *Partition, answer cache.Key) {
	t.Helper()
	p = c.Partition(context, Terms{Target: 0.05, TTL: 1 << 40})
	answer = cache.NewKey("team=a").Part("the answer").Key()
	var q Question
	for i, text := range []string{"How do I renew the parking permit?", "How can I renew the parking permit?"} {
		q.Reset(text, uint64(i+1), noon)
		p.Find(&q)
		p.Learn(&q, Answer{Text: "On the portal.", Key: answer, At: noon, Labels: labels, Mark: cache.Mark{Epoch: 1, Purge: 3}})
	}
	return p, answer
}

// serve asks until a question is served, not drawn for a check.
func serve(t *testing.T, p *Partition) *Question {
	t.Helper()
	var q Question
	for i := range 100 {
		q.Reset("How would I renew the parking permit?", uint64(i+10), noon)
		if p.Find(&q); q.Verdict == Served {
			return &q
		}
	}
	t.Fatalf("not served: %+v", q.Account)
	return nil
}

// TestAReportTeaches: a reported answer goes from every partition, with all that leads to one like it, and the partition that gave it learns.
func TestAReportTeaches(t *testing.T) {
	c := NewCache(CacheOptions{})
	p, answer := known(t, c, contextOf("a"))
	other, _ := known(t, c, contextOf("b"))
	receipt := serve(t, p).Receipt()
	before := p.selector.risk(&receipt.evidence)
	if n := c.Condemn(answer, receipt); n != 4 {
		t.Errorf("%d questions forgotten, want 4", n)
	}
	for _, p := range []*Partition{p, other} {
		if s := p.State(); s.Entries != 0 || s.Answers != 0 || s.Condemned != 1 {
			t.Errorf("%+v", s)
		}
	}
	if after := p.selector.risk(&receipt.evidence); after <= before {
		t.Errorf("risk of such a hit: %.4f before the report, %.4f after", before, after)
	}
	if n := c.Condemn(answer, nil); n != 0 {
		t.Errorf("again: %d", n)
	}
}

// TestReportsCloseThePartition: where hits are reported to be wrong again and again, the verifier is not trusted any more.
func TestReportsCloseThePartition(t *testing.T) {
	c := NewCache(CacheOptions{})
	for range 10 {
		p, answer := known(t, c, contextOf("a"))
		if !p.shipped.trusts() {
			return
		}
		c.Condemn(answer, serve(t, p).Receipt())
	}
	t.Error("still served on the verifier's word after ten reports")
}

// TestForgetGoesByLabels: what a purge has reached is forgotten, and nothing else; the bytes that are told go with it.
func TestForgetGoesByLabels(t *testing.T) {
	c := NewCache(CacheOptions{})
	p, _ := known(t, c, contextOf("a"), "team=a", "route=x")
	known(t, c, contextOf("b"), "team=a", "route=y")
	hides := func(label string, since uint64) func(cache.Key, []string, cache.Mark) bool {
		return func(_ cache.Key, labels []string, mark cache.Mark) bool {
			return slices.Contains(labels, label) && mark.Purge < since
		}
	}
	if n := c.Forget(hides("route=x", 3)); n != 0 {
		t.Errorf("%d forgotten that came after the purge", n)
	}
	if n := c.Forget(hides("route=x", 4)); n != 2 {
		t.Errorf("%d forgotten, want 2", n)
	}
	if p.bytes != 0 {
		t.Errorf("%d bytes of nothing", p.bytes)
	}
	if n := c.Forget(hides("team=a", 4)); n != 2 {
		t.Errorf("%d forgotten, want 2", n)
	}
}

// TestAccountsSayWhy: every verdict has a sentence.
func TestAccountsSayWhy(t *testing.T) {
	seen := map[string]bool{}
	for _, v := range Verdicts() {
		a := Account{Verdict: v}
		if because := a.Because(); because == v.String() || seen[because] {
			t.Errorf("%s: %q", v, because)
		} else {
			seen[because] = true
		}
	}
	a := newAsker(Options{Seed: 1})
	a.ask("How do I renew the parking permit for 5 days?", "yes", 1, noon)
	a.ask("How do I renew the parking permit for 6 days?", "no", 2, noon)
	if got := fmt.Sprint(a.q.Account.Verdict, " ", a.q.Account.Conflict); got != "quarantined numbers" || a.q.Account.Nearest < 0.5 || a.q.Account.Target != 0.05 {
		t.Errorf("%+v", a.q.Account)
	}
}

func TestTimesWithin(t *testing.T) {
	var times Times
	if got := times.Within(0.5); got != 0 {
		t.Errorf("of nothing: %v", got)
	}
	for range 99 {
		times.add(Bounds[1])
	}
	times.add(2 * Bounds[len(Bounds)-1])
	for share, want := range map[float64]int{0.5: 1, 0.99: 1, 1: len(Bounds) - 1} {
		if got := times.Within(share); got != Bounds[want] {
			t.Errorf("%v: %v, want %v", share, got, Bounds[want])
		}
	}
}
