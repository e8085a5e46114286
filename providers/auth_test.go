package providers

import "testing"

func TestKeyGoesInTheHeaderThatTheProviderReads(t *testing.T) {
	f := func(base, header, value string) {
		t.Helper()
		u, err := New(Config{Name: "p", BaseURL: base, Key: "secret"})
		if err != nil {
			t.Fatal(err)
		}
		defer u.Close()
		if u.authHeader != header || u.auth != value {
			t.Errorf("%s: %s: %s, want %s: %s", base, u.authHeader, u.auth, header, value)
		}
	}
	f("https://api.openai.com/v1", "Authorization", "Bearer secret")
	f("https://example.openai.azure.com/openai/v1", "api-key", "secret")
	f("http://127.0.0.1:11434/v1", "Authorization", "Bearer secret")
}
