package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"bursar/internal/testkit"
	"bursar/pricing"

	"github.com/redis/go-redis/v9"
)

// patience is how long tests wait for what must happen soon: long, since the machines that run them are slow at times.
const patience = 20 * time.Second

// testPolicies is a policy over a fake provider. UPSTREAM stands for its base URL.
const testPolicies = `version: 1
timezone: UTC
providers:
  fake: { dialect: openai, base_url: UPSTREAM, retries: 0 }
models:
  quick: { use: [fake/quick] }
  deep: { use: [fake/broken, fake/deep] }
  rugged: { use: [fake/torn, fake/quick] }
prices:
  overrides:
    fake/quick: { input: 0.31, output: 2.07 }
    fake/deep: { input: 3.01, output: 15.13 }
    fake/hasty: { input: 0.11, output: 0.57 }
    fake/torn: { input: 0.23, output: 1.09 }
    fake/broken: { input: 2.99, output: 14.87 }
baseline: deep
teams:
  alpha: { owner: alpha@example.com }
  beta: { owner: beta@example.com }
budgets:
  - { name: all, everyone: true, total_usd: 1000, when_spent: block }
  - { name: alpha, team: alpha, total_usd: 500, when_spent: block }
  - { name: beta, team: beta, total_usd: 0.03, when_spent: block }
routes:
  - { name: as asked, to: asked }
default: quick
cache: { scope: team, exact: { ttl: 1h } }
output: { default_max_tokens: 200, max_tokens: 400 }
`

func policiesFor(upstream string) string {
	return strings.Replace(testPolicies, "UPSTREAM", upstream, 1)
}

// site is where a gateway runs: its policy file, its data folder, and the provider it calls.
type site struct {
	up             *testkit.Upstream
	policies, data string
	flags          []string // further ones
}

func newSite(t *testing.T, flags ...string) *site {
	dir := t.TempDir()
	s := &site{up: testkit.NewUpstream(t), policies: filepath.Join(dir, "policies.yaml"), data: filepath.Join(dir, "data"), flags: flags}
	write(t, s.policies, policiesFor(s.up.URL))
	return s
}

// redisFlags make a gateway keep its budgets in the Redis of the tests, under a name of its own.
func redisFlags(t *testing.T) []string {
	addr := os.Getenv("BURSAR_TEST_REDIS")
	if addr == "" {
		t.Skip("set BURSAR_TEST_REDIS to run against a real Redis")
	}
	org := "cmd-" + strings.ToLower(rand.Text())
	t.Cleanup(func() {
		client := redis.NewClient(&redis.Options{Addr: addr, DB: 8})
		defer client.Close()
		keys := client.Scan(context.Background(), 0, "*"+org+"*", 1000).Iterator()
		for keys.Next(context.Background()) {
			client.Del(context.Background(), keys.Val())
		}
		if err := keys.Err(); err != nil {
			t.Error(err)
		}
	})
	return []string{"-redis", "redis://" + addr + "/8", "-org", org}
}

// key issues a key.
func (s *site) key(t testing.TB, team string) string {
	t.Helper()
	got := world{}.run("keys", "add", "-team", team, "-data", s.data)
	if got.code != 0 {
		t.Fatal(got.err)
	}
	return strings.TrimSpace(got.out)
}

// gatewayProcess is a gateway that runs as a process of its own.
type gatewayProcess struct {
	t          *testing.T
	cmd        *exec.Cmd
	api, admin string // http://HOST:PORT
	exited     chan struct{}

	mu  sync.Mutex
	log bytes.Buffer
}

// start runs a gateway and waits until it serves.
func (s *site) start(t *testing.T) *gatewayProcess {
	t.Helper()
	p, ready := s.launch(t, "-listen", "127.0.0.1:0", "-admin", "127.0.0.1:0")
	select {
	case at := <-ready:
		p.api, p.admin = "http://"+at[0], "http://"+at[1]
	case <-p.exited:
		t.Fatalf("the gateway ended instead of serving:\n%s", p.said())
	case <-time.After(patience):
		t.Fatalf("the gateway does not serve:\n%s", p.said())
	}
	return p
}

