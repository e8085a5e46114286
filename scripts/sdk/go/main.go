// Command go drives calls through a gateway with openai-go. It is a module of its own, so that the gateway does not depend on the SDK.
//
//	go run . BASE_URL KEYS.json CALLS.jsonl RESULTS.jsonl
//
// It does what scripts/sdk/drive.mjs does in Node; the formats are told there.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

const (
	workers           = 3
	chunksBeforeAbort = 3
	waitBeforeAbort   = 60 * time.Millisecond // after the request was sent whole: by then the gateway has it, and must account for it
)

type call struct {
	ID    string          `json:"id"`
	Lane  int             `json:"lane"`
	Team  string          `json:"team"`
	Abort string          `json:"abort"`
	Body  json.RawMessage `json:"body"`
}

// attempt is one HTTP request, as RESULTS.jsonl has it.
type attempt struct {
	Client     string `json:"client"`
	Call       string `json:"call"`
	Attempt    int    `json:"attempt"`
	ID         string `json:"id"`
	Status     int    `json:"status"`
	Cache      string `json:"cache,omitempty"`
	CostUSD    string `json:"cost_usd,omitempty"`
	Outcome    string `json:"outcome"`
	Code       string `json:"code,omitempty"`
	Error      string `json:"error,omitempty"`
	Finish     string `json:"finish,omitempty"`
	Prompt     int64  `json:"prompt_tokens,omitempty"`
	Completion int64  `json:"completion_tokens,omitempty"`
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "drive:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 4 {
		return errors.New("usage: BASE_URL KEYS.json CALLS.jsonl RESULTS.jsonl")
	}
	clients, err := connect(args[0], args[1])
	if err != nil {
		return err
	}
	lanes, err := readLanes(args[2])
	if err != nil {
		return err
	}
	results, err := os.Create(args[3])
	if err != nil {
		return err
	}
	enc := json.NewEncoder(results)
	var mu sync.Mutex
	var failed error
	waiting := make(chan []call, len(lanes))
	for _, lane := range lanes {
		waiting <- lane
	}
	close(waiting)
	var running sync.WaitGroup
	for range workers {
		running.Go(func() {
			for lane := range waiting {
				for _, c := range lane {
					attempts := do(clients[c.Team], &c)
					mu.Lock()
					for _, a := range attempts {
						failed = errors.Join(failed, enc.Encode(a))
					}
					mu.Unlock()
				}
			}
		})
	}
	running.Wait()
	return errors.Join(failed, results.Close())
}

func connect(baseURL, keysFile string) (map[string]*openai.Client, error) {
	raw, err := os.ReadFile(keysFile)
	if err != nil {
		return nil, err
	}
	var keys map[string]string
	if err := json.Unmarshal(raw, &keys); err != nil {
		return nil, fmt.Errorf("%s: %w", keysFile, err)
	}
	clients := map[string]*openai.Client{}
	for team, key := range keys {
		client := openai.NewClient(option.WithBaseURL(baseURL), option.WithAPIKey(key))
		clients[team] = &client
	}
	return clients, nil
}

func readLanes(file string) ([][]call, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var lanes [][]call
	at := map[int]int{}
	for dec := json.NewDecoder(bufio.NewReader(f)); ; {
		var c call
		if err := dec.Decode(&c); errors.Is(err, io.EOF) {
			return lanes, nil
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		i, ok := at[c.Lane]
		if !ok {
			i = len(lanes)
			at[c.Lane] = i
			lanes = append(lanes, nil)
		}
		lanes[i] = append(lanes[i], c)
	}
}

// do makes one call and returns the HTTP requests that it took.
func do(client *openai.Client, c *call) []*attempt {
	ctx, abort := context.WithCancel(context.Background())
	defer abort()
	var attempts []*attempt
	counted := func(r *http.Request, next option.MiddlewareNext) (*http.Response, error) {
		a := &attempt{Client: "go", Call: c.ID, Attempt: len(attempts), Outcome: "error"}
		attempts = append(attempts, a)
		r.Header.Set("x-bursar-tag-call", c.ID)
		r.Header.Set("x-bursar-tag-attempt", strconv.Itoa(a.Attempt))
		response, err := next(r)
		if response != nil {
			h := response.Header
			a.Status, a.ID, a.Cache, a.CostUSD = response.StatusCode, h.Get("x-bursar-request-id"), h.Get("x-bursar-cache"), h.Get("x-bursar-cost-usd")
		}
		return response, err
	}
	result := attempt{Outcome: "answered"}
	err := ask(ctx, abort, client, c, &result, option.WithMiddleware(counted))
	switch {
	case ctx.Err() != nil:
		result.Outcome = "aborted"
	case err == nil && result.Finish == "":
		err = errors.New("the answer has no finish_reason")
		fallthrough
	case err != nil:
		result.Outcome = "error"
	}
	if err != nil {
		result.Error = err.Error()
		var told *openai.Error
		if errors.As(err, &told) {
			result.Code, result.Error = told.Code, told.Message
		}
	}
	if len(attempts) == 0 { // it failed before it was sent
		attempts = append(attempts, &attempt{Client: "go", Call: c.ID})
	}
	last := attempts[len(attempts)-1]
	last.Outcome, last.Error, last.Code, last.Finish = result.Outcome, result.Error, result.Code, result.Finish
	last.Prompt, last.Completion = result.Prompt, result.Completion
	return attempts
}

func ask(ctx context.Context, abort func(), client *openai.Client, c *call, result *attempt, options ...option.RequestOption) error {
	var shape struct{ Stream bool }
	var params openai.ChatCompletionNewParams
	if err := errors.Join(json.Unmarshal(c.Body, &shape), json.Unmarshal(c.Body, &params)); err != nil {
		return err
	}
	if shape.Stream {
		return readStream(ctx, abort, client, c, params, result, options)
	}
	if c.Abort == "plain" {
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
			WroteRequest: func(httptrace.WroteRequestInfo) { time.AfterFunc(waitBeforeAbort, abort) },
		})
	}
	answer, err := client.Chat.Completions.New(ctx, params, options...)
	if err != nil {
		return err
	}
	if len(answer.Choices) > 0 {
		result.Finish = answer.Choices[0].FinishReason
	}
	result.Prompt, result.Completion = answer.Usage.PromptTokens, answer.Usage.CompletionTokens
	return nil
}

func readStream(ctx context.Context, abort func(), client *openai.Client, c *call, params openai.ChatCompletionNewParams, result *attempt, options []option.RequestOption) error {
	stream := client.Chat.Completions.NewStreaming(ctx, params, options...)
	defer stream.Close()
	var whole openai.ChatCompletionAccumulator
	for chunks := 1; stream.Next(); chunks++ {
		if !whole.AddChunk(stream.Current()) {
			return errors.New("the SDK cannot put the chunks of this stream together")
		}
		if c.Abort == "stream" && chunks == chunksBeforeAbort {
			abort()
		}
	}
	if len(whole.Choices) > 0 {
		result.Finish = whole.Choices[0].FinishReason
	}
	result.Prompt, result.Completion = whole.Usage.PromptTokens, whole.Usage.CompletionTokens
	return stream.Err()
}
