package dialect

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestVectorsRequest: what becomes of a request of OpenAI's embeddings, or what it is refused for; what is lost stands behind it.
func TestVectorsRequest(t *testing.T) {
	f := func(v *Vectors, drop bool, body, want string) {
		t.Helper()
		out, dropped, fault := v.Request([]byte(body), Options{Drop: drop, Vectors: true})
		got := string(out)
		if fault != nil {
			got = fault.Param + ": " + fault.Message
		}
		if len(dropped) > 0 {
			got += " " + strings.Join(dropped, " ")
		}
		if got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", body, got, want)
		}
	}
	f(&geminiVectors, false, `{"model":"gemini-embedding-001","input":["a","b"],"dimensions":256,"encoding_format":"base64","user":"u"}`,
		`{"requests":[{"model":"models/gemini-embedding-001","content":{"parts":[{"text":"a"}]},"outputDimensionality":256},{"model":"models/gemini-embedding-001","content":{"parts":[{"text":"b"}]},"outputDimensionality":256}]}`)
	f(&geminiVectors, false, `{"model":"m","input":"a","input_type":"search_query"}`, `{"requests":[{"model":"models/m","content":{"parts":[{"text":"a"}]},"taskType":"RETRIEVAL_QUERY"}]}`)
	f(&geminiVectors, false, `{"model":"m","input":["a","b"],"native":{"dialect":"gemini","members":{"taskType":["CLUSTERING",""],"title":["T",""],"outputDimensionality":[1,null]}}}`,
		`{"requests":[{"model":"models/m","content":{"parts":[{"text":"a"}]},"taskType":"CLUSTERING","title":"T","outputDimensionality":1},{"model":"models/m","content":{"parts":[{"text":"b"}]}}]}`)
	f(&geminiVectors, false, `{"model":"m","input":["a"],"native":{"dialect":"gemini","members":{"taskType":[]}}}`, `{"requests":[{"model":"models/m","content":{"parts":[{"text":"a"}]}}]}`)
	f(&geminiVectors, false, `{"model":"m","input":["a"],"native":{"dialect":"gemini","members":{"title":["x","y"]}}}`, "native: `native` must be of 1 texts.")
	f(&geminiVectors, false, `{"model":"m","input":["a"],"later":1}`, "later: The target speaks the gemini dialect, which has nothing for `later`.")
	f(&geminiVectors, true, `{"model":"m","input":["a"],"later":1}`, `{"requests":[{"model":"models/m","content":{"parts":[{"text":"a"}]}}]} later`)
	f(&geminiVectors, false, `{"model":"m","input":[1,2]}`, "input: `input` must be a text or an array of texts for this target, which takes no tokens.")
	f(&geminiVectors, false, `{"model":"m","input":[]}`, "input: `input` must be a text or an array of texts for this target, which takes no tokens.")
	f(&geminiVectors, false, `{"model":"m","input":"a","encoding_format":"int8"}`, "encoding_format: `encoding_format` must be float or base64.")

	f(&bedrockVectors, false, `{"model":"amazon.titan-embed-text-v2:0","input":["a"],"dimensions":256}`, `{"inputText":"a","dimensions":256}`)
	f(&bedrockVectors, false, `{"model":"amazon.titan-embed-text-v1","input":"a","dimensions":256}`, "dimensions: The target speaks the bedrock dialect, which has nothing for `dimensions`.")
	f(&bedrockVectors, false, `{"model":"amazon.titan-embed-text-v2:0","input":["a","b"]}`, "input: `input` must be one text for this target, which embeds one in a call.")
	f(&bedrockVectors, false, `{"model":"cohere.embed-v4:0","input":["a","b"],"dimensions":256}`,
		`{"texts":["a","b"],"input_type":"search_document","embedding_types":["float"],"truncate":"NONE","output_dimension":256}`)
	f(&bedrockVectors, false, `{"model":"cohere.embed-english-v3","input":"a","native":{"dialect":"gemini","members":{"taskType":["RETRIEVAL_QUERY"]}}}`,
		`{"texts":["a"],"input_type":"search_query","embedding_types":["float"],"truncate":"NONE"}`)
	f(&bedrockVectors, false, `{"model":"cohere.embed-english-v3","input":"a","native":{"dialect":"gemini","members":{"taskType":["FACT_VERIFICATION"]}}}`,
		"taskType: The target speaks the bedrock dialect, which has nothing for `taskType`.")
	f(&bedrockVectors, false, `{"model":"cohere.embed-english-v3","input":"a","input_type":"image"}`, "input_type: `input_type` must be search_document, search_query, classification or clustering.")
	f(&bedrockVectors, false, `{"model":"anthropic.claude","input":"a"}`, "model: `model` must be an embedding model of Amazon's (titan-embed) or Cohere's (cohere.embed) for this target.")
	plain := &Vectors{Request: PlainVectors}
	f(plain, false, `{"model": "m", "input":[1.0]}`, `{"model": "m", "input":[1.0]}`)
	f(plain, false, `{"input":"a","native":{"dialect":"gemini","members":{"title":["T"]}}}`, "title: The target speaks the openai dialect, which has nothing for `title`.")
	f(plain, true, `{"input":"a","native":{"dialect":"gemini","members":{"title":["T"]}}}`, `{"input":"a"} title`)
}

