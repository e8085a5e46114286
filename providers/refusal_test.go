package providers

import "testing"

// TestRefusalOf reads what providers answer to a prompt that is too long, and to one that their filters object to.
func TestRefusalOf(t *testing.T) {
	f := func(body string, want Refusal) {
		t.Helper()
		if got := refusalOf([]byte(body)); got != want {
			t.Errorf("%s: %d, want %d", body, got, want)
		}
	}
	f(`{"error":{"message":"This model's maximum context length is 128000 tokens.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}`, RefusalContext)
	f(`{"object":"error","message":"This model's maximum context length is 4096 tokens. However, you requested 5000 tokens","code":400}`, RefusalContext)
	f(`{"error":{"code":400,"message":"request exceeds the available context size","type":"exceed_context_size_error"}}`, RefusalContext)
	f(`{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 213462 tokens > 200000 maximum"}}`, RefusalContext)
	f(`{"type":"error","error":{"type":"invalid_request_error","message":"input length and max_tokens exceed context limit: 199000 + 8192 > 200000"}}`, RefusalContext)
	f(`{"error":{"code":400,"message":"The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).","status":"INVALID_ARGUMENT"}}`, RefusalContext)
	f(`{"message":"The model returned the following errors: Input is too long for requested model."}`, RefusalContext)
	f(`{"error":{"message":"The response was filtered","param":"prompt","code":"content_filter","status":400}}`, RefusalContent)
	f(`{"type":"error","error":{"type":"invalid_request_error","message":"Output blocked by content filtering policy"}}`, RefusalContent)
	f(`{"error":{"message":"Unsupported value: 'temperature'","type":"invalid_request_error","param":"temperature","code":"unsupported_value"}}`, RefusalOther)
	f(``, RefusalOther)
}
