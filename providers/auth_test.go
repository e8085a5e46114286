package providers

import (
	"slices"
	"testing"

	"bursar/dialect"
)

func TestKeyGoesInTheHeaderThatTheProviderReads(t *testing.T) {
	f := func(base, named, header, value string) {
		t.Helper()
		u, err := New(Config{Name: "p", BaseURL: base, Dialect: named, Key: "secret"})
		if err != nil {
			t.Fatal(err)
		}
		defer u.Close()
		got, err := u.keys[0].headers(&outgoing{})
		if err != nil || !slices.Contains(got, dialect.Header{Name: header, Value: value}) {
			t.Errorf("%s: %v %v, want %s: %s", base, got, err, header, value)
		}
	}
	f("https://api.openai.com/v1", "", "Authorization", "Bearer secret")
	f("https://example.openai.azure.com/openai/v1", "", "api-key", "secret")
	f("http://127.0.0.1:11434/v1", "openai", "Authorization", "Bearer secret")
	f("https://api.anthropic.com", "anthropic", "x-api-key", "secret")
	f("https://generativelanguage.googleapis.com", "gemini", "x-goog-api-key", "secret")
	f("https://api.anthropic.com", "anthropic", "anthropic-version", "2023-06-01")
}
