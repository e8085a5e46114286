// Command go asks everything of a gateway that the official clients for Go can ask. It is a module of its own, so that the gateway does not depend
// on them.
//
//	go run . GATEWAY KEYS.json RESULTS.jsonl
//
// It does what scripts/sdk/compat/run.mjs does in Node; the formats are told there.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"
)

// client is a client of one API.
type client struct {
	name   string
	module string
	spent  int // the status of a budget that is spent
	dial   func(gateway, key string, transport *http.Client) (asker, error)
}

// asker asks a gateway in a client's own way.
type asker interface {
	ask(ctx context.Context, q *question) (*heard, error)
	count(ctx context.Context, text string) (int64, error) // errNone if the API has no such thing
	status(err error) int
}

// question is one call. Pieces, if not nil, makes it a stream.
type question struct {
	model, text              string
	tools, structured, image bool
	thinks                   bool
	most                     int
	before                   *heard // the calls whose results are sent
	pieces                   func(text string)
}

// heard is an answer.
type heard struct {
	text          string
	calls         []call
	whole         bool // it ended by itself
	input, output int64
	raw           any // as the client gave it
}

type call struct {
	id, name string
	args     string
}

var (
	errNone   = errors.New("the API has no such thing")
	clients   = []client{openaiChat, openaiResponses, anthropicMessages, googleGenAI}
	weather   = json.RawMessage(`{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer"}},"required":["city","days"],"additionalProperties":false}`)
	place     = json.RawMessage(`{"type":"object","properties":{"city":{"type":"string","enum":["Paris","Rome"]},"sure":{"type":"boolean"}},"required":["city","sure"],"additionalProperties":false}`)
	slow      = time.Minute // a client that hangs has failed
	something = "What is the weather like?"
)

const (
	toolName = "get_weather"
	pixel    = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
	longest  = 3000 // tokens; the recording takes two seconds, so that there is time to leave
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "ask:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 3 {
		return errors.New("usage: GATEWAY KEYS.json RESULTS.jsonl")
	}
	raw, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	var keys map[string]string
	if err := json.Unmarshal(raw, &keys); err != nil {
		return fmt.Errorf("%s: %w", args[1], err)
	}
	out, err := os.Create(args[2])
	if err != nil {
		return err
	}
	enc := json.NewEncoder(out)
	for _, c := range clients {
		for _, f := range features {
			r := c.result(f, args[0], keys)
			if f.name == "abort" && r.OK == false { // late: on a busy machine the rest of the stream may have come already
				r = c.result(f, args[0], keys)
			}
			if err := enc.Encode(r); err != nil {
				return err
			}
		}
	}
	return out.Close()
}

// result is one line of the results.
type result struct {
	Client  string `json:"client"`
	Package string `json:"package"`
	Version string `json:"version"`
	Feature string `json:"feature"`
	OK      any    `json:"ok"`
	Note    string `json:"note"`
}

func (c *client) result(f feature, gateway string, keys map[string]string) result {
	r := result{Client: c.name, Package: c.module, Version: version(c.module), Feature: f.name}
	trial := trial{client: c, gateway: gateway, keys: keys}
	ctx, cancel := context.WithTimeout(context.Background(), slow)
	defer cancel()
	note, err := f.try(ctx, &trial)
	if errors.Is(err, errNone) {
		return r
	}
	var own flaw
	switch {
	case errors.As(err, &own):
		r.OK, r.Note = "no", string(own)
	case err != nil:
		r.OK, r.Note = false, strings.ReplaceAll(err.Error(), "\n", " ")
	default:
		r.OK, r.Note = true, note
	}
	return r
}

// flaw is something that a client is known to do wrong by itself.
type flaw string

func (f flaw) Error() string { return string(f) }

// version is that of a module, as it was built in.
func version(module string) string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			if dep.Path == module {
				return strings.TrimPrefix(dep.Version, "v")
			}
		}
	}
	return "?"
}

// trial is one client asked for one feature, with its requests counted.
type trial struct {
	client   *client
	gateway  string
	keys     map[string]string
	requests atomic.Int64
}

func (t *trial) dial(key string) (asker, error) {
	return t.client.dial(t.gateway, key, &http.Client{Transport: t})
}

// RoundTrip counts a request.
func (t *trial) RoundTrip(r *http.Request) (*http.Response, error) {
	t.requests.Add(1)
	return http.DefaultTransport.RoundTrip(r)
}

// ask asks with the good key.
func (t *trial) ask(ctx context.Context, q question) (*heard, error) {
	a, err := t.dial(t.keys["good"])
	if err != nil {
		return nil, err
	}
	if q.model == "" {
		q.model = "tiny"
	}
	if q.text == "" {
		q.text = something
	}
	return a.ask(ctx, &q)
}
