package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"bursar/prompt"
	"bursar/tokens"
)

// count prints how many tokens a file is to a model, and how that is known. A file that is a chat request is counted as the
// provider would: messages, tools and images with their overheads; any other file as plain text.
func count(p *program, args []string) error {
	f := p.flags("count")
	model := f.String("model", "", "model, or provider/model (required)")
	rest, err := p.parse(f, args)
	if err != nil {
		return err
	}
	if *model == "" || len(rest) != 1 {
		return usageError{"name a model and one file; - is standard input"}
	}
	text, err := p.readFile(rest[0])
	if err != nil {
		return err
	}
	counter, err := tokens.New()
	if err != nil {
		return err
	}
	provider, name, ok := strings.Cut(*model, "/")
	if !ok {
		provider, name = "", *model
	}
	family := tokens.FamilyOf(provider, name)
	n, method := counter.Text(family, text), counter.Method(family).String()
	var request prompt.Envelope
	if isChat(text) {
		if err := request.Read(text); err != nil {
			return fmt.Errorf("%s looks like a chat request: %w", rest[0], err)
		}
		m := request.Measure(counter, prompt.Target{Family: family, Model: name})
		n, method = m.Tokens, m.Method.String()
	}
	return json.NewEncoder(p.out).Encode(struct {
		Tokens int64  `json:"tokens"`
		Method string `json:"method"`
	}{n, method})
}

// isChat tells whether a file is a chat request: a JSON object with messages and a model.
func isChat(text []byte) bool {
	var request struct {
		Model    string            `json:"model"`
		Messages []json.RawMessage `json:"messages"`
	}
	return json.Unmarshal(text, &request) == nil && request.Model != "" && request.Messages != nil
}

// readFile reads a file, or standard input for -.
func (p *program) readFile(name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(p.in)
	}
	return os.ReadFile(name)
}
