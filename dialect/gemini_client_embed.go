package dialect

import (
	"encoding/json"
	"fmt"
	"slices"
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
		Native:  "gemini",
		Splice:  embedSplice,
		Request: func(body []byte, a Asked) ([]byte, *exchange.Fault) { return embedFromGoogle(body, a.Model) },
		Answer:  func(body []byte, _ Reply) ([]byte, error) { return embedToGoogle(body, batch) },
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

// embedFromGoogle carries a request of embedContent, or of batchEmbedContents, over to OpenAI's embeddings. A content is one input, its texts in lines.
// What changes a vector and has no form there is native, one value for each text: vectors that were made in different ways must not end up in one
// index, so that a target without a word for it refuses.
func embedFromGoogle(body []byte, model string) (chat []byte, fault *exchange.Fault) {
	var in struct {
		googleEmbedding
		Requests []googleEmbedding `json:"requests"`
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(camelCased(body), &in); err != nil {
		return nil, malformed("body", "a request of embedContent"+why(err))
	}
	_ = json.Unmarshal(camelCased(body), &members) // it is an object
	all, each, at := in.Requests, []map[string]json.RawMessage{}, "requests[%d]."
	if all == nil {
		all, each, at = []googleEmbedding{in.googleEmbedding}, append(each, members), ""
	} else {
		_ = json.Unmarshal(members["requests"], &each)
	}
	if len(all) == 0 || len(each) != len(all) {
		return nil, malformed("requests", "an array of at least one request")
	}
	out := embedHub{Model: model, Dimensions: given(all[0].Dimensions), Format: "float"}
	for i, one := range all {
		where := at
		if at != "" {
			where = fmt.Sprintf(at, i)
		}
		text, fault := one.text(where + "content")
		if fault != nil {
			return nil, fault
		}
		out.Input = append(out.Input, text)
		for name, value := range each[i] {
			if known := []string{"model", "content", "requests", "taskType", "title", "outputDimensionality"}; !slices.Contains(known, name) && !isUsual(name, string(value)) {
				out.Native = out.Native.put("gemini", where+name, value)
			}
		}
	}
	out.wrap(all)
	return encode(nil, &out), nil
}

// embedHub is a request of OpenAI's embeddings that we write.
type embedHub struct {
	Model      string          `json:"model"`
	Input      []string        `json:"input"`
	Dimensions json.RawMessage `json:"dimensions,omitempty"`
	Format     string          `json:"encoding_format"`
	Native     *native         `json:"native,omitempty"`
}

// wrap wraps what only Google has words for, one value for each text.
func (h *embedHub) wrap(all []googleEmbedding) {
	var tasks, titles []string
	var dimensions []json.RawMessage
	asked := [3]bool{}
	for _, one := range all {
		tasks, titles, dimensions = append(tasks, one.Task), append(titles, one.Title), append(dimensions, nullOr(one.Dimensions))
		asked[0] = asked[0] || one.Task != "" && one.Task != "TASK_TYPE_UNSPECIFIED"
		asked[1] = asked[1] || one.Title != ""
		asked[2] = asked[2] || string(given(one.Dimensions)) != string(h.Dimensions)
	}
	if asked[0] {
		h.Native = h.Native.put("gemini", "taskType", encode(nil, tasks))
	}
	if asked[1] {
		h.Native = h.Native.put("gemini", "title", encode(nil, titles))
	}
	if asked[2] {
		h.Native, h.Dimensions = h.Native.put("gemini", "outputDimensionality", encode(nil, dimensions)), nil
	}
}

// embedSplice is a client's own request with the model, which stands in it beside the URL, and in each request of a batch.
func embedSplice(body []byte, model string, _ int64) ([]byte, bool) {
	name := encode(nil, geminiModel(model))
	return spliced(body, func(member string, value json.RawMessage) []byte {
		switch member {
		case "model":
			return name
		case "requests":
			var all []json.RawMessage
			if json.Unmarshal(value, &all) != nil {
				return nil
			}
			for i := range all {
				if one, ok := embedSplice(all[i], model, 0); ok {
					all[i] = one
				}
			}
			return encode(nil, all)
		}
		return nil
	})
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

// embedToGoogle carries embeddings back, as the answer to embedContent or to batchEmbedContents.
func embedToGoogle(body []byte, batch bool) ([]byte, error) {
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
