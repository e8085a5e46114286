package dialect

import (
	"encoding/json"
	"testing"
)

// TestBilledByCall: what a provider bills by the call is seen through every client's own form; a function of the same name is the client's.
func TestBilledByCall(t *testing.T) {
	for _, test := range []struct {
		client     *Client
		body, want string
	}{
		{&Messages, `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"}],"tools":[{"name":"f","input_schema":{"type":"object"}},{"type":"web_search_20250305","name":"web_search","max_uses":5}]}`, "web_search_20250305"},
		{&Messages, `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"}],"tools":[{"type":"code_execution_20250825","name":"code_execution"}]}`, "code_execution_20250825"},
		{&Messages, `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"}],"tools":[{"type":"bash_20250124","name":"bash"},{"name":"web_search","input_schema":{"type":"object"}}]}`, ""},
		{&GenerateContent, `{"contents":[{"role":"user","parts":[{"text":"x"}]}],"tools":[{"googleSearch":{}}]}`, "googleSearch"},
		{&GenerateContent, `{"contents":[{"role":"user","parts":[{"text":"x"}]}],"tools":[{"googleSearch":{},"urlContext":{}}]}`, "googleSearch"},
		{&GenerateContent, `{"contents":[{"role":"user","parts":[{"text":"x"}]}],"tools":[{"google_maps":{},"type":"tomorrows"}]}`, "google_maps"},
		{&GenerateContent, `{"contents":[{"role":"user","parts":[{"text":"x"}]}],"tools":[{"functionDeclarations":[{"name":"f"}],"googleSearch":{}}]}`, "googleSearch"},
		{&GenerateContent, `{"contents":[{"role":"user","parts":[{"text":"x"}]}],"tools":[{"functionDeclarations":[{"name":"googleSearch"}]},{"urlContext":{}}]}`, ""},
	} {
		chat, fault := test.client.Request([]byte(test.body), Asked{Model: "m"})
		if fault != nil {
			t.Errorf("%s: %s", test.body, fault.Message)
			continue
		}
		var of struct{ Tools json.RawMessage }
		if err := json.Unmarshal(chat, &of); err != nil {
			t.Fatal(err)
		}
		if got := BilledByCall(of.Tools); got != test.want {
			t.Errorf("%s: %q, want %q", test.body, got, test.want)
		}
	}
}
