package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"bursar/admin"
	"bursar/internal/simulate"
	"bursar/keys"
	"bursar/ledger"
	"bursar/tokens"

	"go.uber.org/zap"
)

// demo is a newcomer's first minute: a real gateway on the embedded default, a simulated provider, and a sample of traffic from
// five teams, each under rules and a budget that fit it. It needs no key and no network.
func demo(p *program, args []string) error {
	f := p.flags("demo")
	asJSON := f.Bool("json", false, "end with one JSON object and no progress bar")
	stay := f.Bool("stay", false, "go on serving after the statement, until interrupted")
	seed := f.Uint64("seed", 1, "another sample of traffic")
	if err := p.parseAll(f, args); err != nil {
		return err
	}
	d, err := openDemo()
	if err != nil {
		return err
	}
	defer d.close()
	sample := simulate.Traffic(*seed)
	say := p.out
	if *asJSON {
		say = io.Discard
	}
	fmt.Fprintln(say, "Five teams, two simulated models (quick-1 at $0.25/$2, deep-1 at $3/$15 per million tokens), one gateway.")
	tally, err := d.drive(sample, say)
	if err != nil {
		return err
	}
	result, err := d.result(tally)
	if err != nil {
		return err
	}
	if *asJSON {
		return json.NewEncoder(p.out).Encode(result.machine())
	}
	result.print(say)
	interrupted := make(chan os.Signal, 1)
	if *stay {
		signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	}
	d.invite(say, *stay)
	if *stay {
		<-interrupted
	}
	return nil
}

// demonstration is the demo's world: everything in a folder that goes with it.
type demonstration struct {
	dir      string
	upstream *simulate.Upstream
	gateway  *gateway
	keys     map[string]string // team to key
}

func openDemo() (d *demonstration, err error) {
	d = &demonstration{keys: map[string]string{}}
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	if d.dir, err = os.MkdirTemp("", "bursar-demo-"); err != nil {
		return d, err
	}
	counter, err := tokens.New()
	if err != nil {
		return d, err
	}
	if d.upstream, err = simulate.OpenUpstream(counter); err != nil {
		return d, err
	}
	policies := filepath.Join(d.dir, "policies.yaml")
	text := strings.Replace(simulate.Policies, "UPSTREAM", d.upstream.Addr(), 1)
	if err = os.WriteFile(policies, []byte(text), 0o600); err != nil {
		return d, err
	}
	data := filepath.Join(d.dir, "data")
	for _, team := range simulate.Teams() {
		secret, _, err := keys.File(data).Add(context.Background(), keys.Terms{Team: team.Name, Name: "demo"})
		if err != nil {
			return d, err
		}
		d.keys[team.Name] = secret.Reveal()
	}
	d.gateway, err = openGateway(gatewayOptions{
		policies: policies, listen: "127.0.0.1:0", admin: "127.0.0.1:0", data: data, logger: zap.NewNop(),
	})
	if err != nil {
		return d, err
	}
	d.gateway.start()
	return d, nil
}

func (d *demonstration) close() {
	if d.gateway != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = d.gateway.close(ctx)
	}
	if d.upstream != nil {
		d.upstream.Close()
	}
	_ = os.RemoveAll(d.dir)
}

// drive sends the sample, with a progress bar.
func (d *demonstration) drive(sample []simulate.Conversation, say io.Writer) (simulate.Tally, error) {
	least := 0
	for i := range sample {
		least += sample[i].Requests()
	}
	var mu sync.Mutex
	sent := 0
	bar := func() {
		mu.Lock()
		defer mu.Unlock()
		sent++
		if sent%5 == 0 && isTerminal(say) {
			share := min(1, float64(sent)/float64(least))
			done := int(share * 40)
			fmt.Fprintf(say, "\r  [%s%s] %d requests", strings.Repeat("#", done), strings.Repeat(".", 40-done), sent)
		}
	}
	clients := simulate.Clients{BaseURL: "http://" + d.gateway.addr() + "/v1", Keys: d.keys, Workers: 8, Sent: bar}
	tally, err := clients.Drive(sample)
	if isTerminal(say) {
		fmt.Fprint(say, "\r")
	}
	fmt.Fprintf(say, "  [%s] %d requests\n\n", strings.Repeat("#", 40), tally.Requests)
	return tally, err
}

// isTerminal tells whether a progress bar has somebody to look at it.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// demoResult is what came of it.
type demoResult struct {
	statement *ledger.Statement
	budgets   []admin.Budget
	tally     simulate.Tally
}

func (d *demonstration) result(tally simulate.Tally) (*demoResult, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := d.gateway.quiet(ctx); err != nil {
		return nil, err
	}
	if err := d.gateway.ledger.Flush(ctx); err != nil {
		return nil, err
	}
	statement, err := d.gateway.report(ctx)
	if err != nil {
		return nil, err
	}
	budgets, err := d.gateway.budgets(ctx)
	return &demoResult{statement, budgets, tally}, err
}

// invite tells how to look further.
func (d *demonstration) invite(say io.Writer, stay bool) {
	if !stay {
		fmt.Fprintln(say, "\nThe demo is over. `bursar demo -stay` goes on serving: the page with this statement, metrics, and an endpoint for any OpenAI SDK.")
		return
	}
	fmt.Fprintf(say, "\nThe gateway goes on serving until you press Ctrl-C.\n  page     http://%s/\n  metrics  http://%s/metrics\n  SDK      export OPENAI_BASE_URL=http://%s/v1 OPENAI_API_KEY=%s\n",
		d.gateway.adminAddr(), d.gateway.adminAddr(), d.gateway.addr(), d.keys["storefront"])
}
