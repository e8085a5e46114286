package proxy

import (
	"fmt"
	"testing"

	"bursar/exchange"
	"bursar/internal/testkit"
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
