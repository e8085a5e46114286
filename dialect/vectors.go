package dialect

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"bursar/exchange"
)

// Vectors is how embeddings are asked for in the API of a provider. OpenAI's embeddings are the hub: requests are carried over from them, answers back.
type Vectors struct {
	// Path is what follows the base URL for a request to a model; "" if embeddings are not to be had below it. Single: the body is a client's own, for
	// one embedding.
	Path func(base, model string, single bool) string

	// Request carries a request over.
	Request func(body []byte, o Options) (out []byte, dropped []string, fault *exchange.Fault)

	// Answer carries an answer back.
	Answer func(body []byte, m Made) ([]byte, error)
}

// plainVectors are OpenAI's own embeddings, where a provider has them beside another API for chats.
var plainVectors = Vectors{
	Path:    func(string, string, bool) string { return "/embeddings" },
	Request: PlainVectors,
	Answer:  func(body []byte, _ Made) ([]byte, error) { return body, nil },
}

// embedRequest is a request of OpenAI's embeddings, for texts. InputType is our own member, in Cohere's words: what the vectors are for.
type embedRequest struct {
	Model      string          `json:"model"`
	Input      json.RawMessage `json:"input"`
	Dimensions json.RawMessage `json:"dimensions"`
	Format     string          `json:"encoding_format"`
	InputType  string          `json:"input_type"`
	Native     *native         `json:"native"`

	texts  []string
	rest   members
	losses losses
}

// readEmbed reads a request of embeddings for a target that takes texts alone.
func readEmbed(body []byte, dialect string, o Options) (*embedRequest, *exchange.Fault) {
	r := &embedRequest{losses: losses{dialect: dialect, drop: o.Drop}}
	if err := json.Unmarshal(body, r); err != nil {
		return nil, malformed("body", "a request of embeddings: "+err.Error())
	}
	_ = json.Unmarshal(body, &r.rest) // it is an object
	var one string
	switch {
	case json.Unmarshal(r.Input, &one) == nil:
		r.texts = []string{one}
	case json.Unmarshal(r.Input, &r.texts) != nil || len(r.texts) == 0:
		return nil, malformed("input", "a text or an array of texts for this target, which takes no tokens")
	}
	if r.Format != "" && r.Format != "float" && r.Format != "base64" {
		return nil, malformed("encoding_format", "float or base64")
	}
	r.Dimensions = given(r.Dimensions)
	for _, name := range slices.Sorted(maps.Keys(r.rest)) {
		switch name {
		case "model", "input", "dimensions", "encoding_format", "input_type", "native", "user":
		default:
			if !slices.Contains(unheeded, name) && !isUsual(name, string(r.rest[name])) {
				r.losses.lose(name)
			}
		}
	}
	return r, nil
}

// PlainVectors makes a request of embeddings that was carried over from another API one that servers of the openai dialect take: without what only
// that API has. All that it does not change is byte for byte as it was.
func PlainVectors(body []byte, o Options) ([]byte, []string, *exchange.Fault) {
	var in struct {
		Native *native `json:"native"`
	}
	if json.Unmarshal(body, &in) != nil || in.Native == nil {
		return body, nil, nil
	}
	l := losses{dialect: "openai", drop: o.Drop}
	l.loseNative(in.Native)
	if fault := l.fault(); fault != nil {
		return nil, nil, fault
	}
	all, _ := membersOf(body)
	return object(slices.DeleteFunc(all, func(m member) bool { return m.name == "native" })), l.dropped(), nil
}

// Base64 tells whether a request asks for its vectors in base64, as OpenAI's own clients do.
func Base64(body []byte) bool {
	var r struct {
		Format string `json:"encoding_format"`
	}
	return json.Unmarshal(body, &r) == nil && r.Format == "base64"
}

// embedded is an answer of OpenAI's embeddings.
type embedded struct {
	Object string     `json:"object"`
	Data   []vector   `json:"data"`
	Model  string     `json:"model"`
	Usage  embedUsage `json:"usage"`
}

type vector struct {
	Object    string          `json:"object"`
	Index     int             `json:"index"`
	Embedding json.RawMessage `json:"embedding"` // numbers as they were, or base64
}

// embedUsage are the tokens of the texts. Estimated: the provider told none, and they are our own count.
type embedUsage struct {
	Prompt    int64 `json:"prompt_tokens"`
	Total     int64 `json:"total_tokens"`
	Estimated bool  `json:"estimated,omitempty"`
}

// embeddedOf makes the answer of vectors, in the order of the texts. Told are the tokens that the provider has told of, 0 for none.
func embeddedOf(vectors []json.RawMessage, told int64, m Made) ([]byte, error) {
	out := embedded{Object: "list", Model: m.Model, Data: make([]vector, len(vectors)), Usage: embedUsage{told, told, false}}
	if told == 0 {
		out.Usage = embedUsage{m.Prompt, m.Prompt, true}
	}
	for i, numbers := range vectors {
		var all []json.Number
		if json.Unmarshal(numbers, &all) != nil || len(all) == 0 {
			return nil, fmt.Errorf("it answered 200 with embedding %d that is no vector", i)
		}
		if m.Base64 {
			packed, err := packed(all)
			if err != nil {
				return nil, fmt.Errorf("it answered 200 with embedding %d: %w", i, err)
			}
			numbers = packed
		}
		out.Data[i] = vector{"embedding", i, numbers}
	}
	return encode(nil, &out), nil
}

// packed are numbers as OpenAI has them in base64: 32-bit floats, the lowest byte first.
func packed(all []json.Number) (json.RawMessage, error) {
	raw := make([]byte, 0, 4*len(all))
	for _, n := range all {
		x, err := strconv.ParseFloat(n.String(), 32)
		if err != nil {
			return nil, err
		}
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(float32(x)))
	}
	return encode(nil, base64.StdEncoding.EncodeToString(raw)), nil
}
