package router

import (
	"fmt"
	"strings"
)

// Text returns the explanation as a small tree:
//
//	auto, 812 prompt tokens, complexity 0.525 = 0.35 +0.18 reasoning
//	├─ no   short questions go cheap (line 31): complexity is 0.525, the route wants < 0.35
//	├─ seen hard work goes premium (line 43): observed only, it would go to premium
//	├─ yes  everything else (line 46): to asked
//	├─ rest the end (line 48): not read; it would match too, and go to cheap
//	└─ standard, because default
//	   ├─ 1. openai/gpt-5-mini
//	   ├─ left out: anthropic/claude-haiku-4-5, ANTHROPIC_API_KEY is not set
//	   └─ at most 1024 tokens answered, cache on, measured against anthropic/claude-sonnet-4-5
func (e *Explanation) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d prompt tokens, %s\n", e.Asked, e.PromptTokens, e.complexity())
	for i := range e.Routes {
		fmt.Fprintf(&b, "├─ %s\n", e.Routes[i].text())
	}
	if e.Escalates != "" {
		fmt.Fprintf(&b, "├─ %s\n", e.Escalates)
	}
	if e.Left != "" {
		fmt.Fprintf(&b, "├─ %s\n", e.Left)
	}
	if k := e.Kept; k != nil {
		fmt.Fprintf(&b, "├─ kept from %s: switch costs $%s, as %d turns are $%s here and $%s there\n", k.From, k.Costs, k.Turns, k.Stays, k.Moves)
	}
	if e.Fault != "" {
		fmt.Fprintf(&b, "└─ refused, because %s: %d %s\n", e.Reason, e.Status, e.Fault)
	} else {
		fmt.Fprintf(&b, "└─ %s, because %s\n", e.Model, e.Reason)
	}
	branches := e.branches()
	for i, branch := range branches {
		twig := "├─"
		if i == len(branches)-1 {
			twig = "└─"
		}
		fmt.Fprintf(&b, "   %s %s\n", twig, branch)
	}
	return b.String()
}

func (e *Explanation) complexity() string {
	if e.Complexity == nil {
		return "complexity not known"
	}
	text := "complexity " + decimal(*e.Complexity)
	for i, p := range e.Parts {
		if i == 0 {
			text += " = " + decimal(Neutral)
		}
		text += fmt.Sprintf(" %+.2f %s", p.Adds, p.Sign)
	}
	return text
}

func (v *Verdict) text() string {
	name := fmt.Sprintf("%s (line %d)", v.Route, v.Line)
	switch v.Verdict {
	case Decides:
		return fmt.Sprintf("yes  %s: to %s", name, v.To)
	case Observed:
		return fmt.Sprintf("seen %s: observed only, it would go to %s", name, v.To)
	case NotReached:
		if v.Key == "" {
			return fmt.Sprintf("rest %s: not read; it would match too, and go to %s", name, v.To)
		}
		return fmt.Sprintf("rest %s: not read; %s is %s, the route wants %s", name, v.Key, v.Value, v.Want)
	case NotForKey:
		return fmt.Sprintf("no   %s: the key may not use it, or not %s", name, v.To)
	default:
		return fmt.Sprintf("no   %s: %s is %s, the route wants %s", name, v.Key, v.Value, v.Want)
	}
}

// branches are the lines below the decision.
func (e *Explanation) branches() []string {
	var lines []string
	for i, target := range e.Candidates {
		lines = append(lines, fmt.Sprintf("%d. %s", i+1, target))
	}
	for i := range e.Targets {
		if t := &e.Targets[i]; !t.Usable {
			lines = append(lines, fmt.Sprintf("left out: %s, %s", t.Target, t.Obstacle))
		}
	}
	if e.Fault != "" {
		return lines
	}
	bounds := fmt.Sprintf("at most %d tokens answered, cache %s", e.MaxOutput, e.Cache)
	if e.Trim > 0 {
		bounds += fmt.Sprintf(", prompt trimmed to %d tokens", e.Trim)
	}
	if e.Baseline != "" {
		bounds += ", measured against " + e.Baseline
	}
	return append(lines, bounds)
}
