package dialect

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"bursar/exchange"
)

// bedrockVectors asks embedding models at Bedrock by InvokeModel, where each family has a form of its own: Amazon's Titan, and Cohere's Embed.
var bedrockVectors = Vectors{
	Path: func(_, model string, _ bool) string {
		return "/model/" + strings.ReplaceAll(url.PathEscape(model), ":", "%3A") + "/invoke"
	},
	Request: bedrockEmbed,
	Answer:  bedrockEmbedded,
}

// titanEmbedding is a request to Titan, which takes one text.
type titanEmbedding struct {
	Text       string          `json:"inputText"`
	Dimensions json.RawMessage `json:"dimensions,omitempty"` // from version 2 on
}

// cohereEmbedding is a request to Cohere's Embed.
type cohereEmbedding struct {
	Texts      []string        `json:"texts"`
	InputType  string          `json:"input_type"`
	Types      []string        `json:"embedding_types"`
	Truncate   string          `json:"truncate"`
	Dimensions json.RawMessage `json:"output_dimension,omitempty"` // from version 4 on
}

// bedrockEmbed carries a request over.
func bedrockEmbed(body []byte, o Options) ([]byte, []string, *exchange.Fault) {
	r, fault := readEmbed(body, "bedrock", o)
	if fault != nil {
		return nil, nil, fault
	}
	var out any
	switch {
	case strings.Contains(r.Model, "titan-embed"):
		out, fault = r.titan()
	case strings.Contains(r.Model, "cohere.embed"):
		out, fault = r.cohere()
	default:
		return nil, nil, malformed("model", "an embedding model of Amazon's (titan-embed) or Cohere's (cohere.embed) for this target")
	}
	if fault == nil {
		fault = r.losses.fault()
	}
	if fault != nil {
		return nil, nil, fault
	}
	return encode(nil, out), r.losses.dropped(), nil
}

func (r *embedRequest) titan() (any, *exchange.Fault) {
	if len(r.texts) > 1 { // never several calls for one: each is billed by itself, and one may fail
		return nil, malformed("input", "one text for this target, which embeds one in a call")
	}
	if r.Native != nil {
		r.losses.loseNative(r.Native)
	}
	if r.InputType != "" {
		r.losses.lose("input_type")
	}
	out := titanEmbedding{Text: r.texts[0], Dimensions: r.Dimensions}
	if r.Dimensions != nil && !strings.Contains(r.Model, "titan-embed-text-v2") {
		r.losses.lose("dimensions")
		out.Dimensions = nil
	}
	return out, nil
}

// cohereTypes are what vectors may be for, in Cohere's words, by Google's.
var cohereTypes = map[string]string{
	"RETRIEVAL_DOCUMENT": "search_document", "RETRIEVAL_QUERY": "search_query", "CLASSIFICATION": "classification", "CLUSTERING": "clustering",
}

// cohere asks for vectors of documents unless the client says what they are for: the API wants to know, and those of documents compare with each
// other and with those of queries. A text that is too long is refused, not cut.
func (r *embedRequest) cohere() (any, *exchange.Fault) {
	out := cohereEmbedding{Texts: r.texts, InputType: r.InputType, Types: []string{"float"}, Truncate: "NONE", Dimensions: r.Dimensions}
	if n := r.Native; n != nil {
		var tasks []string
		if kind := ""; n.Dialect == "gemini" && json.Unmarshal(nullOr(n.Members["taskType"]), &tasks) == nil && len(tasks) > 0 {
			for i, task := range tasks {
				if kind = cohereTypes[task]; kind == "" || i > 0 && task != tasks[0] {
					kind = ""
					break
				}
			}
			if kind != "" {
				out.InputType = kind
				delete(n.Members, "taskType")
			}
		}
		r.losses.loseNative(n)
	}
	if _, known := geminiTasks[out.InputType]; !known && out.InputType != "" {
		return nil, malformed("input_type", "search_document, search_query, classification or clustering")
	}
	if out.InputType == "" {
		out.InputType = "search_document"
	}
	if r.Dimensions != nil && !strings.Contains(r.Model, "cohere.embed-v4") {
		r.losses.lose("dimensions")
		out.Dimensions = nil
	}
	return out, nil
}

// bedrockEmbedded carries an answer back: of Titan one vector, which may stand among others by its type; of Cohere several, by their type or bare. Where
// the body tells no tokens, the head does.
func bedrockEmbedded(body []byte, m Made) ([]byte, error) {
	var in struct {
		One    json.RawMessage `json:"embedding"`
		Tokens int64           `json:"inputTextTokenCount"`
		All    json.RawMessage `json:"embeddings"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, fmt.Errorf("it answered 200 with malformed JSON: %w", err)
	}
	if len(in.One) > 0 {
		return embeddedOf([]json.RawMessage{in.One}, max(in.Tokens, m.Told), m)
	}
	var byType struct {
		Float []json.RawMessage `json:"float"`
	}
	if json.Unmarshal(nullOr(in.All), &byType) != nil {
		if err := json.Unmarshal(nullOr(in.All), &byType.Float); err != nil {
			return nil, fmt.Errorf("it answered 200 with embeddings that are no vectors: %w", err)
		}
	}
	return embeddedOf(byType.Float, m.Told, m)
}
