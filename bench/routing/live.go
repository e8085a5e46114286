package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// live runs the recorded questions through a real gateway, process and all, whose provider gives the recorded answers at the recorded costs. What it
// saves is compared with what the same rule saves on the recorded outcomes.
func live(out io.Writer, m *mix, answers string) error {
	script, err := readScript(m, answers)
	if err != nil {
		return err
	}
	run := &mix{names: m.names}
	for _, r := range m.rows {
		if _, ok := script[r.Query]; ok {
			run.rows = append(run.rows, r)
		}
	}
	lab, err := openLive(script)
	if err != nil {
		return err
	}
	defer lab.close()
	got := map[*row]paid{}
	for _, r := range run.rows {
		served, err := lab.ask(r.Query)
		if err != nil {
			return err
		}
		got[r] = paid{score: map[string]float64{"p/cheap": r.CheapScore, "p/premium": r.PremiumScore}[served]}
	}
	if err := lab.costs(run.rows, got); err != nil {
		return err
	}
	offline := run.judge(run.rows, agreeing)
	online := run.judge(run.rows, func(r *row) paid { return got[r] })
	same := 0.0
	for _, r := range run.rows {
		if (got[r].cost > r.PremiumCost) == (agreeing(r).cost > r.PremiumCost) {
			same++
		}
	}
	fmt.Fprintf(out, "%d questions that answers are recorded of, each through the gateway once\n\n%-42s %7s %9s\n", len(run.rows), "", "cut", "quality")
	fmt.Fprintf(out, "%-42s %6.1f%% %8.2f%%\n", "rule on the recorded outcomes", 100*offline.cut, 100*offline.kept)
	fmt.Fprintf(out, "%-42s %6.1f%% %8.2f%%\n", "live, by the rows of its ledger", 100*online.cut, 100*online.kept)
	fmt.Fprintf(out, "%.1f %% of the questions decided alike; of the others the recorded agreement goes by another comparison of answers\n\n", 100*same/float64(len(run.rows)))
	round := func(v float64) float64 { return math.Round(v*1e4) / 1e4 }
	return json.NewEncoder(out).Encode(map[string]float64{"cut_offline": round(offline.cut), "cut_live": round(online.cut), "quality_offline": round(offline.kept), "quality_live": round(online.kept)})
}

// agreeing is the rule without labels that `agree_with` is: an answer is kept that passes its checks and that the second model agrees with.
func agreeing(r *row) paid {
	cost := r.CheapCost + r.CheckerCost
	if r.Agree > 0.5 && r.Invalid < 0.5 {
		return paid{r.CheapScore, cost}
	}
	return paid{r.PremiumScore, cost + r.PremiumCost}
}

// scripted is what the models say to one question, and what that costs in nano-dollars.
type scripted map[string]struct {
	text string
	cost int64
}

// recordedModels are the models of the mix, by what the policy of the run calls them.
var recordedModels = map[string]string{"cheap": "gpt-4o-mini-2024-07-18", "second": "gemini-1.5-flash", "premium": "claude-3-5-sonnet-20240620"}

func readScript(m *mix, dir string) (map[string]scripted, error) {
	files, err := filepath.Glob(filepath.Join(dir, "zeroeval_*.jsonl"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("%s has no zeroeval_*.jsonl", dir)
	}
	rows := map[string]*row{}
	for _, r := range m.rows {
		rows[r.Query] = r
	}
	script := map[string]scripted{}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		for n, line := range bytes.Split(bytes.TrimSpace(text), []byte("\n")) {
			var q struct {
				Query  string `json:"query"`
				Models map[string]struct {
					Ans *string `json:"ans"`
				} `json:"models"`
			}
			if err := json.Unmarshal(line, &q); err != nil {
				return nil, fmt.Errorf("%s, line %d: %w", path, n+1, err)
			}
			r := rows[q.Query]
			if r == nil {
				continue
			}
			costs := map[string]float64{"cheap": r.CheapCost, "second": r.CheckerCost, "premium": r.PremiumCost}
			s := scripted{}
			for name, model := range recordedModels {
				said := s[name]
				if said.cost = int64(math.Round(costs[name] * 1e9)); q.Models[model].Ans != nil && *q.Models[model].Ans != "" {
					quoted, _ := json.Marshal(*q.Models[model].Ans)
					said.text = `{"answer": ` + string(quoted) + `}`
				}
				s[name] = said
			}
			script[q.Query] = s
		}
	}
	if len(script) == 0 {
		return nil, errors.New("no question of the file of outcomes is among the answers")
	}
	return script, nil
}

// livePolicy lets a token cost a nano-dollar, so that a call can cost what was recorded of it.
const livePolicy = `version: 1
providers:
  p: { dialect: openai, base_url: "UPSTREAM" }
models:
  cheap: { use: [p/cheap] }
  second: { use: [p/second] }
  premium: { use: [p/premium] }
prices:
  overrides:
    p/cheap: { input: 0, output: 0.001 }
    p/second: { input: 0, output: 0.001 }
    p/premium: { input: 0, output: 0.001 }
baseline: premium
teams: { bench: {} }
budgets:
  - { team: bench, daily_usd: 100 }
routes:
  - name: cascade
    when: { model: auto }
    to: cheap
    escalate: { to: premium, unless: [complete, not_empty, not_refused], agree_with: second }
  - { name: as asked, to: asked }
default: premium
output: { default_max_tokens: 10000000 }
`

