package proxy

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bursar/exchange"
	"bursar/ledger"
	"bursar/pricing"
)

const inBackground = `,"background":true`

// background is a house whose provider works on what is asked of it until it is told to end.
func background(t *testing.T, p plan) (*house, *responsesAPI) {
	t.Helper()
	up := newResponsesAPI(t)
	p.sections, p.options.Secret = up.at()+pot, fleetSecret
	if p.options.Poll == 0 {
		p.options.Poll = 2 * time.Millisecond
	}
	return open(t, p), up
}

// TestBackgroundIsSettledWhenItEnds: the hold stays until then, whether its client asks or not, streamed or not.
func TestBackgroundIsSettledWhenItEnds(t *testing.T) {
	eachStore(t, func(t *testing.T, kind func(testing.TB) stores) {
		h, up := background(t, plan{stores: kind})
		for _, form := range []string{"", streamed} {
			up.isDown(false)
			asked := h.ask(inBackground + form)
			if form == "" && (asked.response(t).Status != "queued" || asked.header.Get("x-bursar-cost-usd") != "") {
				t.Errorf("%v %s", asked.header, asked.body)
			}
			up.isDown(true) // for a while it cannot be asked
			until(t, "it to be asked for", func() bool { call, _, _ := up.last(); return strings.HasPrefix(call, "GET") })
			if s := h.standing(); s.Held == 0 {
				t.Errorf("nothing is held: %+v", s)
			}
			up.isDown(false)
			up.ends(nil)
			x := h.outcome(asked.id())
			row := h.row(asked.id())
			if want := pricing.Nano(5*1000+5*2000) * 1000; row.Cost != want || row.UsageMethod != "reported" || strings.Contains(row.Facts, " U") || strings.Contains(row.Facts, "rresp_") || x.Outcome.Saved.Sum() != x.Outcome.Baseline-x.Outcome.Cost {
				t.Errorf("%s: row %+v", form, row)
			}
			h.settled()
		}
	})
}

// TestBackgroundEndsAsItsClientSees: what a client is told of the end settles it, also that it was cancelled.
func TestBackgroundEndsAsItsClientSees(t *testing.T) {
	h, up := background(t, plan{options: Options{Poll: time.Hour}})
	asked := h.ask(inBackground)
	id := asked.response(t).ID
	if got := h.see("GET", id).response(t); got.Status != "queued" || got.ID != id {
		t.Errorf("%+v", got)
	}
	up.ends(nil)
	if got := h.see("GET", id).response(t); got.Status != "completed" || got.ID != id {
		t.Errorf("%+v", got)
	}
	if row := h.row(asked.id()); row.Cost != (5*1000+5*2000)*1000 || row.Finish != "stop" {
		t.Errorf("row %+v", row)
	}
	next := h.ask(inBackground + `,"previous_response_id":"` + id + `"`)
	if got := h.see("POST", next.response(t).ID+"/cancel").response(t); got.Status != "cancelled" {
		t.Errorf("%+v", got)
	}
	if row := h.row(next.id()); row.Cost != (15*1000+5*2000)*1000 || row.Finish != "cancelled" {
		t.Errorf("row %+v", row)
	}
	h.settled()
}

// TestBackgroundOfUnknownCost is booked by its hold, and its row says why.
func TestBackgroundOfUnknownCost(t *testing.T) {
	h, up := background(t, plan{})
	f := func(why string, end func(*theirs)) {
		t.Helper()
		asked := h.ask(inBackground)
		up.ends(end)
		if row := h.row(asked.id()); row.Cost == 0 || row.Cost != row.Held || row.UsageMethod != "estimate" || !strings.Contains(row.Facts+" ", " U"+why+" ") || row.Saved.Sum() != row.Baseline-row.Cost {
			t.Errorf("%s: row %+v", why, row)
		}
	}
	f(whyGone, func(r *theirs) { r.account = "another" })
	f(whyUnsaid, func(r *theirs) { r.untold = true })
	f(whyUnsaid, func(r *theirs) { r.status = "failed" })
	h.settled()
}

