// Package opinion has another embedder judge what ours leaves open: one that speaks OpenAI's embeddings API, be it a provider or a server of
// the user's own.
//
// It is for the gray band alone, between pairs that the verifier accepts and those it refuses, and it is never waited for longer than its
// deadline: an answer that comes later is kept for the next time. It stands apart from package embed, which knows no network.
package opinion

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// LongestDeadline is the most that a request may be held up for a second opinion.
const LongestDeadline = 60 * time.Millisecond

// Options say whom to ask, and how long and how often.
type Options struct {
	URL       string        // of the API's root, as https://api.openai.com/v1
	Key       string        // bearer token; empty for servers that want none
	Model     string        // as text-embedding-3-small
	Dims      int           // coordinates to ask for; 0 leaves it to the model
	Deadline  time.Duration // how long Cosine waits; 0 means LongestDeadline, which is also the most
	CacheSize int           // bytes of vectors that are kept; 0 means 32 MB
	AtOnce    int           // requests under way at most; 0 means 16

	// Spent is called with the tokens of each request that was answered, in time or late, so that they are accounted for. It may be nil.
	Spent func(tokens int64)
}

// Client compares texts by another embedder's vectors. It is safe for concurrent use.
type Client struct {
	options Options
	address string
	http    *http.Client
	kept    *vectors
	breaker breaker
	turns   chan struct{} // one for each request under way
}

// slowest bounds a request whose answer nobody waits for any more.
const slowest = 5 * time.Second

// New checks the options and returns a client. It asks nothing yet.
func New(o Options) (*Client, error) {
	at, err := url.Parse(o.URL)
	switch {
	case err != nil:
		return nil, fmt.Errorf("embedder: url %q: %w", o.URL, err)
	case at.Scheme != "http" && at.Scheme != "https" || at.Host == "":
		return nil, fmt.Errorf("embedder: url %q: want the API's root, as https://api.openai.com/v1", o.URL)
	case at.RawQuery != "" || at.Fragment != "" || at.User != nil:
		return nil, fmt.Errorf("embedder: url of host %q: want no user, query or fragment in it", at.Host)
	case o.Model == "":
		return nil, errors.New("embedder: it needs a model, as text-embedding-3-small")
	case o.Dims < 0 || o.Dims > maxDims:
		return nil, fmt.Errorf("embedder: dims %d: want 1 to %d, or 0 for the model's own", o.Dims, maxDims)
	case o.Deadline < 0 || o.Deadline > LongestDeadline:
		return nil, fmt.Errorf("embedder: deadline %s: want at most %s, since requests wait for it", o.Deadline, LongestDeadline)
	case o.CacheSize < 0 || o.AtOnce < 0:
		return nil, fmt.Errorf("embedder: cache size %d and requests at once %d cannot be negative", o.CacheSize, o.AtOnce)
	}
	orElse := func(x *int, otherwise int) {
		if *x == 0 {
			*x = otherwise
		}
	}
	orElse(&o.CacheSize, 32<<20)
	orElse(&o.AtOnce, 16)
	if o.Deadline == 0 {
		o.Deadline = LongestDeadline
	}
	return &Client{
		options: o,
		address: strings.TrimSuffix(o.URL, "/") + "/embeddings",
		http:    &http.Client{Timeout: slowest, Transport: &http.Transport{MaxIdleConnsPerHost: o.AtOnce, IdleConnTimeout: 30 * time.Second}},
		kept:    newVectors(o.CacheSize),
		breaker: breaker{now: time.Now},
		turns:   make(chan struct{}, o.AtOnce),
	}, nil
}

// Version names the embedder: thresholds learned with one do not hold for another.
func (c *Client) Version() string {
	return fmt.Sprintf("%s %s %d", c.address, c.options.Model, c.options.Dims)
}

// Begin has texts embedded whose vectors are not kept yet, and waits for nothing.
func (c *Client) Begin(a, b string) {
	now, cancel := context.WithCancel(context.Background())
	cancel()
	c.Cosine(now, a, b)
}

// Kept returns how alike two texts are, if that is known already.
func (c *Client) Kept(a, b string) (float32, bool) {
	x, y := c.kept.get(a), c.kept.get(b)
	if x == nil || y == nil || len(x) != len(y) {
		return 0, false
	}
	var dot float64
	for i := range x {
		dot += float64(x[i]) * float64(y[i])
	}
	return float32(dot), true
}

// Cosine returns how alike two texts are. It reports false if that is not known within the deadline: because the embedder is slow, down or
// busy, or gave no use of an answer.
func (c *Client) Cosine(ctx context.Context, a, b string) (float32, bool) {
	x, y := c.kept.get(a), c.kept.get(b)
	var missing []string
	if x == nil {
		missing = append(missing, a)
	}
	if y == nil && a != b {
		missing = append(missing, b)
	}
	if len(missing) > 0 && !c.wait(ctx, missing) {
		return 0, false
	}
	return c.Kept(a, b)
}

// wait has texts embedded, and reports whether that was done in time. If not, it goes on without the caller.
func (c *Client) wait(ctx context.Context, texts []string) bool {
	if !c.breaker.allows() {
		return false
	}
	select {
	case c.turns <- struct{}{}:
	default:
		return false
	}
	done := make(chan bool, 1)
	go func() {
		defer func() { <-c.turns }()
		// The caller's context must not end it: what is on its way is paid for.
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), slowest)
		defer cancel()
		err := c.embed(late, texts)
		c.breaker.note(err == nil)
		done <- err == nil
	}()
	deadline := time.NewTimer(c.options.Deadline)
	defer deadline.Stop()
	select {
	case ok := <-done:
		return ok
	case <-deadline.C:
		return false
	case <-ctx.Done():
		return false
	}
}

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// unit brings a vector to length 1, and reports whether it has one.
func unit(v []float32) bool {
	var square float64
	for _, x := range v {
		square += float64(x) * float64(x)
	}
	if square == 0 || math.IsNaN(square) || math.IsInf(square, 0) {
		return false
	}
	for i := range v {
		v[i] = float32(float64(v[i]) / math.Sqrt(square))
	}
	return true
}
