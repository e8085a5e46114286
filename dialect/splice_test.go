package dialect

import (
	"encoding/json"
	"testing"
)

// TestMessagesSplice: only the model and a lower cap are edited; all other bytes are the client's.
func TestMessagesSplice(t *testing.T) {
	f := func(body string, most int64, want string) {
		t.Helper()
		out, ok := messagesSplice([]byte(body), "claude", most)
		if got := string(out); ok != (want != "") || ok && got != want {
			t.Errorf("%s below %d is %t %s, want %s", body, most, ok, got, want)
		}
	}
	f(`{ "mod\u0065l" : "smart" , "max_tokens":50,"new":[1.0, {"model":"x","max_tokens":9}],"temperature":0.70 }`, 20,
		`{ "mod\u0065l" : "claude" , "max_tokens":20,"new":[1.0, {"model":"x","max_tokens":9}],"temperature":0.70 }`)
	f(`{"max_tokens":50,"model":"smart"}`, 80, `{"max_tokens":50,"model":"claude"}`)
	f(`{"max_tokens":50,"model":"smart"}`, 0, `{"max_tokens":50,"model":"claude"}`)
	f(`{"max_tokens":5e1,"model":"smart"}`, 20, `{"max_tokens":20,"model":"claude"}`)
	f(`{"max_tokens":5000,"model":"smart","thinking":{"type":"enabled","budget_tokens":2000}}`, 3000, `{"max_tokens":3000,"model":"claude","thinking":{"type":"enabled","budget_tokens":2000}}`)
	f(`{"max_tokens":5000,"model":"smart","thinking":{"type":"enabled","budget_tokens":2000}}`, 2000, "")
	f(`["model"]`, 1, "")
	f(`{"max_tokens":50,"model":"smart","messages":[{"role":"assistant","content":[{"type":"thinking","thinking":"x","signature": ""}]}]}`, 80, "")
}

// TestGeminiSplice: only a lower cap is edited, in either of the spellings that Google takes.
func TestGeminiSplice(t *testing.T) {
	f := func(body string, most int64, want string) {
		t.Helper()
		out, ok := geminiSplice([]byte(body), "gemini", most)
		if got := string(out); ok != (want != "") || ok && (got != want || !json.Valid(out)) {
			t.Errorf("%s below %d is %t %s, want %s", body, most, ok, got, want)
		}
	}
	f(`{"contents":[ 1.0 ],"generationConfig":{"maxOutputTokens": 50 ,"topK":1.0}}`, 20, `{"contents":[ 1.0 ],"generationConfig":{"maxOutputTokens": 20 ,"topK":1.0}}`)
	f(`{"generation_config":{"max_output_tokens":"50"}}`, 20, `{"generation_config":{"max_output_tokens":20}}`)
	f(`{"generation_config":{"max_output_tokens":"5"}}`, 20, `{"generation_config":{"max_output_tokens":"5"}}`)
	f(`{"contents":[]} `, 20, `{"contents":[],"generationConfig":{"maxOutputTokens":20}}`)
	f(`{"generationConfig":{ }}`, 20, `{"generationConfig":{"maxOutputTokens":20}}`)
	f(`{"generationConfig":{"topK":1}}`, 20, `{"generationConfig":{"topK":1,"maxOutputTokens":20}}`)
	f(`{"generationConfig":null}`, 20, "")
	f(`{"generationConfig":{},"generation_config":{}}`, 20, "")
	f(`{"generationConfig":{"maxOutputTokens":1,"max_output_tokens":2}}`, 20, "")
	f(`{"contents":[]}`, 0, `{"contents":[]}`)
	f(`{"generationConfig":{"candidateCount":1,"candidate_count":8}}`, 20, "")
	f(`{"systemInstruction":{},"system_instruction":{}}`, 0, "")
	f(`{"contents":[{"parts":[{"functionCall":{"name":"f"},"thoughtSignature":"x"}]}]}`, 0, `{"contents":[{"parts":[{"functionCall":{"name":"f"},"thoughtSignature":"x"}]}]}`)
	f(`{"contents":[{"parts":[{"functionCall":{"name":"f"}}]}]}`, 0, "")
	f(`{"contents":[{"parts":[{"text":"x","thoughtSignature":"`+sealPrefix+`x"}]}]}`, 0, "")
}

// TestWraps: what is wrapped is seen wherever it is, and not what merely says so.
func TestWraps(t *testing.T) {
	f := func(body string, want bool) {
		t.Helper()
		chat, fault := messagesRequest([]byte(body), Asked{})
		if fault != nil {
			t.Fatal(fault)
		}
		if Wraps(chat) != want {
			t.Errorf("%s: wraps %t, want %t", chat, !want, want)
		}
	}
	text, _ := json.Marshal(`{"type":"native","dialect":"x"} "native":{"dialect":"anthropic","members":{}}`)
	f(`{"model":"m","max_tokens":1,"thinking":{"type":"adaptive"},"messages":[{"role":"user","content":`+string(text)+`}]}`, false)
	f(`{"model":"m","max_tokens":1,"mcp_servers":[],"messages":[{"role":"user","content":"x"}]}`, true)
	f(`{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"search_result"}]}]}`, true)
	f(`{"model":"m","max_tokens":1,"tools":[{"type":"bash_20250124","name":"bash"}],"messages":[{"role":"user","content":"x"}]}`, true)
}
