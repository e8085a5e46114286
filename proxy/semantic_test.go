package proxy

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"bursar/exchange"
	"bursar/internal/testkit"

	"github.com/alicebob/miniredis/v2"
)

const comparedInTeam = "cache: { exact: { ttl: 1h }, semantic: { max_false_hits: 5%, ttl: 1h }, scope: team }\nbaseline: big\n"

// by adds who asks, so that answers are confirmed.
func by(user string) string { return fmt.Sprintf(`,"user":%q`, user) }

// TestSemanticHit: once two users got the same answer to a question put in two ways, a third way of it is answered from the cache: at no cost,
// with no call, with the saving booked to its lever.
func TestSemanticHit(t *testing.T) {
	eachStore(t, func(t *testing.T, open1 func(testing.TB) stores) {
		for _, form := range []struct{ name, extra string }{{"plain", ""}, {"stream", streamed}} {
			t.Run(form.name, func(t *testing.T) {
				h := open(t, plan{sections: comparedInTeam, stores: open1})
				h.up.On("small", testkit.Script{Text: "Answer to all", PromptTokens: 1000})
				h.compares(form.extra)
				h.post(chat("auto", "How do I renew the parking permit?", form.extra+by("ann")))
				h.kept()
				h.post(chat("auto", "How can I renew the parking permit?", form.extra+by("ben")))
				h.kept()
				for i, way := range []string{"How should I renew the parking permit?", "How would I renew the parking permit?", "how could I renew the parking permit"} {
					before := h.up.Count("")
					got := h.post(chat("auto", way, form.extra+by("cem")))
					word := got.header.Get("x-bursar-cache")
					if word == "shadow" { // drawn for a check: paid, and shown as such
						if row := h.row(got.id()); row.Cost == 0 || row.Cache != "shadow" {
							t.Errorf("shadow check: row %+v", row)
						}
						continue
					}
					if word != "semantic" || h.up.Count("") != before {
						t.Fatalf("way %d: cache %q, %d calls", i, word, h.up.Count("")-before)
					}
					row := h.row(got.id())
					if row.Cost != 0 || row.Cache != "semantic" || row.Reason != "semantic_hit" || row.Saved[exchange.LeverSemantic] == 0 || row.Saved[exchange.LeverExact] != 0 || row.Saved.Sum() != row.Baseline {
						t.Errorf("row %+v", row)
					}
					checkForm(t, form.extra, got)
				}
			})
		}
	})
}

// TestSemanticMisses: what must never be answered with another's answer.
func TestSemanticMisses(t *testing.T) {
	for _, test := range []struct{ name, body string }{
		{"another number", chat("auto", "How do I renew the parking permit for 3 days?", by("cem"))},
		{"negated", chat("auto", "How do I not renew the parking permit?", by("cem"))},
		{"an order", chat("auto", "Renew the parking permit", by("cem"))},
		{"hot", chat("auto", "How should I renew the parking permit?", by("cem")+`,"temperature":1.2`)},
		{"another temperature", chat("auto", "How should I renew the parking permit?", by("cem")+`,"temperature":0.1`)},
		{"tools", chat("auto", "How should I renew the parking permit?", by("cem")+`,"tools":[{"type":"function","function":{"name":"f"}}]`)},
		{"a format", chat("auto", "How should I renew the parking permit?", by("cem")+`,"response_format":{"type":"json_object"}`)},
		{"another model", chat("big", "How should I renew the parking permit?", by("cem"))},
		{"two answers", chat("auto", "How should I renew the parking permit?", by("cem")+`,"n":2`)},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := open(t, plan{sections: comparedInTeam})
			h.up.On("small", testkit.Script{Text: "On the staff portal.", PromptTokens: 1000})
			h.up.On("big", testkit.Script{Text: "On the staff portal.", PromptTokens: 1000})
			for _, user := range []string{"ann", "ben"} {
				h.post(chat("auto", "How do I renew the parking permit?"+map[string]string{"ben": " "}[user], by(user)))
				h.kept()
			}
			before := h.up.Count("")
			if got := h.post(test.body); got.header.Get("x-bursar-cache") == "semantic" || h.up.Count("") == before {
				t.Errorf("answered by the cache: %q", got.body)
			}
		})
	}
}

