package proxy

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"bursar/exchange"
	"bursar/keys"
	"bursar/pricing"
)

func fleetSecret() []byte { return []byte("what the fleet seals with") }

// TestGoesOnFromAStoredResponse: its id leads to where it is stored, on another gateway too, and for its own team alone.
func TestGoesOnFromAStoredResponse(t *testing.T) {
	up := newResponsesAPI(t)
	p := plan{sections: up.at() + cached, options: Options{Secret: fleetSecret}}
	a, b := open(t, p), open(t, p)
	first := a.ask("")
	id := first.response(t).ID
	if row := a.row(first.id()); row.Cost != (5*1000+5*2000)*1000 || row.UsageMethod != "reported" || row.Cache != "off" {
		t.Errorf("row %+v", row)
	}
	if n := strings.Count(first.body, "resp_000000000000000000000001"); n != 1 || !strings.HasPrefix(id, "resp_A") || !strings.Contains(first.body, `"text":"about resp_000000000000000000000001"`) || !strings.Contains(first.body, `"new":1.0`) {
		t.Errorf("the provider's id %d times in %s", n, first.body)
	}
	for _, h := range []*house{a, b} {
		for _, form := range []string{"", streamed} {
			next := h.ask(`, "previous_response_id" : "` + id + `" ` + form)
			got := next.response(t)
			if got.Previous != id || got.ID == id || strings.Contains(next.body, `"previous_response_id":"resp_0`) || strings.Contains(next.body, `"id":"resp_0`) {
				t.Errorf("%s", next.body)
			}
			if _, _, body := up.last(); body != `{"model":"gpt","input":"hi","max_output_tokens":20, "previous_response_id" : "resp_000000000000000000000001" `+form+`}` {
				t.Errorf("the provider was asked %s", body)
			}
			row := h.row(next.id())
			if row.Cost != (15*1000+5*2000)*1000 || row.Cache != "off" || !strings.Contains(row.Facts, "Sprevious_response_id Ooai/gpt") {
				t.Errorf("row %+v", row)
			}
			if third := h.ask(`,"previous_response_id":"` + got.ID + `"`).response(t); third.Previous != got.ID {
				t.Errorf("third: %+v", third)
			}
		}
	}
	for name, r := range map[string]reply{
		"another team":    a.ask(`,"previous_response_id":"`+id+`"`, "Authorization", a.bearer(keys.Terms{Team: "support"})),
		"tampered with":   a.ask(`,"previous_response_id":"` + id[:len(id)-1] + `A"`),
		"the provider's":  a.ask(`,"previous_response_id":"resp_000000000000000000000001"`),
		"another's own":   a.ask(`,"previous_response_id":"resp_req_1"`),
		"another secret":  open(t, plan{sections: up.at()}).ask(`,"previous_response_id":"` + id + `"`),
		"a bound key":     a.ask(`,"previous_response_id":"`+id+`"`, "Authorization", a.bearer(keys.Terms{Team: "search", Models: []string{"fake/*", "big"}})),
		"no text":         a.ask(`,"previous_response_id":7`),
		"no such account": open(t, plan{sections: strings.ReplaceAll(up.at(), "oai", "other"), options: Options{Secret: fleetSecret}}).ask(`,"previous_response_id":"` + id + `"`),
	} {
		f := r.fault(t)
		switch name {
		case "a bound key":
			if r.status != 403 {
				t.Errorf("%s: %d %s", name, r.status, r.body)
			}
		case "no such account":
			if r.status != 503 || f.Param != "previous_response_id" {
				t.Errorf("%s: %d %s", name, r.status, r.body)
			}
		default:
			if r.status != 400 || f.Param != "previous_response_id" || name != "no text" && f.Code != "previous_response_not_found" {
				t.Errorf("%s: %d %s", name, r.status, r.body)
			}
		}
	}
	up.mu.Lock()
	clear(up.stored)
	up.mu.Unlock()
	if gone := a.ask(`,"previous_response_id":"` + id + `"`); gone.status != 400 || gone.fault(t).Message != "Previous response with id '"+id+"' not found." {
		t.Errorf("expired: %d %s", gone.status, gone.body)
	}
	up.isDown(true)
	if down := a.ask(`,"previous_response_id":"` + id + `"`); down.status != 503 {
		t.Errorf("down: %d %s", down.status, down.body)
	}
}

