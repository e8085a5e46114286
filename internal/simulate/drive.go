// Package simulate is the demo's world: a simulated provider with a cheap and a premium model, a sample of traffic from five teams,
// and the clients that send it. It is separate from the gateway, which it meets over HTTP only, as any client does.
package simulate

import (
	"bufio"
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Policies is the demo's policy. UPSTREAM in it stands for the address of the simulated provider.
//
//go:embed policies.yaml
var Policies string

// Teams are the teams of the sample, with what each does.
func Teams() []Team {
	return []Team{
		{"storefront", "chatbot"}, {"platform", "coding assistant"}, {"support", "support bot"}, {"research", "summariser"}, {"search", "query rewriting"},
	}
}

// Team is one team of the sample.
type Team struct{ Name, Use string }

// Clients send conversations to a gateway.
type Clients struct {
	BaseURL string            // with /v1 at its end
	Keys    map[string]string // team to key
	Workers int               // conversations at once
	Sent    func()            // called after each request; may be nil
}

// Tally is what the clients saw.
type Tally struct {
	Requests int            `json:"requests"`
	Status   map[int]int    `json:"status"`
	Cache    map[string]int `json:"cache"`
}

// Drive sends the conversations, in their order, several at once. A conversation ends early when its team's budget is spent.
func (c *Clients) Drive(conversations []Conversation) (Tally, error) {
	var (
		mu     sync.Mutex
		failed error
		wait   sync.WaitGroup
		queue  = make(chan Conversation)
		tally  = Tally{Status: map[int]int{}, Cache: map[string]int{}}
		client = &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: c.Workers}}
	)
	note := func(a answer) {
		mu.Lock()
		defer mu.Unlock()
		tally.Requests++
		tally.Status[a.status]++
		if a.cache != "" {
			tally.Cache[a.cache]++
		}
		if c.Sent != nil {
			c.Sent()
		}
	}
	for range c.Workers {
		wait.Go(func() {
			for conversation := range queue {
				if err := c.converse(client, conversation, note); err != nil {
					mu.Lock()
					failed = err
					mu.Unlock()
				}
			}
		})
	}
	for _, conversation := range conversations {
		queue <- conversation
	}
	close(queue)
	wait.Wait()
	client.CloseIdleConnections()
	return tally, failed
}

// converse carries one conversation to its end.
func (c *Clients) converse(client *http.Client, talk Conversation, note func(answer)) error {
	history := []message{{Role: "system", Content: &talk.System}}
	for _, says := range talk.Says {
		history = append(history, message{Role: "user", Content: &says})
		for round := 0; ; round++ {
			a, err := c.send(client, talk, history)
			if err != nil {
				return fmt.Errorf("team %s: %w", talk.Team, err)
			}
			note(a)
			if a.status != http.StatusOK {
				return nil
			}
			history = append(history, a.said)
			if len(a.said.ToolCalls) == 0 || round >= talk.MaxTool {
				break
			}
			result := toolResult
			history = append(history, message{Role: "tool", Content: &result, ToolCallID: "call_1"})
		}
	}
	return nil
}

// toolResult is what read_file finds: JSON, written for people, as tools tend to answer.
const toolResult = `{
    "path": "src/billing/invoice.go",
    "lines": 42,
    "content": "func Total(lines []Line) Money {\n\tvar sum Money\n\tfor _, l := range lines {\n\t\tif !l.Cancelled {\n\t\t\tsum += l.Price * Money(l.Quantity)\n\t\t}\n\t}\n\treturn sum\n}",
    "owner":   "billing",
    "tests":   [ "TestTotal", "TestTotalOfNothing" ]
}`

type answer struct {
	status int
	cache  string
	said   message
}

func (c *Clients) send(client *http.Client, talk Conversation, history []message) (answer, error) {
	request := map[string]any{"model": talk.Model, "messages": history}
	if talk.Stream {
		request["stream"] = true
	}
	if len(talk.Tools) > 0 {
		request["tools"] = talk.Tools
	}
	body, err := json.Marshal(request)
	if err != nil {
		return answer{}, err
	}
	r, err := http.NewRequest(http.MethodPost, c.BaseURL+"/chat/completions", bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+c.Keys[talk.Team])
	response, err := client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	a := answer{status: response.StatusCode, cache: response.Header.Get("x-bursar-cache")}
	switch {
	case a.status != http.StatusOK:
		_, err = io.Copy(io.Discard, response.Body)
	case talk.Stream:
		a.said, err = readStream(response.Body)
	default:
		a.said, err = readPlain(response.Body)
	}
	return a, err
}

func readPlain(body io.Reader) (message, error) {
	var plain struct {
		Choices []struct{ Message message } `json:"choices"`
	}
	if err := json.NewDecoder(body).Decode(&plain); err != nil {
		return message{}, fmt.Errorf("read the answer: %w", err)
	}
	if len(plain.Choices) == 0 {
		return message{}, fmt.Errorf("the answer has no choices")
	}
	return plain.Choices[0].Message, nil
}

// readStream puts a streamed answer together. The sample streams no tool calls.
func readStream(body io.Reader) (message, error) {
	var text strings.Builder
	lines := bufio.NewScanner(body)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		if data == "[DONE]" {
			said := text.String()
			return message{Role: "assistant", Content: &said}, nil
		}
		var chunk struct {
			Choices []struct {
				Delta struct{ Content string } `json:"delta"`
			} `json:"choices"`
		}
		if err := json.Unmarshal([]byte(data), &chunk); err != nil {
			return message{}, fmt.Errorf("read a chunk: %w", err)
		}
		for _, choice := range chunk.Choices {
			text.WriteString(choice.Delta.Content)
		}
	}
	return message{}, fmt.Errorf("the stream ended without [DONE]: %w", lines.Err())
}
