package semantic

import (
	"bytes"
	"fmt"
	"testing"
	"time"
	"unique"

	"bursar/cache"
	"bursar/cache/embed"
)

func events() []event {
	var all []event
	for kind := asked; kind <= regrets; kind++ {
		e := event{kind: kind, risk: 0.25, doubt: 0.0625}
		if kind == passed || kind == judged {
			e.chance = 0.03
		}
		if kind == judged {
			e.wrong, e.answer = true, [16]byte{1, 2, 3}
		}
		if kind == judged || kind == regrets {
			e.evidence[one], e.evidence[nearest] = 1, 0.875
		}
		all = append(all, e)
	}
	return all
}

// TestEventsTravel: what is written is read, one after the other; what is cut or damaged is not.
func TestEventsTravel(t *testing.T) {
	var text []byte
	for _, e := range events() {
		text = e.append(text)
	}
	rest := text
	for _, want := range events() {
		var got event
		var ok bool
		if rest, ok = readEvent(rest, &got); !ok || got != want {
			t.Errorf("%+v, %v, want %+v", got, ok, want)
		}
	}
	if len(rest) != 0 {
		t.Errorf("%d bytes too many", len(rest))
	}
	for _, e := range events() {
		whole := e.append(nil)
		for n := range whole {
			if _, ok := readEvent(whole[:n], new(event)); ok {
				t.Errorf("kind %d is read from %d of %d bytes", e.kind, n, len(whole))
			}
		}
	}
	for _, bad := range []event{{kind: 9}, {kind: asked, risk: 2}, {kind: passed, risk: 0.1}, {kind: judged, chance: 7}} {
		if _, ok := readEvent(bad.append(nil), new(event)); ok {
			t.Errorf("%+v is read", bad)
		}
	}
}

// FuzzReadEvent: nothing that Redis holds makes a gateway fall, and what is read is what was written.
func FuzzReadEvent(f *testing.F) {
	for _, e := range events() {
		f.Add(e.append(nil))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var e event
		if rest, ok := readEvent(text, &e); ok && !bytes.Equal(e.append(nil), text[:len(text)-len(rest)]) && e.kind != judged { // a wrong of 2 is a false
			t.Errorf("%+v", e)
		}
		p := New(Options{Target: 0.05, TTL: time.Hour, MaxEntries: 10})
		p.restore(text)
		new(content).read(text)
	})
}

// TestSnapshotsTravel: the estimates of a partition that has learned something, and which parcels they are of.
func TestSnapshotsTravel(t *testing.T) {
	a := newAsker(Options{Seed: 1})
	for i := range 80 {
		a.ask(fmt.Sprintf("How do I renew the %s permit?", []string{"parking", "fishing", "building"}[i%3]), fmt.Sprint("answer ", i%3), uint64(i), noon)
	}
	text := a.snapshot(map[string]uint64{"one": 7, "two": 9})
	b := New(a.options)
	seen, ok := b.restore(text)
	if !ok || seen["one"] != 7 || seen["two"] != 9 || len(seen) != 2 || estimates(b) != estimates(a.Partition) || b.learned != a.learned {
		t.Errorf("%v %v\n%s\n%s", seen, ok, estimates(a.Partition), estimates(b))
	}
	before := estimates(b)
	for _, bad := range [][]byte{nil, {2}, text[:len(text)-1], text[:40]} {
		if _, ok := b.restore(bad); ok || estimates(b) != before {
			t.Errorf("%d damaged bytes were taken", len(bad))
		}
	}
}

// TestQuestionsTravel: what a hash in Redis has of a question is all that there is to know of it.
func TestQuestionsTravel(t *testing.T) {
	n := &newcomer{entry: &entry{
		text: "How do I renew the parking permit?", key: contextOf("answer"), asker: 1 << 63, labels: unique.Make("team=a\nroute=x"), mark: cache.Mark{Epoch: 1<<63 + 5, Purge: 3},
		expires: time.UnixMilli(1_800_000_000_123), admitted: true, ref: newRef(),
	}, said: newContent("On the portal."), answer: [16]byte{9}}
	embed.Default().Embed(n.entry.text, &n.entry.vector)
	values := make([]any, 0, len(entryFields))
	for i, v := range n.fields() {
		if b, ok := v.([]byte); ok {
			v = string(b)
		}
		if i%2 == 1 {
			values = append(values, v)
		}
	}
	got := readNewcomer(n.entry.ref, values)
	if got == nil || *got.entry != *n.entry || got.said != n.said || got.answer != n.answer {
		t.Fatalf("%+v, want %+v", got, n)
	}
	for i := range values {
		damaged := append([]any(nil), values...)
		damaged[i] = nil
		if readNewcomer(n.entry.ref, damaged) != nil {
			t.Errorf("read without %s", entryFields[i])
		}
		if damaged[i] = "?"; i > 0 && i != 5 && readNewcomer(n.entry.ref, damaged) != nil {
			t.Errorf("read with a damaged %s", entryFields[i])
		}
	}
}
