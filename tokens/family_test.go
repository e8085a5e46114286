package tokens

import "testing"

func TestFamilyOf(t *testing.T) {
	f := func(provider, model string, want Family) {
		t.Helper()
		if got := FamilyOf(provider, model); got != want {
			t.Errorf("family of %q at %q is %v, want %v", model, provider, got, want)
		}
	}
	// OpenAI's table; the order traps are gpt-4o before gpt-4, with and without ft:.
	for _, model := range []string{
		"gpt-4o", "gpt-4o-mini", "gpt-4o-2024-08-06", "gpt-4o-audio-preview", "chatgpt-4o-latest", "gpt-4.1", "gpt-4.1-nano-2025-04-14", "gpt-4.5-preview",
		"o1", "o1-mini", "o1-2024-12-17", "o3", "o3-mini", "o3-deep-research", "o4-mini", "codex-mini-latest",
		"ft:gpt-4o-2024-08-06:acme::9xYz", "ft:gpt-4o-mini-2024-07-18:acme:gpt-4:1", "ft:gpt-4.1-mini:acme", "openai/gpt-4o", "OpenAI/GPT-4o", "openai/gpt-4o:free",
	} {
		f("openai", model, O200k)
	}
	for _, model := range []string{"gpt-5", "gpt-5-mini", "gpt-5-2025-08-07", "gpt-5.1", "gpt-5.2-pro", "gpt-5-chat-latest", "openai/gpt-5-nano"} {
		f("openai", model, GPT5)
	}
	f("openai", "gpt-5-codex", Codex)
	f("openai", "gpt-5.1-codex-mini", Codex)
	for _, model := range []string{"gpt-oss-120b", "openai/gpt-oss-20b", "gpt-oss:20b", "openai.gpt-oss-120b-1:0"} {
		f("groq", model, Harmony)
	}
	for _, model := range []string{
		"gpt-4", "gpt-4-0613", "gpt-4-32k", "gpt-4-turbo", "gpt-4-1106-preview", "gpt-3.5-turbo", "gpt-3.5-turbo-0125", "gpt-3.5", "ft:gpt-4-0613:acme", "ft:gpt-3.5-turbo:acme::1",
		"gpt-35-turbo", "gpt-35-turbo-16k", "text-embedding-ada-002", "text-embedding-3-small", "text-embedding-3-large", "davinci-002", "babbage-002", "ft:davinci-002:acme", "openai/gpt-4-turbo",
	} {
		f("azure", model, CL100k)
	}
	for _, model := range []string{"gpt-4.2", "gpt-6", "o10", "gpt-4opus", "text-davinci-003", "my-deployment", "", "ft:", "/"} {
		f("openai", model, Unknown)
	}

	for _, model := range []string{
		"claude-3-5-sonnet-20241022", "claude-3-opus-latest", "claude-sonnet-4-20250514", "claude-sonnet-4-5", "claude-opus-4-1-20250805", "claude-opus-4-20250514",
		"claude-opus-4-6", "claude-haiku-4-5", "anthropic/claude-3.7-sonnet", "anthropic/claude-opus-4.5", "us.anthropic.claude-sonnet-4-20250514-v1:0",
		"claude-opus-4@20250514", "anthropic.claude-v2:1", "anthropic/claude-opus-4",
	} {
		f("anthropic", model, Claude)
	}
	for _, model := range []string{"claude-opus-4-7", "claude-opus-4-8", "claude-opus-5", "claude-sonnet-5", "anthropic/claude-sonnet-5", "claude-fable-5"} {
		f("anthropic", model, Claude47)
	}
	f("google", "gemini-2.5-pro", Gemini)
	f("", "google/gemma-3-27b-it", Gemini)
	f("", "meta-llama/Meta-Llama-3.1-8B-Instruct", Llama)
	f("", "llama3.2:3b", Llama)
	f("", "deepseek-r1-distill-llama-70b", Llama)
	f("", "deepseek/deepseek-r1-distill-qwen-32b", Qwen)
	f("", "Qwen/Qwen3-235B-A22B", Qwen)
	f("", "deepseek-ai/DeepSeek-V3", DeepSeek)
	f("", "mistral-large-latest", Mistral)
	f("", "mistralai/mixtral-8x7b-instruct", Mistral)
	f("", "codestral-2501", Mistral)
	f("", "x-ai/grok-4", Grok)
	f("", "moonshotai/kimi-k2", Kimi)
	f("", "z-ai/glm-4.6", GLM)
	f("Anthropic", "internal-alias", Claude47)
	f("mistral", "internal-alias", Mistral)
	f("", "internal-alias", Unknown)
}

// TestFamilyTraits: every family has a name, and ratios exactly if it is estimated.
func TestFamilyTraits(t *testing.T) {
	c := newCounter(t)
	seen := map[string]bool{}
	for f := range families {
		if name := f.String(); name == "" || seen[name] {
			t.Errorf("family %d is named %q", f, name)
		}
		seen[f.String()] = true
		if estimated := f.traits().ratios != nil; estimated != (c.Method(f) == Estimate) {
			t.Errorf("%v has method %v, but ratios: %v", f, c.Method(f), estimated)
		}
		if frame := FrameOf(f); frame.Message < 1 || frame.Base < 0 || frame.Reply < 0 || frame.Call < 1 {
			t.Errorf("%v has frame %+v", f, frame)
		}
	}
	if got := Family(200).String(); got != "unknown" {
		t.Errorf("a family out of range is named %q", got)
	}
	if got := c.Text(Family(200), []byte("hello")); got != c.Text(Unknown, []byte("hello")) {
		t.Errorf("a family out of range counts %d", got)
	}
}

func FuzzFamilyOf(f *testing.F) {
	f.Add("openai", "ft:gpt-4o:acme")
	f.Fuzz(func(t *testing.T, provider, model string) {
		if got := FamilyOf(provider, model); got >= families {
			t.Errorf("family of %q at %q is %d", model, provider, got)
		}
	})
}
