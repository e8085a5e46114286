package proxy

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"bursar/exchange"
	"bursar/internal/testkit"
)

const cached = "cache: { exact: { ttl: 1h }, scope: team }\n"

// TestHitInEveryForm: a plain answer and a stream are each given from either, at no cost and with no call.
func TestHitInEveryForm(t *testing.T) {
	eachStore(t, func(t *testing.T, open1 func(testing.TB) stores) {
		for _, test := range []struct{ name, first, then string }{
			{"plain from plain", "", ""},
			{"stream from stream", streamed, streamed},
			{"stream with usage from stream", streamed, usageAsked},
			{"plain from stream", streamed, ""},
			{"stream from plain", "", streamed},
			{"stream with usage from plain", "", usageAsked},
		} {
			t.Run(test.name, func(t *testing.T) {
				h := open(t, plan{sections: cached + "baseline: big\nbudgets: [ { team: search, daily_usd: 1 } ]\n", stores: open1})
				h.up.On("small", testkit.Script{Text: "Answer to all", PromptTokens: 1000})
				first := h.post(chat("auto", "what is it?", test.first))
				miss := h.row(first.id())
				h.kept()
				got := h.post(chat("auto", "what is it?", test.then))
				row := h.row(got.id())
				if got.status != 200 || got.header.Get("x-bursar-cache") != "hit" || h.up.Count("") != 1 {
					t.Fatalf("status %d, cache %q, %d calls upstream", got.status, got.header.Get("x-bursar-cache"), h.up.Count(""))
				}
				if age, err := strconv.Atoi(got.header.Get("Age")); err != nil || age < 0 || age > 10 {
					t.Errorf("Age %q", got.header.Get("Age"))
				}
				if got.header.Get("x-bursar-cost-usd") != "0.00" || got.header.Get("x-bursar-model") != "fake/small" {
					t.Errorf("head %v", got.header)
				}
				if row.Cost != 0 || row.Cache != "hit" || row.Attempts != 0 || row.Reason != "exact_hit" || row.Finish != "stop" || row.Usage != miss.Usage {
					t.Errorf("row %+v", row)
				}
				if row.Saved[exchange.LeverExact] != miss.Cost || row.Saved[exchange.LeverRoute] != miss.Saved[exchange.LeverRoute] || row.Baseline != miss.Baseline || miss.Cost == 0 {
					t.Errorf("saved %v of a baseline of %d, the miss cost %d and saved %v", row.Saved, row.Baseline, miss.Cost, miss.Saved)
				}
				checkForm(t, test.then, got)
				if test.first == test.then && got.body != first.body {
					t.Errorf("a hit with other bytes: %s\nwas %s", got.body, first.body)
				}
				if spent := h.settled(); spent != miss.Cost {
					t.Errorf("spent %d", spent)
				}
			})
		}
	})
}

func checkForm(t *testing.T, form string, got reply) {
	t.Helper()
	if form == "" {
		if got.header.Get("Content-Type") != "application/json" || !strings.Contains(got.body, `"content":"Answer to all"`) {
			t.Errorf("not the plain answer: %s", got.body)
		}
		return
	}
	if got.header.Get("Content-Type") != "text/event-stream" || !strings.HasSuffix(got.body, done) || !strings.Contains(got.body, "Answ") {
		t.Errorf("not a stream: %s", got.body)
	}
	if told := strings.Contains(got.body, `"prompt_tokens":1000`); told != (form == usageAsked) {
		t.Errorf("usage told: %v: %s", told, got.body)
	}
}

// kept waits until what was put into the cache is there.
func (h *house) kept() {
	h.Helper()
	if c, ok := h.stores.cache.(interface{ Flush(context.Context) error }); ok {
		must(h, c.Flush(h.Context()))
	}
	must(h, h.semantic.Flush(h.Context()))
}

// TestHitIsServedWhenTheBudgetIsSpent since it costs nothing.
func TestHitIsServedWhenTheBudgetIsSpent(t *testing.T) {
	h := open(t, plan{sections: cached + "budgets: [ { team: search, daily_usd: 0.002 } ]\n"})
	h.up.On("small", testkit.Script{PromptTokens: 984}) // $0.002 with the eight tokens of the answer
	h.post(chat("small", "first"))
	if got := h.post(chat("small", "second")); got.status != 429 {
		t.Fatalf("status %d: %s", got.status, got.body)
	}
	if got := h.post(chat("small", "first")); got.status != 200 || got.header.Get("x-bursar-cache") != "hit" {
		t.Errorf("status %d: %s", got.status, got.body)
	}
}

// TestOnlyCompleteAnswersAreKept.
func TestOnlyCompleteAnswersAreKept(t *testing.T) {
	h := open(t, plan{sections: cached})
	for name, script := range map[string]testkit.Script{
		"length":         {Finish: "length"},
		"content_filter": {Finish: "content_filter"},
		"refused":        {Status: 400},
		"failed":         {Status: 500},
		"cut":            {CutAfter: 4},
		"error":          {ErrorAfter: 4},
		"no [DONE]":      {NoDone: true},
		"no finish":      {Body: hello + world + done},
	} {
		for _, form := range []string{"", streamed} {
			if form == "" && (name == "error" || name == "no [DONE]" || name == "no finish") {
				continue // only streams have them
			}
			h.up.On("small", script, testkit.Script{})
			question := name + form
			h.outcome(h.post(chat("small", question, form)).id())
			got := h.post(chat("small", question, form))
			if cache := got.header.Get("x-bursar-cache"); cache != "miss" && !(name == "no [DONE]" && got.status == 200) {
				t.Errorf("%s%s was kept: %s, status %d", name, form, cache, got.status)
			}
			h.outcome(got.id())
		}
	}
}

