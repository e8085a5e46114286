package proxy

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"bursar/exchange"
	"bursar/internal/testkit"
	"bursar/ledger"
	"bursar/router/samples"
)

// proving is a route whose cheap answers need a certificate. Every request is a sample.
var proving = cascading(", agree_with: other, quality: 98%, shadow: 100%, shadow_daily_usd: 1")

// believe puts pairs into the book, as if so many samples had come before.
func (h *house) believe(n int, same string, from time.Time) {
	g := h.current.Load()
	for i := range n {
		id := fmt.Sprintf("req_%s_%d_%d", same, from.UnixNano(), i)
		h.labels.book.Add(&samples.Label{ID: samples.PairID(id), At: from.Add(time.Duration(i) * time.Second), Team: "search", Route: "checked", Said: samples.Said{
			Of: id, Source: "shadow", Pair: &samples.Pair{
				Terms: g.digests[g.cascade("checked")], Cheap: 260_000, Checker: 260_000, Paid: 2_000_000, Bytes: 5, Agree: true, Same: same,
			},
		}}, time.Now())
	}
	h.labels.wake()
}

func (h *house) pairs() int {
	h.Helper()
	n := 0
	must(h, h.ledger.Labels(h.Context(), time.Time{}, func(r *ledger.Row) error {
		if said, err := samples.ParseSaid(r.Facts); err == nil && said.Pair != nil {
			n++
		}
		return nil
	}))
	return n
}

func TestShadowAndCertificate(t *testing.T) {
	h := open(t, plan{sections: proving})
	h.up.On("small", testkit.Script{Text: "42"})
	h.up.On("other", testkit.Script{Text: "42"})
	h.up.On("big", testkit.Script{Text: "The answer is 42."})

	got := h.post(chat("auto", "one"))
	if got.header.Get("x-bursar-model") != "fake/big" || got.header.Get("x-bursar-reason") != "uncertified" || got.header.Get("x-bursar-certificate") != "quality >= 98 % not certified (n=0)" {
		t.Errorf("without a certificate: %v", got.header)
	}
	shadow, second := h.row(got.id()+"-shadow"), h.row(got.id()+"-second")
	if shadow.Kind != ledger.KindAside || shadow.Target != "fake/small" || shadow.Cost <= 0 || shadow.Saved[exchange.LeverEscalate] != -shadow.Cost || shadow.Tags != "bursar-aside=shadow:checked" || second.Target != "fake/other" {
		t.Errorf("shadow %+v, second %+v", shadow, second)
	}
	until(t, "the pair", func() bool { return h.pairs() == 1 })
	if b := h.Policy().Budgets; b[len(b)-1].Name != "shadow of checked" {
		t.Errorf("no budget of the samples' own: %v", b[len(b)-1].Name)
	}

	h.believe(600, "same", time.Now().Add(-time.Hour))
	until(t, "a certificate", func() bool { return len(h.labels.certified("search")) == 1 })
	got = h.post(chat("auto", "two"))
	if got.header.Get("x-bursar-model") != "fake/small" || got.header.Get("x-bursar-cascade") != "kept" || !strings.Contains(got.header.Get("x-bursar-certificate"), "quality >= 98 % (n=") {
		t.Errorf("with a certificate: %v", got.header)
	}
	if row := h.row(got.id() + "-shadow"); row.Target != "fake/big" {
		t.Errorf("its shadow: %+v", row)
	}
	if all := h.Certificates(); len(all) != 1 || !all[0].Valid() || all[0].Team != "search" {
		t.Errorf("certificates %+v", all)
	}
	h.up.On("other", testkit.Script{Text: "43"})
	if got = h.post(chat("auto", "three")); got.header.Get("x-bursar-cascade") != "escalated; failed=certificate" {
		t.Errorf("disputed: %v", got.header)
	}
	if got := h.do(supportRequest(h, chat("auto", "four"))); got.header.Get("x-bursar-model") != "fake/big" {
		t.Errorf("another team: %v", got.header)
	}

	h.believe(200, "different", time.Now().Add(-time.Minute))
	until(t, "the certificate to be taken back", func() bool { return len(h.labels.certified("search")) == 0 })
	if got = h.post(chat("auto", "five")); got.header.Get("x-bursar-reason") != "uncertified" || !strings.Contains(got.header.Get("x-bursar-certificate"), "taken back") {
		t.Errorf("after drift: %v", got.header)
	}
	h.close() // which balances the books

	again := open(t, plan{sections: proving, dir: h.dir, up: h.up})
	until(t, "the labels after a restart", func() bool { return len(again.labels.book.Lines()) == 2 })
}

func supportRequest(h *house, body string) *http.Request {
	r := h.request(h.Context(), body)
	r.Header.Set("Authorization", "Bearer "+h.support())
	return r
}

// support is a key of the other team, once the gateway knows it.
func (h *house) support() string {
	secret := h.key("support")
	until(h, "the key to be known", func() bool { _, err := h.keys.Find([]byte(secret)); return err == nil })
	return secret
}

func TestFeedback(t *testing.T) {
	h := open(t, plan{sections: cascading("")})
	answer := h.post(chat("auto", "one"))
	h.row(answer.id())
	say := func(secret, body string) reply {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+h.addr+"/v1/feedback", strings.NewReader(body))
		must(t, err)
		r.Header.Set("Authorization", "Bearer "+secret)
		return h.do(r)
	}
	f := func(secret, body string, status int, part string) {
		t.Helper()
		if got := say(secret, body); got.status != status || !strings.Contains(got.body, part) {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
	of := `{"request_id":"` + answer.id() + `",`
	f(h.secret, of+`"score":0.8}`, 200, `"repeated":false`)
	f(h.secret, of+`"score":0.8}`, 200, `"repeated":true`)
	f(h.secret, of+`"score":0.7}`, 409, "already_scored")
	f(h.secret, of+`"label":"bad","source":"judge-2"}`, 200, `"repeated":false`)
	f(h.support(), of+`"score":1}`, 404, "unknown_request")
	f(h.secret, `{"request_id":"req_nobody","score":1}`, 404, "unknown_request")
	f(h.secret, of+`"score":1.5}`, 400, "A score goes from 0 to 1")
	f(h.secret, of+`"label":"meh"}`, 400, "no such label")
	f(h.secret, of+`"score":1,"label":"good"}`, 400, "either a score or a label")
	f(h.secret, of+`"score":1,"source":"two words"}`, 400, "A source is a word")
	f(h.secret, `{"score":1}`, 400, "names no request")
	f(h.secret, `[`, 400, "no JSON object")
	f(h.secret, of+`"source":"`+strings.Repeat("x", 5000)+`","score":1}`, 400, "at most 4096 bytes")
	f("sk-bursar-nobody", of+`"score":1}`, 401, "invalid_api_key")
	n := 0
	must(t, h.ledger.Labels(t.Context(), time.Time{}, func(r *ledger.Row) error {
		said, err := samples.ParseSaid(r.Facts)
		if must(t, err); said.Score == nil || r.Cost != 0 || r.Team != "search" || r.Rule != "checked" {
			t.Errorf("row %+v", r)
		}
		n++
		return nil
	}))
	if n != 2 {
		t.Errorf("%d labels", n)
	}
}
