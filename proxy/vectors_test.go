package proxy

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// embedders is a provider that embeds as Google and as Bedrock do, and keeps what it was asked last.
type embedders struct {
	*httptest.Server
	mu    sync.Mutex
	asked string
}

func newEmbedders(t *testing.T) *embedders {
	e := &embedders{}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		e.mu.Lock()
		defer e.mu.Unlock()
		e.asked = r.URL.EscapedPath() + " " + string(body)
		w.Header().Set("Content-Type", "application/json")
		switch {
		case strings.HasSuffix(r.URL.Path, ":batchEmbedContents"):
			_, _ = io.WriteString(w, `{"embeddings":[{"values":[0.10,-2.5]},{"values":[1,2]}]}`)
		case strings.HasSuffix(r.URL.Path, ":embedContent"):
			_, _ = io.WriteString(w, `{"embedding":{"values":[0.10]},"new":1.0,"usageMetadata":{"promptTokenCount":50}}`)
		case r.URL.Path == "/v1/embeddings":
			_, _ = io.WriteString(w, `{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.25]}],"model":"m","usage":{"prompt_tokens":6,"total_tokens":6}}`)
		case strings.Contains(r.URL.Path, "titan"):
			_, _ = io.WriteString(w, `{"embedding":[0.5],"inputTextTokenCount":9}`)
		default:
			w.Header().Set("X-Amzn-Bedrock-Input-Token-Count", "11")
			_, _ = io.WriteString(w, `{"embeddings":{"float":[[0.5]]}}`)
		}
	}))
	t.Cleanup(e.Close)
	return e
}

func (e *embedders) last() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.asked
}

// TestVectorsOfOtherDialects: embeddings of Google's and of Bedrock's models cost what the provider tells, else what we count; a Google client's own
// bytes reach Google; what a target cannot do is a 400 that names it, and costs nothing.
func TestVectorsOfOtherDialects(t *testing.T) {
	up := newEmbedders(t)
	h := open(t, plan{sections: cached + `providers:
  google: { dialect: gemini, base_url: "` + up.URL + `" }
  vertex: { dialect: gemini, base_url: "` + up.URL + `/v1/projects/p/locations/l/publishers/google" }
  openai: { dialect: responses, base_url: "` + up.URL + `/v1" }
  amazon: { dialect: bedrock, base_url: "` + up.URL + `", region: eu-central-1, key_env: CLAUDE_KEY }
models: { small: { use: google/gemini-embedding-001 }, big: { use: amazon/amazon.titan-embed-text-v2:0 }, cohere: { use: "amazon/cohere.embed-v4:0" }, vertex: { use: vertex/m }, openai: { use: openai/m } }
prices: { overrides: { openai/m: { input: 5, output: 0 }, google/gemini-embedding-001: { input: 2, output: 0 }, vertex/m: { input: 2, output: 0 }, "amazon/amazon.titan-embed-text-v2:0": { input: 3, output: 0 }, "amazon/cohere.embed-v4:0": { input: 4, output: 0 } } }
`})
	f := func(path, body string, status int, sent, answer string, cost int64, method string) {
		t.Helper()
		got := h.call("POST", path, body, "Authorization", "Bearer "+h.secret)
		row := h.row(got.id())
		if got.status != status || !strings.Contains(got.body, answer) || int64(row.Cost) != cost || row.UsageMethod != method {
			t.Errorf("%s: %d %s, want %d %s; cost %d by %q, want %d by %q", body, got.status, got.body, status, answer, row.Cost, row.UsageMethod, cost, method)
		}
		if last := up.last(); sent != "" && last != sent {
			t.Errorf("%s: sent %s, want %s", body, last, sent)
		}
	}
	const embed, google = "/v1/embeddings", "/v1beta/models/small:embedContent"
	f(embed, `{"model":"small","input":["one","two"],"encoding_format":"base64"}`, 200,
		`/v1beta/models/gemini-embedding-001:batchEmbedContents {"requests":[{"model":"models/gemini-embedding-001","content":{"parts":[{"text":"one"}]}},{"model":"models/gemini-embedding-001","content":{"parts":[{"text":"two"}]}}]}`,
		`{"object":"list","data":[{"object":"embedding","index":0,"embedding":"zczMPQAAIMA="},{"object":"embedding","index":1,"embedding":"AACAPwAAAEA="}],"model":"gemini-embedding-001","usage":{"prompt_tokens":4,"total_tokens":4,"estimated":true}}`,
		4*2000, "estimate")
	f(google, `{ "model":"models/small","content":{"parts":[{"text":"one"}]},"taskType":"CLUSTERING","later":1.0}`, 200,
		`/v1beta/models/gemini-embedding-001:embedContent { "model":"models/gemini-embedding-001","content":{"parts":[{"text":"one"}]},"taskType":"CLUSTERING","later":1.0}`,
		`{"embedding":{"values":[0.10]},"new":1.0,"usageMetadata":{"promptTokenCount":50}}`, 50*2000, "reported")
	f(embed, `{"model":"big","input":["one"],"dimensions":256}`, 200, `/model/amazon.titan-embed-text-v2%3A0/invoke {"inputText":"one","dimensions":256}`,
		`"embedding":[0.5]}],"model":"amazon.titan-embed-text-v2:0","usage":{"prompt_tokens":9,"total_tokens":9}}`, 9*3000, "reported")
	f(embed, `{"model":"cohere","input":"one"}`, 200, `/model/cohere.embed-v4%3A0/invoke {"texts":["one"],"input_type":"search_document","embedding_types":["float"],"truncate":"NONE"}`,
		`"usage":{"prompt_tokens":11,"total_tokens":11}}`, 11*4000, "reported")
	f("/v1beta/models/cohere:embedContent", `{"content":{"parts":[{"text":"one"}]},"taskType":"RETRIEVAL_QUERY"}`, 200,
		`/model/cohere.embed-v4%3A0/invoke {"texts":["one"],"input_type":"search_query","embedding_types":["float"],"truncate":"NONE"}`, `{"embedding":{"values":[0.5]}}`, 11*4000, "reported")
	f(embed, `{"model":"openai","input":"one","new":1.0}`, 200, `/v1/embeddings {"model":"m","input":"one","new":1.0}`, `"embedding":[0.25]}],"model":"m","usage":{"prompt_tokens":6`, 6*5000, "reported")
	f("/v1beta/models/big:embedContent", `{"content":{"parts":[{"text":"one"}]},"title":"T"}`, 400, "", "has nothing for `title`", 0, "none")
	f(embed, `{"model":"big","input":["one","two"]}`, 400, "", "one text for this target", 0, "none")
	f(embed, `{"model":"vertex","input":"one"}`, 400, "", "unsupported_by_target", 0, "none")
	f("/v1/completions", `{"model":"small","prompt":"one"}`, 400, "", "unsupported_by_target", 0, "none")
}
