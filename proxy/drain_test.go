package proxy

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"bursar/internal/testkit"
)

// streaming starts a stream that goes on until source is closed, and returns its body after the first event.
func (h *house) streaming(source *events) (io.ReadCloser, *bufio.Reader, string) {
	h.Helper()
	h.up.On("small", source.script())
	go func() { source.next <- hello }()
	resp, err := h.client.Do(h.request(context.Background(), chat("small", "go on", streamed)))
	must(h, err)
	h.Cleanup(func() { _ = resp.Body.Close() })
	r := bufio.NewReader(resp.Body)
	readEvent(h, r)
	return resp.Body, r, resp.Header.Get("x-bursar-request-id")
}

// TestShutdownWaitsForStreams and takes no new connections; after it everything is settled.
func TestShutdownWaitsForStreams(t *testing.T) {
	eachStore(t, func(t *testing.T, kind func(testing.TB) stores) {
		h := open(t, plan{sections: pot, stores: kind})
		source := &events{next: make(chan string)}
		_, r, id := h.streaming(source)
		ended := make(chan error, 1)
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			ended <- h.Shutdown(ctx)
		}()
		until(t, "the gateway to refuse connections", func() bool {
			conn, err := net.Dial("tcp", h.addr)
			if err == nil {
				_ = conn.Close()
			}
			return err != nil
		})
		source.next <- stop + usageOnly + done
		close(source.next)
		rest, err := io.ReadAll(r)
		if err != nil || !strings.HasSuffix(string(rest), done) {
			t.Errorf("%v after %q", err, rest)
		}
		must(t, <-ended)
		h.client = nil // it is closed
		must(t, <-h.served)
		row := h.row(id)
		if spent := h.settled(); spent != row.Cost || row.Reason != "answered" {
			t.Errorf("spent %d, row %+v", spent, row)
		}
		if n, err := h.stores.budgets.Open(context.Background()); n != 0 || err != nil {
			t.Errorf("%d holds, %v", n, err)
		}
		h.keys.Close()
		must(t, h.ledger.Close())
	})
}

// TestShutdownGivesUpAtItsDeadline without breaking a stream that is still under way.
func TestShutdownGivesUpAtItsDeadline(t *testing.T) {
	eachStore(t, func(t *testing.T, kind func(testing.TB) stores) {
		h := open(t, plan{sections: pot, stores: kind})
		source := &events{next: make(chan string)}
		body, r, id := h.streaming(source)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if err := h.Shutdown(ctx); err == nil {
			t.Error("no error, although a stream was under way")
		}
		client := h.client
		h.client = nil
		source.next <- stop + usageOnly + done
		close(source.next)
		_, _ = io.ReadAll(r)
		_ = body.Close()
		if row := h.row(id); row.Cost == 0 {
			t.Errorf("row %+v", row)
		}
		h.settled()
		client.CloseIdleConnections()
		<-h.served
		h.keys.Close()
		must(t, h.ledger.Close())
	})
}

// TestShutdownBeforeServe: a signal may come that early.
func TestShutdownBeforeServe(t *testing.T) {
	for range 20 {
		open(t, plan{}).close()
	}
}

// TestReloadSparesRequestsUnderWay: each keeps the policy it started with.
func TestReloadSparesRequestsUnderWay(t *testing.T) {
	h := open(t, plan{sections: pot})
	before := h.Policy().Hash[:12]
	source := &events{next: make(chan string)}
	_, r, id := h.streaming(source)
	other := testkit.NewUpstream(t)
	dear := "prices: { overrides: { fake/small: { input: 2000, output: 4000 }, fake/big: { input: 2000, output: 4000 } } }\n"
	must(t, h.Use(parse(t, other, pot+dear)))
	if got := h.post(chat("small", "hi")); got.status != 200 || other.Count("") != 1 {
		t.Errorf("status %d, %d calls to the new provider", got.status, other.Count(""))
	}
	source.next <- stop + usageOnly + done
	close(source.next)
	if rest, err := io.ReadAll(r); err != nil || !strings.HasSuffix(string(rest), done) {
		t.Errorf("%v after %q", err, rest)
	}
	if row := h.row(id); row.Cost != 1000*2000+500*4000 || row.Policy != before {
		t.Errorf("row %+v, want the prices and the mark of %s", row, before)
	}
	h.settled()
}

// TestReloadKeepsSpendAndConnections that it does not change.
func TestReloadKeepsSpendAndConnections(t *testing.T) {
	eachStore(t, func(t *testing.T, kind func(testing.TB) stores) {
		h := open(t, plan{sections: "budgets: [ { team: search, daily_usd: 0.01 } ]\n", stores: kind})
		h.up.On("small", testkit.Script{PromptTokens: 4984})
		h.post(chat("small", "hi"))
		spent := h.settled()
		if got := h.post(chat("small", "hi")); got.status != 429 {
			t.Fatalf("status %d", got.status)
		}
		connections := h.up.Connections()
		must(t, h.Use(parse(t, h.up, "budgets: [ { name: renamed, team: search, daily_usd: 0.03 }, { everyone: true, daily_usd: 5 } ]\n")))
		if now := h.standing(); now.Spent != spent || now.Limit != 30_000_000 {
			t.Errorf("the budget stands at %+v, had spent %d", now, spent)
		}
		if kind(t).embedded { // a budget that is new knows what was spent before it
			if all := mustStanding(h); all[1].Spent != spent {
				t.Errorf("the new budget stands at %+v", all[1].State)
			}
		}
		if got := h.post(chat("small", "hi")); got.status != 200 {
			t.Errorf("status %d with a higher limit: %s", got.status, got.body)
		}
		if h.up.Connections() != connections {
			t.Errorf("%d connections more", h.up.Connections()-connections)
		}
		h.settled()
	})
}
