package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"bursar/exchange"
	"bursar/policy"
	"bursar/prompt"
	"bursar/router"
	"bursar/router/scorer"
	"bursar/tokens"
)

// explain tells where a request would go, and which condition of which route said no. It decides by the same function as the
// gateway; what only a running gateway knows (budgets used, the conversation so far) is given by flags.
func explain(p *program, args []string) error {
	f := p.flags("explain")
	file := f.String("policies", "policies.yaml", "policy file")
	body := f.String("body", "", "file with the chat request; - is standard input (required)")
	asJSON := f.Bool("json", false, "print JSON")
	facts := exchange.Facts{At: time.Now()}
	f.StringVar(&facts.Team, "team", "", "team that asks (required)")
	f.StringVar(&facts.Project, "project", "", "project that asks")
	f.StringVar(&facts.Key, "key", "", "id of the key that asks")
	f.StringVar(&facts.User, "user", "", "user that asks; default is the request's own")
	f.BoolVar(&facts.Pinned, "pin", false, "as if x-bursar-pin: 1 were sent")
	f.StringVar(&facts.Sticky.Model, "last-model", "", "model that served the conversation's last turn")
	f.StringVar(&facts.Sticky.Target, "last-target", "", "its target, as provider/model; default is the model's first")
	f.Int64Var(&facts.Sticky.Warm, "last-cached", 0, "tokens of the prompt that its provider has in its prompt cache")
	f.Int64Var(&facts.Sticky.Output, "last-output", 0, "tokens of the conversation's last answer")
	used := f.Float64("budget-used", 0, "used share of the fullest budget, 0 to 1")
	certified := f.String("certified", "", "routes whose cheap answers are certified for the team, separated by commas")
	var tags tagFlags
	f.Var(&tags, "tag", "NAME=VALUE, as x-bursar-tag-NAME would send; may be repeated")
	if err := p.parseAll(f, args); err != nil {
		return err
	}
	if *body == "" || facts.Team == "" {
		return usageError{"-team and -body are needed"}
	}
	if !(*used >= 0 && *used <= 1) { // not a number is neither
		return usageError{fmt.Sprintf("-budget-used %v: give a share, 0 to 1", *used)}
	}
	slices.SortFunc(tags, func(a, b exchange.Tag) int { return strings.Compare(a.Name, b.Name) })
	facts.BudgetUsed, facts.Tags = *used, tags
	if *certified != "" {
		facts.Certified = strings.Split(*certified, ",")
	}
	loaded, err := policy.Load(*file)
	if err != nil {
		return whichPolicies(err)
	}
	assumeTarget(loaded, &facts.Sticky)
	text, err := p.readFile(*body)
	if err != nil {
		return err
	}
	if err := measure(loaded, &facts, text); err != nil {
		return fmt.Errorf("%s: %w", *body, err)
	}
	told := explanation{Explanation: router.Explain(loaded, &facts), Guess: guessOf(text)}
	if *asJSON {
		return json.NewEncoder(p.out).Encode(told)
	}
	fmt.Fprint(p.out, told.Text())
	fmt.Fprintf(p.out, "by its words alone, small models fail at %.0f %% of such prompts and large ones at %.0f %%: a guess, by which no rule goes (docs/routing.md)\n",
		100*told.Guess.CheapFails, 100*told.Guess.PremiumFails)
	return nil
}

// assumeTarget takes a conversation's last turn to have been served by the first target of its model, where none is named.
func assumeTarget(p *policy.Policy, last *exchange.Sticky) {
	if m, ok := p.Resolve(last.Model); ok && last.Target == "" {
		last.Target = m.Use[0].Target
	}
}

// explanation is what the router says, and what the scorer guesses.
type explanation struct {
	router.Explanation
	Guess guess `json:"guess"`
}

// guess is how likely models are to fail at the prompt, by the words of its last message alone.
type guess struct {
	CheapFails   float64 `json:"cheap_fails"`
	PremiumFails float64 `json:"premium_fails"`
}

func guessOf(body []byte) guess {
	var e prompt.Envelope
	if e.Read(body) != nil { // measure has read it before
		return guess{}
	}
	fails := scorer.Shipped().Fails(e.LastUser(nil))
	return guess{fails[scorer.CheapFails], fails[scorer.PremiumFails]}
}

// whichPolicies tells how to name the policy file where there is none.
func whichPolicies(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w; name the policy file with -policies", err)
	}
	return err
}

// measure fills in the facts of a request as the gateway's measure step does.
func measure(loaded *policy.Policy, facts *exchange.Facts, body []byte) error {
	var e prompt.Envelope
	if err := e.Read(body); err != nil {
		return err
	}
	counter, err := tokens.New()
	if err != nil {
		return err
	}
	model, ok := loaded.Resolve(e.Model())
	if !ok {
		model = loaded.Default
	}
	first := model.Use[0]
	m := e.Measure(counter, prompt.Target{Family: tokens.FamilyOf(first.Provider, first.Model), Model: first.Model})
	facts.Model, facts.Stream, facts.Tools, facts.N, facts.MaxOutput = e.Model(), e.Stream(), e.HasTools(), e.N(), e.MaxOutput()
	facts.PromptTokens, facts.PromptMethod, facts.Images, facts.Turns = m.Tokens, m.Method, m.Images, m.Turns
	facts.Signals = router.Read(e.LastUser(nil))
	facts.Complexity = router.Complexity(facts.Signals)
	facts.Conversation = e.Conversation(facts.Key)
	if facts.User == "" {
		facts.User = e.User()
	}
	return nil
}

// tagFlags collects -tag NAME=VALUE.
type tagFlags []exchange.Tag

func (t *tagFlags) String() string { return fmt.Sprint(*t) }

func (t *tagFlags) Set(text string) error {
	name, value, ok := strings.Cut(text, "=")
	if !ok || name == "" {
		return fmt.Errorf("%q is not NAME=VALUE", text)
	}
	*t = append(*t, exchange.Tag{Name: strings.ToLower(name), Value: value})
	return nil
}