// TestSemanticWithoutTheBlock: a policy that says nothing of it compares nothing.
func TestSemanticWithoutTheBlock(t *testing.T) {
	h := open(t, plan{sections: cached})
	h.up.On("small", testkit.Script{Text: "On the staff portal."})
	for _, user := range []string{"ann", "ben", "cem"} {
		h.post(chat("auto", map[string]string{"ann": "How do", "ben": "How can", "cem": "How should"}[user]+" I renew the parking permit?", by(user)))
		h.kept()
	}
	if n := h.up.Count(""); n != 3 {
		t.Errorf("%d calls for 3 questions", n)
	}
	if n := h.semantic.Stats().Partitions; n != 0 {
		t.Errorf("%d partitions", n)
	}
}

// parked is a house in which two users were told how to renew the parking permit. ask asks in a third way, once for each time that it is called
// in other bytes, until it is answered by the cache and not drawn for a check.
func parked(t *testing.T, p plan) (h *house, ask func() reply) {
	t.Helper()
	p.sections = comparedInTeam
	h = open(t, p)
	h.up.On("small", testkit.Script{Text: "On the staff portal.", PromptTokens: 1000})
	for _, user := range []string{"ann", "ben"} {
		h.post(chat("auto", map[string]string{"ann": "How do", "ben": "How can"}[user]+" I renew the parking permit?", by(user)))
		h.kept()
	}
	asked := 0
	return h, func() reply {
		t.Helper()
		for range 50 {
			asked++
			got := h.post(chat("auto", "How should I renew the parking permit?"+strings.Repeat(" ", asked), by("cem")))
			h.outcome(got.id())
			if got.header.Get("x-bursar-cache") != "shadow" {
				return got
			}
		}
		t.Fatal("checked 50 times in a row")
		return reply{}
	}
}

// reportTo sends a report of a wrong answer as a client does.
func (h *house) reportTo(secret, body string) (status int, text string) {
	h.Helper()
	r, err := http.NewRequestWithContext(h.Context(), http.MethodPost, "http://"+h.addr+"/v1/bursar/false-hit", strings.NewReader(body))
	must(h, err)
	r.Header.Set("Authorization", "Bearer "+secret)
	got := h.do(r)
	return got.status, got.body
}

// TestASemanticHitIsReported: by the request or by the key that the answer came with. The answer goes, with all questions that lead to it.
func TestASemanticHitIsReported(t *testing.T) {
	for _, name := range []string{"request_id", "cache_key"} {
		t.Run(name, func(t *testing.T) {
			h, ask := parked(t, plan{})
			got := ask()
			if word := got.header.Get("x-bursar-cache"); word != "semantic" {
				t.Fatalf("cache %q", word)
			}
			value := map[string]string{"request_id": got.id(), "cache_key": got.header.Get("x-bursar-cache-key")}[name]
			if status, text := h.reportTo(h.secret, fmt.Sprintf(`{%q:%q}`, name, value)); status != 200 {
				t.Fatalf("status %d: %s", status, text)
			}
			if s := h.semantic.Stats(); s.Condemned != 1 || s.Entries != 0 {
				t.Errorf("after the report: %+v", s)
			}
			if word := ask().header.Get("x-bursar-cache"); word != "miss" {
				t.Errorf("asked again: cache %q", word)
			}
		})
	}
}

// TestPurgesReachWhatIsCompared: what a purge takes out of the answer cache is no candidate any more, and other labels stay.
func TestPurgesReachWhatIsCompared(t *testing.T) {
	for _, test := range []struct {
		label string
		goes  bool
	}{{"team=search", true}, {"model=small", true}, {"model=fake/small", true}, {"route=as asked", true}, {"team=support", false}, {"", true}} {
		t.Run(test.label, func(t *testing.T) {
			h, ask := parked(t, plan{})
			var labels []string
			if test.label != "" {
				labels = []string{test.label}
			}
			must(t, h.Purge(t.Context(), labels...))
			if n := h.semantic.Stats().Entries; (n == 0) != test.goes {
				t.Errorf("%d questions are left", n)
			}
			if word := ask().header.Get("x-bursar-cache"); (word == "semantic") == test.goes {
				t.Errorf("cache %q", word)
			}
		})
	}
}

