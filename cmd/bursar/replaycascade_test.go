package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestReplayCascades: a cascade that was not there then is simulated by what is known of the same one, and quality by samples.
func TestReplayCascades(t *testing.T) {
	dir := t.TempDir()
	with := strings.Replace(`version: 1
providers: { up: { dialect: openai, base_url: http://127.0.0.1:1/v1 } }
models: { cheap: { use: [up/small] }, premium: { use: [up/large] } }
prices: { overrides: { up/small: { input: 1, output: 2 }, up/large: { input: 10, output: 20 } } }
teams: { a: {}, b: {} }
routes:
  - { name: plain, when: { model: auto }, to: cheap, ESCALATE }
  - { name: rest, to: asked }
default: premium
`, "ESCALATE", "escalate: { to: premium, unless: [complete] }", 1)
	policies := write(t, filepath.Join(dir, "new.yaml"), with)
	bare := write(t, filepath.Join(dir, "old.yaml"), strings.Replace(with, ", escalate: { to: premium, unless: [complete] }", "", 1))

	var lines strings.Builder
	at := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	for i := range 400 {
		at = at.Add(time.Second)
		result, tier, target, cost := `"cascade":{"result":"kept","cheap":"up/small"}`, "cheap", "up/small", "0.0002"
		if i%4 == 0 {
			result, tier, target, cost = `"cascade":{"result":"escalated","failed":"complete","cheap":"up/small","cheap_nano":200000}`, "premium", "up/large", "0.0022"
		}
		if i >= 200 { // of these nothing was recorded
			result, tier, target, cost = `"pinned":false`, "premium", "up/large", "0.002"
		}
		sample := ""
		if i < 200 && i%4 != 0 {
			sample = `,"sample":{"terms":"TERMS","cheap":"up/small","other":"up/large","served_cheap":true,"passed":true,"cheap_score":1,"other_score":1}`
		}
		fmt.Fprintf(&lines, `{"time":%q,"team":"a","model":"auto","prompt_tokens":100,"rule":"plain","tier":%q,"target":%q,"usage":{"input":100,"output":50},"cost_usd":%s,%s%s}`+"\n",
			at.Format(time.RFC3339), tier, target, cost, result, sample)
	}
	fmt.Fprintf(&lines, `{"time":%q,"team":"b","model":"cheap","prompt_tokens":100,"rule":"rest","tier":"cheap","target":"up/small","usage":{"input":100,"output":50},"cost_usd":0.0002}`+"\n", at.Format(time.RFC3339))
	records := write(t, filepath.Join(dir, "records.jsonl"), lines.String())

	type quality struct {
		Quality *float64 `json:"quality"`
		Lower   *float64 `json:"quality_lower95"`
		N       int      `json:"quality_n"`
		Unknown int64    `json:"quality_unknown_requests"`
	}
	var r struct {
		quality
		Teams    map[string]quality
		Cascades map[string]cascadeJSON
		Spend    float64 `json:"spend_usd"`
	}
	text := done(t, "replay", "-json", "-policies", policies, "-from", records)
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatal(err)
	}
	k := r.Cascades["plain"]
	if k.Requests != 400 || k.Escalated != 100 || k.By["recorded"] != 200 || k.By["estimated"] != 200 || k.By["assumed"] != 0 || k.Like != 200 ||
		k.Share == nil || *k.Share != 0.25 || *k.Low < 0.19 || *k.High > 0.32 {
		t.Errorf("cascade %+v", k)
	}
	if want := 400*0.0002 + 100*0.002 + 0.0002; r.Spend < want-1e-9 || r.Spend > want+1e-9 {
		t.Errorf("spends $%v, want $%v", r.Spend, want)
	}
	// The samples' terms are of another cascade here, so nothing is known of what is kept.
	if r.Unknown != 301 || r.Teams["b"].Unknown != 1 || r.Teams["b"].Quality != nil || r.Teams["a"].Quality == nil || *r.Teams["a"].Quality != 1 || r.Teams["a"].N != 0 {
		t.Errorf("quality %+v, of teams %+v", r.quality, r.Teams)
	}
	// Without checks every cheap answer is served as it is, so the samples hold.
	text = done(t, "replay", "-json", "-policies", bare, "-from", records)
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatal(err)
	}
	if a := r.Teams["a"]; a.Quality == nil || *a.Quality != 1 || a.N != 150 || a.Unknown != 0 || *a.Lower < 0.9 || *a.Lower >= 1 {
		t.Errorf("without checks: %+v", a)
	}
	text = done(t, "replay", "-policies", policies, "-from", records, "-against", bare)
	for _, want := range []string{"cascade", "taken to fare like 200 others, of which 25.0 % escalated", "quality kept", "unknown for 301 requests"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
