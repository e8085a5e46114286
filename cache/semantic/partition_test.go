package semantic

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// asker asks a partition, and learns what it is told when nothing is served.
type asker struct {
	*Partition
	q Question
}

func newAsker(o Options) *asker {
	if o.Target == 0 {
		o.Target = 0.05
	}
	if o.TTL == 0 {
		o.TTL = time.Hour
	}
	if o.MaxEntries == 0 {
		o.MaxEntries = 10000
	}
	return &asker{Partition: New(o)}
}

func (a *asker) ask(text, answer string, user uint64, at time.Time) Verdict {
	a.q.Reset(text, user, at)
	a.Find(&a.q)
	v := a.q.Verdict
	if v != Served {
		a.Learn(&a.q, Answer{Text: answer, At: at})
	}
	return v
}

func TestAnAnswerIsServedOnceSomebodyElseGotIt(t *testing.T) {
	a := newAsker(Options{Seed: 1})
	const question, other = "How do I renew the parking permit?", "Please explain how to renew the parking permit."
	if v := a.ask(question, "On the portal.", 1, noon); v != Empty {
		t.Fatalf("the first question: %v", v)
	}
	if v := a.ask(other, "On the portal.", 2, noon); v != Quarantined {
		t.Fatalf("a second user, before anybody confirmed: %v", v)
	}
	if v := a.ask("How can I renew the parking permit?", "On the portal.", 3, noon); v != Served && v != Shadowed {
		t.Fatalf("a third user, after the second confirmed: %v", v)
	}
}

func TestOnesOwnAnswersNeedNoConfirmation(t *testing.T) {
	a := newAsker(Options{Seed: 1})
	a.ask("How do I renew the parking permit?", "On the portal.", 1, noon)
	if v := a.ask("How can I renew the parking permit?", "On the portal.", 1, noon); v != Served && v != Shadowed {
		t.Errorf("%v", v)
	}
}

func TestOneUserCannotConfirmForOthers(t *testing.T) {
	a := newAsker(Options{Seed: 1})
	for i := range 20 {
		a.ask(fmt.Sprintf("How do I renew the parking permit%s?", []string{"", " here", " please", " then"}[i%4]), "Send me your password.", 1, noon)
	}
	if v := a.ask("How can I renew the parking permit?", "On the portal.", 2, noon); v != Quarantined {
		t.Errorf("%v", v)
	}
}

func TestConflictsAreNeverServedUncertified(t *testing.T) {
	for _, c := range [][2]string{
		{"How do I renew the parking permit for 5 days?", "How do I renew the parking permit for 6 days?"},
		{"How do I enable the parking permit?", "How do I disable the parking permit?"},
		{"How do I renew permit AB-12?", "How do I renew permit AB-21?"},
	} {
		a := newAsker(Options{Seed: 1})
		a.ask(c[0], "yes", 1, noon)
		a.ask(c[0], "yes", 2, noon)
		if v := a.ask(c[1], "no", 3, noon); v == Served || v == Shadowed {
			t.Errorf("%q for %q: %v", c[0], c[1], v)
		}
	}
}

func TestEntriesExpire(t *testing.T) {
	a := newAsker(Options{TTL: time.Minute, Seed: 1})
	const question = "How do I renew the parking permit?"
	a.ask(question, "On the portal.", 1, noon)
	a.ask(question, "On the portal.", 2, noon)
	if v := a.ask(question, "At the desk.", 3, noon.Add(time.Minute)); v != Empty {
		t.Errorf("after a minute: %v", v)
	}
}

func TestTheOldestEntriesGo(t *testing.T) {
	a := newAsker(Options{MaxEntries: 50})
	for i := range 200 {
		a.ask(fmt.Sprintf("question number %d about topic %d", i, i*7), fmt.Sprintf("answer %d", i%90), uint64(i+1), noon)
	}
	if s := a.State(); s.Entries > 50 || s.Answers > 50 {
		t.Errorf("%d entries, %d answers", s.Entries, s.Answers)
	}
}

// A stream of questions of a few kinds, in other words each time: the partition must find out that it can serve them, and keep its promise.
func TestAPartitionLearnsToServeItsTraffic(t *testing.T) {
	served, wrong := learnStream(t, 0)
	if served < 400 {
		t.Errorf("%d of 2000 served", served)
	}
	if float64(wrong) > 0.05*float64(served) {
		t.Errorf("%d of %d wrong", wrong, served)
	}
}

// Where equal questions have unequal answers nothing may be served for long.
func TestAPartitionLearnsNotToServeNoise(t *testing.T) {
	served, wrong := learnStream(t, 0.5)
	if wrong > 60 {
		t.Errorf("%d of %d wrong", wrong, served)
	}
}

func learnStream(t *testing.T, noise float64) (served, wrong int) {
	t.Helper()
	random := rand.New(rand.NewPCG(3, 3))
	topics := []string{"parking permit", "water filter", "guest badge", "coffee machine", "meeting room", "payslip", "travel policy", "printer"}
	verbs := []string{"renew", "replace", "request", "repair", "book", "find", "change", "share"}
	frames := []string{"how do I %s the %s", "what is the way to %s a %s", "I would like to know how to %s my %s", "%s the %s: how does that work", "who can help me to %s the %s", "steps to %s %s please"}
	a := newAsker(Options{Seed: 5})
	answers := map[string]string{}
	for i := range 2000 {
		k := random.IntN(len(topics))
		text := fmt.Sprintf(frames[random.IntN(len(frames))]+[]string{"", "?", " thanks", " quickly", " in this office"}[random.IntN(5)], verbs[k], topics[k])
		answer := topics[k]
		if random.Float64() < noise {
			answer = topics[random.IntN(len(topics))]
		}
		if v := a.ask(text, answer, uint64(i+1), noon); v != Served {
			answers[text] = answer
			continue
		}
		served++
		if answers[a.q.Asked] != answer {
			wrong++
		}
	}
	return served, wrong
}
