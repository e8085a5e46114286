package prompt_test

import (
	"testing"

	"bursar/prompt"
	"bursar/tokens"
)

// TestWorkedExamples are requests whose prompt_tokens or input_tokens their providers have published, and what we make of them.
func TestWorkedExamples(t *testing.T) {
	f := func(source, model, body string, published, want int64) {
		t.Helper()
		got := mustRead(t, body).Measure(counter(), prompt.Target{Family: tokens.FamilyOf("", model), Model: model}).Tokens
		if got != want {
			t.Errorf("%s: %s: %d tokens, want %d; published are %d", source, model, got, want, published)
		}
	}
	// OpenAI's cookbook, "How to count tokens with tiktoken" (cookbook.openai.com/examples/how_to_count_tokens_with_tiktoken), as its API counted them.
	const jargon = `{"model":"m","messages":[
		{"role":"system","content":"You are a helpful, pattern-following assistant that translates corporate jargon into plain English."},
		{"role":"system","name":"example_user","content":"New synergies will help drive top-line growth."},
		{"role":"system","name":"example_assistant","content":"Things working well together will increase revenue."},
		{"role":"system","name":"example_user","content":"Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage."},
		{"role":"system","name":"example_assistant","content":"Let's talk later when we're less busy about how to do better."},
		{"role":"user","content":"This late pivot means we don't have time to boil the ocean for the client deliverable."}]}`
	const weather = `{"model":"m","messages":[
		{"role":"system","content":"You are a helpful assistant that can answer to questions about the weather."},
		{"role":"user","content":"What's the weather like in San Francisco?"}],
		"tools":[{"type":"function","function":{"name":"get_current_weather","description":"Get the current weather in a given location","parameters":{"type":"object","properties":{
			"location":{"type":"string","description":"The city and state, e.g. San Francisco, CA"},
			"unit":{"type":"string","description":"The unit of temperature to return","enum":["celsius","fahrenheit"]}},"required":["location"]}}}]}`
	const cookbook = "OpenAI's cookbook"
	f(cookbook, "gpt-3.5-turbo", jargon, 129, 129)
	f(cookbook, "gpt-4", jargon, 129, 129)
	f(cookbook, "gpt-4o", jargon, 124, 124)
	f(cookbook, "gpt-3.5-turbo", weather, 105, 105)
	f(cookbook, "gpt-4", weather, 105, 105)
	f(cookbook, "gpt-4o", weather, 101, 101)
	f(cookbook, "gpt-4o-mini", weather, 101, 101)

	// Anthropic's page on token counting (platform.claude.com/docs/en/build-with-claude/token-counting). Its tokenizer is not public: ours leans high, and more so where
	// tools come in, whose frame was measured at some 550 tokens where this page has some 350. What the provider reports corrects the count from the tenth request on.
	const counting = "Anthropic's page on token counting"
	f(counting, "claude-opus-4-6", `{"model":"m","messages":[{"role":"system","content":"You are a scientist"},{"role":"user","content":"Hello, Claude"}]}`, 14, 29)
	f(counting, "claude-opus-4-6", `{"model":"m","messages":[{"role":"user","content":"What's the weather like in San Francisco?"}],
		"tools":[{"type":"function","function":{"name":"get_weather","description":"Get the current weather in a given location","parameters":{"type":"object","properties":{
			"location":{"type":"string","description":"The city and state, e.g. San Francisco, CA"}},"required":["location"]}}}]}`, 403, 757)
}
