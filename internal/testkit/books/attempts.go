package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"bursar/pricing"
)

// attempt is one HTTP request as a client saw it.
type attempt struct {
	Client     string `json:"client"`
	Call       string `json:"call"`
	Attempt    int    `json:"attempt"`
	ID         string `json:"id"`
	Status     int    `json:"status"`
	Cache      string `json:"cache"`
	CostUSD    string `json:"cost_usd"` // "" for a stream
	Outcome    string `json:"outcome"`  // answered, aborted or error
	Code       string `json:"code"`
	Error      string `json:"error"`
	Prompt     int64  `json:"prompt_tokens"` // 0 if the client was not told
	Completion int64  `json:"completion_tokens"`
}

func readAttempts(files string) ([]attempt, error) {
	var all []attempt
	for file := range strings.SplitSeq(files, ",") {
		raw, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for dec := json.NewDecoder(bytes.NewReader(raw)); ; {
			var a attempt
			if err := dec.Decode(&a); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			all = append(all, a)
		}
	}
	return all, nil
}

// tally is how requests came out.
type tally struct {
	by            map[string]*counts // by client
	aborted, hits int
	usages, costs int      // that were compared and are equal
	trimmed       int      // prompts that were trimmed, and answered
	over          int      // calls that cost more than was held for them
	most          float64  // the most that one cost, in parts of what was held
	unexplained   []string // errors that nobody can explain
	unequal       []string // what the ledger and a client disagree on
}

type counts struct {
	requests, answered, streams, hits, aborted, noticed, spent, refused, unexplained int
}

func (t *tally) clients() []string { return slices.Sorted(maps.Keys(t.by)) }

// match finds the row of each request, by the tags that the clients send.
func match(attempts []attempt, rows []row) tally {
	t := tally{by: map[string]*counts{}}
	byTag := map[string][]*row{}
	for i := range rows {
		key := rows[i].tag("call") + "/" + rows[i].tag("attempt")
		byTag[key] = append(byTag[key], &rows[i])
	}
	for i := range attempts {
		a := &attempts[i]
		key := a.Call + "/" + strconv.Itoa(a.Attempt)
		if found := byTag[key]; len(found) == 1 {
			t.compare(a, found[0])
		} else {
			t.unequal = append(t.unequal, fmt.Sprintf("request %s of %s has %d rows (%s, %s)", key, a.Client, len(found), a.Outcome, a.Error))
		}
		delete(byTag, key)
	}
	for _, key := range slices.Sorted(maps.Keys(byTag)) {
		t.unequal = append(t.unequal, fmt.Sprintf("row %s (%s) is of no request", byTag[key][0].id, key))
	}
	return t
}

func (t *tally) compare(a *attempt, r *row) {
	c := t.by[a.Client]
	if c == nil {
		c = new(counts)
		t.by[a.Client] = c
	}
	c.requests++
	if r.cost > r.held {
		t.over++
		t.most = max(t.most, float64(r.cost)/float64(max(1, r.held)))
	}
	if a.ID != "" && a.ID != r.id {
		t.unequal = append(t.unequal, fmt.Sprintf("request %s/%d was told the id %s, its row has %s", a.Call, a.Attempt, a.ID, r.id))
	}
	switch {
	case a.Outcome == "aborted":
		c.aborted++
		t.aborted++
		if r.reason == "client_gone" {
			c.noticed++
		}
		return
	case a.Outcome == "answered" && r.status == 200:
		c.answered++
		if r.stream {
			c.streams++
		}
		if r.cache == "hit" {
			c.hits++
			t.hits++
		}
		if r.trimmed > 0 && r.cache != "hit" {
			t.trimmed++
		}
		t.compareAmounts(a, r)
	case a.Status == 429 && a.Code == "budget_exceeded" && r.facts.Team == "capped" && r.cost == 0:
		c.spent++ // its budget is made to be spent
	case a.Status == 400 && tooLong(a):
		c.refused++
	default:
		c.unexplained++
		t.unexplained = append(t.unexplained, fmt.Sprintf("unexplained: %s %s/%d %s: status %d, code %q: %s (row: %s)",
			a.Client, a.Call, a.Attempt, a.ID, a.Status, a.Code, a.Error, r.reason))
	}
}

// compareAmounts compares what the client was told of usage and cost with what was booked.
func (t *tally) compareAmounts(a *attempt, r *row) {
	if a.Prompt+a.Completion > 0 {
		if a.Prompt == r.prompt && a.Completion == r.completion {
			t.usages++
		} else {
			t.unequal = append(t.unequal, fmt.Sprintf("%s: the client was told %d+%d tokens, booked are %d+%d", r.id, a.Prompt, a.Completion, r.prompt, r.completion))
		}
	}
	if a.CostUSD != "" {
		if cost, err := pricing.ParseDollars(a.CostUSD); err == nil && cost == r.cost {
			t.costs++
		} else {
			t.unequal = append(t.unequal, fmt.Sprintf("%s: the client was told $%s, booked are $%s", r.id, a.CostUSD, r.cost.Dollars()))
		}
	}
}

// tooLong tells whether a provider refused the prompt for its length, as OpenAI or as llama.cpp says it.
func tooLong(a *attempt) bool {
	return a.Code == "context_length_exceeded" || strings.Contains(a.Error, "exceeds the available context size")
}

// readWarnings returns what the gateway's log warns of. Requests are no warnings of their own, since their clients are asked; nor
// are the thresholds that budgets reach by design, or, if they are to be expected, calls that cost more than was held for them.
func readWarnings(file string, overruns bool) ([]string, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []string
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct{ Level, Msg, Error string }
		if json.Unmarshal(lines.Bytes(), &line) != nil || line.Level == "info" || line.Level == "" ||
			line.Msg == "request" || line.Msg == "budget threshold reached" ||
			overruns && line.Msg == "a request cost more than was held for it" {
			continue
		}
		all = append(all, fmt.Sprintf("the gateway's log: %s: %s: %s", line.Level, line.Msg, line.Error))
	}
	return all, lines.Err()
}
