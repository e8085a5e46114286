package main

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"bursar/internal/simulate"
)

// TestDemo runs the whole demo: what it prints adds up to the nano-dollar, every team is there, and the levers did something.
func TestDemo(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(done(t, "demo", "-json")), "\n")
	var result struct {
		statement
		TrimmedTokens int64 `json:"trimmed_tokens"`
		Hits          int
		Cache         struct {
			ExactHits int `json:"exact_hits"`
			Misses    int
		}
		Status  map[string]int64
		Budgets []struct {
			Name         string
			Spent, Limit int64
		}
	}
	must(t, json.Unmarshal([]byte(lines[len(lines)-1]), &result))
	var answers int64
	for _, n := range result.Status {
		answers += n
	}
	if result.Requests != answers || answers < 200 {
		t.Errorf("%d requests in the ledger, %d answers at the clients", result.Requests, answers)
	}
	if result.Cache.ExactHits != result.Hits || result.Hits == 0 || result.Cache.Misses == 0 {
		t.Errorf("%d hits seen by clients, %d in the ledger, %d misses", result.Cache.ExactHits, result.Hits, result.Cache.Misses)
	}
	for _, lever := range []string{"route", "exact", "trim"} {
		if nano(t, result.SavedByLever[lever].String()) <= 0 {
			t.Errorf("%s saved %s", lever, result.SavedByLever[lever])
		}
	}
	if result.TrimmedTokens == 0 {
		t.Error("nothing was trimmed")
	}
	all := strings.Join(lines, "\n")
	for _, team := range simulate.Teams() {
		if !strings.Contains(all, `"team":"`+team.Name+`"`) {
			t.Errorf("team %s is missing", team.Name)
		}
	}
	if len(result.Rows) != len(simulate.Teams()) || len(result.Budgets) == 0 {
		t.Errorf("%d rows, %d budgets", len(result.Rows), len(result.Budgets))
	}
	result.sumsUp(t)
}

// TestDemoForPeople: without -json it tells the same in tables, another sample with another seed.
func TestDemoForPeople(t *testing.T) {
	out := done(t, "demo", "-seed", "7")
	for _, want := range []string{"Statement, by team", "storefront", "query rewriting", "Cache: ", "Budgets", "bursar demo -stay"} {
		if !strings.Contains(out, want) {
			t.Errorf("without %q:\n%s", want, out)
		}
	}
}

// TestDemoStays: with -stay the gateway goes on serving at the addresses it tells, until it is told to end; then it leaves no folder.
func TestDemoStays(t *testing.T) {
	temp := t.TempDir()
	cmd := exec.Command(os.Args[0], "demo", "-stay")
	cmd.Env = append(os.Environ(), asProgram+"=1", "TMPDIR="+temp)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // it has ended
	told := map[string]string{}
	line := regexp.MustCompile(`(page|OPENAI_BASE_URL|OPENAI_API_KEY)(?: +|=)(\S+)`)
	for lines := bufio.NewScanner(out); len(told) < 3 && lines.Scan(); {
		for _, found := range line.FindAllStringSubmatch(lines.Text(), -1) {
			told[found[1]] = found[2]
		}
	}
	if len(told) < 3 {
		t.Fatalf("it told only %v", told)
	}
	page, err := http.Get(told["page"])
	must(t, err)
	if body := drained(t, page); page.StatusCode != 200 || !strings.Contains(body, "storefront") {
		t.Errorf("the page: %d %s", page.StatusCode, body)
	}
	p := &gatewayProcess{t: t, api: strings.TrimSuffix(told["OPENAI_BASE_URL"], "/v1")}
	if got := p.ask(told["OPENAI_API_KEY"], `{"model":"auto","messages":[{"role":"user","content":"Hello"}]}`); got.status != 200 {
		t.Errorf("a request: %d %s", got.status, got.body)
	}
	must(t, cmd.Process.Signal(syscall.SIGTERM))
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("it left %v, %v", left, err)
	}
}
