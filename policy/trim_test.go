package policy

import (
	"strings"
	"testing"

	"bursar/exchange"
)

// TestTrimAndOutput: what is read of trims, of reviewed system prompts and of holds, and what is told of those that make no sense.
func TestTrimAndOutput(t *testing.T) {
	p := load(t, "testdata/good/everything.yaml")
	want := exchange.Trim{
		MaxPromptTokens: 8000, KeepLastTurns: 3, EvenIfDearer: true, MinifyToolResults: true, TidyToolResults: true, DedupeToolResults: true, StripHTML: true,
		ElideBase64: 4096, SummaryModel: "cheap", SummaryTokens: 300,
	}
	if p.Trim != want || p.Summarizer != p.Models["cheap"] || !p.Output.HoldP99 {
		t.Errorf("%+v, %v, %+v", p.Trim, p.Summarizer, p.Output)
	}
	f := func(more, want string) {
		t.Helper()
		_, err := Parse("p.yaml", []byte(`version: 1
providers: { rack: { dialect: openai, base_url: "http://127.0.0.1:9/v1" } }
models: { small: { use: rack/llama } }
default: small
`+more), func(string) string { return "" })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", more, err, want)
		}
	}
	const routes = "routes: [ { name: all, to: asked } ]\n"
	f(routes+"trim: { max_prompt_tokens: 100, summary: { model: nosuch } }\n", "nosuch")
	f(routes+"trim: { summary: {} }\n", "model")
	f(`routes: [ { name: all, to: asked, squeeze: [ { sha256: abc, to: x, reviewed: ann } ] } ]`, "64 hexadecimal digits")
	f(`routes: [ { name: all, to: asked, squeeze: [ { sha256: abc, to: x } ] } ]`, "reviewed")
	digest := strings.Repeat("0f", 32)
	f(`routes: [ { name: all, to: asked, squeeze: [ { sha256: `+digest+`, to: x, reviewed: ann }, { sha256: `+digest+`, to: y, reviewed: ann } ] } ]`, "already")
	f(`routes: [ { name: all, to: asked, stop_repetition_after: 2 } ]`, "stop_repetition_after")
}
