package proxy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"bursar/budget"
	"bursar/exchange"
	"bursar/internal/testkit"
	"bursar/keys"
	"bursar/ledger"
	"bursar/pricing"
)

// scoped issues a key with terms of its own, and waits until the house knows it.
func (h *house) scoped(terms keys.Terms) (secret string, id string) {
	h.Helper()
	issued, key, err := keys.File(h.dir).Add(context.Background(), terms)
	must(h, err)
	until(h, "the key to be known", func() bool {
		_, err := h.keys.Find([]byte(issued.Reveal()))
		return err == nil
	})
	return issued.Reveal(), key.ID
}

// TestScopeOfAKey: 403 with what the key may use, a row of it in the ledger, and no call to the provider; GET /v1/models shows the rest.
func TestScopeOfAKey(t *testing.T) {
	h := open(t, plan{sections: `models:
  small: { use: [fake/small] }
  big: { use: [fake/big] }
  mixed: { use: [fake/big, fake/small] }
`})
	secret, id := h.scoped(keys.Terms{Team: "search", Models: []string{"small", "fake/small"}, NoPin: true})
	as := []string{"Authorization", "Bearer " + secret}
	f := func(model, wantCode string, head ...string) {
		t.Helper()
		got := h.post(chat(model, "hi"), append(as, head...)...)
		if wantCode == "" {
			if served := got.header.Get("x-bursar-model"); got.status != 200 || served != "fake/small" {
				t.Errorf("%s: status %d, served by %s", model, got.status, served)
			}
			return
		}
		fault := got.fault(t)
		if got.status != 403 || fault.Code != wantCode || fault.Type != "permission_error" || !strings.Contains(fault.Message, id) || !strings.Contains(fault.Message, "small, fake/small") ||
			got.header.Get("x-should-retry") != "false" {
			t.Errorf("%s: status %d: %+v", model, got.status, fault)
		}
		if row := h.row(got.id()); row.Reason != "not_allowed" || row.Kind != ledger.KindRefused || row.Cost != 0 {
			t.Errorf("%s: row %+v", model, row)
		}
	}
	f("small", "")
	f("auto", "")
	f("mixed", "") // its target that is allowed
	f("fake/small", "")
	f("big", "model_not_allowed")
	f("fake/big", "model_not_allowed")
	f("small", "pin_not_allowed", "x-bursar-pin", "1")
	if h.up.Count("big") != 0 {
		t.Error("the provider was asked for what is not allowed")
	}
	if list := h.models(secret); !strings.Contains(list, `"small"`) || !strings.Contains(list, `"mixed"`) || !strings.Contains(list, `"fake/small"`) || strings.Contains(list, "big") {
		t.Errorf("models: %s", list)
	}
	if list := h.models(h.secret); !strings.Contains(list, `"big"`) || !strings.Contains(list, `"fake/big"`) {
		t.Errorf("models of a key without bounds: %s", list)
	}
}