// TestWhyTellsOfTheSemanticVerdict: of a hit, and of a miss by a number that differs.
func TestWhyTellsOfTheSemanticVerdict(t *testing.T) {
	h, ask := parked(t, plan{})
	why := func(got reply) *Compared {
		t.Helper()
		h.outcome(got.id())
		w, missing := h.Why(got.id())
		if missing || w.Semantic == nil || w.Because == "" {
			t.Fatalf("%s: %+v", got.id(), w)
		}
		return w.Semantic
	}
	if c := why(ask()); c.Verdict != "served" || !c.Confirmed || c.Verifier < 0.8 || c.Nearest < 0.5 || c.Target != 0.05 || c.Samples < 2 {
		t.Errorf("a hit: %+v", c)
	}
	if c := why(h.post(chat("auto", "How do I renew the parking permit for 3 days?", by("cem")))); c.Verdict != "conflicting" || c.Conflict != "numbers" || c.Because == "" {
		t.Errorf("a miss: %+v", c)
	}
}

// TestReportsAreLimited: a key that goes astray cannot empty the cache, and other keys report all the same.
func TestReportsAreLimited(t *testing.T) {
	var r reports
	noon := time.Date(2026, 11, 26, 12, 0, 20, 0, time.UTC)
	for i := range mostReports {
		if fault := r.take("a", noon); fault != nil {
			t.Fatalf("report %d: %v", i, fault)
		}
	}
	if fault := r.take("a", noon); fault == nil || fault.Status != 429 || fault.RetryAfter != 40*time.Second {
		t.Errorf("one too many: %+v", fault)
	}
	if fault := r.take("b", noon); fault != nil {
		t.Errorf("another key: %v", fault)
	}
	if fault := r.take("a", noon.Add(40*time.Second)); fault != nil {
		t.Errorf("the next minute: %v", fault)
	}
}

// compares waits until the questions of a house are compared: in a fleet the gateway must have heard of Redis first. They are asked in a form, by ann.
func (h *house) compares(form string) {
	h.Helper()
	asked := 0
	until(h, "questions to be compared", func() bool {
		asked++
		got := h.post(chat("auto", fmt.Sprint("Is anybody there already, number ", asked, "?"), form+by("ann")))
		h.outcome(got.id())
		w, _ := h.Why(got.id())
		return w.Semantic != nil && w.Semantic.Verdict != "behind"
	})
}

// TestTwoGatewaysLearnTogether: what users of one gateway were told answers a user of another, also after both have ended; a purge on one reaches
// both.
func TestTwoGatewaysLearnTogether(t *testing.T) {
	for _, kind := range []struct {
		name string
		addr func(testing.TB) string
		db   int
	}{{"miniredis", func(t testing.TB) string { return miniredis.RunT(t).Addr() }, 0}, {"redis", realRedis, 7}} {
		t.Run(kind.name, func(t *testing.T) {
			addr, org, up := kind.addr(t), "proxy-"+rand.Text(), testkit.NewUpstream(t)
			t.Cleanup(func() { forget(addr, kind.db, org) })
			up.On("small", testkit.Script{Text: "On the staff portal.", PromptTokens: 1000})
			gateway := func() *house {
				h := open(t, plan{sections: comparedInTeam, up: up, stores: func(t testing.TB) stores { return joinRedis(t, addr, kind.db, org) }})
				h.compares("")
				h.kept()
				return h
			}
			word := func(h *house, text, user string) string {
				got := h.post(chat("auto", text, by(user)))
				h.outcome(got.id())
				h.kept()
				return got.header.Get("x-bursar-cache")
			}
			served := func(h *house, way string) func() bool {
				n := 0
				return func() bool {
					n++
					return word(h, way+strings.Repeat(" ", n), "cem") == "semantic"
				}
			}
			a, b := gateway(), gateway()
			word(a, "How do I renew the parking permit?", "ann")
			until(t, "the other gateway to hear of it", func() bool { return b.semantic.Stats().Labels >= a.semantic.Stats().Labels })
			word(b, "How can I renew the parking permit?", "ben")
			until(t, "a hit on the first gateway", served(a, "How should I renew the parking permit?"))
			until(t, "a hit on the second gateway", served(b, "How would I renew the parking permit?"))
			a.close()
			b.close()
			c := gateway()
			until(t, "a hit after both have ended", served(c, "how could I renew the parking permit"))
			d := gateway()
			until(t, "a hit on one more", served(d, "How should I renew the parking permit"))
			must(t, c.Purge(t.Context(), "team=search"))
			asked := 0
			until(t, "the purge to reach the other gateway", func() bool {
				asked++
				return word(d, "How would I renew the parking permit"+strings.Repeat(" ", asked), "dan") == "miss"
			})
		})
	}
}
