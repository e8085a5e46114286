package simulate

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
)

// Conversation is one client's exchange with a model: each of Says is sent with all that was said before it.
type Conversation struct {
	Team    string
	Model   string // what the client asks for
	Stream  bool
	Tools   []json.RawMessage
	System  string
	Says    []string
	MaxTool int // rounds of tool calls that the client carries out per turn
}

// Requests is how many requests the conversation makes at least: one for each thing the user says.
func (c *Conversation) Requests() int { return len(c.Says) }

// Traffic is the demo's sample: shaped like real traffic in turns, lengths, tools, repeats, paraphrases and bursts. The order is a
// mix of all teams in which a team's requests come in bursts. The same seed gives the same sample.
func Traffic(seed uint64) []Conversation {
	random := rand.New(rand.NewPCG(seed, 0xb0b5))
	var bursts [][]Conversation
	add := func(conversations []Conversation, size int) {
		for len(conversations) > 0 {
			n := min(len(conversations), 1+random.IntN(size))
			bursts = append(bursts, conversations[:n])
			conversations = conversations[n:]
		}
	}
	add(storefront(random), 3)
	add(platform(random), 2)
	add(support(random), 8)
	add(research(random), 6)
	add(search(random), 15)
	random.Shuffle(len(bursts), func(i, j int) { bursts[i], bursts[j] = bursts[j], bursts[i] })
	var all []Conversation
	for _, burst := range bursts {
		all = append(all, burst...)
	}
	return all
}

// storefront is a chatbot: a few short turns each, about products.
func storefront(random *rand.Rand) []Conversation {
	all := make([]Conversation, 0, 40)
	for range 40 {
		product := pick(random, products)
		says := []string{fmt.Sprintf(pick(random, openings), product)}
		for range random.IntN(4) {
			says = append(says, pick(random, followUps))
		}
		all = append(all, Conversation{Team: "storefront", Model: "auto", Stream: true, System: "You are the friendly guide of a small outdoor shop.", Says: says})
	}
	return all
}

// platform is a coding assistant: tools, long tool results, turns that build on each other.
func platform(random *rand.Rand) []Conversation {
	tools := []json.RawMessage{
		json.RawMessage(`{"type":"function","function":{"name":"read_file","description":"Read a file of the repository","parameters":{"type":"object","properties":{"path":{"type":"string","description":"path from the root"}},"required":["path"]}}}`),
		json.RawMessage(`{"type":"function","function":{"name":"run_tests","description":"Run the tests of a package","parameters":{"type":"object","properties":{"package":{"type":"string"}},"required":["package"]}}}`),
	}
	all := make([]Conversation, 0, 22)
	for range 22 {
		says := []string{fmt.Sprintf(pick(random, codingTasks), pick(random, sources))}
		for range 1 + random.IntN(3) {
			says = append(says, pick(random, codingFollowUps))
		}
		all = append(all, Conversation{
			Team: "platform", Model: "auto", Tools: tools, MaxTool: 2, Says: says,
			System: "You are a careful engineer. Read before you write, change as little as possible, and run the tests.",
		})
	}
	return all
}

// support is a support bot: the same few questions over and over, in the same words and in others.
func support(random *rand.Rand) []Conversation {
	all := make([]Conversation, 0, 130)
	for range 130 {
		// A few questions make up most of the traffic.
		group := questions[min(random.IntN(len(questions)), random.IntN(len(questions)))]
		wording := group[0]
		if random.IntN(3) == 0 {
			wording = group[1+random.IntN(len(group)-1)]
		}
		all = append(all, Conversation{Team: "support", Model: "auto", System: "Answer questions about our web shop in two sentences.", Says: []string{wording}})
	}
	return all
}

// research is a summariser: long texts, and a nightly job that runs over all of them again.
func research(random *rand.Rand) []Conversation {
	all := make([]Conversation, 0, 44)
	for i := range 22 {
		var text strings.Builder
		for range 8 + random.IntN(40) {
			text.WriteString(pick(random, reportLines))
			text.WriteByte(' ')
		}
		all = append(all, Conversation{
			Team: "research", Model: "auto", Stream: i%2 == 0, System: "Summarise the report in three sentences for a busy reader.",
			Says: []string{fmt.Sprintf("Report %d. %s", i+1, text.String())},
		})
	}
	again := append([]Conversation(nil), all...)
	for i := range again {
		again[i].Stream = !again[i].Stream // the job asks for plain what was streamed, and the other way round
	}
	return append(all, again...)
}

// search rewrites queries: one short turn each, in bursts, most of them asked before.
func search(random *rand.Rand) []Conversation {
	all := make([]Conversation, 0, 220)
	for range 220 {
		q := queries[min(random.IntN(len(queries)), random.IntN(len(queries)))]
		all = append(all, Conversation{Team: "search", Model: "cheap", System: "Rewrite the query for a product search engine.", Says: []string{q}})
	}
	return all
}

func pick(random *rand.Rand, from []string) string { return from[random.IntN(len(from))] }