const (
	liveAddr  = "127.0.0.1:9721"
	liveAdmin = "127.0.0.1:9722"
)

// liveLab is a gateway, and the provider behind it.
type liveLab struct {
	dir, bin, key string
	upstream      *http.Server
	gateway       *exec.Cmd
	ids           map[string]string // by question
}

func openLive(script map[string]scripted) (l *liveLab, err error) {
	l = &liveLab{ids: map[string]string{}}
	if l.dir, err = os.MkdirTemp("", "bursar-live-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l.upstream = &http.Server{Handler: scriptedProvider(script), ReadHeaderTimeout: time.Minute}
	go func() { _ = l.upstream.Serve(ln) }() // ends when it is closed
	l.bin = filepath.Join(l.dir, "bursar")
	policies := filepath.Join(l.dir, "policies.yaml")
	if err := os.WriteFile(policies, []byte(strings.ReplaceAll(livePolicy, "UPSTREAM", "http://"+ln.Addr().String()+"/v1")), 0o600); err != nil {
		return nil, err
	}
	if text, err := exec.Command("go", "build", "-o", l.bin, "./cmd/bursar").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build bursar (run this from the repository): %w\n%s", err, text)
	}
	data := filepath.Join(l.dir, "data")
	text, err := exec.Command(l.bin, "keys", "add", "-team", "bench", "-data", data).Output()
	if err != nil {
		return nil, fmt.Errorf("issue a key: %w", err)
	}
	for _, word := range strings.Fields(string(text)) {
		if strings.HasPrefix(word, "sk-bursar-") {
			l.key = word
		}
	}
	l.gateway = exec.Command(l.bin, "serve", "-policies", policies, "-listen", liveAddr, "-admin", liveAdmin, "-data", data)
	if err := l.gateway.Start(); err != nil {
		return nil, err
	}
	for range 300 {
		if resp, err := http.Get("http://" + liveAdmin + "/readyz"); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return l, nil
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	return nil, errors.New("the gateway is not ready after 30 s")
}

func (l *liveLab) close() {
	if l.gateway != nil && l.gateway.Process != nil {
		_ = l.gateway.Process.Signal(os.Interrupt)
		_ = l.gateway.Wait()
	}
	if l.upstream != nil {
		_ = l.upstream.Close()
	}
	_ = os.RemoveAll(l.dir)
}

// scriptedProvider answers as recorded.
func scriptedProvider(script map[string]scripted) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var asked struct {
			Model    string `json:"model"`
			Messages []struct {
				Content string `json:"content"`
			} `json:"messages"`
		}
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || len(asked.Messages) == 0 {
			http.Error(w, "no chat completion", http.StatusBadRequest)
			return
		}
		said := script[asked.Messages[0].Content][asked.Model]
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{
			"id": "chatcmpl-0", "object": "chat.completion", "model": asked.Model,
			"choices": []any{map[string]any{"index": 0, "finish_reason": "stop", "message": map[string]any{"role": "assistant", "content": said.text}}},
			"usage":   map[string]int64{"prompt_tokens": 1, "completion_tokens": said.cost, "total_tokens": said.cost + 1},
		})
	})
}

// ask puts one question, and returns who answered.
func (l *liveLab) ask(question string) (served string, err error) {
	body, _ := json.Marshal(map[string]any{"model": "auto", "messages": []any{map[string]string{"role": "user", "content": question}}})
	r, err := http.NewRequest(http.MethodPost, "http://"+liveAddr+"/v1/chat/completions", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	r.Header.Set("Authorization", "Bearer "+l.key)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("the gateway answered %d: %s %w", resp.StatusCode, answer, err)
	}
	l.ids[question] = resp.Header.Get("x-bursar-request-id")
	return resp.Header.Get("x-bursar-model"), nil
}

// costs takes what each question has cost from the ledger: its own row, and those of the second opinion (REQUEST-second) and of an answer that failed the checks
// (REQUEST-tryN). It ends the gateway first.
func (l *liveLab) costs(rows []*row, got map[*row]paid) error {
	_ = l.gateway.Process.Signal(os.Interrupt)
	_ = l.gateway.Wait()
	file := filepath.Join(l.dir, "rows.jsonl")
	if text, err := exec.Command(l.bin, "ledger", "export", "-data", filepath.Join(l.dir, "data"), "-out", file).CombinedOutput(); err != nil {
		return fmt.Errorf("export the ledger: %w\n%s", err, text)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	spent := map[string]float64{}
	for _, line := range bytes.Split(bytes.TrimSpace(text), []byte("\n")) {
		var r struct {
			ID   string `json:"id"`
			Cost int64  `json:"cost"`
		}
		if err := json.Unmarshal(line, &r); err != nil {
			return err
		}
		request, _, _ := strings.Cut(r.ID, "-")
		spent[request] += float64(r.Cost) / 1e9
	}
	for _, r := range rows {
		p := got[r]
		p.cost = spent[l.ids[r.Query]]
		got[r] = p
	}
	return nil
}
