package providers

import (
	"errors"
	"io"
	"testing"

	"bursar/internal/jsonspan"
	"bursar/internal/testkit"
	"bursar/pricing"
)

// TestUsageOfSeveralChoices checks that a stream and the plain answer made of it add up to the same.
func TestUsageOfSeveralChoices(t *testing.T) {
	fake := testkit.NewUpstream(t)
	const choices = `data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"},{"index":1,"delta":{"content":"b"},"finish_reason":"stop"}]}` + "\n\n"
	f := func(want string, buckets pricing.Usage, usages ...string) {
		t.Helper()
		sse := choices
		for _, usage := range usages {
			sse += `data: {"choices":[],"usage":` + usage + "}\n\n"
		}
		sse += "data: [DONE]\n\n"
		plain, err := PlainOf([]byte(sse), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := jsonspan.Get(plain, "usage"); string(got.Of(plain)) != want {
			t.Errorf("usage is %s, want %s", got.Of(plain), want)
		}
		if got, ok := ReadUsage([]byte(want)); !ok || got != buckets {
			t.Errorf("%s is read as %+v, want %+v", want, got, buckets)
		}
		fake.On("m", testkit.Script{Body: sse})
		call := chat("m", true)
		call.N = 2
		answer, err := newUpstream(t, fake, nil).Call(call)
		for err == nil {
			_, err = answer.Stream.Next()
		}
		if !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		if got, _ := answer.Stream.Usage(); got != buckets {
			t.Errorf("the stream used %+v, want %+v", got, buckets)
		}
		answer.Release()
	}
	f(`{"prompt_tokens":26,"completion_tokens":5,"total_tokens":31}`, pricing.Usage{Input: 26, Output: 5},
		`{"prompt_tokens":26,"completion_tokens":5,"total_tokens":31}`)
	f(`{"completion_tokens": 12 ,"prompt_tokens":26,"total_tokens":38,"prompt_tokens_details":{"cached_tokens":20}}`, pricing.Usage{Input: 6, CacheRead: 20, Output: 12},
		`{"completion_tokens":5,"prompt_tokens":26,"total_tokens":31}`,
		`{"completion_tokens": 7 ,"prompt_tokens":26,"total_tokens":33,"prompt_tokens_details":{"cached_tokens":20}}`)
	f(`{"prompt_tokens":1,"completion_tokens":9,"completion_tokens_details":{"reasoning_tokens":4,"x":null}}`, pricing.Usage{Input: 1, Output: 5, Reasoning: 4},
		`{"prompt_tokens":1,"completion_tokens":4,"completion_tokens_details":{"reasoning_tokens":1}}`,
		`{"prompt_tokens":1,"completion_tokens":5,"completion_tokens_details":{"reasoning_tokens":3,"x":null}}`, `{}`)
}