// TestStoredResponsesStayWhereTheyAre, whatever the routes say, and with the key that made them.
func TestStoredResponsesStayWhereTheyAre(t *testing.T) {
	up := newResponsesAPI(t)
	dir := t.TempDir()
	for _, name := range []string{"one", "two"} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte("sk-"+name), 0o600))
	}
	sections := strings.Replace(up.at(), "key_env: OAI_KEY", `keys: [ { key_file: "`+filepath.Join(dir, "one")+`" }, { key_file: "`+filepath.Join(dir, "two")+`" } ]`, 1) + `
routes: [ { name: all, when: { model: auto }, to: big }, { name: as asked, to: asked } ]
`
	h := open(t, plan{sections: sections})
	made := map[string]bool{}
	for i := range 200 {
		first := h.call("POST", "/v1/responses", fmt.Sprintf(`{"model":"small","input":"hi %d"}`, i), "Authorization", "Bearer "+h.secret)
		_, key, _ := up.last()
		if made[key] {
			continue
		}
		made[key] = true
		next := h.call("POST", "/v1/responses", `{"model":"auto","input":"and?","previous_response_id":"`+first.response(t).ID+`"}`, "Authorization", "Bearer "+h.secret)
		if _, again, _ := up.last(); again != key || next.header.Get("x-bursar-model") != "oai/gpt" || next.header.Get("x-bursar-reason") != exchange.ReasonStored.String() || next.header.Get("x-bursar-rule") != "all" {
			t.Errorf("asked with %s, then %s: %v %s", key, again, next.header, next.body)
		}
		if len(made) == 2 {
			break
		}
	}
	if len(made) != 2 {
		t.Errorf("only %v was asked with", made)
	}
	if got := h.call("POST", "/v1/responses", `{"model":"big","input":"hi","background":true}`, "Authorization", "Bearer "+h.secret); got.status != 400 || got.fault(t).Param != "background" {
		t.Errorf("in the background, to a target that stores nothing: %d %s", got.status, got.body)
	}
	if got := h.ask(`,"conversation":"conv_1"`); got.status != 400 || !strings.Contains(got.fault(t).Message, "several") {
		t.Errorf("a conversation of one of two accounts: %d %s", got.status, got.body)
	}
}

// TestConversationsOfTheOnlyAccount: those, prompts and references mean what the only account has, and are held for by the model's context.
func TestConversationsOfTheOnlyAccount(t *testing.T) {
	up := newResponsesAPI(t)
	h := open(t, plan{sections: pot + `providers:
  openai: { dialect: responses, base_url: "` + up.URL + `/v1", retries: 0, keys: [ { key_env: OAI_KEY }, { key_env: SEARCH_KEY, team: search } ] }
  fake: { dialect: openai, base_url: "UP", retries: 0 }
models: { small: { use: openai/gpt-5-mini }, big: { use: fake/big } }
prices: { overrides: { fake/big: { input: 2, output: 4 } } }
`})
	least := h.Policy().Models["small"].Use[0].Context * 250
	for member, more := range map[string]string{"conversation": `,"conversation":{"id":"conv_1"}`, "prompt": `,"prompt":{"id":"pmpt_1"}`} {
		got := h.ask(more)
		row := h.row(got.id())
		if _, _, body := up.last(); got.status != 200 || !strings.Contains(body, more) || !strings.Contains(row.Facts, "S"+member+" Oopenai/") || row.Held < pricing.Nano(least) || least == 0 {
			t.Errorf("%s: %d %s, row %+v", member, got.status, got.body, row)
		}
	}
	got := h.call("POST", "/v1/responses", `{"model":"small","input":[{"type":"item_reference","id":"msg_1"},{"type":"function_call_output","call_id":"call_1","output":"4"}]}`, "Authorization", "Bearer "+h.secret)
	if row := h.row(got.id()); got.status != 200 || !strings.Contains(row.Facts, "Sinput") {
		t.Errorf("a reference: %d %s", got.status, got.body)
	}
	// Who shares the account could name what is another team's; a prompt is nobody's.
	support := h.bearer(keys.Terms{Team: "support"})
	first := h.ask("", "Authorization", support).response(t).ID
	for more, param := range map[string]string{
		`,"conversation":"conv_1"`:                                                   "conversation",
		`,"input":[{"type":"item_reference","id":"msg_1"}]`:                          "input",
		`,"previous_response_id":"` + first + `","conversation":"conv_1"`:            "conversation",
		`,"prompt":{"id":"pmpt_1"},"input":[{"type":"item_reference","id":"msg_1"}]`: "input",
	} {
		up.mu.Lock()
		asked := len(up.asked)
		up.mu.Unlock()
		if f := h.call("POST", "/v1/responses", `{"model":"small"`+more+`}`, "Authorization", support); f.status != 400 || f.fault(t).Param != param || len(up.asked) != asked {
			t.Errorf("%s at a shared account: %d %s", more, f.status, f.body)
		}
	}
	if got := h.ask(`,"prompt":{"id":"pmpt_1"}`, "Authorization", support); got.status != 200 {
		t.Errorf("a prompt at a shared account: %d %s", got.status, got.body)
	}
	unknown := open(t, plan{sections: up.at()})
	if got := unknown.ask(`,"conversation":"conv_1"`); got.status != 400 || got.fault(t).Param != "conversation" {
		t.Errorf("a context that nobody knows: %d %s", got.status, got.body)
	}
	if got := h.call("POST", "/v1/conversations", "{}", "Authorization", "Bearer "+h.secret); got.status != 404 || !strings.Contains(got.fault(t).Message, "previous_response_id") {
		t.Errorf("POST /v1/conversations: %d %s", got.status, got.body)
	}
}