var servesLine = regexp.MustCompile(`serves (\S+); admin on (\S+)`)

// launch runs a gateway. The channel tells its addresses once it serves.
func (s *site) launch(t *testing.T, flags ...string) (*gatewayProcess, <-chan [2]string) {
	t.Helper()
	args := append([]string{"serve", "-policies", s.policies, "-data", s.data}, s.flags...)
	p := &gatewayProcess{t: t, cmd: exec.Command(os.Args[0], append(args, flags...)...), exited: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), asProgram+"=1")
	stderr, err := p.cmd.StderrPipe()
	must(t, err)
	must(t, p.cmd.Start())
	ready := make(chan [2]string, 1)
	go func() {
		defer close(p.exited)
		lines := bufio.NewScanner(stderr)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			p.mu.Lock()
			fmt.Fprintln(&p.log, lines.Text())
			p.mu.Unlock()
			if at := servesLine.FindStringSubmatch(lines.Text()); at != nil {
				ready <- [2]string{at[1], at[2]}
			}
		}
		_ = p.cmd.Wait() // ProcessState tells
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it may have ended
		<-p.exited
		if t.Failed() {
			t.Logf("the gateway said:\n%.4000s", p.said())
		}
	})
	return p, ready
}

// said is what the gateway wrote to standard error so far.
func (p *gatewayProcess) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// wait waits for the process to end and returns its exit status.
func (p *gatewayProcess) wait() int {
	p.t.Helper()
	select {
	case <-p.exited:
	case <-time.After(patience):
		p.t.Fatalf("the gateway does not end:\n%s", p.said())
	}
	return p.cmd.ProcessState.ExitCode()
}

func (p *gatewayProcess) signal(s os.Signal) {
	p.t.Helper()
	must(p.t, p.cmd.Process.Signal(s))
}

// get asks the admin listener, and returns status and body.
func (p *gatewayProcess) get(path string) (int, string) {
	p.t.Helper()
	response, err := http.Get(p.admin + path)
	must(p.t, err)
	return response.StatusCode, drained(p.t, response)
}

func (p *gatewayProcess) reload() (int, string) {
	p.t.Helper()
	response, err := http.Post(p.admin+"/-/reload", "", nil)
	must(p.t, err)
	return response.StatusCode, drained(p.t, response)
}

func drained(t testing.TB, response *http.Response) string {
	t.Helper()
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	must(t, err)
	return string(body)
}

// metric returns a metric's value as it is printed, "" if there is none.
func (p *gatewayProcess) metric(name string) string {
	p.t.Helper()
	_, text := p.get("/metrics")
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// standing is one budget as /admin/budgets shows it.
type standing struct {
	Name  string
	Spent pricing.Nano `json:"spent_nano"`
	Held  pricing.Nano `json:"held_nano"`
	Limit pricing.Nano `json:"limit_nano"`
}

// budgetsAt asks how the budgets stand.
func budgetsAt(ctx context.Context, admin string) ([]standing, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, admin+"/admin/budgets", nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var all []standing
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("/admin/budgets answers %s", response.Status)
	}
	return all, json.NewDecoder(response.Body).Decode(&all)
}

// reply is a client's answer.
type reply struct {
	status int
	header http.Header
	body   string
}

// ask sends a chat request and reads the whole answer.
func (p *gatewayProcess) ask(key, body string) reply {
	p.t.Helper()
	response := p.begin(key, body)
	return reply{response.StatusCode, response.Header, drained(p.t, response)}
}

// begin sends a chat request and returns as soon as the answer begins.
func (p *gatewayProcess) begin(key, body string) *http.Response {
	p.t.Helper()
	r, err := http.NewRequest(http.MethodPost, p.api+"/v1/chat/completions", strings.NewReader(body))
	must(p.t, err)
	r.Header.Set("Authorization", "Bearer "+key)
	response, err := http.DefaultClient.Do(r)
	must(p.t, err)
	return response
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, good func() bool) time.Duration {
	t.Helper()
	begun := time.Now()
	for !good() {
		if time.Since(begun) > patience {
			t.Fatalf("in vain: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return time.Since(begun)
}
