package main

import (
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bursar/internal/simulate"
)

// replayed is the part of the JSON that tests look at.
type replayed struct {
	Requests  int64   `json:"requests"`
	Recorded  float64 `json:"recorded_spend_usd"`
	Spend     float64 `json:"spend_usd"`
	DeniedIn  int64   `json:"recorded_denied"`
	Denied    int64   `json:"denied"`
	HitsIn    int64   `json:"recorded_hits"`
	Hits      int64   `json:"hits"`
	Changed   int64   `json:"changed"`
	Cut       int64   `json:"answers_cut"`
	Teams     map[string]replayed
	Models    map[string]struct{ Requests int64 }
	Changes   []struct{ Team, From, To string }
	Baselines map[string]float64 `json:"simple_routers_usd"`
}

func replayJSON(t *testing.T, args ...string) replayed {
	t.Helper()
	var r replayed
	text := done(t, append([]string{"replay", "-json"}, args...)...)
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	var sum float64
	for _, team := range r.Teams {
		sum += team.Spend
	}
	if math.Abs(sum-r.Spend) > 1e-8 {
		t.Errorf("teams spend %v, all together %v", sum, r.Spend)
	}
	return r
}

// TestReplay drives the demo's traffic through a real gateway, and decides it again.
func TestReplay(t *testing.T) {
	d, err := openDemo()
	must(t, err)
	defer d.close()
	_, err = d.drive(simulate.Traffic(1), io.Discard)
	must(t, err)
	data, same := filepath.Join(d.dir, "data"), filepath.Join(d.dir, "policies.yaml")

	var r replayed
	// The last streams settle after their clients have all of them.
	for last := int64(-1); r.Requests != last; {
		last = r.Requests
		time.Sleep(100 * time.Millisecond)
		r = replayJSON(t, "-policies", same, "-from", data)
	}
	if r.Requests < 100 || r.Recorded <= 0 {
		t.Fatalf("replayed %+v", r)
	}
	// The policy has not changed. Two small budgets run out while many requests run at once, so those around that moment may differ.
	if r.Changed*10 > r.Requests || math.Abs(r.Spend-r.Recorded) > 0.1*r.Recorded {
		t.Errorf("under its own policy: %+v", r)
	}

	// These have room in their budgets. What candidates that failed may have billed is in the recorded spend only.
	for _, team := range []string{"storefront", "support", "search"} {
		if of := r.Teams[team]; of.Changed*50 > of.Requests || math.Abs(of.Spend-of.Recorded) > 0.1*of.Recorded {
			t.Errorf("under its own policy, %s: %+v", team, of)
		}
	}

	export := filepath.Join(d.dir, "export.jsonl")
	again := replayJSON(t, "-policies", same, "-from", data, "-export", export)
	fromFile := replayJSON(t, "-policies", same, "-from", export)
	if again.Spend != r.Spend || fromFile.Spend != r.Spend || fromFile.Requests != r.Requests || fromFile.Changed != r.Changed || fromFile.Hits != r.Hits {
		t.Errorf("from the folder %+v\nfrom the file %+v", r, fromFile)
	}
	if text, err := os.ReadFile(export); err != nil || strings.Contains(string(text), "content") {
		t.Errorf("the export holds more than counts: %v", err)
	}

	source, err := os.ReadFile(same)
	must(t, err)
	dear := write(t, filepath.Join(d.dir, "dear.yaml"), strings.Replace(string(source), "routes:", "routes:\n  - name: all to the dearest\n    when: { model: auto }\n    to: premium\n", 1))
	other := replayJSON(t, "-policies", dear, "-from", export, "-against", same)
	if other.Spend <= r.Spend || other.Changed == 0 || len(other.Changes) == 0 || math.Abs(other.Recorded-r.Spend) > 1e-9 {
		t.Errorf("all to the dearest model: %+v", other)
	}
	more := replayJSON(t, "-policies", same, "-from", export, "-what-if", "price.*=+20%")
	if more.Spend <= r.Spend || more.Spend > 1.21*r.Spend {
		t.Errorf("a fifth dearer: $%v, was $%v", more.Spend, r.Spend)
	}
	text := done(t, "replay", "-policies", dear, "-from", export, "-against", same, "-since", "1h")
	for _, want := range []string{"decided otherwise", "for whom", "simple routers", "always", "million requests a second"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func TestReplayRefuses(t *testing.T) {
	dir := t.TempDir()
	good := write(t, filepath.Join(dir, "policies.yaml"), policiesFor("http://127.0.0.1:1"))
	line := `{"time":"2026-11-26T10:00:00Z","team":"a","model":"auto","prompt_tokens":1,"cost_usd":0}`
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no data":      {[]string{"-from", filepath.Join(dir, "nowhere")}, "does not exist"},
		"bad since":    {[]string{"-since", "yesterday"}, "write it as 7d"},
		"bad what-if":  {[]string{"-what-if", "price.x=20"}, "write it like price."},
		"idle what-if": {[]string{"-what-if", "price.openai/gpt-9=+1%"}, "no model of the policy uses"},
		"empty file":   {[]string{"-from", write(t, filepath.Join(dir, "empty.jsonl"), "")}, "no request to replay"},
		"not JSON":     {[]string{"-from", write(t, filepath.Join(dir, "bad.jsonl"), line+"\n{")}, "line 2"},
		"no team":      {[]string{"-from", write(t, filepath.Join(dir, "team.jsonl"), `{"time":"2026-11-26T10:00:00Z","model":"auto"}`)}, "needs time, team and model"},
		"unsorted":     {[]string{"-from", write(t, filepath.Join(dir, "order.jsonl"), line+"\n"+strings.Replace(line, "26T10", "26T09", 1))}, "sort the records"},
	} {
		out := world{}.run(append([]string{"replay", "-policies", good}, c.args...)...)
		if out.code == 0 || !strings.Contains(out.err, c.want) {
			t.Errorf("%s: status %d, %q, want %q", name, out.code, out.err, c.want)
		}
	}
}
