package proxy

import (
	"context"
	"io"
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"bursar/internal/testkit"
	"bursar/keys"
	"bursar/ledger"
)

// TestStrangersLeaveNoTrace in the ledger: anybody could fill it.
func TestStrangersLeaveNoTrace(t *testing.T) {
	h := open(t, plan{sections: pot})
	h.row(h.post(chat("small", "hi")).id())
	must(t, h.ledger.Flush(t.Context()))
	before := h.journalSize()
	for i := range 100 {
		key := []string{"", "Bearer sk-bursar-nobody", "Bearer " + h.secret + "x"}[i%3]
		got := h.post(chat("small", "hi", []string{"", streamed}[i%2]), "Authorization", key)
		if got.status != 401 {
			t.Fatalf("status %d with key %q", got.status, key)
		}
		if _, found, err := h.ledger.Find(t.Context(), got.id()); found || err != nil {
			t.Errorf("row of a stranger: %v, %v", found, err)
		}
	}
	must(t, h.ledger.Flush(t.Context()))
	if after := h.journalSize(); after != before {
		t.Errorf("the journal grew from %d to %d bytes", before, after)
	}
	statement, err := h.ledger.Report(t.Context(), ledger.Query{By: []string{"team"}})
	must(t, err)
	if statement.Refused != 0 || len(statement.Lines) != 1 {
		t.Errorf("the statement counts strangers: %s", statement.Table())
	}
}

func (h *house) journalSize() (sum int64) {
	h.Helper()
	must(h, filepath.WalkDir(filepath.Join(h.dir, "journal"), func(_ string, file fs.DirEntry, err error) error {
		if err != nil || file.IsDir() {
			return err
		}
		info, err := file.Info()
		if err == nil {
			sum += info.Size()
		}
		return err
	}))
	return sum
}

// TestStrangersLargeBodiesAreNotRead: the answer comes before the body does. With a key the same body is served.
func TestStrangersLargeBodiesAreNotRead(t *testing.T) {
	h := open(t, plan{})
	body := chat("small", strings.Repeat("word ", 200_000))
	for _, key := range []string{"", "Bearer sk-bursar-nobody"} {
		head, _, _ := strings.Cut(h.raw(body, "Authorization", key), "\r\n\r\n")
		_, r := h.dial(head + "\r\n\r\n")
		answer, err := http.ReadResponse(r, nil)
		must(t, err)
		text, err := io.ReadAll(answer.Body)
		must(t, err)
		if answer.StatusCode != 413 && answer.StatusCode != 401 || !answer.Close {
			t.Errorf("status %d, close %v: %s", answer.StatusCode, answer.Close, text)
		}
		if got := h.post(chat("small", strings.Repeat("word ", 5_000)), "Authorization", key); got.status != 401 { // still told what is wrong
			t.Errorf("status %d for a small body", got.status)
		}
	}
	if got := h.post(body); got.status != 200 {
		t.Errorf("status %d with a key: %s", got.status, got.body)
	}
}

// TestLongHeadersPass: cookies and tokens of proxies on the way.
func TestLongHeadersPass(t *testing.T) {
	h := open(t, plan{})
	for _, n := range []int{4_100, 9_000, 15 << 10} {
		if got := h.post(chat("small", "hi"), "Cookie", strings.Repeat("a", n)); got.status != 200 {
			t.Errorf("%d bytes: status %d: %s", n, got.status, got.body)
		}
	}
}

// TestKeysUserWins over the one in the body: else the budget of a user would be the client's choice.
func TestKeysUserWins(t *testing.T) {
	h := open(t, plan{sections: "budgets: [ { user: alice, daily_usd: 0.0005 }, { user: each, daily_usd: 100 } ]\n"})
	issued, _, err := keys.File(h.dir).Add(context.Background(), keys.Terms{Team: "search", User: "alice"})
	must(t, err)
	secret := issued.Reveal()
	until(t, "the key to be known", func() bool {
		_, err := h.keys.Find([]byte(secret))
		return err == nil
	})
	refused := 0
	for _, more := range []string{"", `,"user":"bob"`, `,"user":"carol"`, `,"user":"alice"`, `,"user":""`, "", `,"user":"dave"`, `,"user":"erin"`, `,"user":"frank"`} {
		got := h.post(chat("small", "hi", more), "Authorization", "Bearer "+secret)
		if row := h.row(got.id()); row.User != "alice" {
			t.Errorf("%s: booked on %q", more, row.User)
		}
		if got.status == 429 {
			refused++
		}
	}
	if refused == 0 || h.settled() > 500_000 {
		t.Errorf("%d refused, spent $%s", refused, h.spent().Dollars())
	}
	// Of a key without a user the body's is taken.
	if row := h.row(h.post(chat("small", "hi", `,"user":"bob"`)).id()); row.User != "bob" || row.Status != 200 {
		t.Errorf("row %+v", row)
	}
}

// TestEveryonesBudgetIsNotToldToTenants: neither its limit nor what others have spent.
func TestEveryonesBudgetIsNotToldToTenants(t *testing.T) {
	h := open(t, plan{sections: "budgets: [ { name: company, everyone: true, daily_usd: 0.0123 } ]\n"})
	h.row(h.asOther("support", chat("small", strings.Repeat("word ", 1000))).id())
	spent := h.settled()
	for range 5 {
		got := h.post(chat("small", strings.Repeat("word ", 1000)))
		for _, amount := range []string{"0.0123", spent.Dollars(), (12_300_000 - spent).Dollars()} {
			if strings.Contains(got.body, amount) || strings.Contains(got.header.Get("x-bursar-budget-left-usd"), amount) {
				t.Errorf("told of $%s: %v %s", amount, got.header, got.body)
			}
		}
		if left := got.header.Get("x-bursar-budget-left-usd"); left != "" {
			t.Errorf("told that $%s are left", left)
		}
		if got.status == 429 {
			if f := got.fault(t); !strings.Contains(f.Message, `"company"`) || f.Code != "budget_exceeded" {
				t.Errorf("%+v", f)
			}
			return
		}
		h.row(got.id())
	}
	t.Error("nothing was refused")
}

// TestHeadersThatPassOn: the provider's id of the request comes back, and what it must know of the client goes out; the client's
// credentials never do.
func TestHeadersThatPassOn(t *testing.T) {
	h := open(t, plan{})
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	for _, form := range []string{"", streamed} {
		got := h.post(chat("small", "hi", form), "traceparent", parent, "tracestate", "a=b", "OpenAI-Beta", "assistants=v2",
			"x-api-key", h.secret, "api-key", h.secret, "Cookie", "session=1", "OpenAI-Organization", "org-1")
		if got.status != 200 || got.header.Get("x-request-id") != "req_fake" || got.id() == "req_fake" {
			t.Errorf("status %d, head %v", got.status, got.header)
		}
		sent := h.up.Last("small").Header
		if sent.Get("traceparent") != parent || sent.Get("tracestate") != "a=b" || sent.Get("openai-beta") != "assistants=v2" {
			t.Errorf("sent %v", sent)
		}
		for name, values := range sent {
			if text := strings.Join(values, " "); strings.Contains(text, h.secret) || name == "Cookie" || name == "X-Api-Key" || name == "Api-Key" || name == "Openai-Organization" {
				t.Errorf("sent %s: %s", name, text)
			}
		}
	}
	h.up.On("small", testkit.Script{Status: 400})
	if got := h.post(chat("small", "hi")); got.status != 400 || got.header.Get("x-request-id") != "req_fake" {
		t.Errorf("of a refusal: status %d, head %v", got.status, got.header)
	}
}
