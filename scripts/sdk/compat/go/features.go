package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// feature is something that a client can do. What it must hear is a recording of a real server: see internal/testkit/wireupstream.
type feature struct {
	name string
	try  func(ctx context.Context, t *trial) (note string, err error)
}

var features = []feature{
	{"answer", answer},
	{"stream", stream},
	{"tools", tools},
	{"streamed tools", streamedTools},
	{"thoughts", thoughts},
	{"structured output", structured},
	{"image", image},
	{"abort", abort},
	{"cut stream", cutStream},
	{"error", refused},
	{"wrong key", wrongKey},
	{"spent budget", spentBudget},
	{"retry", retry},
	{"token count", count},
	{"stored response", storedResponse},
	{"background", background},
}

func answer(ctx context.Context, t *trial) (string, error) {
	a, err := t.ask(ctx, question{})
	if err != nil {
		return "", err
	}
	if a.text == "" || a.whole || a.input != 82 || a.output != 16 {
		return "", fmt.Errorf("heard %+v", a)
	}
	return "", nil
}

func stream(ctx context.Context, t *trial) (string, error) {
	var pieces []string
	a, err := t.ask(ctx, question{pieces: func(text string) { pieces = append(pieces, text) }})
	if err != nil {
		return "", err
	}
	if len(pieces) < 2 || strings.Join(pieces, "") != a.text || !a.whole || a.input != 82 || a.output != 15 {
		return "", fmt.Errorf("heard %+v in %d pieces", a, len(pieces))
	}
	return "", nil
}

func tools(ctx context.Context, t *trial) (string, error) {
	first, err := t.ask(ctx, question{tools: true})
	if err != nil {
		return "", err
	}
	days := ""
	for _, c := range first.calls {
		days += fmt.Sprintf(" %s %d", c.name, daysOf(c))
	}
	if days != " get_weather 9 get_weather 9 get_weather 2" {
		return "", fmt.Errorf("heard%s", days)
	}
	second, err := t.ask(ctx, question{tools: true, before: first})
	if err != nil {
		return "", err
	}
	if !second.whole || len(second.calls) > 0 || second.text == "" {
		return "", fmt.Errorf("heard %+v of the results", second)
	}
	return "", nil
}

// daysOf is how many days a call asks the weather of Oslo for, -1 if of another city.
func daysOf(c call) int {
	var args struct {
		City string `json:"city"`
		Days int    `json:"days"`
	}
	if json.Unmarshal([]byte(c.args), &args) != nil || args.City != "Oslo" {
		return -1
	}
	return args.Days
}

func streamedTools(ctx context.Context, t *trial) (string, error) {
	a, err := t.ask(ctx, question{tools: true, pieces: func(string) {}})
	if err != nil {
		return "", err
	}
	for _, c := range a.calls {
		if c.name != toolName || daysOf(c) < 0 {
			return "", fmt.Errorf("heard the call %+v", c)
		}
	}
	if len(a.calls) == 0 {
		return "", errors.New("heard no calls")
	}
	return "", nil
}

func thoughts(ctx context.Context, t *trial) (string, error) {
	first, err := t.ask(ctx, question{model: "thinker", tools: true, thinks: true})
	if err != nil {
		return "", err
	}
	second, err := t.ask(ctx, question{model: "thinker", tools: true, thinks: true, before: first})
	switch {
	case err != nil:
		return "", err
	case second.text == "Rain, I think." && t.client.name == openaiChat.name: // its parameters have no place for what it does not know
		return "", flaw("leaves out what chat completions have no words for")
	case second.text != "Nine days of rain.":
		return "", fmt.Errorf("heard %+v", second)
	}
	return "", nil
}

func structured(ctx context.Context, t *trial) (string, error) {
	a, err := t.ask(ctx, question{structured: true})
	if err != nil {
		return "", err
	}
	var place struct {
		City string `json:"city"`
		Sure *bool  `json:"sure"`
	}
	if err := json.Unmarshal([]byte(a.text), &place); err != nil || place.City != "Paris" || place.Sure == nil || *place.Sure {
		return "", fmt.Errorf("heard %s: %v", a.text, err)
	}
	return "", nil
}

func image(ctx context.Context, t *trial) (string, error) {
	a, err := t.ask(ctx, question{model: "seeing", image: true})
	if err == nil && a.text == "" {
		err = errors.New("heard nothing")
	}
	return "", err
}

func abort(ctx context.Context, t *trial) (string, error) {
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	pieces := 0
	_, err := t.ask(ctx, question{most: longest, pieces: func(string) {
		if pieces++; pieces == 3 {
			leave()
		}
	}})
	if !errors.Is(err, context.Canceled) || pieces < 3 || pieces > 40 {
		return "", fmt.Errorf("left after %d pieces: %w", pieces, err)
	}
	return "", nil
}

// cutStream wants an error of a stream that breaks off midway, after its first pieces, and not a short answer.
func cutStream(ctx context.Context, t *trial) (string, error) {
	pieces := 0
	a, err := t.ask(ctx, question{model: "cut-4", pieces: func(string) { pieces++ }})
	if err == nil || pieces == 0 {
		return "", fmt.Errorf("heard %+v in %d pieces: %w", a, pieces, err)
	}
	return "", nil
}

// fails asks with a key, and wants a status.
func (t *trial) fails(ctx context.Context, key, model string, status int) error {
	a, err := t.dial(key)
	if err != nil {
		return err
	}
	_, err = a.ask(ctx, &question{model: model, text: something})
	if got := a.status(err); got != status {
		return fmt.Errorf("failed with %d, not %d: %w", got, status, err)
	}
	return nil
}

func refused(ctx context.Context, t *trial) (string, error) {
	return "", t.fails(ctx, t.keys["good"], "short", 400)
}

func wrongKey(ctx context.Context, t *trial) (string, error) {
	return "", t.fails(ctx, "sk-wrong", "tiny", 401)
}

func spentBudget(ctx context.Context, t *trial) (string, error) {
	if err := t.fails(ctx, t.keys["poor"], "tiny", t.client.spent); err != nil {
		return "", err
	}
	if n := t.requests.Load(); n != 1 {
		return fmt.Sprintf("asks %d times, though told not to", n), nil
	}
	return "", nil
}

func retry(ctx context.Context, t *trial) (string, error) {
	a, err := t.ask(ctx, question{model: "flaky-1", text: t.client.name})
	if err != nil {
		return "", err
	}
	if n := t.requests.Load(); a.text == "" || n != 2 {
		return "", fmt.Errorf("heard %+v after %d requests", a, n)
	}
	return "", nil
}

func count(ctx context.Context, t *trial) (string, error) {
	a, err := t.dial(t.keys["good"])
	if err != nil {
		return "", err
	}
	n, err := a.count(ctx, something)
	if err == nil && (n <= 3 || n >= 80) {
		err = fmt.Errorf("counted %d tokens", n)
	}
	return "", err
}