func (h *house) models(secret string) string {
	h.Helper()
	r, err := http.NewRequest(http.MethodGet, "http://"+h.addr+"/v1/models", nil)
	must(h, err)
	r.Header.Set("x-api-key", secret)
	resp, err := h.client.Do(r)
	must(h, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	must(h, err)
	return string(text)
}

// TestScopeIsKeptByDowngradesAndHits: neither a spent budget nor a cached answer of another key leads out of it.
func TestScopeIsKeptByDowngradesAndHits(t *testing.T) {
	h := open(t, plan{sections: cached + `models:
  small: { use: [fake/small] }
  big: { use: [fake/big, fake/other] }
prices:
  overrides:
    fake/small: { input: 2, output: 4 }
    fake/big: { input: 10, output: 50 }
    fake/other: { input: 10, output: 50 }
budgets: [ { key: each, daily_usd: 0.000001, when_spent: downgrade, downgrade_to: small } ]
`})
	h.up.On("big", testkit.Script{Text: "of big"})
	h.up.On("other", testkit.Script{Text: "of other"})
	onlyOther, _ := h.scoped(keys.Terms{Team: "search", Models: []string{"fake/other"}})
	if got := h.post(chat("big", "hi"), "Authorization", "Bearer "+onlyOther); got.status != 429 {
		t.Errorf("downgraded to what is not allowed: status %d by %s", got.status, got.header.Get("x-bursar-model"))
	}
	must(t, h.Use(parse(t, h.up, cached+`models:
  small: { use: [fake/small] }
  big: { use: [fake/big, fake/other] }
prices: { overrides: { fake/small: { input: 2, output: 4 }, fake/big: { input: 10, output: 50 }, fake/other: { input: 10, output: 50 } } }
`)))
	if got := h.post(chat("big", "hi")); !strings.Contains(got.body, "of big") {
		t.Fatalf("answer %s", got.body)
	}
	if got := h.post(chat("big", "hi"), "Authorization", "Bearer "+onlyOther); got.header.Get("x-bursar-cache") != "miss" || !strings.Contains(got.body, "of other") {
		t.Errorf("cache %s: %s", got.header.Get("x-bursar-cache"), got.body)
	}
	unbound, _ := h.scoped(keys.Terms{Team: "search", Models: []string{"*"}})
	if got := h.post(chat("big", "hi"), "Authorization", "Bearer "+unbound); got.header.Get("x-bursar-cache") != "hit" {
		t.Errorf("a key that may use all of it shares no answers: %s", got.header.Get("x-bursar-cache"))
	}
}

// TestTagsOfAKey win over those that a client sends.
func TestTagsOfAKey(t *testing.T) {
	h := open(t, plan{})
	secret, _ := h.scoped(keys.Terms{Team: "search", Tags: []exchange.Tag{{Name: "app", Value: "web"}}})
	got := h.post(chat("small", "hi"), "Authorization", "Bearer "+secret, "x-bursar-tag-app", "other", "x-bursar-tag-zone", "eu")
	if row := h.row(got.id()); row.Tags != "app=web,zone=eu" {
		t.Errorf("tags %q", row.Tags)
	}
}

// TestMovedKey: its spend stays where it was booked, its own budget goes on, and new requests count on the new team.
func TestMovedKey(t *testing.T) {
	eachStore(t, func(t *testing.T, kind func(testing.TB) stores) {
		h := open(t, plan{stores: kind, sections: "budgets: [ { key: each, daily_usd: 1 }, { team: search, daily_usd: 1 }, { team: support, daily_usd: 1 } ]\n"})
		secret, id := h.scoped(keys.Terms{Team: "search"})
		send := func(team string) pricing.Nano {
			t.Helper()
			row := h.row(h.post(chat("small", "hi"), "Authorization", "Bearer "+secret).id())
			if row.Team != team || row.Key != id || row.Cost == 0 {
				t.Errorf("row %+v", row)
			}
			return row.Cost
		}
		before := send("search")
		_, err := keys.File(h.dir).Edit(context.Background(), id, func(terms *keys.Terms) { terms.Team = "support" })
		must(t, err)
		until(t, "the move to be known", func() bool {
			who, _ := h.keys.Find([]byte(secret))
			return who.Team == "support"
		})
		after := send("support")
		spent := func(name string, want pricing.Nano) {
			t.Helper()
			until(t, "the settle", func() bool { return h.spentOf(name) == want })
		}
		spent("team=search", before)
		spent("team=support", after)
		spent("key=each:"+id, before+after)
	})
}

// spentOf returns what the current daily window of a scope has spent.
func (h *house) spentOf(scope string) pricing.Nano {
	h.Helper()
	g := h.current.Load()
	for _, line := range g.budgets {
		facts := exchange.Facts{}
		if name, id, ok := strings.Cut(scope, "=each:"); ok && name == "key" {
			facts.Key = id
		}
		if key := line.budget.ScopeKey(&facts, nil); strings.HasPrefix(key, scope+"/") {
			charge := budget.Charge{Key: key + "/" + g.calendar.Window(line.budget.Period, time.Now()).ID, Limit: line.budget.Limit}
			state := make([]budget.State, 1)
			must(h, h.budgets.States(context.Background(), []budget.Charge{charge}, state))
			return state[0].Spent
		}
	}
	h.Fatalf("no budget of %s", scope)
	return 0
}

// TestKeyOfThePolicy lives and dies with its row.
func TestKeyOfThePolicy(t *testing.T) {
	made, _, err := keys.Make(keys.Terms{Team: "search"})
	must(t, err)
	digest := sha256.Sum256([]byte(made.Reveal()))
	h := open(t, plan{sections: "keys: [ { sha256: " + hex.EncodeToString(digest[:]) + ", team: support, models: [small] } ]\n"})
	got := h.post(chat("small", "hi"), "Authorization", "Bearer "+made.Reveal())
	if row := h.row(got.id()); got.status != 200 || row.Team != "support" {
		t.Errorf("status %d, row %+v", got.status, row)
	}
	if got := h.post(chat("big", "hi"), "Authorization", "Bearer "+made.Reveal()); got.status != 403 {
		t.Errorf("status %d out of its scope", got.status)
	}
	must(t, h.Use(parse(t, h.up, "")))
	if got := h.post(chat("small", "hi"), "Authorization", "Bearer "+made.Reveal()); got.status != 401 {
		t.Errorf("status %d without its row", got.status)
	}
}
