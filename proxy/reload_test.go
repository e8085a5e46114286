package proxy

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"bursar/internal/testkit"
)

// TestReloadThatAddsBudgetsCountsEachRequestOnce: those before it, those under way, and those after it, however the budgets come and go.
func TestReloadThatAddsBudgetsCountsEachRequestOnce(t *testing.T) {
	h := open(t, plan{})
	h.up.On("small", testkit.Script{Latency: time.Millisecond, Pace: time.Millisecond, Tokens: 5})
	h.up.On("big", testkit.Script{Status: 503}, testkit.Script{Latency: 3 * time.Millisecond})
	sections := []string{
		"budgets: [ { team: search, daily_usd: 100 } ]\n",
		"",
		"budgets: [ { everyone: true, monthly_usd: 100 }, { team: search, daily_usd: 100 } ]\n",
		"budgets: [ { everyone: true, monthly_usd: 90 } ]\n",
		"budgets: [ { team: search, weekly_usd: 100, when_spent: warn }, { everyone: true, monthly_usd: 100 }, { team: search, daily_usd: 100 } ]\n",
	}
	ended := make(chan struct{})
	var crowd sync.WaitGroup
	for i := range 24 {
		crowd.Go(func() {
			model, form := []string{"small", "big"}[i%2], []string{"", streamed}[i/2%2]
			for j := 0; ; j++ {
				select {
				case <-ended:
					return
				default:
				}
				h.try(context.Background(), chat(model, fmt.Sprint("hi", i, j), form))
			}
		})
	}
	for range 6 {
		for _, text := range sections {
			must(t, h.Use(parse(t, h.up, text)))
			time.Sleep(5 * time.Millisecond) // for requests to start under each policy
		}
	}
	close(ended)
	crowd.Wait()
	until(t, "all requests to end", func() bool { return h.http.GetOpenConnectionsCount() == 0 || h.idle() })
	h.settled0()
	spent := h.spent()
	for _, s := range mustStanding(h) {
		if s.Spent != spent || s.Held != 0 {
			t.Errorf("%s stands at %+v, the ledger at %d", s.Budget.Name, s.State, spent)
		}
	}
	if spent == 0 {
		t.Error("nothing was spent")
	}
	h.noBugs()
}

// idle closes the client's connections, so that what is still open belongs to requests under way.
func (h *house) idle() bool {
	h.client.CloseIdleConnections()
	return h.http.GetOpenConnectionsCount() == 0
}

// TestReloadThatAddsABudgetCountsAStreamUnderWay: what ends after the reload is charged to the new budget at its end.
func TestReloadThatAddsABudgetCountsAStreamUnderWay(t *testing.T) {
	eachStore(t, func(t *testing.T, kind func(testing.TB) stores) {
		h := open(t, plan{stores: kind})
		source := &events{next: make(chan string)}
		_, r, id := h.streaming(source)
		must(t, h.Use(parse(t, h.up, pot)))
		must(t, h.Use(parse(t, h.up, "budgets: [ { team: search, daily_usd: 2 } ]\n"))) // the same one, raised
		source.next <- stop + usageOnly + done
		close(source.next)
		for event := ""; event != done; {
			event = readEvent(t, r)
		}
		if row := h.row(id); row.Cost != 1000*2000+500*4000 || h.settled() != row.Cost {
			t.Errorf("row %+v", row)
		}
	})
}

// TestReloadThatMovesAModelMisses what its old target had answered.
func TestReloadThatMovesAModelMisses(t *testing.T) {
	h := open(t, plan{sections: cached})
	const moved = "models: { small: { use: [fake/big] }, big: { use: [fake/big] } }\n"
	for i, step := range []struct{ more, cache, model string }{
		{"", "miss", "fake/small"}, {"", "hit", "fake/small"}, {moved, "miss", "fake/big"}, {moved, "hit", "fake/big"}, {"", "hit", "fake/small"},
	} {
		must(t, h.Use(parse(t, h.up, cached+step.more)))
		got := h.post(chat("small", "hi"))
		if got.header.Get("x-bursar-cache") != step.cache || got.header.Get("x-bursar-model") != step.model {
			t.Errorf("step %d: %s by %s", i, got.header.Get("x-bursar-cache"), got.header.Get("x-bursar-model"))
		}
		h.outcome(got.id())
	}
}

// TestShutdownWhileThePolicyIsReloaded is safe.
func TestShutdownWhileThePolicyIsReloaded(t *testing.T) {
	h := open(t, plan{sections: pot})
	h.post(chat("small", "hi"))
	begun, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for i := range 50 {
			text := fmt.Sprintf("providers: { fake: { dialect: openai, base_url: \"UP\", retries: %d } }\n", i%4)
			if err := h.Use(parse(t, h.up, pot+text)); err != nil {
				return // the ledger is closed
			}
			if i == 5 {
				close(begun)
			}
		}
	}()
	<-begun
	h.close()
	<-ended
}
