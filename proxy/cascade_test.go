package proxy

import (
	"context"
	"slices"
	"strings"
	"testing"

	"bursar/exchange"
	"bursar/internal/testkit"
	"bursar/ledger"
	"bursar/pricing"
)

// cascading is a route whose answers are checked. more is further keys of its escalate.
func cascading(more string) string {
	return `models:
  small: { use: [fake/small] }
  other: { use: [fake/other] }
  big: { use: [fake/big] }
prices:
  overrides:
    fake/small: { input: 2, output: 4 }
    fake/other: { input: 2, output: 4 }
    fake/big: { input: 10, output: 50 }
budgets:
  - { team: search, daily_usd: 1 }
cache: { exact: { ttl: 1h } }
routes:
  - name: checked
    when: { model: auto }
    to: small
    escalate: { to: big, unless: [valid_schema, complete, not_refused, not_empty, not_repetitive]` + more + ` }
  - { name: as asked, to: asked }
`
}

// refusing answers with what no check keeps, and able with what all do.
var (
	refusing = testkit.Script{Text: "I'm sorry, but I can't help with it now.", PromptTokens: 100, Tokens: 10}
	fine     = testkit.Script{Text: "Forty-two it is, as ever, my friend dear.", PromptTokens: 100, Tokens: 10}
	able     = testkit.Script{Text: "Forty-two, of course, since six times seven is forty-two and nothing else is the answer.", PromptTokens: 100, Tokens: 20}
)

func TestCascade(t *testing.T) {
	for _, form := range []string{"", streamed, usageAsked} {
		t.Run("stream"+form, func(t *testing.T) {
			h := open(t, plan{sections: cascading("")})
			h.up.On("small", fine)
			h.up.On("big", able)
			kept := h.post(chat("auto", "a"+form, form))
			if kept.header.Get("x-bursar-model") != "fake/small" || kept.header.Get("x-bursar-cascade") != "kept" || h.up.Count("big") != 0 {
				t.Errorf("kept: %v", kept.header)
			}
			row := h.row(kept.id())
			if row.Saved.Sum() != row.Baseline-row.Cost || row.Target != "fake/small" || !strings.Contains(row.Facts, "ekept") {
				t.Errorf("kept: %+v", row)
			}

			h.up.On("small", refusing)
			escalated := h.post(chat("auto", "b"+form, form))
			if strings.Contains(escalated.body, `"model":"small"`) || escalated.header.Get("x-bursar-model") != "fake/big" || escalated.header.Get("x-bursar-cascade") != "escalated; failed=not_refused" {
				t.Errorf("escalated: %v", escalated.header)
			}
			row, first := h.row(escalated.id()), h.row(ledger.TryID(escalated.id(), 1))
			if first.Kind != ledger.KindAside || first.Target != "fake/small" || first.Cost <= 0 || first.Baseline != 0 || first.Saved != (exchange.Savings{exchange.LeverEscalate: -first.Cost}) || first.Tags != "bursar-aside=rejected:checked" || first.Usage.Output != 10 {
				t.Errorf("the answer that was rejected: %+v", first)
			}
			if row.Target != "fake/big" || row.Reason != "escalated" || row.Saved[exchange.LeverEscalate] != 0 || row.Saved.Sum() != row.Baseline-row.Cost || row.Baseline != row.Cost || row.Usage.Output != 22 {
				t.Errorf("escalated: %+v", row)
			}
			if form == "" && escalated.header.Get("x-bursar-cost-usd") != (row.Cost+first.Cost).Dollars() || form == usageAsked && !strings.Contains(escalated.body, `"cost":`+(row.Cost+first.Cost).Dollars()) {
				t.Errorf("the client hears of another cost than %d and %d: %v %s", first.Cost, row.Cost, escalated.header, escalated.body)
			}
			for of, text := range map[string]string{"": row.Facts, escalated.id(): first.Facts} {
				if recorded, err := exchange.ParseRecorded(text); err != nil || recorded.Of != of || recorded.Failed != "not_refused" || (of == "") != (recorded.Cascade == exchange.CascadeEscalated) {
					t.Errorf("recorded %q, %v", text, err)
				}
			}
			again := h.post(chat("auto", "b"+form, form))
			if again.header.Get("x-bursar-cache") != "hit" || again.header.Get("x-bursar-model") != "fake/big" {
				t.Errorf("the better answer is given again: %v", again.header)
			}
			h.settled()
		})
	}
}

func TestCascadeChecksForm(t *testing.T) {
	h := open(t, plan{sections: cascading("")})
	h.up.On("big", able)
	tools := `,"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","required":["n"],"properties":{"n":{"type":"integer"}}}}}]`
	for _, form := range []string{"", streamed} {
		h.up.On("small", testkit.Script{ToolCalls: []testkit.ToolCall{{ID: "1", Name: "f", Arguments: `{"n":1}`}}})
		if got := h.post(chat("auto", "good"+form, tools+form)); got.header.Get("x-bursar-cascade") != "kept" {
			t.Errorf("a call that fits: %v %s", got.header, got.body)
		}
		h.up.On("small", testkit.Script{ToolCalls: []testkit.ToolCall{{ID: "1", Name: "f", Arguments: `{"n":"one"}`}}})
		if got := h.post(chat("auto", "bad"+form, tools+form)); got.header.Get("x-bursar-cascade") != "escalated; failed=valid_schema" {
			t.Errorf("a call that does not: %v", got.header)
		}
	}
	h.up.On("small", testkit.Script{Tokens: 50, CutAfter: 5})
	if got := h.post(chat("auto", "a stream that breaks off", streamed)); got.header.Get("x-bursar-cascade") != "escalated; failed=complete" || strings.Contains(got.body, "stream_broken") {
		t.Errorf("a stream that breaks off before it was shown: %v %s", got.header, got.body)
	}
	h.settled()
}