// TestWhatIsStoredIsNotCached, and what is not stored has no id to go on from.
func TestWhatIsStoredIsNotCached(t *testing.T) {
	up := newResponsesAPI(t)
	h := open(t, plan{sections: up.at() + cached})
	for range 2 {
		if got := h.ask(""); got.header.Get("x-bursar-cache") != "off" {
			t.Errorf("stored: cache %s", got.header.Get("x-bursar-cache"))
		}
	}
	unstored := h.ask(`,"store":false`)
	if got := unstored.response(t).ID; got != "resp_000000000000000000000003" {
		t.Errorf("not stored, and yet its id is %s", got)
	}
	if got := h.ask(`,"store":false`); got.header.Get("x-bursar-cache") != "hit" || !strings.Contains(got.body, `"store":false`) {
		t.Errorf("not stored: %v %s", got.header, got.body)
	}
}

// TestHistoryIsHeldFor: a hundred go on from a long conversation at once, on a budget that few of them fit in.
func TestHistoryIsHeldFor(t *testing.T) {
	eachStore(t, func(t *testing.T, kind func(testing.TB) stores) {
		up := newResponsesAPI(t)
		h := open(t, plan{stores: kind, sections: up.at() + "budgets: [ { team: search, daily_usd: 3 } ]\n"})
		first := h.ask("")
		up.mu.Lock()
		up.stored["resp_000000000000000000000001"].input = 45 // as if it were the end of a longer one
		up.mu.Unlock()
		second := h.ask(`,"previous_response_id":"` + first.response(t).ID + `"`)
		id := second.response(t).ID
		if row := h.row(second.id()); row.Cost != (55*1000+5*2000)*1000 {
			t.Fatalf("row %+v", row)
		}
		held := h.row(h.ask(`,"previous_response_id":"` + id + `"`).id()).Held
		if least := pricing.Nano((60*1000 + 20*2000) * 1000); held < least {
			t.Errorf("$%s was held for what may cost $%s", held.Dollars(), least.Dollars())
		}
		var crowd sync.WaitGroup
		var mu sync.Mutex
		told := map[int]int{}
		for range 100 {
			crowd.Go(func() {
				got := h.ask(`,"previous_response_id":"` + id + `"`)
				mu.Lock()
				told[got.status]++
				mu.Unlock()
				if s := h.standing(); s.Spent+s.Held > s.Limit {
					t.Errorf("the budget stands at %+v", s)
				}
			})
		}
		crowd.Wait()
		if spent := h.settled(); spent > 3*pricing.Dollar || told[200] == 0 || told[429] == 0 || told[200]+told[429] != 100 {
			t.Errorf("spent $%s, told %v", spent.Dollars(), told)
		}
	})
}

