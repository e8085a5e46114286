package prompt

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"bursar/exchange"
	"bursar/tokens"
)

// TestMarks: which bytes a mark is put before, for every form that a message may have; all else stays as it was.
func TestMarks(t *testing.T) {
	const cc = `"cache_control":{"type":"ephemeral"}`
	f := func(body, want string) {
		t.Helper()
		e, err := Read([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		p, ok := e.prefixes(t)
		if !ok {
			t.Fatalf("%s: marked already", body)
		}
		got := string(e.Shape(Shape{Marks: []Prefix{p.Static, p.Earlier, p.Whole}}, nil))
		if got = strings.ReplaceAll(got, cc, "MARK"); got != want {
			t.Errorf("%s\n got %s\nwant %s", body, got, want)
		}
	}
	f(`{"model":"m","messages":[{"role":"user","content":"hi"}]}`, `{"model":"m","messages":[{"role":"user","content":"hi",MARK}]}`)
	f(`{"model":"m","messages":[{"role":"system","content":"be brief"} , {"content":[{"type":"text","text":"hi"}],"role":"user"}]}`,
		`{"model":"m","messages":[{"role":"system","content":"be brief",MARK} , {"content":[{"type":"text","text":"hi",MARK}],"role":"user"}]}`)
	f(`{"model":"m","tools":[{"type":"function","function":{"name":"f"}}],"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"}]}`,
		`{"model":"m","tools":[{"type":"function","function":{"name":"f"},MARK}],"messages":[{"role":"user","content":"a",MARK},{"role":"assistant","content":"b"},{"role":"user","content":"c",MARK}]}`)
	f(`{"model":"m","messages":[{"role":"user","content":"a"},{"role":"assistant","tool_calls":[{"id":"1","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"1","content":[{"type":"text","text":"r"}]}]}`,
		`{"model":"m","messages":[{"role":"user","content":"a",MARK},{"role":"assistant","tool_calls":[{"id":"1","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"1","content":[{"type":"text","text":"r"}],MARK}]}`)
	// What must not be edited, is empty or is to be continued carries none.
	for _, body := range []string{
		`{"model":"m","messages":[{"role":"user","content":"","x":{"signature":"s"}}]}`,
		`{"model":"m","messages":[{"role":"user","content":"hi","reasoning_details":[]}]}`,
		`{"model":"m","messages":[{"role":"user","content":""}]}`,
		`{"model":"m","messages":[{"role":"user","content":[]}]}`,
		`{"model":"m","messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"f"}}]}]}`,
		`{"model":"m","tools":[],"messages":[{"role":"assistant","content":"go on from here"}]}`,
	} {
		f(body, body)
	}
	// A mark in a tool result that is shortened, and in what a cut leaves.
	e, _ := Read([]byte(`{"model":"m","messages":[{"role":"tool","tool_call_id":"1","content":"{ \"a\": [ 1, 2, 3, 4, 5, 6, 7, 8, 9 ] }"}]}`))
	plan := e.Trim(counter(t), target, exchange.Trim{MinifyToolResults: true})
	p, _ := e.Prefixes(counter(t), target.Family, plan, 1)
	if got := string(e.Shape(Shape{Plan: plan, Marks: []Prefix{p.Whole, p.Whole}}, nil)); !strings.HasSuffix(got, `"{\"a\":[1,2,3,4,5,6,7,8,9]}",`+cc+`}]}`) {
		t.Errorf("shortened: %s", got)
	}
}

var target = Target{Family: tokens.Claude, Model: "claude-sonnet-4-5"}

var countOnce = sync.OnceValues(tokens.New)

func counter(t testing.TB) *tokens.Counter {
	t.Helper()
	c, err := countOnce()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (e *Envelope) prefixes(t testing.TB) (Prefixes, bool) {
	t.Helper()
	return e.Prefixes(counter(t), target.Family, TrimPlan{}, e.Measure(counter(t), target).Tokens)
}

// A client that marks anything itself knows better.
func TestMarksOfTheClient(t *testing.T) {
	for _, body := range []string{
		`{"model":"m","messages":[{"role":"user","content":"hi","cache_control":{"type":"ephemeral"}}]}`,
		`{"model":"m","messages":[{"role":"system","content":[{"type":"text","text":"x","cache_control":{"type":"ephemeral","ttl":"1h"}}]},{"role":"user","content":"hi"}]}`,
		`{"model":"m","tools":[{"type":"function","function":{"name":"f"},"cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":"hi"}]}`,
		`{"model":"m","cache_control":{"type":"ephemeral"},"messages":[{"role":"user","content":"hi"}]}`,
	} {
		e, err := Read([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		if p, ok := e.prefixes(t); ok {
			t.Errorf("%s: %+v", body, p)
		}
	}
}

// TestPrefixesAreThoseOfTheNextRequest: what a request ends with is what the next one of the conversation has as its earlier prefix, and whatever
// changes what is sent before a mark changes its fingerprint.
func TestPrefixesAreThoseOfTheNextRequest(t *testing.T) {
	read := func(body string) Prefixes {
		e, err := Read([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		p, _ := e.prefixes(t)
		return p
	}
	const first = `{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":"a"}]}`
	const second = `{"model":"m","stream":true,"max_tokens":9,"messages":[{"role":"system","content":"s"},{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"}]}`
	one, two := read(first), read(second)
	if one.Whole.Sum == 0 || one.Whole.Sum != two.Earlier.Sum || one.Static.Sum != two.Static.Sum || one.Earlier.Sum != 0 || two.Whole.Sum == two.Earlier.Sum {
		t.Errorf("%+v, then %+v", one, two)
	}
	for old, changed := range map[string]string{`"s"`: `"t"`, `"a"`: `"aa"`, `"stream":true`: `"tools":[{"function":{"name":"f"}}]`, `"max_tokens":9`: `"tool_choice":"none"`} {
		if p := read(strings.Replace(second, old, changed, 1)); p.Earlier.Sum == two.Earlier.Sum {
			t.Errorf("%s for %s keeps the prefix", changed, old)
		}
	}
}

// day is a day's traffic of one route to one target.
type day struct {
	*testing.T
	recurrence Recurrence
	now        time.Time
}

func (d *day) ask(of, messages string, after time.Duration) (marks int) {
	d.Helper()
	d.now = d.now.Add(after)
	e, err := Read([]byte(fmt.Sprintf(`{"model":"m","messages":[{"role":"system","content":"%s"},%s]}`, of, messages)))
	if err != nil {
		d.Fatal(err)
	}
	p, _ := e.Prefixes(counter(d), target.Family, TrimPlan{}, 5000)
	p.Static.Tokens = 2000
	return len(d.recurrence.Marks(nil, Request{Route: "chat", Target: "anthropic/claude", At: d.now}, &p, Terms{Least: 1024, Pays: 278}))
}

// TestRecurrenceLearns: traffic whose prompts never come again is marked no more than chance has it at first, and none of it is later; conversations are
// marked from their second turn on, and, once it has shown that they go on, from their first.
func TestRecurrenceLearns(t *testing.T) {
	d := &day{T: t, now: time.Unix(1e9, 0)}
	for i := range 200 {
		if n := d.ask(fmt.Sprint("alone ", i), `{"role":"user","content":"a"}`, 30*time.Second); n > 0 {
			t.Fatalf("request %d that nothing follows: %d marks", i, n)
		}
	}
	d = &day{T: t, now: time.Unix(1e9, 0)}
	marked := 0
	for i := range 200 {
		first := d.ask(fmt.Sprint("talk ", i), `{"role":"user","content":"a"}`, 30*time.Second)
		second := d.ask(fmt.Sprint("talk ", i), `{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"}`, 10*time.Second)
		if i == 0 && (first != 0 || second == 0) || i > 100 && (first < 2 || second < 2) {
			t.Fatalf("conversation %d: %d marks, then %d", i, first, second)
		}
		marked += first
	}
	// What was written is read even where nothing new is written; and not after its time.
	d = &day{T: t, now: time.Unix(1e9, 0)}
	same := func(after time.Duration) int {
		return d.ask("the same", fmt.Sprintf(`{"role":"user","content":"%d"}`, d.now.Unix()), after)
	}
	if a, b, c := same(0), same(time.Minute), same(time.Minute); a != 0 || b != 1 || c != 1 {
		t.Errorf("a system prompt that comes again: %d, %d and %d marks", a, b, c)
	}
	if same(6 * time.Minute); len(d.recurrence.queue) != 2 {
		t.Errorf("what is too old is remembered: %d sightings", len(d.recurrence.queue))
	}
}

// TestRecurrenceIsBounded: a flood of prompts takes no more memory than its queue.
func TestRecurrenceIsBounded(t *testing.T) {
	var r Recurrence
	p := Prefixes{Whole: Prefix{Tokens: 5000, end: 1}}
	for i := range 3 * mostSightings {
		p.Whole.Sum = uint64(i + 1)
		r.Marks(nil, Request{At: time.Unix(1e9, 0)}, &p, Terms{1024, 278})
	}
	if len(r.queue) > mostSightings || len(r.known) != len(r.queue) {
		t.Errorf("%d sightings, %d known", len(r.queue), len(r.known))
	}
}

// FuzzMarks: a marked request is valid JSON, and without its marks the client's own bytes.
func FuzzMarks(f *testing.F) {
	f.Add(`{"model":"m","tools":[{"a":1}],"messages":[{"role":"system","content":[{"text":"x"}]},{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"tool","content":"c"}]}`)
	f.Fuzz(func(t *testing.T, body string) {
		e, err := Read([]byte(body))
		if err != nil || strings.Contains(body, "cache_control") {
			return
		}
		p, ok := e.prefixes(t)
		if !ok {
			return
		}
		got := e.Shape(Shape{Marks: []Prefix{p.Static, p.Earlier, p.Whole}}, nil)
		if !json.Valid(got) {
			t.Fatalf("%q became %q", body, got)
		}
		if back := strings.ReplaceAll(string(got), mark, ""); back != body {
			t.Fatalf("%q came back as %q", body, back)
		}
	})
}
