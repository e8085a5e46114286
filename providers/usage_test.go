package providers

import (
	"bytes"
	"encoding/json"
	"testing"

	"bursar/pricing"
)

func TestReadUsage(t *testing.T) {
	f := func(object string, want pricing.Usage) {
		t.Helper()
		got, ok := ReadUsage([]byte(object))
		if !ok || got != want {
			t.Errorf("%s\n is %+v (%v), want %+v", object, got, ok, want)
		}
	}
	f(`{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}`, pricing.Usage{Input: 10, Output: 5})
	f(`{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,"prompt_tokens_details":null,"completion_tokens_details":null}`, pricing.Usage{Input: 10, Output: 5})
	// OpenAI with all details: each is part of what holds it. Rejected predictions are output like any other.
	f(`{"prompt_tokens":1000,"completion_tokens":500,"total_tokens":1500,
		"prompt_tokens_details":{"cached_tokens":600,"cache_write_tokens":100,"audio_tokens":50},
		"completion_tokens_details":{"reasoning_tokens":300,"audio_tokens":20,"accepted_prediction_tokens":5,"rejected_prediction_tokens":7}}`,
		pricing.Usage{Input: 250, CacheRead: 600, CacheWrite: 100, AudioIn: 50, Output: 180, Reasoning: 300, AudioOut: 20})
	// DeepSeek and Moonshot say what was cached in words of their own; details win where both are.
	f(`{"prompt_tokens":100,"completion_tokens":5,"total_tokens":105,"prompt_cache_hit_tokens":60,"prompt_cache_miss_tokens":40}`, pricing.Usage{Input: 40, CacheRead: 60, Output: 5})
	f(`{"prompt_tokens":100,"completion_tokens":5,"total_tokens":105,"cached_tokens":60,"prompt_tokens_details":{"cached_tokens":64}}`, pricing.Usage{Input: 36, CacheRead: 64, Output: 5})
	// Gateways in front of Anthropic tell how long cache writes live; the hour is dearer. 5 minutes is the default.
	f(`{"prompt_tokens":9510,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":9000,"cache_creation_tokens":500,
		"cache_creation_token_details":{"ephemeral_5m_input_tokens":200,"ephemeral_1h_input_tokens":300}}}`, pricing.Usage{Input: 10, CacheRead: 9000, CacheWrite: 200, CacheWrite1h: 300, Output: 5})
	f(`{"prompt_tokens":9510,"completion_tokens":5,"cache_read_input_tokens":9000,"cache_creation_input_tokens":500}`, pricing.Usage{Input: 10, CacheRead: 9000, CacheWrite: 500, Output: 5})
	f(`{"prompt_tokens":100,"completion_tokens":5,"prompt_tokens_details":{"cache_creation_tokens":10,"cache_creation_token_details":{"ephemeral_1h_input_tokens":30}}}`,
		pricing.Usage{Input: 70, CacheWrite1h: 30, Output: 5})
	// xAI counts reasoning beside the completion, Gemini hides it in the total.
	f(`{"prompt_tokens":100,"completion_tokens":10,"total_tokens":200,"completion_tokens_details":{"reasoning_tokens":90}}`, pricing.Usage{Input: 100, Output: 10, Reasoning: 90})
	f(`{"prompt_tokens":100,"completion_tokens":10,"total_tokens":200}`, pricing.Usage{Input: 100, Output: 100})
	// Details that contradict their sum never make it larger or smaller.
	f(`{"prompt_tokens":10,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":99,"audio_tokens":4},"completion_tokens_details":{"reasoning_tokens":99}}`,
		pricing.Usage{AudioIn: 4, CacheRead: 6, Reasoning: 5})
	f(`{"prompt_tokens":1e2,"completion_tokens":5.0}`, pricing.Usage{Input: 100, Output: 5})
	f(`{"prompt_tokens":10,"completion_tokens":-5}`, pricing.Usage{Input: 10})
	f(`{"prompt_tokens":1e400,"completion_tokens":99999999999999999999}`, pricing.Usage{Input: mostTokens, Output: mostTokens})
}

func TestReadNoUsage(t *testing.T) {
	for _, text := range []string{
		``, `null`, `[]`, `{}`, `{"prompt_tokens":10}`, `{"completion_tokens":10}`, `{"prompt_tokens":null,"completion_tokens":1}`,
		`{"prompt_tokens":"10","completion_tokens":1}`, `{"prompt_tokens":0,"completion_tokens":0}`, `{"prompt_tokens":10,"completion_tokens":1`,
		`{"prompt_tokens":10,"completion_tokens":1}}`,
	} {
		if usage, ok := ReadUsage([]byte(text)); ok {
			t.Errorf("%q is read as %+v", text, usage)
		}
	}
}

// FuzzUsage checks that buckets are never negative and always sum up to what the provider said, or more where its total says so.
func FuzzUsage(f *testing.F) {
	f.Add([]byte(`{"prompt_tokens":1000,"completion_tokens":500,"total_tokens":1500,"prompt_tokens_details":{"cached_tokens":600,"audio_tokens":50},"completion_tokens_details":{"reasoning_tokens":300}}`))
	f.Add([]byte(`{"prompt_tokens":1,"completion_tokens":1,"total_tokens":99999999999999999999}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		u, ok := ReadUsage(text)
		if !ok {
			return
		}
		if !json.Valid(text) {
			t.Fatalf("%q is no JSON, but was read as %+v", text, u)
		}
		for _, n := range []int64{u.Input, u.CacheRead, u.CacheWrite, u.AudioIn, u.ImageIn, u.Output, u.Reasoning, u.AudioOut, u.ImageOut} {
			if n < 0 || n > mostTokens {
				t.Fatalf("%q: %+v has a bucket of %d", text, u, n)
			}
		}
		said := map[string]json.Number{}
		if bytes.ContainsRune(text, '\\') || json.Unmarshal(text, &said) != nil {
			return
		}
		if n, err := said["prompt_tokens"].Int64(); err == nil && n >= 0 && n <= mostTokens && u.Prompt() != n {
			t.Fatalf("%q: the prompt's buckets sum up to %d", text, u.Prompt())
		}
		if n, err := said["completion_tokens"].Int64(); err == nil && n >= 0 && n <= mostTokens && u.Completion() < n {
			t.Fatalf("%q: the completion's buckets sum up to %d", text, u.Completion())
		}
	})
}
