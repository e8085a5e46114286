package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"bursar/internal/testkit"
	"bursar/ledger"
	"bursar/pricing"
)

const (
	killRounds  = 5
	killWorkers = 32
)

// TestKill kills a gateway under load at random moments, five times on one data folder. After each restart the books balance.
func TestKill(t *testing.T) { killAndCount(t, newSite(t)) }

// TestKillRedis does the same with budgets in Redis. What the dead process had journalled is settled at the restart; a hold that it
// died with before that expires.
func TestKillRedis(t *testing.T) {
	killAndCount(t, newSite(t, append(redisFlags(t), "-hold-lease", "1s")...))
}

// TestKillFleet kills one of two gateways on one Redis, by turns. What the dead one held may expire and be entered by the other
// before it comes back: the two ledgers together balance with the counters.
func TestKillFleet(t *testing.T) {
	flags := append(redisFlags(t), "-hold-lease", "1s")
	killAndCount(t, newSite(t, flags...), newSite(t, flags...))
}

// TestKillFleetPostgres does the same while both ship their rows. Counters, Postgres and the ledgers agree after all.
func TestKillFleetPostgres(t *testing.T) {
	postgres := newPostgres(t)
	flags := append(redisFlags(t), "-hold-lease", "1s", "-postgres", postgres)
	auditOfAll(t, postgres, killAndCount(t, newSite(t, flags...), newSite(t, flags...)))
}

func killAndCount(t *testing.T, sites ...*site) []*running {
	c := &crowd{t: t, answered: map[string]string{}}
	for _, s := range sites {
		write(t, s.policies, strings.Replace(policiesFor(s.up.URL), "\nroutes:\n", oneModelEach, 1))
		s.up.On("quick", testkit.Script{Tokens: 20, PromptTokens: 30, Pace: time.Millisecond})
		s.up.On("deep", testkit.Script{Tokens: 40, PromptTokens: 30, Latency: 3 * time.Millisecond})
		s.up.On("broken", testkit.Script{Status: 500})
		s.up.On("hasty", testkit.Script{Text: "I'm sorry, but I can't help with it now.", PromptTokens: 30})
		s.up.On("torn", testkit.Script{HangUp: true}) // and may bill it
		c.gateways = append(c.gateways, &running{s, s.start(t), []string{s.key(t, "alpha"), s.key(t, "beta")}})
	}
	for _, g := range c.gateways {
		eventually(t, "the keys are known", func() bool { return g.serves(g.keys[1], "quick") })
	}
	for round := range killRounds {
		victim := c.gateways[round%len(c.gateways)]
		c.loadAndKill(victim, round)
		if len(sites) > 1 {
			time.Sleep(rand.N(2 * time.Second)) // the other one may enter what the dead one held, or some of it, or nothing
		}
		stillborn, _ := victim.launch(t, "-listen", "127.0.0.1:0", "-admin", "127.0.0.1:0")
		time.Sleep(rand.N(200 * time.Millisecond)) // killed again at any moment of its recovery
		must(t, stillborn.cmd.Process.Kill())
		<-stillborn.exited
		victim.gatewayProcess = victim.start(t)
		c.balance()
	}
	c.t.Logf("%d kills: %d requests sent, %d answers whole, %d refused for want of money, %d for a slow store, %d rows, %d of them orphans, %d of calls that requests went on from, $%s spent",
		killRounds, c.sent, len(c.answered), c.refused, c.down, c.rows, c.orphans, c.tries, c.spend.Dollars())
	if len(c.answered) < 20*killRounds || c.refused == 0 || c.tries < 5*killRounds {
		t.Errorf("too little load to mean anything: %d answers, %d refusals, %d calls that requests went on from", len(c.answered), c.refused, c.tries)
	}
	return c.gateways
}

// oneModelEach has routes whose requests pay under two holds and more, and budgets of the models that they pay: they go on from an answer that is
// rejected, and from a candidate that breaks off.
const oneModelEach = `
  - { name: fake/hasty, model: fake/hasty, total_usd: 1000, when_spent: block }
  - { name: fake/torn, model: fake/torn, total_usd: 1000, when_spent: block }
  - { name: fake/quick, model: fake/quick, total_usd: 1000, when_spent: block }
routes:
  - name: checked
    when: { model: auto }
    to: fake/hasty
    escalate: { to: rugged, unless: [not_refused] }
`

