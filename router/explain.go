package router

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"bursar/exchange"
	"bursar/policy"
	"bursar/pricing"
)

// Explanation is a decision and how it came about, for people (Text) and for machines (JSON).
type Explanation struct {
	Asked        string           `json:"asked"` // the model that the client asked for
	PromptTokens int64            `json:"prompt_tokens"`
	Complexity   *float64         `json:"complexity"` // null if no signal spoke
	Signals      exchange.Signals `json:"signals"`
	Parts        []Part           `json:"complexity_parts,omitempty"` // what the complexity is made of, beside Neutral
	Pinned       bool             `json:"pinned,omitempty"`
	Routes       []Verdict        `json:"routes"` // in file order; none are read for a pinned request or an unknown model
	Left         string           `json:"left,omitempty"`
	Kept         *Kept            `json:"kept,omitempty"`      // the conversation stays, as moving costs more than it saves
	Escalates    string           `json:"escalates,omitempty"` // how the answer is checked, and where one goes that fails
	Targets      []Target         `json:"targets"`             // of the decided model, in the policy's order

	Model      string   `json:"model,omitempty"` // the model decided for, "" if none was
	Rule       string   `json:"rule,omitempty"`  // the route that decided
	Reason     string   `json:"reason"`
	Candidates []string `json:"candidates"` // targets in the order they are tried
	MaxOutput  int64    `json:"max_output,omitempty"`
	Cache      string   `json:"cache,omitempty"`
	Trim       int64    `json:"trim_to,omitempty"` // prompt tokens to trim to, 0 for no trim
	Baseline   string   `json:"baseline,omitempty"`
	Observed   []string `json:"observed,omitempty"`
	Fault      string   `json:"fault,omitempty"`
	Status     int      `json:"status,omitempty"` // HTTP status of the fault
}

// Kept is what this turn and those ahead are expected to cost with the model that the conversation stays with, and with the one that the route names.
type Kept struct {
	From  string      `json:"from"`  // the model that the route names
	Turns int64       `json:"turns"` // over which it is weighed
	Costs json.Number `json:"switch_costs_usd"`
	Stays json.Number `json:"stays_usd"`
	Moves json.Number `json:"moves_usd"`
}

// Verdict is what came of one route.
type Verdict struct {
	Route   string `json:"route"`
	Line    int    `json:"line"`            // where it stands in the policy's file
	Verdict string `json:"verdict"`         // decides, observed, failed, not_for_key or not_reached
	To      string `json:"to"`              // the model, or asked
	Key     string `json:"key,omitempty"`   // the first key of its condition that failed
	Want    string `json:"want,omitempty"`  // what that key wants
	Value   string `json:"value,omitempty"` // what the request has
}

// What can come of a route.
const (
	Decides    = "decides"
	Observed   = "observed"
	Failed     = "failed"
	NotForKey  = "not_for_key" // the key may not use the route, or not the model that it leads to
	NotReached = "not_reached"
)

// Target is one target of the model that was decided for.
type Target struct {
	Target   string `json:"target"`
	Usable   bool   `json:"usable"`
	Obstacle string `json:"obstacle,omitempty"` // why it is left out
}

// Explain is Decide, told step by step: it runs the same code.
func Explain(p *policy.Policy, f *exchange.Facts) Explanation {
	t := &trace{policy: p, facts: f}
	t.Asked, t.PromptTokens, t.Signals = f.Model, f.PromptTokens, f.Signals
	t.Routes, t.Targets, t.Candidates = []Verdict{}, []Target{}, []string{}
	if f.Complexity.Known {
		t.Complexity = &f.Complexity.Score
		if Complexity(f.Signals) == f.Complexity { // else it was given, as in a policy's test
			parts := Weigh(f.Signals)
			t.Parts = slices.DeleteFunc(parts[:], func(p Part) bool { return p.Adds == 0 })
		}
	}
	d, fault := decide(p, f, t)
	t.Model, t.Rule, t.Reason, t.Observed = d.Model, d.Rule, d.Reason.String(), d.Observed
	t.Pinned = d.Reason == exchange.ReasonPinned
	if len(t.Routes) > 0 {
		for _, r := range p.Routes[len(t.Routes):] {
			v := Verdict{Route: r.Name, Line: r.Line, To: destinationName(r), Verdict: NotReached}
			if ok, failed := r.When.Match(f); !ok {
				t.failed(&v, r, failed)
			}
			t.Routes = append(t.Routes, v)
		}
	}
	if fault != nil {
		t.Fault, t.Status = fault.Error(), fault.Status
		return t.Explanation
	}
	for _, c := range d.Candidates {
		t.Candidates = append(t.Candidates, c.Target)
	}
	if w := &d.Switch; w.Kept() {
		t.Kept = &Kept{w.To, p.TurnsAhead, json.Number((w.Moves - w.Stays).Dollars()), json.Number(w.Stays.Dollars()), json.Number(w.Moves.Dollars())}
	}
	t.Escalates = escalates(&d)
	t.MaxOutput, t.Cache, t.Trim = d.MaxOutput, d.Cache.String(), d.Trim.MaxPromptTokens
	if d.Baseline != nil {
		t.Baseline = d.Baseline.Target
	}
	return t.Explanation
}

