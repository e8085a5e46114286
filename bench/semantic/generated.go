package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// runGenerated makes traps of sixteen kinds and as many paraphrases from templates, and tries them all.
func runGenerated(n int, target float64) error {
	random := rand.New(rand.NewPCG(2026, 11))
	seen := map[string]bool{}
	trials := make([]trial, 0, 2*n)
	add := func(label, most int, make func() trial) {
		for tries := 0; most > 0 && tries < 50*n; tries++ {
			t := make()
			if key := t.A + "\n" + t.B; t.A != t.B && !seen[key] {
				seen[key] = true
				t.Label = label
				trials = append(trials, t)
				most--
			}
		}
	}
	g := generator{random}
	add(0, n, g.trap)
	add(1, n, g.paraphrase)
	return tryAll(trials, target)
}

type generator struct{ *rand.Rand }

func (g generator) of(list string) string {
	words := strings.Split(list, "|")
	return words[g.IntN(len(words))]
}

// two draws two different members.
func (g generator) two(list string) (string, string) {
	for {
		if a, b := g.of(list), g.of(list); a != b {
			return a, b
		}
	}
}

const (
	things    = "warranty|subscription|backup job|invoice template|mailing list|water filter|data export|parking permit|guest account|shipping label|firmware|webhook|meeting room|travel policy|insurance plan|loyalty card|battery pack|service contract|training course|report"
	people    = "Elena|Marcus|Priya|Tomasz|Ingrid|Kwame|Yuki|Rafael|Amina|Oliver|Beatriz|Stefan"
	places    = "Lisbon|Toronto|Nairobi|Osaka|Dublin|Santiago|Warsaw|Hanoi|Denver|Zurich"
	months    = "January|February|April|June|August|September|November"
	weekdays  = "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday"
	code      = "Python|Java|Rust|Ruby|Kotlin|Swift|JavaScript|Perl"
	languages = "French|German|Spanish|Italian|Polish|Japanese|Korean|Dutch"
	algorithm = "binary search|quicksort|a linked list|a stack|matrix multiplication|a web server|a priority queue|string reversal"
	opposites = "enable/disable|increase/decrease|open/close|lock/unlock|import/export|upload/download|start/stop|add/remove|approve/reject|install/uninstall|pause/resume|archive/restore"
	lengths   = "km/miles|kg/pounds|litres/gallons|minutes/hours|days/weeks|MB/GB|metres/feet|Celsius/Fahrenheit"
	openings  = "How do I|How can I|What is the way to|Please explain how to|What steps are needed to"
	verbs     = "renew|configure|transfer|print|share|replace|activate|review|rename|schedule"
	purposes  = "a rented flat|a second office|a minor|a charity|a test server|a former employee|a shared computer|an annual contract"
	aspects   = "cost|size|owner|origin|lifetime|colour|purpose|supplier"
	orders    = "before/after|with/without|inside/outside|above/below|during/after"
	amounts   = "all|some|none|most|half"
)

func (g generator) trap() trial {
	thing, opening, verb := g.of(things), g.of(openings), g.of(verbs)
	n := 2 + g.IntN(90)
	if g.IntN(16) >= 9 {
		return g.subtle(thing, opening, verb)
	}
	switch g.IntN(9) {
	case 0:
		f := "Does the " + thing + " cover up to %d users?"
		return trial{A: fmt.Sprintf(f, n), B: fmt.Sprintf(f, n+1+g.IntN(20)), Category: "number"}
	case 1:
		left, right, _ := strings.Cut(g.of(lengths), "/")
		f := "Is %d %s within the limit of the " + thing + "?"
		return trial{A: fmt.Sprintf(f, n, left), B: fmt.Sprintf(f, n, right), Category: "unit"}
	case 2:
		a, b := g.two(months)
		if g.IntN(2) == 0 {
			a, b = g.two(weekdays)
		}
		f := opening + " " + verb + " the " + thing + " in time for %s?"
		return trial{A: fmt.Sprintf(f, a), B: fmt.Sprintf(f, b), Category: "date"}
	case 3:
		a, b := g.two(people)
		f := "Which " + thing + " was assigned to %s last?"
		return trial{A: fmt.Sprintf(f, a), B: fmt.Sprintf(f, b), Category: "name"}
	case 4:
		a, b := "is", "is not"
		if g.IntN(2) == 0 {
			a, b = b, a
		}
		f := "What happens if the " + thing + " %s " + g.of("renewed|shared|confirmed|visible|complete|paid for") + " in " + g.of(places) + "?"
		return trial{A: fmt.Sprintf(f, a), B: fmt.Sprintf(f, b), Category: "negation"}
	case 5:
		left, right, _ := strings.Cut(g.of(opposites), "/")
		f := opening + " %s the " + thing + " of " + g.of(people) + "?"
		return trial{A: fmt.Sprintf(f, left), B: fmt.Sprintf(f, right), Category: "antonym"}
	case 6:
		a, b := g.two(people)
		if g.IntN(2) == 0 {
			a, b = g.two(places)
		}
		f := opening + " move the " + thing + " from %s to %s?"
		return trial{A: fmt.Sprintf(f, a, b), B: fmt.Sprintf(f, b, a), Category: "role swap"}
	case 7:
		a, b := g.two(languages)
		f := "How do you say " + thing + " in %s?"
		return trial{A: fmt.Sprintf(f, a), B: fmt.Sprintf(f, b), Category: "language"}
	default:
		if g.IntN(2) == 0 {
			a, b := g.two(code)
			f := "Write " + g.of(algorithm) + " in %s"
			return trial{A: fmt.Sprintf(f, a), B: fmt.Sprintf(f, b), Category: "code"}
		}
		a, b := g.two("x+y|x-y|x*y|x^y|x%y|x<y|x>y|x==y")
		f := "What does `%s` return when " + g.of("x|y") + fmt.Sprintf(" is %d?", n)
		return trial{A: fmt.Sprintf(f, a), B: fmt.Sprintf(f, b), Category: "code"}
	}
}

