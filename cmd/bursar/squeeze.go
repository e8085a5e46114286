package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"

	"bursar/pricing"
	"bursar/prompt"
	"bursar/tokens"
)

// squeezed is what `bursar squeeze` proposes for one system prompt.
type squeezed struct {
	SHA256     string       `json:"sha256"`
	To         string       `json:"to"`
	Before     int64        `json:"tokens_before"`
	After      int64        `json:"tokens_after"`
	Target     string       `json:"target"`
	PerMillion pricing.Nano `json:"saved_per_million_requests_nano"` // at the price of plain input; less where the provider's cache is warm
}

// squeeze proposes shorter texts for the system prompts of a request as a file. It changes nothing: a person reads the proposal, mends it, and puts it
// into the policy, where it counts for exactly the prompt that it was made from.
func squeeze(p *program, args []string) error {
	f := p.flags("squeeze")
	file := f.String("policies", "policies.yaml", "policy file")
	model := f.String("model", "", "model of the policy, or provider/model; default is the request's own")
	to := f.String("to", "", "file with a shorter text of your own for the first system prompt, instead of a proposal")
	asJSON := f.Bool("json", false, "print JSON")
	rest, err := p.parse(f, args)
	if err != nil {
		return err
	}
	if len(rest) != 1 {
		return usageError{"name one file with a chat request; - is standard input"}
	}
	asked, err := p.readAsked(rest[0], *file, *model)
	if err != nil {
		return err
	}
	c := asked.served
	family := tokens.FamilyOf(c.Provider, c.Model)
	own := ""
	if *to != "" {
		text, err := p.readFile(*to)
		if err != nil {
			return err
		}
		own = strings.TrimSpace(string(text))
	}
	var all []squeezed
	for n := 0; ; n++ {
		before, ok := asked.body.SystemPrompt(n)
		if !ok {
			break
		}
		after := prompt.Squeeze(before)
		if n == 0 && own != "" {
			after = own
		}
		s := squeezed{
			SHA256: fmt.Sprintf("%x", sha256.Sum256([]byte(before))), To: after, Target: c.Target,
			Before: asked.counter.Text(family, []byte(before)), After: asked.counter.Text(family, []byte(after)),
		}
		if c.Price != nil {
			s.PerMillion = c.Price.Cost(&pricing.Usage{Input: (s.Before - s.After) * 1_000_000}, p.clock())
		}
		all = append(all, s)
	}
	if *asJSON {
		return json.NewEncoder(p.out).Encode(all)
	}
	return p.printSqueezed(all)
}

func (p *program) printSqueezed(all []squeezed) error {
	proposed := 0
	for i, s := range all {
		if s.After >= s.Before {
			fmt.Fprintf(p.out, "# system prompt %d: %d tokens; nothing to leave out\n", i+1, s.Before)
			continue
		}
		if proposed++; proposed == 1 {
			fmt.Fprintln(p.out, "# A proposal. Read it against the original, mend it, say who has read it, and put it under a route:")
			fmt.Fprintln(p.out, "squeeze:")
		}
		fmt.Fprintf(p.out, "  # system prompt %d: %d tokens instead of %d for %s, $%s less per million requests at the price of plain input\n",
			i+1, s.After, s.Before, s.Target, s.PerMillion.Dollars())
		fmt.Fprintf(p.out, "  - sha256: %s\n    reviewed: \"\"\n    to: |-\n", s.SHA256)
		for line := range strings.SplitSeq(s.To, "\n") {
			fmt.Fprintln(p.out, strings.TrimRight("      "+line, " "))
		}
	}
	if len(all) == 0 {
		return fmt.Errorf("the request has no system prompt that another text could stand for: one text, without cache_control")
	}
	return nil
}
