package providers

import (
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

// TestPaceIsLearnt from the headers of OpenAI and of Anthropic; what they do not tell whole bounds nothing.
func TestPaceIsLearnt(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	f := func(headers map[string]string, tokens int64, want time.Duration) {
		t.Helper()
		var h fasthttp.ResponseHeader
		for name, value := range headers {
			h.Set(name, value)
		}
		c := &credential{}
		c.learn("m", &h, now)
		if got := c.paceWait("m", tokens, now); got.Round(time.Millisecond) != want {
			t.Errorf("%v: to wait %v, want %v", headers, got, want)
		}
	}
	openAI := func(left, reset string) map[string]string {
		return map[string]string{"x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": left, "x-ratelimit-reset-requests": reset}
	}
	f(openAI("0", "1m0s"), 0, time.Second) // it fills one a second
	f(openAI("1", "59s"), 0, 0)
	f(openAI("0", "60"), 0, time.Second)
	f(openAI("0", "soon"), 0, 0)
	f(openAI("", "60s"), 0, 0)
	f(map[string]string{"x-ratelimit-limit-tokens": "60000", "x-ratelimit-remaining-tokens": "10000", "x-ratelimit-reset-tokens": "50s"}, 15000, 5*time.Second)
	f(map[string]string{"x-ratelimit-limit-tokens": "60000", "x-ratelimit-remaining-tokens": "10000", "x-ratelimit-reset-tokens": "50s"}, 90000, 50*time.Second)
	f(map[string]string{
		"anthropic-ratelimit-requests-limit": "60", "anthropic-ratelimit-requests-remaining": "0", "anthropic-ratelimit-requests-reset": "2026-11-01T12:01:00Z",
	}, 0, time.Second)
	f(nil, 10, 0)
	f(openAI("0", "100h"), 0, longestRest)
}

// TestPaceCountsWhatIsUnderWay: requests that were sent, and not answered yet, count too, and the bucket fills meanwhile.
func TestPaceCountsWhatIsUnderWay(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	var h fasthttp.ResponseHeader
	h.Set("x-ratelimit-limit-requests", "60")
	h.Set("x-ratelimit-remaining-requests", "2")
	h.Set("x-ratelimit-reset-requests", "58s")
	c := &credential{}
	c.learn("m", &h, now)
	for range 2 {
		if wait := c.paceWait("m", 0, now); wait != 0 {
			t.Fatalf("to wait %v", wait)
		}
		c.asks("m", 0, now)
	}
	if wait := c.paceWait("m", 0, now); wait < 900*time.Millisecond || wait > time.Second {
		t.Errorf("after both to wait %v, want about a second", wait)
	}
	now = now.Add(time.Second)
	if wait := c.paceWait("m", 0, now); wait > 50*time.Millisecond {
		t.Errorf("a second later to wait %v", wait)
	}
	if wait := c.paceWait("other", 0, now); wait != 0 {
		t.Errorf("another target waits %v", wait)
	}
}

// TestKeyThatIsUsedUpIsNotAsked: what its headers told is enough, no 429 is needed.
func TestKeyThatIsUsedUpIsNotAsked(t *testing.T) {
	d := openDesk(t, Key{Value: "a"}, Key{Value: "b"})
	var h fasthttp.ResponseHeader
	h.Set("x-ratelimit-limit-requests", "60")
	h.Set("x-ratelimit-remaining-requests", "0")
	h.Set("x-ratelimit-reset-requests", "60m")
	d.keys[0].learn("fake/m", &h, d.now)
	for range 10 {
		if keys, err := d.ask(t, "", 0); err != nil || keys != "b" {
			t.Errorf("sent with %q, %v", keys, err)
		}
	}
	d.keys[1].learn("fake/m", &h, d.now)
	if keys, err := d.ask(t, "", 0); err == nil || keys != "" {
		t.Errorf("with both used up it was sent with %q, %v", keys, err)
	}
	d.pass(61 * time.Second)
	if keys, err := d.ask(t, "", 0); err != nil || len(keys) != 1 {
		t.Errorf("when one request has come free it was sent with %q, %v", keys, err)
	}
}

// TestAnswersWithoutLimitsCostNothing: most providers tell of none, and each answer is looked at.
func TestAnswersWithoutLimitsCostNothing(t *testing.T) {
	var key credential
	var head fasthttp.ResponseHeader
	head.Set("Content-Type", "application/json")
	now := time.Now()
	if n := testing.AllocsPerRun(100, func() { key.learn("openai/gpt-5", &head, now) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