// subtle traps have no number, name or negation that would give them away: a word or two tell.
func (g generator) subtle(thing, opening, verb string) trial {
	switch g.IntN(7) {
	case 0:
		a, b := g.two(things)
		f := opening + " " + verb + " the %s?"
		return trial{A: fmt.Sprintf(f, a), B: fmt.Sprintf(f, b), Category: "other thing"}
	case 1:
		a, b := g.two(verbs)
		f := opening + " %s the " + thing + "?"
		return trial{A: fmt.Sprintf(f, a), B: fmt.Sprintf(f, b), Category: "other deed"}
	case 2:
		a, b := g.two("How do I|When do I have to|Why should I|Who can")
		return trial{A: a + " " + verb + " the " + thing + "?", B: b + " " + verb + " the " + thing + "?", Category: "other question"}
	case 3:
		plain := opening + " " + verb + " the " + thing
		return trial{A: plain + "?", B: plain + " for " + g.of(purposes) + "?", Category: "narrower"}
	case 4:
		a, b := g.two(aspects)
		f := g.of("What is the %s of the|Tell me the %s of the|I want to know the %s of the") + " " + thing
		return trial{A: fmt.Sprintf(f, a), B: fmt.Sprintf(f, b), Category: "other aspect"}
	case 5:
		left, right, _ := strings.Cut(g.of(orders), "/")
		f := "Can the " + thing + " be " + g.of("renewed|shared|printed|replaced|reviewed") + " %s the " + g.of("audit|holidays|inspection|migration") + "?"
		return trial{A: fmt.Sprintf(f, left), B: fmt.Sprintf(f, right), Category: "other order"}
	default:
		a, b := g.two(amounts)
		f := "What happens when %s of the " + thing + " records are " + g.of("lost|shared|archived|printed") + "?"
		return trial{A: fmt.Sprintf(f, a), B: fmt.Sprintf(f, b), Category: "other amount"}
	}
}

// alike are deeds in two words for one.
const alike = "renew/extend|configure/set up|transfer/hand over|share/give others access to|replace/swap out|activate/turn on|review/look over|rename/change the name of|schedule/plan|print/print out"

// paraphrase says the same in other words, with all that counts in it kept.
func (g generator) paraphrase() trial {
	thing, verb, who, n := g.of(things), g.of(verbs), g.of(people), 2+g.IntN(90)
	from, to := g.two(places)
	plain, other, _ := strings.Cut(g.of(alike), "/")
	audit := g.of("audit|holidays|inspection|migration")
	forms := [][]string{
		{"How do I " + verb + " the " + thing + "?", "How can I " + verb + " the " + thing + "?", "What is the way to " + verb + " the " + thing + "?", "Please explain how to " + verb + " the " + thing + ".", "What steps do I take to " + verb + " the " + thing + "?"},
		{fmt.Sprintf("Does the %s cover up to %d users?", thing, n), fmt.Sprintf("Are up to %d users covered by the %s?", n, thing), fmt.Sprintf("Can up to %d users be covered by the %s?", n, thing)},
		{"How do I move the " + thing + " from " + from + " to " + to + "?", "How do I move the " + thing + " to " + to + " from " + from + "?", "What's the way to move the " + thing + " from " + from + " to " + to + "?"},
		{"Which " + thing + " was assigned to " + who + " last?", "What " + thing + " was last assigned to " + who + "?", "Which was the last " + thing + " assigned to " + who + "?"},
		{"Why is the " + thing + " not available in " + from + "?", "Why isn't the " + thing + " available in " + from + "?", "What is the reason that the " + thing + " is not available in " + from + "?"},
		{fmt.Sprintf("What does the %s cost for %d people?", thing, n), fmt.Sprintf("How much does the %s cost for %d people?", thing, n), fmt.Sprintf("What is the cost of the %s for %d people?", thing, n)},
		{"Write " + g.of("quicksort|a stack|binary search") + " in " + g.of(code)},
		{"How do I " + plain + " the " + thing + "?", "How do I " + other + " the " + thing + "?", "What is the best way to " + other + " the " + thing + "?"},
		{"Can the " + thing + " be reviewed before the " + audit + "?", "Is it possible to review the " + thing + " before the " + audit + "?", "Before the " + audit + ", can the " + thing + " be reviewed?"},
		{"What is the " + g.of(aspects) + " of the " + thing + "?"},
		{"Who is responsible for the " + thing + " in " + from + "?", "Which person is responsible for the " + thing + " in " + from + "?", "In " + from + ", who is responsible for the " + thing + "?"},
		{"What happens if the " + thing + " is lost?", "What if the " + thing + " gets lost?", "What will happen if I lose the " + thing + "?"},
	}
	form := forms[g.IntN(len(forms))]
	if len(form) == 1 {
		return trial{A: form[0], B: g.politely(form[0]), Category: "paraphrase"}
	}
	return trial{A: form[g.IntN(len(form))], B: form[g.IntN(len(form))], Category: "paraphrase"}
}

// politely asks the same with an opening that says nothing.
func (g generator) politely(text string) string {
	if rest, order := strings.CutPrefix(text, "Write"); order {
		return g.of("Please write|Can you write|I need you to write") + rest
	}
	return g.of("Could you tell me |Do you know |I would like to know ") + strings.ToLower(text[:1]) + text[1:]
}
