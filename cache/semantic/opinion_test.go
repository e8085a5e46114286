package semantic

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// embedder is a second opinion that knows the cosine of everything, once it was asked for.
type embedder struct {
	cosine       float32
	late         bool // it is never there in time
	waited, sent int
}

func (e *embedder) Cosine(context.Context, string, string) (float32, bool) {
	e.waited++
	e.sent++
	return e.cosine, !e.late
}

func (e *embedder) Begin(string, string) { e.sent++ }

func (e *embedder) Kept(string, string) (float32, bool) { return e.cosine, e.sent > 0 }

// parked is a partition in which two users were told how to renew the parking permit.
func parked(target float64) *asker {
	a := newAsker(Options{Target: target, Seed: 1})
	a.ask("How do I renew the parking permit?", "On the portal.", 1, noon)
	a.ask("How can I renew the parking permit?", "On the portal.", 2, noon)
	return a
}

func (a *asker) find(e *embedder, text string) Account {
	a.q.Reset(text, 3, noon)
	a.q.Second = e
	a.Find(&a.q)
	return a.q.Account
}

// TestTheSecondOpinionIsForWhatIsOpen: who is served or refused without it asks nobody.
func TestTheSecondOpinionIsForWhatIsOpen(t *testing.T) {
	for _, test := range []struct {
		text string
		asks bool
	}{
		{"How should I renew the parking permit?", false},           // sure
		{"How do I renew the parking permit for 3 days?", false},    // a number
		{"Renew the parking permit", false},                         // a deed
		{"Why is the sky blue over the sea in the morning?", false}, // nothing like it
		{"Tell me the steps for renewing a permit to park", true},   // who knows
		{"Where do I go to get my parking permit renewed?", true},   // who knows
	} {
		var e embedder
		parked(0.05).find(&e, test.text)
		if (e.sent > 0) != test.asks {
			t.Errorf("%q: asked %d times", test.text, e.sent)
		}
	}
}

// TestOnlyAHitWaitsForTheSecondOpinion: a partition that is not certified serves nothing on it, and so does not wait; its label knows it all the same.
func TestOnlyAHitWaitsForTheSecondOpinion(t *testing.T) {
	const open = "Tell me the steps for renewing a permit to park"
	e := embedder{cosine: 0.9}
	a := parked(0.05)
	if account := a.find(&e, open); e.waited != 0 || e.sent != 1 || account.Heard {
		t.Errorf("not certified: waited %d times, sent %d, %+v", e.waited, e.sent, account)
	}
	var told []float32
	a.options.Trace = func(evidence []float32, _ bool) { told = append(told, evidence...) }
	a.Learn(&a.q, Answer{Text: "On the portal.", At: noon})
	if len(told) != int(evidenceCount) || told[heard] != 1 || told[second] != logit(0.9) {
		t.Errorf("the label's evidence: %v", told)
	}
	e = embedder{cosine: 0.8}
	a = parked(0.05)
	a.gate.open = true
	if account := a.find(&e, open); e.waited != 1 || !account.Heard || account.Second != 0.8 {
		t.Errorf("certified: waited %d times, %+v", e.waited, account)
	}
	e = embedder{late: true}
	if account := a.find(&e, "Tell me steps for renewing a permit to park"); e.waited != 1 || account.Heard {
		t.Errorf("late: waited %d times, %+v", e.waited, account)
	}
}

// TestTheSecondOpinionsWorthIsLearned: where it tells right from wrong the risk comes to follow it.
func TestTheSecondOpinionsWorthIsLearned(t *testing.T) {
	p := New(Options{Target: 0.05, TTL: time.Hour, MaxEntries: 100})
	of := func(cosine float32) *evidence {
		e := evidence{one: 1, nearest: 0.8, verified: -0.1, heard: 1, second: logit(cosine)}
		return &e
	}
	if alike, unlike := p.selector.risk(of(0.95)), p.selector.risk(of(0.3)); alike != unlike {
		t.Errorf("before anything was learned: %v and %v", alike, unlike)
	}
	for range 200 {
		p.take(&event{kind: judged, risk: 0.5, doubt: 0.5, chance: 1, evidence: *of(0.95)})
		p.take(&event{kind: judged, risk: 0.5, doubt: 0.5, chance: 1, wrong: true, evidence: *of(0.3)})
	}
	if alike, unlike := p.selector.risk(of(0.95)), p.selector.risk(of(0.3)); alike > 0.35 || unlike < 0.6 {
		t.Errorf("after 400 labels: %v and %v", alike, unlike)
	}
}

// TestAPartitionIsUsableWhileItConsults: others ask and learn, and the candidate may go.
func TestAPartitionIsUsableWhileItConsults(t *testing.T) {
	a := parked(0.05)
	a.gate.open = true
	a.q.Reset("Tell me the steps for renewing a permit to park", 3, noon)
	a.q.Second = opinionFunc(func() (float32, bool) {
		for i := range 3 {
			b := asker{Partition: a.Partition}
			b.ask(fmt.Sprint("What is question ", i, " about?"), "nothing", 4, noon)
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		for _, e := range a.entries {
			if e != nil && e.class.content == newContent("On the portal.") {
				a.remove(e)
			}
		}
		return 1, true
	})
	if a.Find(&a.q); a.q.Verdict != Unlike {
		t.Errorf("%v for an answer that has gone meanwhile", a.q.Verdict)
	}
	a.Learn(&a.q, Answer{Text: "On the portal.", At: noon})
}

type opinionFunc func() (float32, bool)

func (f opinionFunc) Cosine(context.Context, string, string) (float32, bool) { return f() }
func (f opinionFunc) Begin(string, string)                                   {}
func (f opinionFunc) Kept(string, string) (float32, bool)                    { return 0, false }
