package dialect

import (
	"encoding/json"
	"fmt"
	"strings"

	"bursar/exchange"
)

// EmbedContent and BatchEmbedContents are Google's calls for embeddings. What they are carried over to is a request of OpenAI's embeddings.
var (
	EmbedContent       = embedding(false)
	BatchEmbedContents = embedding(true)
)

func embedding(batch bool) Client {
	return Client{
		Name:    "gemini",
		Request: func(body []byte, a Asked) ([]byte, *exchange.Fault) { return EmbedRequest(body, a.Model) },
		Answer:  func(body []byte, _ Reply) ([]byte, error) { return EmbedAnswer(body, batch) },
		Fault:   geminiClientFault,
	}
}

// googleEmbedding is a request of embedContent; batchEmbedContents has many of them.
type googleEmbedding struct {
	Content    googleContent   `json:"content"`
	Task       string          `json:"taskType"`
	Title      string          `json:"title"`
	Dimensions json.RawMessage `json:"outputDimensionality"`
}

// EmbedRequest carries a request of embedContent, or of batchEmbedContents, over to OpenAI's embeddings. A content is one input, its texts in
// lines. What changes a vector and has no form there is a fault: vectors that were made in different ways must not end up in one index.
func EmbedRequest(body []byte, model string) (chat []byte, fault *exchange.Fault) {
	var in struct {
		googleEmbedding
		Requests []googleEmbedding `json:"requests"`
	}
	if err := json.Unmarshal(camelCased(body), &in); err != nil {
		return nil, malformed("body", "a request of embedContent"+why(err))
	}
	all, at := in.Requests, "requests[%d]."
	if all == nil {
		all, at = []googleEmbedding{in.googleEmbedding}, ""
	}
	if len(all) == 0 {
		return nil, malformed("requests", "an array of at least one request")
	}
	out := struct {
		Model      string          `json:"model"`
		Input      []string        `json:"input"`
		Dimensions json.RawMessage `json:"dimensions,omitempty"`
		Format     string          `json:"encoding_format"`
	}{Model: model, Dimensions: given(all[0].Dimensions), Format: "float"}
	lost := losses{dialect: "openai"}
	for i, one := range all {
		where := at
		if at != "" {
			where = fmt.Sprintf(at, i)
		}
		if one.Task != "" && one.Task != "TASK_TYPE_UNSPECIFIED" {
			lost.lose(where + "taskType")
		}
		if one.Title != "" {
			lost.lose(where + "title")
		}
		if string(given(one.Dimensions)) != string(out.Dimensions) {
			return nil, malformed(where+"outputDimensionality", "the same in all requests")
		}
		text, fault := one.text(where + "content")
		if fault != nil {
			return nil, fault
		}
		out.Input = append(out.Input, text)
	}
	if fault := lost.fault(); fault != nil {
		return nil, fault
	}
	return encode(nil, &out), nil
}

func (e *googleEmbedding) text(at string) (string, *exchange.Fault) {
	var lines []string
	for k, raw := range e.Content.Parts {
		p, known, fault := readPart(raw, fmt.Sprintf("%s.parts[%d]", at, k))
		if fault != nil {
			return "", fault
		}
		if !known || p.Text == nil {
			return "", malformed(fmt.Sprintf("%s.parts[%d]", at, k), "a text for this target")
		}
		lines = append(lines, *p.Text)
	}
	if len(lines) == 0 {
		return "", malformed(at, "a content with parts")
	}
	return strings.Join(lines, "\n"), nil
}

// EmbedAnswer carries embeddings back, as the answer to embedContent or to batchEmbedContents.
func EmbedAnswer(body []byte, batch bool) ([]byte, error) {
	var in struct {
		Data []struct {
			Index  int             `json:"index"`
			Values json.RawMessage `json:"embedding"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, fmt.Errorf("it answered 200 with malformed JSON: %w", err)
	}
	type embedding struct {
		Values json.RawMessage `json:"values"`
	}
	all := make([]embedding, len(in.Data))
	for i, one := range in.Data {
		if one.Index < 0 || one.Index >= len(all) || all[one.Index].Values != nil || len(one.Values) == 0 || one.Values[0] != '[' {
			return nil, fmt.Errorf("it answered 200 with embedding %d that is no vector of a place of its own", i)
		}
		all[one.Index].Values = one.Values
	}
	switch {
	case batch:
		return encode(nil, map[string]any{"embeddings": all}), nil
	case len(all) != 1:
		return nil, fmt.Errorf("it answered 200 with %d embeddings of one content", len(all))
	}
	return encode(nil, map[string]any{"embedding": all[0]}), nil
}