// TestClientNarrowsCaching by Cache-Control.
func TestClientNarrowsCaching(t *testing.T) {
	h := open(t, plan{sections: cached})
	ask := func(control, want string, calls int) {
		t.Helper()
		got := h.post(chat("small", "hi"), "Cache-Control", control)
		h.outcome(got.id())
		if is := got.header.Get("x-bursar-cache"); is != want || h.up.Count("") != calls {
			t.Errorf("%q: cache %s after %d calls, want %s after %d", control, is, h.up.Count(""), want, calls)
		}
	}
	ask("no-store", "off", 1)
	ask("", "miss", 2) // nothing was stored
	ask("max-age=60", "hit", 2)
	ask("no-store", "off", 3)
	h.up.On("small", testkit.Script{Text: "newer"})
	ask("No-Cache", "miss", 4) // asks anew, and stores
	got := h.post(chat("small", "hi"))
	if !strings.Contains(got.body, "newer") || got.header.Get("x-bursar-cache") != "hit" {
		t.Errorf("no-cache did not refresh: %s", got.body)
	}
	until(t, "the answer to age", func() bool {
		got := h.post(chat("small", "hi"))
		age, _ := strconv.Atoi(got.header.Get("Age"))
		return age >= 1
	})
	ask("max-age=0", "miss", 5)
}

// TestAnswersStayInTheirScope: keys of a team share answers, teams do not, unless the policy says so.
func TestAnswersStayInTheirScope(t *testing.T) {
	for _, test := range []struct {
		scope                        string
		sameKey, sameTeam, elsewhere string
	}{
		{"key", "hit", "miss", "miss"},
		{"team", "hit", "hit", "miss"},
		{"everyone", "hit", "hit", "hit"},
	} {
		t.Run(test.scope, func(t *testing.T) {
			h := open(t, plan{sections: "cache: { exact: { ttl: 1h }, scope: " + test.scope + " }\n"})
			h.post(chat("small", "hi"))
			colleague, stranger := h.key("search"), h.key("support")
			until(t, "the keys to be known", func() bool {
				_, err := h.keys.Find([]byte(stranger))
				return err == nil
			})
			for key, want := range map[string]string{h.secret: test.sameKey, colleague: test.sameTeam, stranger: test.elsewhere} {
				got := h.post(chat("small", "hi"), "Authorization", "Bearer "+key, "Cache-Control", "no-store2")
				if is := got.header.Get("x-bursar-cache"); is != want {
					t.Errorf("cache %s, want %s", is, want)
				}
			}
		})
	}
}

// TestWhatChangesTheAnswerMisses, and what does not hits.
func TestWhatChangesTheAnswerMisses(t *testing.T) {
	h := open(t, plan{sections: cached})
	for body, want := range map[string]string{
		chat("small", "hi", `,"max_tokens":9`):                    "miss",
		chat("small", "hi", `,"temperature":0`):                   "miss",
		chat("small", "hi", `,"seed":1`):                          "miss",
		chat("small", "hi", `,"n":2`):                             "miss",
		chat("small", "hi", `,"tools":[]`):                        "miss",
		chat("small", "hi", `,"response_format":{"type":"text"}`): "miss",
		chat("small", "hi", `,"unheard_of":1`):                    "miss",
		chat("small", "hi "):                                      "miss",
		chat("small", "Hi"):                                       "miss",
		chat("big", "hi"):                                         "miss",
		chat("small", "hi", `,"user":"bob"`):                      "hit",
		chat("small", "hi", `,"metadata":{"a":"b"}`):              "hit",
		chat("small", "hi", streamed):                             "hit",
		strings.ReplaceAll(chat("small", "hi"), `":`, "\" :\n\t"): "hit",
		chat("fake/small", "hi"):                                  "miss",
	} {
		must(t, h.stores.cache.(interface {
			Purge(context.Context, ...string) error
		}).Purge(t.Context()))
		h.outcome(h.post(chat("small", "hi")).id())
		got := h.post(body)
		if is := got.header.Get("x-bursar-cache"); is != want || got.status != 200 {
			t.Errorf("%s: %s, want %s; status %d", body, is, want, got.status)
		}
	}
}

// TestAnswersExpire.
func TestAnswersExpire(t *testing.T) {
	h := open(t, plan{sections: "cache: { exact: { ttl: 1s } }\n"})
	h.post(chat("small", "hi"))
	begun := time.Now()
	until(t, "the answer to expire", func() bool { return h.post(chat("small", "hi")).header.Get("x-bursar-cache") == "miss" })
	if took := time.Since(begun); took < 800*time.Millisecond {
		t.Errorf("expired after %s", took)
	}
}