// running is a gateway with keys of both teams.
type running struct {
	*site
	*gatewayProcess
	keys []string
}

// crowd are clients of both teams, and what they saw.
type crowd struct {
	t        *testing.T
	gateways []*running

	mu                  sync.Mutex
	sent, refused, down int
	answered            map[string]string // ids of requests whose answers were received to the end, with the cost they were told, if any

	rows, orphans, tries int64
	spend                pricing.Nano
}

// loadAndKill sends requests from all workers, and kills the gateway somewhere in the middle. Meanwhile no budget is ever over its
// limit.
func (c *crowd) loadAndKill(victim *running, round int) {
	ctx, stop := context.WithCancel(c.t.Context())
	defer stop()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: killWorkers}}
	defer client.CloseIdleConnections()
	var workers sync.WaitGroup
	for worker := range killWorkers {
		workers.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				c.ask(ctx, client, c.gateways[rand.N(len(c.gateways))], fmt.Sprintf("round %d, worker %d, question %d", round, worker, n))
			}
		})
	}
	for _, g := range c.gateways {
		workers.Go(func() { c.watchLimits(ctx, g.admin) })
	}
	time.Sleep(300*time.Millisecond + rand.N(500*time.Millisecond)) // the random moment
	must(c.t, victim.cmd.Process.Kill())
	<-victim.exited
	stop()
	workers.Wait()
}

// ask sends one request: any team, either model, plain or stream, and one in five leaves before the end.
func (c *crowd) ask(ctx context.Context, client *http.Client, g *running, question string) {
	if rand.N(10) == 0 {
		question = "a question that all ask"
	}
	if rand.N(5) == 0 {
		var leave context.CancelFunc
		ctx, leave = context.WithTimeout(ctx, rand.N(30*time.Millisecond))
		defer leave()
	}
	body, err := json.Marshal(map[string]any{
		"model": []string{"quick", "deep", "auto"}[rand.N(3)], "stream": rand.N(2) == 0,
		"messages": []map[string]string{{"role": "user", "content": question}},
	})
	must(c.t, err)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, g.api+"/v1/chat/completions", strings.NewReader(string(body)))
	must(c.t, err)
	r.Header.Set("Authorization", "Bearer "+g.keys[rand.N(len(g.keys))])
	c.mu.Lock()
	c.sent++
	c.mu.Unlock()
	response, err := client.Do(r)
	if err != nil {
		return
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	id := response.Header.Get("x-bursar-request-id")
	if _, twice := c.answered[id]; twice || id == "" {
		c.t.Errorf("request id %q was given before", id)
	}
	c.answered[id] = response.Header.Get("x-bursar-cost-usd")
	switch {
	case response.StatusCode == http.StatusOK:
	case response.StatusCode == http.StatusTooManyRequests:
		c.refused++
	case strings.Contains(string(answer), `"budget_store_down"`): // Redis may be slow on a slow machine
		c.down++
	case strings.Contains(string(answer), "fake/broken"): // and what comes after it is more than the budget has left
	default:
		c.t.Errorf("status %d: %s", response.StatusCode, answer)
	}
}

