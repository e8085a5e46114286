package dialect

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestEmbedRequest(t *testing.T) {
	f := func(body, want string) {
		t.Helper()
		out, fault := embedFromGoogle([]byte(body), "small")
		got := string(out)
		if fault != nil {
			got = fault.Param + ": " + fault.Message
		}
		if got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", body, got, want)
		}
	}
	f(`{"content":{"parts":[{"text":"a"},{"text":"b"}]},"outputDimensionality":256}`, `{"model":"small","input":["a\nb"],"dimensions":256,"encoding_format":"float"}`)
	f(`{"content":{"parts":[{"text":"a"}]},"output_dimensionality":256}`, `{"model":"small","input":["a"],"dimensions":256,"encoding_format":"float"}`)
	f(`{"requests":[{"model":"models/x","content":{"parts":[{"text":"a"}]}},{"content":{"parts":[{"text":"b"}]},"taskType":"TASK_TYPE_UNSPECIFIED"}]}`, `{"model":"small","input":["a","b"],"encoding_format":"float"}`)
	f(`{"requests":[{"content":{"parts":[{"text":"a"}]}},{"content":{"parts":[{"text":"b"}]},"taskType":"RETRIEVAL_QUERY"}]}`,
		`{"model":"small","input":["a","b"],"encoding_format":"float","native":{"dialect":"gemini","members":{"taskType":["","RETRIEVAL_QUERY"]}}}`)
	f(`{"content":{"parts":[{"text":"a"}]},"taskType":"RETRIEVAL_DOCUMENT","title":"T","autoTruncate":true}`,
		`{"model":"small","input":["a"],"encoding_format":"float","native":{"dialect":"gemini","members":{"autoTruncate":true,"taskType":["RETRIEVAL_DOCUMENT"],"title":["T"]}}}`)
	f(`{"requests":[{"content":{"parts":[{"text":"a"}]},"outputDimensionality":1},{"content":{"parts":[{"text":"b"}]}}]}`,
		`{"model":"small","input":["a","b"],"encoding_format":"float","native":{"dialect":"gemini","members":{"outputDimensionality":[1,null]}}}`)
	f(`{"content":{"parts":[{"inlineData":{"mimeType":"image/png","data":"AA"}}]}}`, "content.parts[0]: `content.parts[0]` must be a text for this target.")
	f(`{"content":{}}`, "content: `content` must be a content with parts.")
	f(`{"requests":[]}`, "requests: `requests` must be an array of at least one request.")
	f(`[]`, "body: `body` must be a request of embedContent.")
}

func TestEmbedAnswer(t *testing.T) {
	f := func(body string, batch bool, want string) {
		t.Helper()
		out, err := embedToGoogle([]byte(body), batch)
		got := string(out)
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) || err == nil && !json.Valid(out) {
			t.Errorf("%s: got %s, want %s", body, got, want)
		}
	}
	f(`{"data":[{"index":0,"embedding":[0.10,-1e-7]}]}`, false, `{"embedding":{"values":[0.10,-1e-7]}}`)
	f(`{"data":[{"index":1,"embedding":[2]},{"index":0,"embedding":[1]}]}`, true, `{"embeddings":[{"values":[1]},{"values":[2]}]}`)
	f(`{"data":[{"index":0,"embedding":[1]},{"index":1,"embedding":[2]}]}`, false, "2 embeddings of one content")
	f(`{"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[2]}]}`, true, "embedding 1 that is no vector")
	f(`{"data":[{"index":7,"embedding":[1]}]}`, true, "embedding 0 that is no vector")
	f(`{"data":[{"index":0,"embedding":"AAAA"}]}`, false, "embedding 0 that is no vector")
	f(`oops`, false, "malformed JSON")
}

// FuzzEmbed: whatever comes, nothing panics, and what goes out is JSON.
func FuzzEmbed(f *testing.F) {
	f.Add([]byte(`{"requests":[{"content":{"parts":[{"text":"a"}]},"output_dimensionality":1}]}`))
	f.Add([]byte(`{"data":[{"index":0,"embedding":[0.1]}]}`))
	f.Add([]byte(`{"model":"cohere.embed-v4:0","input":["a"],"native":{"dialect":"gemini","members":{"taskType":["CLUSTERING"]}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if out, fault := embedFromGoogle(text, "m"); fault == nil && !json.Valid(out) {
			t.Errorf("request of %q is no JSON: %s", text, out)
		}
		for _, v := range []*Vectors{&geminiVectors, &bedrockVectors} {
			if out, _, fault := v.Request(text, Options{Drop: true}); fault == nil && !json.Valid(out) {
				t.Errorf("request of %q is no JSON: %s", text, out)
			}
			if out, err := v.Answer(text, Made{Base64: true}); err == nil && !json.Valid(out) {
				t.Errorf("answer of %q is no JSON: %s", text, out)
			}
		}
		for _, batch := range []bool{false, true} {
			if out, err := embedToGoogle(text, batch); err == nil && !json.Valid(out) {
				t.Errorf("answer of %q is no JSON: %s", text, out)
			}
		}
	})
}
