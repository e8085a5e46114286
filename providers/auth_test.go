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
		got, err := u.keys[0].headers(outgoing{})
		if err != nil || !slices.Contains(got, dialect.Header{Name: header, Value: value}) {
			t.Errorf("%s: %v %v, want %s: %s", base, got, err, header, value)
		}
	}
	f("https://api.openai.com/v1", "", "Authorization", "Bearer secret")
	f("https://example.openai.azure.com/openai/v1", "", "api-key", "secret")
	f("http://127.0.0.1:11434/v1", "openai", "Authorization", "Bearer secret")
	f("https://api.anthropic.com", "anthropic", "x-api-key", "secret")
	f("https://models.example.com/openai/v1", "azure", "api-key", "secret")
	f("https://generativelanguage.googleapis.com", "gemini", "x-goog-api-key", "secret")
	f("https://api.anthropic.com", "anthropic", "anthropic-version", "2023-06-01")
}

// TestAzurePath: the model is in the path of the older API, and in the body alone of the newer.
func TestAzurePath(t *testing.T) {
	f := func(base, named, version string, c Call, want string) {
		t.Helper()
		u, err := New(Config{Name: "p", BaseURL: base, Dialect: named, APIVersion: version})
		if err != nil {
			t.Fatal(err)
		}
		defer u.Close()
		if got := u.path(&c); got != want {
			t.Errorf("%s %s: %s, want %s", named, base, got, want)
		}
	}
	f("https://example.openai.azure.com", "azure", "", Call{Model: "gpt 5"}, "/openai/deployments/gpt%205/chat/completions?api-version=2024-10-21")
	f("https://example.openai.azure.com/openai/", "azure", "2025-04-01-preview", Call{Model: "m"}, "/openai/deployments/m/chat/completions?api-version=2025-04-01-preview")
	f("https://example.openai.azure.com", "azure", "", Call{Model: "m", Path: "/embeddings"}, "/openai/deployments/m/embeddings?api-version=2024-10-21")
	f("https://example.openai.azure.com/openai/v1", "azure", "", Call{Model: "m"}, "/openai/v1/chat/completions")
	f("https://example.openai.azure.com/openai/v1", "azure", "preview", Call{Model: "m"}, "/openai/v1/chat/completions?api-version=preview")
	f("https://example.openai.azure.com/openai/v1", "openai", "", Call{Model: "m"}, "/openai/v1/chat/completions")
}