// TestVectorsAnswer: vectors in the order of their texts, their numbers as they were or in base64, and the tokens that the provider told of, or ours.
func TestVectorsAnswer(t *testing.T) {
	f := func(v *Vectors, m Made, body, want string) {
		t.Helper()
		m.Model = "m"
		out, err := v.Answer([]byte(body), m)
		got := strings.TrimSuffix(strings.TrimPrefix(string(out), `{"object":"list","data":`), "}")
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) || err == nil && !json.Valid(out) {
			t.Errorf("%s:\ngot  %s\nwant %s", body, got, want)
		}
	}
	f(&geminiVectors, Made{Prompt: 7}, `{"embeddings":[{"values":[0.10,-1e-7]},{"values":[2]}]}`,
		`[{"object":"embedding","index":0,"embedding":[0.10,-1e-7]},{"object":"embedding","index":1,"embedding":[2]}],"model":"m","usage":{"prompt_tokens":7,"total_tokens":7,"estimated":true}`)
	f(&geminiVectors, Made{Prompt: 7}, `{"embedding":{"values":[1]},"usageMetadata":{"promptTokenCount":5}}`, `"usage":{"prompt_tokens":5,"total_tokens":5}`)
	f(&geminiVectors, Made{}, `{"embeddings":[{"values":[1],"statistics":{"tokenCount":2}},{"values":[1],"statistics":{"tokenCount":3}}]}`, `"usage":{"prompt_tokens":5,"total_tokens":5}`)
	f(&geminiVectors, Made{Base64: true}, `{"embeddings":[{"values":[1,-2.5]}]}`, `"embedding":"AACAPwAAIMA="`)
	f(&geminiVectors, Made{}, `{"embeddings":[{}]}`, "embedding 0 that is no vector")
	f(&geminiVectors, Made{Base64: true}, `{"embeddings":[{"values":[1e99]}]}`, "embedding 0")
	f(&geminiVectors, Made{}, `oops`, "malformed JSON")
	f(&bedrockVectors, Made{}, `{"embedding":[0.5],"embeddingsByType":{"float":[0.5]},"inputTextTokenCount":9}`, `"embedding":[0.5]}],"model":"m","usage":{"prompt_tokens":9,"total_tokens":9}`)
	f(&bedrockVectors, Made{Told: 11}, `{"embeddings":{"float":[[0.5],[0.25]]},"response_type":"embeddings_by_type"}`, `"index":1,"embedding":[0.25]}],"model":"m","usage":{"prompt_tokens":11,"total_tokens":11}`)
	f(&bedrockVectors, Made{Told: 11}, `{"embeddings":[[0.5]],"response_type":"embeddings_floats"}`, `"embedding":[0.5]`)
	f(&bedrockVectors, Made{}, `{"embeddings":"x"}`, "embeddings that are no vectors")
}

// TestEmbedSplice: the model alone is edited, in a batch of each request.
func TestEmbedSplice(t *testing.T) {
	out, ok := embedSplice([]byte(`{ "model":"models/x","content":{"parts":[{"text": "model"}]},"taskType":"T","new":1.0}`), "gemini-embedding-001", 0)
	if want := `{ "model":"models/gemini-embedding-001","content":{"parts":[{"text": "model"}]},"taskType":"T","new":1.0}`; !ok || string(out) != want {
		t.Errorf("%t %s", ok, out)
	}
	out, ok = embedSplice([]byte(`{"requests":[{"model":"models/x","content":{"parts":[{"text":"a"}]}},{"content":1.0}]}`), "tunedModels/t", 0)
	if want := `{"requests":[{"model":"tunedModels/t","content":{"parts":[{"text":"a"}]}},{"content":1.0}]}`; !ok || string(out) != want {
		t.Errorf("%t %s", ok, out)
	}
}