func (c *crowd) watchLimits(ctx context.Context, admin string) {
	for ctx.Err() == nil {
		all, err := budgetsAt(ctx, admin)
		if err != nil {
			return // killed
		}
		for _, b := range all {
			if b.Spent+b.Held > b.Limit || b.Spent < 0 || b.Held < 0 {
				c.t.Errorf("budget %s: $%s spent and $%s held of $%s", b.Name, b.Spent.Dollars(), b.Held.Dollars(), b.Limit.Dollars())
			}
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// balance waits until the restarted gateway has nothing left to settle, and compares the counters with the ledger.
func (c *crowd) balance() {
	c.t.Helper()
	var readers []*ledger.Reader
	for _, g := range c.gateways {
		reader, err := ledger.OpenReader(g.data)
		must(c.t, err)
		defer func() { must(c.t, reader.Close()) }()
		readers = append(readers, reader)
	}
	// Orphans that the dead process had taken from Redis, but not entered, are handed out again after a minute.
	deadline := time.Now().Add(90 * time.Second)
	for {
		differ := c.differ(readers)
		if differ == "" {
			break
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("the books do not balance: %s", differ)
		}
		time.Sleep(20 * time.Millisecond)
	}
	c.entered()
}

// differ tells how counters and ledger differ, "" if they do not.
func (c *crowd) differ(readers []*ledger.Reader) string {
	c.t.Helper()
	p := c.gateways[0]
	if open := p.metric("bursar_holds_open"); open != "0" {
		return open + " holds are open"
	}
	counters, err := budgetsAt(c.t.Context(), p.admin)
	must(c.t, err)
	want := map[string]pricing.Nano{}
	c.rows, c.orphans = 0, 0
	for _, reader := range readers {
		booked, err := reader.Report(c.t.Context(), ledger.Query{By: []string{"team", "model"}})
		must(c.t, err)
		want["all"] += booked.Spend
		for _, line := range booked.Lines {
			want[line.Group[0]] += line.Spend
			want[line.Group[1]] += line.Spend
		}
		audit, err := reader.Verify(c.t.Context())
		must(c.t, err)
		if audit.Pending > 0 {
			return fmt.Sprintf("%d rows are not in SQLite yet", audit.Pending)
		}
		c.rows += audit.Rows
		c.orphans += booked.Orphans
	}
	c.spend = want["all"]
	if len(counters) != 6 {
		return fmt.Sprintf("%d budgets", len(counters))
	}
	for _, b := range counters {
		if b.Held != 0 || b.Spent != want[b.Name] {
			return fmt.Sprintf("budget %s: $%s spent and $%s held, the ledger has $%s", b.Name, b.Spent.Dollars(), b.Held.Dollars(), want[b.Name].Dollars())
		}
	}
	return ""
}

// entered checks that each request whose answer a client has is in the ledger once, at the cost that the client was told.
func (c *crowd) entered() {
	c.t.Helper()
	c.tries = 0
	found := map[string]*entry{}
	for _, g := range c.gateways {
		c.enter(found, filepath.Join(g.data, "ledger.db"))
	}
	for id, told := range c.answered {
		e := found[id]
		switch {
		case e == nil || e.rows != 1:
			c.t.Errorf("request %s was answered; in the ledger: %+v", id, e)
		case e.more != 0:
			c.t.Errorf("request %s cost $%s, and $%s more are booked as lost with its gateway", id, e.cost.Dollars(), e.more.Dollars())
		case told != "" && nano(c.t, told) != e.cost:
			c.t.Errorf("request %s cost $%s, its client was told $%s", id, e.cost.Dollars(), told)
		}
	}
}

// entry is what the ledgers have of one request.
type entry struct {
	rows       int
	cost, more pricing.Nano // cost: with what was paid before the call that it ended with; more: of orphans and corrections of its holds
}

func (c *crowd) enter(found map[string]*entry, database string) {
	c.t.Helper()
	db, err := sql.Open("sqlite", "file:"+database+"?mode=ro")
	must(c.t, err)
	defer db.Close()
	rows, err := db.QueryContext(c.t.Context(), "SELECT id, kind, cost FROM rows")
	must(c.t, err)
	defer rows.Close()
	for rows.Next() {
		var id string
		var kind ledger.Kind
		var cost pricing.Nano
		must(c.t, rows.Scan(&id, &kind, &cost))
		id, _, _ = strings.Cut(id, ".") // a hold's id is its request's with a number
		id, _, _ = strings.Cut(id, "-") // and so is that of what was paid under it
		e := found[id]
		if e == nil {
			e = new(entry)
			found[id] = e
		}
		switch kind {
		case ledger.KindRequest, ledger.KindRefused:
			e.rows++
			e.cost += cost
		case ledger.KindAside:
			e.cost += cost
			c.tries++
		default:
			e.more += cost
		}
	}
	must(c.t, rows.Err())
}