// A stream longer than its buffer flows on, and so does one that is not to be held back.
func TestCascadeLongStream(t *testing.T) {
	h := open(t, plan{sections: cascading(", buffer_bytes: 2048")})
	h.up.On("small", testkit.Script{Tokens: 90})
	got := h.post(chat("auto", "long", usageAsked))
	x := h.outcome(got.id())
	if got.header.Get("x-bursar-cascade") != "unchecked" || x.Outcome.Reason != exchange.ReasonAnswered || !strings.Contains(got.body, "[DONE]") || x.Outcome.Usage.Output != 90 {
		t.Errorf("%v %+v", got.header, x.Outcome)
	}
	must(t, h.Use(parse(t, h.up, cascading(", streams: pass"))))
	h.up.On("small", refusing)
	if got := h.post(chat("auto", "passed", streamed)); got.header.Get("x-bursar-cascade") != "unchecked" {
		t.Errorf("passed: %v", got.header)
	}
	h.settled()
}

// Without room for the other model, or while it is down, the cheap answer is served or the request refused, as the policy says.
func TestCascadeOtherwise(t *testing.T) {
	tight := "\nbudgets:\n  - { team: search, daily_usd: 0.001 }\n"
	for _, form := range []string{"", streamed} {
		f := func(name, sections string, big testkit.Script, status int, word string) {
			t.Helper()
			h := open(t, plan{sections: sections})
			h.up.On("small", refusing)
			h.up.On("big", big)
			got := h.post(chat("auto", "x", form))
			if got.status != status || !strings.HasPrefix(got.header.Get("x-bursar-cascade"), word) {
				t.Errorf("%s%s: %d %v %s", name, form, got.status, got.header, got.body)
			}
			x := h.outcome(got.id())
			try := h.row(ledger.TryID(got.id(), 1))
			if x.Outcome.Saved.Sum() != x.Outcome.Baseline || x.Outcome.Cost != 0 || h.settled() != try.Cost || try.Cost <= 0 {
				t.Errorf("%s%s: %+v", name, form, x.Outcome)
			}
			if row := h.row(got.id()); word == "served" && (row.Target != "fake/small" || row.Usage != try.Usage || row.UsageMethod != "beside" || row.Saved[exchange.LeverEscalate] != try.Cost) {
				t.Errorf("%s%s: %+v", name, form, row)
			}
			if form == "" && got.header.Get("x-bursar-cost-usd") != try.Cost.Dollars() {
				t.Errorf("%s: %d were paid, the client hears of %v", name, try.Cost, got.header)
			}
			if again := h.post(chat("auto", "x", form)); again.header.Get("x-bursar-cache") == "hit" {
				t.Errorf("%s%s: what failed its checks was kept", name, form)
			}
			h.close()
		}
		small := strings.Replace(cascading(""), "\nbudgets:\n  - { team: search, daily_usd: 1 }\n", tight, 1)
		f("no room, serve", small, able, 200, "served")
		f("no room, refuse", strings.Replace(small, "unless:", "otherwise: refuse, unless:", 1), able, 429, "refused")
		f("down, serve", cascading(""), testkit.Script{Status: 500}, 200, "served")
		f("down, refuse", cascading(", otherwise: refuse"), testkit.Script{Status: 500}, 503, "refused")
		f("the other model refuses the request", cascading(""), testkit.Script{Status: 400}, 200, "served")
	}
}

func TestCascadeSecondOpinion(t *testing.T) {
	h := open(t, plan{sections: cascading(", agree_with: other")})
	h.up.On("big", able)
	h.up.On("small", testkit.Script{Text: "42"})
	h.up.On("other", testkit.Script{Text: "42."})
	f := func(text, form, want string) {
		t.Helper()
		got := h.post(chat("auto", text, form))
		if got.header.Get("x-bursar-cascade") != want {
			t.Errorf("%s: %v", text, got.header)
		}
		second := h.row(got.id() + "-second")
		if second.Kind != ledger.KindAside || second.Cost <= 0 || second.Baseline != 0 || second.Saved[exchange.LeverEscalate] != -second.Cost || second.Tags != "bursar-aside=second:checked" {
			t.Errorf("%s: the second's row: %+v", text, second)
		}
	}
	f("they agree", "", "kept")
	f("they agree, streamed", streamed, "kept")
	h.up.On("other", testkit.Script{Text: "43"})
	f("they differ", "", "escalated; failed=agree_with")
	f("they differ, streamed", streamed, "escalated; failed=agree_with")
	h.up.On("other", testkit.Script{Text: "I cannot help"})
	f("no opinion", "", "escalated; failed=agree_with")
	h.settled()
	st, err := h.ledger.Report(context.Background(), ledger.Query{By: []string{"team"}})
	must(t, err)
	if st.Requests != 5 {
		t.Errorf("%d requests in the statement", st.Requests)
	}
	if got := h.spent(); got != pricing.Nano(st.Spend) {
		t.Errorf("spent %d, the statement says %d", got, st.Spend)
	}
	if !slices.ContainsFunc(h.all(), func(x exchange.Exchange) bool { return x.Aside == exchange.AsideSecond }) {
		t.Error("nobody heard of the second's calls")
	}
}
