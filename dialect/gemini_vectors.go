package dialect

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"bursar/exchange"
)

// geminiVectors asks Google's embedding models at AI Studio. Vertex AI has another call for them, which this is not.
var geminiVectors = Vectors{
	Path: func(base, model string, single bool) string {
		if strings.Contains(base, "/projects/") {
			return ""
		}
		call := ":batchEmbedContents"
		if single {
			call = ":embedContent"
		}
		path := "/" + strings.ReplaceAll(url.PathEscape(geminiModel(model)), "%2F", "/") + call
		if !strings.Contains(base, "/v1") {
			path = "/v1beta" + path
		}
		return path
	},
	Request: geminiEmbed,
	Answer:  geminiEmbedded,
}

// geminiModel is a model's name in full; tuned models say what they are by themselves.
func geminiModel(model string) string {
	if strings.Contains(model, "/") {
		return model
	}
	return "models/" + model
}

// geminiEmbedding is one request of batchEmbedContents.
type geminiEmbedding struct {
	Model      string          `json:"model"`
	Content    geminiContent   `json:"content"`
	Task       string          `json:"taskType,omitempty"`
	Title      string          `json:"title,omitempty"`
	Dimensions json.RawMessage `json:"outputDimensionality,omitempty"`
}

// geminiTasks are what vectors may be for, in Google's words.
var geminiTasks = map[string]string{
	"search_document": "RETRIEVAL_DOCUMENT", "search_query": "RETRIEVAL_QUERY", "classification": "CLASSIFICATION", "clustering": "CLUSTERING",
}

// geminiEmbed carries a request over: each text is a request of its own in the batch.
func geminiEmbed(body []byte, o Options) ([]byte, []string, *exchange.Fault) {
	r, fault := readEmbed(body, "gemini", o)
	if fault != nil {
		return nil, nil, fault
	}
	task, known := geminiTasks[r.InputType]
	if !known && r.InputType != "" {
		return nil, nil, malformed("input_type", "search_document, search_query, classification or clustering")
	}
	each := wrappedEmbed{}
	switch {
	case r.Native == nil:
	case r.Native.Dialect != "gemini":
		r.losses.loseNative(r.Native)
	default:
		for _, name := range slices.Sorted(maps.Keys(r.Native.Members)) {
			if name != "taskType" && name != "title" && name != "outputDimensionality" {
				r.losses.lose(name)
			}
		}
		if each, fault = unwrapEmbed(r.Native, len(r.texts)); fault != nil {
			return nil, nil, fault
		}
	}
	if fault := r.losses.fault(); fault != nil {
		return nil, nil, fault
	}
	all := make([]geminiEmbedding, len(r.texts))
	for i := range r.texts {
		all[i] = geminiEmbedding{Model: geminiModel(r.Model), Content: geminiContent{Parts: []geminiPart{{Text: &r.texts[i]}}}, Task: task, Dimensions: r.Dimensions}
		if len(each.Tasks) > 0 {
			all[i].Task = each.Tasks[i]
		}
		if len(each.Titles) > 0 {
			all[i].Title = each.Titles[i]
		}
		if len(each.Dimensions) > 0 {
			all[i].Dimensions = given(each.Dimensions[i])
		}
	}
	return encode(nil, map[string]any{"requests": all}), r.losses.dropped(), nil
}

// wrappedEmbed is what Google's client has asked for beside each text.
type wrappedEmbed struct {
	Tasks      []string
	Titles     []string
	Dimensions []json.RawMessage
}

func unwrapEmbed(n *native, texts int) (w wrappedEmbed, fault *exchange.Fault) {
	for name, into := range map[string]any{"taskType": &w.Tasks, "title": &w.Titles, "outputDimensionality": &w.Dimensions} {
		if raw := n.Members[name]; raw != nil && json.Unmarshal(raw, into) != nil {
			return w, malformed("native."+name, "an array, of one for each text")
		}
	}
	for _, got := range []int{len(w.Tasks), len(w.Titles), len(w.Dimensions)} {
		if got != 0 && got != texts {
			return w, malformed("native", fmt.Sprintf("of %d texts", texts))
		}
	}
	return w, nil
}

// geminiEmbedded carries an answer back, of a batch or of one content.
func geminiEmbedded(body []byte, m Made) ([]byte, error) {
	type values struct {
		Values     json.RawMessage `json:"values"`
		Statistics struct {
			Tokens int64 `json:"tokenCount"`
		} `json:"statistics"`
	}
	var in struct {
		One   *values  `json:"embedding"`
		All   []values `json:"embeddings"`
		Usage struct {
			Prompt int64 `json:"promptTokenCount"`
		} `json:"usageMetadata"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, fmt.Errorf("it answered 200 with malformed JSON: %w", err)
	}
	if in.One != nil {
		in.All = []values{*in.One}
	}
	told, vectors := int64(0), make([]json.RawMessage, len(in.All))
	for i, one := range in.All {
		vectors[i] = one.Values
		told += one.Statistics.Tokens
	}
	if in.Usage.Prompt > 0 {
		told = in.Usage.Prompt
	}
	return embeddedOf(vectors, told, m)
}
