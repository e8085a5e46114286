package main

import (
	"math/rand/v2"
	"strings"
)

// openings are ways to begin a question that make no difference to what is asked. Labelled data has few of them; people use them all.
var openings = [][]string{
	{"how do i ", "how can i ", "how could i ", "how should i ", "how to ", "how do you ", "what is the way to ", "what's the best way to ", "tell me how to ", "i want to know how to ", "explain how to ", "what do i have to do to ", "how would i "},
	{"what is ", "what's ", "tell me what is ", "can you tell me what is ", "do you know what is ", "i'd like to know what is "},
	{"can i ", "could i ", "is it possible to ", "am i able to ", "may i ", "am i allowed to "},
	{"how many ", "what number of ", "tell me how many "},
	{"how much does ", "tell me how much does ", "do you know how much does "},
	{"where can i find ", "where do i find ", "where is ", "where would i find "},
	{"which ", "what "},
	{"why is ", "how come is ", "tell me why is ", "what is the reason that "},
	{"does ", "do you know if ", "tell me if ", "can you tell me whether "},
}

var greetings = []string{"hi, ", "hello, ", "hey, ", "please: ", "quick question: ", "so, "}

var endings = []string{"", "?", " please", " thanks", ", please?", " ?", "."}

// reopened makes pairs that begin otherwise and mean the same, and pairs that begin otherwise and do not, from pairs with a label.
func reopened(pairs []labelled, seed uint64) []labelled {
	random := rand.New(rand.NewPCG(seed, 5))
	var made []labelled
	for _, p := range pairs {
		if other := reopen(p.A, random); other != "" && random.IntN(3) == 0 {
			made = append(made, labelled{A: p.A, B: other, Label: 1, Kind: "opening", Source: p.Source})
		}
		if other := reopen(p.B, random); other != "" && p.Label == 0 && random.IntN(3) == 0 {
			made = append(made, labelled{A: p.A, B: other, Label: 0, Kind: "opening-other", Source: p.Source})
		}
	}
	return made
}

// reopen begins and ends a question otherwise; "" if it begins in no known way.
func reopen(text string, random *rand.Rand) string {
	lower := strings.ToLower(text)
	for _, group := range openings {
		for _, opening := range group {
			if !strings.HasPrefix(lower, opening) {
				continue
			}
			rest := strings.TrimRight(text[len(opening):], "?. ")
			begin := group[random.IntN(len(group))]
			if random.IntN(4) == 0 {
				begin = greetings[random.IntN(len(greetings))] + begin
			} else if random.IntN(2) == 0 {
				begin = strings.ToUpper(begin[:1]) + begin[1:]
			}
			return begin + rest + endings[random.IntN(len(endings))]
		}
	}
	return ""
}
