// Package verify looks at a model's answer for what can be seen to be wrong with it without asking anybody: tool calls and JSON that do not fit
// their schema, answers that were cut off, refused, empty, or that repeat themselves; and it tells whether two answers say the same. It is
// separate from the router, which decides before there is any answer, and pure: no clock, no store, and no work beyond a bound,
// whatever the answer is.
package verify

import (
	"fmt"
	"strings"
)

// Check is one free check of an answer.
type Check uint8

// Checks, in the order in which they are made: the first that fails is told.
const (
	Parses      Check = iota // it is a chat completion with at least one choice; always made
	Complete                 // every choice ended by itself: not cut off, not filtered
	NotEmpty                 // every choice has a text or a tool call
	NotRefused               // none declines to answer
	ValidSchema              // tool calls and JSON fit what the request asked for
	NotRepeated              // none ends in a loop
	checkCount
)

var checkNames = [checkCount]string{"parses", "complete", "not_empty", "not_refused", "valid_schema", "not_repetitive"}

// String returns the word of the policy.
func (c Check) String() string {
	if c < checkCount {
		return checkNames[c]
	}
	return "unknown"
}

// Checks is a set of checks.
type Checks uint8

// All are all checks.
const All = Checks(1<<checkCount - 1)

// ParseChecks reads the words of a policy.
func ParseChecks(words []string) (Checks, error) {
	set := Checks(1) << Parses
next:
	for _, word := range words {
		for c, name := range checkNames {
			if name == word {
				set |= 1 << c
				continue next
			}
		}
		return 0, fmt.Errorf("there is no check %q: choose of %s", word, strings.Join(checkNames[1:], ", "))
	}
	return set, nil
}

// Has tells whether the set has a check.
func (s Checks) Has(c Check) bool { return s&(1<<c) != 0 }

// Verdict is what the checks found.
type Verdict struct {
	OK     bool
	Failed Check  // the first check that failed, if not OK
	Why    string // what was wrong, for operators: it names members and kinds, and quotes nothing of the answer's text
}

func failed(c Check, why string, args ...any) Verdict {
	return Verdict{Failed: c, Why: fmt.Sprintf(why, args...)}
}

// Answer checks a chat completion: a plain answer, as the provider gave it.
func (x *Expectation) Answer(body []byte, checks Checks) Verdict {
	a, err := read(body)
	if err != nil {
		return failed(Parses, "it is no chat completion: %v", err)
	}
	if len(a.Choices) == 0 {
		return failed(Parses, "it has no choices")
	}
	for c := Complete; c < checkCount; c++ {
		if !checks.Has(c) {
			continue
		}
		for i := range a.Choices {
			if v := x.choice(&a.Choices[i], c); !v.OK {
				return v
			}
		}
	}
	return Verdict{OK: true}
}

func (x *Expectation) choice(c *choice, check Check) Verdict {
	why := ""
	switch check {
	case Complete:
		switch c.Finish {
		case "stop", "tool_calls", "function_call":
		default:
			why = fmt.Sprintf("it ended with finish reason %q", short(c.Finish))
		}
	case NotEmpty:
		if len(c.calls()) == 0 && strings.TrimSpace(c.text()) == "" && c.Message.Refusal == "" {
			why = "it has neither text nor tool calls"
		}
	case NotRefused:
		if len(c.calls()) == 0 && (c.Message.Refusal != "" || refuses(c.text())) {
			why = "it declines to answer"
		}
	case ValidSchema:
		why = x.misfit(c)
	case NotRepeated:
		if loops(c.text()) {
			why = "its end repeats itself"
		}
	default:
	}
	if why != "" {
		return Verdict{Failed: check, Why: why}
	}
	return Verdict{OK: true}
}

// short bounds a word that came from outside.
func short(word string) string {
	const most = 40
	if len(word) > most {
		return word[:most] + "..."
	}
	return word
}

// Begins checks the beginning of an answer's text, of which more is to come: whether it declines to answer, and whether it has run into a loop.
func Begins(text []byte, checks Checks) bool {
	said := string(text[:min(len(text), mostBeginning)])
	return !(checks.Has(NotRefused) && refuses(said) || checks.Has(NotRepeated) && loops(said))
}

// mostBeginning bounds the beginning that is looked at, in bytes.
const mostBeginning = 1 << 20