// TestTheEndOfAStreamIsRemembered: its id was told before it, and tells the most that may stand there.
func TestTheEndOfAStreamIsRemembered(t *testing.T) {
	up := newResponsesAPI(t)
	p := plan{sections: up.at(), options: Options{Secret: fleetSecret}}
	a, b := open(t, p), open(t, p)
	first := a.ask(streamed)
	a.outcome(first.id())
	var held [2]pricing.Nano
	for i, h := range []*house{a, b} {
		held[i] = h.row(h.ask(`,"previous_response_id":"` + first.response(t).ID + `"`).id()).Held
	}
	if least := pricing.Nano((15*1000 + 20*2000) * 1000); held[0] < least || held[1] <= held[0] {
		t.Errorf("$%s held where the end was seen, $%s elsewhere; the least is $%s", held[0].Dollars(), held[1].Dollars(), least.Dollars())
	}
}

// TestStoredResponses are seen, cancelled and deleted where they are, by their own team.
func TestStoredResponses(t *testing.T) {
	up := newResponsesAPI(t)
	h := open(t, plan{sections: up.at()})
	first := h.ask("").response(t)
	next := h.ask(`,"previous_response_id":"` + first.ID + `"`).response(t)
	rows := len(h.all())
	got := h.see("GET", next.ID+"?include[]=reasoning.encrypted_content")
	if seen := got.response(t); seen.ID != next.ID || seen.Previous == "" || strings.HasPrefix(seen.Previous, "resp_0") || strings.Contains(got.body, `"id":"resp_0`) {
		t.Errorf("%s", got.body)
	} else if again := h.ask(`,"previous_response_id":"` + seen.Previous + `"`); again.status != 200 {
		t.Errorf("from what was told to be before it: %d %s", again.status, again.body)
	}
	rows++
	if call, key, _ := up.last(); key != "sk-of-the-provider" || !strings.HasPrefix(call, "POST") {
		t.Errorf("%s with %s", call, key)
	}
	if stream := h.see("GET", next.ID+"?stream=true&starting_after=4"); stream.response(t).ID != next.ID || strings.Contains(stream.body, `"id":"resp_0`) {
		t.Errorf("stream: %s", stream.body)
	}
	if call, _, _ := up.last(); call != "GET /v1/responses/resp_000000000000000000000002?stream=true&starting_after=4" {
		t.Errorf("asked for %s", call)
	}
	if items := h.see("GET", next.ID+"/input_items?limit=1"); !strings.HasPrefix(items.body, `{"object":"list"`) {
		t.Errorf("items: %d %s", items.status, items.body)
	}
	other := h.bearer(keys.Terms{Team: "support"})
	for _, r := range []reply{
		h.see("GET", next.ID, "Authorization", other), h.see("DELETE", next.ID, "Authorization", other), h.see("POST", next.ID+"/cancel", "Authorization", other),
		h.see("GET", next.ID+"/input_items", "Authorization", h.bearer(keys.Terms{Team: "search", Models: []string{"big"}})),
		h.see("GET", "resp_000000000000000000000001"), h.see("GET", next.ID[:len(next.ID)-2]),
	} {
		if r.status != 404 || r.fault(t).Code != "response_not_found" {
			t.Errorf("%d %s", r.status, r.body)
		}
	}
	if got := h.see("GET", next.ID, "Authorization", "Bearer sk-nobody"); got.status != 401 {
		t.Errorf("a stranger: %d", got.status)
	}
	if got := h.see("DELETE", next.ID); got.status != 200 || !strings.Contains(got.body, `"deleted":true`) || !strings.Contains(got.body, next.ID) {
		t.Errorf("delete: %d %s", got.status, got.body)
	}
	if got := h.see("GET", next.ID); got.status != 404 || !strings.Contains(got.fault(t).Message, next.ID) {
		t.Errorf("deleted: %d %s", got.status, got.body)
	}
	if now := len(h.all()); now != rows {
		t.Errorf("%d rows came of it", now-rows)
	}
}

// TestKnownHistoriesAreHeldFor, also where a provider's own tools have made them longer than the id could tell.
func TestKnownHistoriesAreHeldFor(t *testing.T) {
	h := new(histories)
	h.note("resp_short", 100)
	h.note("resp_long", 60_000)
	for id, want := range map[string]int64{"resp_short": withMargin(100), "resp_long": withMargin(60_000), "resp_unknown": 5_000} {
		if got := h.atMost(id, 5_000); got != want {
			t.Errorf("%s: %d, want %d", id, got, want)
		}
	}
}