// trace notes what decide tells. A nil trace notes nothing.
type trace struct {
	Explanation
	policy *policy.Policy
	facts  *exchange.Facts
}

func (t *trace) route(r *policy.Route, ok bool, failed string) {
	if t == nil {
		return
	}
	v := Verdict{Route: r.Name, Line: r.Line, To: destinationName(r)}
	switch {
	case !ok && failed == scopeOfKey:
		v.Verdict = NotForKey
	case !ok:
		v.Verdict = Failed
		t.failed(&v, r, failed)
	case r.Observe:
		v.Verdict = Observed
	default:
		v.Verdict = Decides
	}
	t.Routes = append(t.Routes, v)
}

// failed says which key of a route's condition the request does not meet.
func (t *trace) failed(v *Verdict, r *policy.Route, key string) {
	v.Key, v.Value = key, valueOf(t.policy, t.facts, key)
	for k, want := range r.When.Conditions() {
		if k == key {
			v.Want = want
		}
	}
}

// left notes why the conversation does not stay where it was.
func (t *trace) left(model, why string) {
	if t != nil {
		t.Left = fmt.Sprintf("the conversation leaves %s: %s", model, why)
	}
}

// leftFor notes that the conversation moves to save money.
func (t *trace) leftFor(model string, saves pricing.Nano) {
	if t != nil {
		t.left(model, "moving saves $"+saves.Dollars()+t.ahead())
	}
}

// ahead says over how many turns a move is weighed.
func (t *trace) ahead() string {
	if t.policy.TurnsAhead == 1 {
		return " on this turn"
	}
	return fmt.Sprintf(" over %d turns", t.policy.TurnsAhead)
}

func (t *trace) target(c *exchange.Candidate, o obstacle) {
	if t == nil {
		return
	}
	v := Target{Target: c.Target, Usable: o == fit}
	switch o {
	case forbidden:
		v.Obstacle = "the key may not use it"
	case elsewhere:
		v.Obstacle = "what the request goes on from is not stored there"
	case unavailable:
		v.Obstacle = c.Unavailable
	case priceless:
		v.Obstacle = "its price is not known"
	case narrow:
		v.Obstacle = fmt.Sprintf("its context of %d tokens is smaller than the prompt of %d", c.Context, promptTokens(t.policy, t.facts))
	}
	t.Targets = append(t.Targets, v)
}

func destinationName(r *policy.Route) string {
	if r.To == nil {
		return policy.Asked
	}
	return r.To.Name
}

// scopeOfKey stands for the condition that failed where a route's own conditions are met, but it is not for the key.
const scopeOfKey = "scope of the key"

// valueOf returns what a request has for a key of a condition.
func valueOf(p *policy.Policy, f *exchange.Facts, key string) string {
	switch key {
	case "model":
		return f.Model
	case "team":
		return f.Team
	case "project":
		return orNone(f.Project)
	case "key":
		return f.Key
	case "user":
		return orNone(f.User)
	case "prompt_tokens":
		return strconv.FormatInt(f.PromptTokens, 10)
	case "max_output":
		if f.MaxOutput == 0 {
			return "none asked for"
		}
		return strconv.FormatInt(f.MaxOutput, 10)
	case "complexity":
		if !f.Complexity.Known {
			return "not known, as no signal spoke"
		}
		return decimal(f.Complexity.Score)
	case "tools":
		return strconv.FormatBool(f.Tools)
	case "stream":
		return strconv.FormatBool(f.Stream)
	case "images":
		return strconv.Itoa(f.Images)
	case "turns":
		return strconv.Itoa(f.Turns)
	case "budget_used":
		return decimal(f.BudgetUsed*100) + "%"
	case "hour":
		return strconv.Itoa(f.At.In(p.Location).Hour())
	}
	if i := slices.IndexFunc(f.Tags, func(t exchange.Tag) bool { return "tags."+t.Name == key }); i >= 0 {
		return f.Tags[i].Value
	}
	return "none"
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// decimal has four decimals, unless a value would then seem to be a threshold that it just misses: 0.34999 is not 0.35.
func decimal(v float64) string {
	short := math.Round(v*1e4) / 1e4
	if math.Round(v*100)/100 == short && math.Abs(v-short) > 1e-9 {
		short = v
	}
	return strconv.FormatFloat(short, 'f', -1, 64)
}

// escalates tells of a decision's cascade.
func escalates(d *exchange.Decision) string {
	k := d.Cascade
	switch {
	case k == nil:
		return ""
	case d.Reason == exchange.ReasonUncertified:
		return fmt.Sprintf("%s would answer first, but no certificate says that it keeps %s %% of the quality of %s", k.Cheap, decimal(100*k.Quality), k.Model)
	case len(d.Instead.Candidates) == 0:
		return fmt.Sprintf("an answer that fails %s is served all the same, as no target of %s can serve", strings.Join(k.Checks, ", "), k.Model)
	}
	text := fmt.Sprintf("an answer that fails %s goes to %s", strings.Join(k.Checks, ", "), k.Model)
	if k.Second != "" {
		text += ", and one that " + k.Second + " contradicts"
	}
	return text
}