// TestBackgroundOutlivesItsGateway: one that ends books what is held, and the next one asks on and gives the rest back. Its budgets hear of it.
func TestBackgroundOutlivesItsGateway(t *testing.T) {
	f := func(name string, kind func(*testing.T) func(testing.TB) stores) {
		t.Run(name, func(t *testing.T) {
			p := plan{dir: t.TempDir(), stores: kind(t)}
			h, up := background(t, p)
			asked := h.ask(inBackground)
			h.close()
			p.sections, p.options = up.at()+pot, h.Options
			p.options.Observe = nil
			next := open(t, p)
			row, found, err := next.ledger.Find(t.Context(), asked.id())
			if err != nil || !found || row.Cost != row.Held || row.Cost == 0 || !strings.Contains(row.Facts, " rresp_") || !strings.Contains(row.Facts+" ", " U"+whyDrained+" ") {
				t.Errorf("row %+v, %v", row, err)
			}
			up.ends(nil)
			want := pricing.Nano(5*1000+5*2000) * 1000
			until(t, "the rest to be given back", func() bool { return next.spent() == want && next.standing().Spent == want })
			next.close()
			third := open(t, p) // does not do it once more
			if third.settled() != want {
				t.Errorf("spent $%s after another start", third.spent().Dollars())
			}
		})
	}
	f("memory", func(*testing.T) func(testing.TB) stores { return inMemory })
	for _, sliced := range []bool{false, true} {
		f(map[bool]string{false: "redis", true: "slices"}[sliced], func(t *testing.T) func(testing.TB) stores {
			addr, org := realRedis(t), "proxy-"+rand.Text()
			t.Cleanup(func() { forget(addr, 0, org) })
			return func(t testing.TB) stores {
				s := joinRedis(t, addr, 0, org)
				if sliced {
					s = leased(t, s)
				}
				return s
			}
		})
	}
}

// TestBackgroundOutlivesACrash: the journal knows the response, and what its hold was booked for is made good.
func TestBackgroundOutlivesACrash(t *testing.T) {
	h, up := background(t, plan{})
	asked := h.ask(inBackground)
	until(t, "it to be asked for", func() bool { call, _, _ := up.last(); return strings.HasPrefix(call, "GET") })
	dir := t.TempDir() // what is on the disk now
	must(t, os.CopyFS(filepath.Join(dir, "journal"), os.DirFS(filepath.Join(h.dir, "journal"))))
	p := plan{dir: dir, sections: up.at() + pot, options: Options{Secret: fleetSecret, Poll: 2 * time.Millisecond}}
	next := open(t, p)
	if orphans := next.ledger.Recovered().Orphans; len(orphans) != 1 || orphans[0].Cost == 0 || orphans[0].ID != asked.id() {
		t.Fatalf("orphans %+v", orphans)
	}
	up.ends(nil)
	want := pricing.Nano(5*1000+5*2000) * 1000
	until(t, "the rest to be given back", func() bool { return next.spent() == want && next.standing().Spent == want })
	h.outcome(asked.id())
}

// TestBackgroundIsBounded: beyond as many as a gateway keeps the books of, further ones are refused before they cost anything.
func TestBackgroundIsBounded(t *testing.T) {
	h, up := background(t, plan{})
	h.pendings.mu.Lock()
	for range mostPending {
		h.pendings.byID[rand.Text()] = &pending{}
	}
	h.pendings.mu.Unlock()
	got := h.ask(inBackground)
	if got.status != http.StatusServiceUnavailable || len(up.stored) != 0 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if row := h.row(got.id()); row.Cost != 0 || row.Kind != ledger.KindRefused {
		t.Errorf("row %+v", row)
	}
	h.settled()
}

// TestDrainDoesNotWaitForTheBackground, though it waits for everybody else.
func TestDrainDoesNotWaitForTheBackground(t *testing.T) {
	h, _ := background(t, plan{options: Options{Poll: time.Hour}})
	asked := h.ask(inBackground)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	must(t, h.Shutdown(ctx))
	h.mu.Lock()
	x := h.ended[asked.id()]
	h.mu.Unlock()
	if x.Outcome.Cost == 0 || x.Outcome.Cost != x.Outcome.Held || x.Outcome.Reason != exchange.ReasonAnswered {
		t.Errorf("%+v", x.Outcome)
	}
	must(t, <-h.served)
	h.client = nil
	h.keys.Close()
	must(t, h.ledger.Close())
}

// TestBackgroundIsBookedThoughItsClientLeaves before it is answered: the provider has it, works on it, and bills it.
func TestBackgroundIsBookedThoughItsClientLeaves(t *testing.T) {
	for _, form := range []string{"", streamed} {
		h, up := background(t, plan{})
		up.mu.Lock() // it takes what is asked of it, and does not answer yet
		body := `{"model":"small","input":"hi","max_output_tokens":20` + inBackground + form + `}`
		conn, _ := h.dial(fmt.Sprintf("POST /v1/responses HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s", h.secret, len(body), body))
		until(t, "money is held", func() bool { return h.standing().Held > 0 })
		_ = conn.Close()
		for range 50 { // a gateway that hangs up, too, has done so by then
			if h.standing().Held == 0 {
				t.Errorf("%q: it is settled before it is answered", form)
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		up.mu.Unlock()
		until(t, "it is worked on", func() bool { up.mu.Lock(); defer up.mu.Unlock(); return up.made == 1 })
		until(t, "its books are kept", func() bool { return h.Pending() == 1 })
		up.ends(nil)
		x := h.await("its end", func(*exchange.Exchange) bool { return true })
		if row := h.row(x.ID); row.Cost != (5*1000+5*2000)*1000 || row.UsageMethod != "reported" {
			t.Errorf("%q: row %+v", form, row)
		}
		h.settled()
	}
}
