package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"

	"google.golang.org/genai"
)

var googleGenAI = client{
	name: "genai for Go", module: "google.golang.org/genai", spent: 403,
	dial: func(gateway, key string, transport *http.Client) (asker, error) {
		attempts := int32(3)
		c, err := genai.NewClient(context.Background(), &genai.ClientConfig{
			APIKey: key, Backend: genai.BackendGeminiAPI, HTTPClient: transport,
			HTTPOptions: genai.HTTPOptions{BaseURL: gateway, RetryOptions: &genai.HTTPRetryOptions{Attempts: &attempts}},
		})
		return &genaiAsker{c}, err
	},
}

type genaiAsker struct{ *genai.Client }

func (a *genaiAsker) ask(ctx context.Context, q *question) (*heard, error) {
	parts := []*genai.Part{{Text: q.text}}
	if q.image {
		data, err := base64.StdEncoding.DecodeString(pixel)
		if err != nil {
			return nil, err
		}
		parts = append(parts, &genai.Part{InlineData: &genai.Blob{MIMEType: "image/png", Data: data}})
	}
	contents := []*genai.Content{{Role: "user", Parts: parts}}
	if q.before != nil {
		results := &genai.Content{Role: "user"}
		for _, c := range q.before.calls {
			results.Parts = append(results.Parts, &genai.Part{FunctionResponse: &genai.FunctionResponse{ID: c.id, Name: c.name, Response: object{"output": "18 °C"}}})
		}
		contents = append(contents, q.before.raw.(*genai.Content), results)
	}
	config := &genai.GenerateContentConfig{MaxOutputTokens: int32(q.most)}
	if q.tools {
		config.Tools = []*genai.Tool{{FunctionDeclarations: []*genai.FunctionDeclaration{{Name: toolName, ParametersJsonSchema: weather}}}}
	}
	if q.structured {
		config.ResponseMIMEType, config.ResponseJsonSchema = "application/json", place
	}
	if q.thinks {
		budget := int32(1024)
		config.ThinkingConfig = &genai.ThinkingConfig{ThinkingBudget: &budget}
	}
	if q.pieces == nil {
		answer, err := a.Models.GenerateContent(ctx, q.model, contents, config)
		if err != nil {
			return nil, err
		}
		return new(heard).add(answer)
	}
	whole := new(heard)
	for piece, err := range a.Models.GenerateContentStream(ctx, q.model, contents, config) {
		if err != nil {
			return nil, errors.Join(err, ctx.Err())
		}
		if text := piece.Text(); text != "" {
			q.pieces(text)
		}
		if _, err := whole.add(piece); err != nil {
			return nil, err
		}
	}
	return whole, ctx.Err()
}

// add adds an answer, or a piece of one.
func (h *heard) add(answer *genai.GenerateContentResponse) (*heard, error) {
	if len(answer.Candidates) == 0 {
		return nil, errors.New("no candidate")
	}
	first := answer.Candidates[0]
	h.text += answer.Text()
	for _, c := range answer.FunctionCalls() {
		args, err := json.Marshal(c.Args)
		if err != nil {
			return nil, err
		}
		h.calls = append(h.calls, call{c.ID, c.Name, string(args)})
	}
	h.raw, h.whole = first.Content, first.FinishReason == genai.FinishReasonStop
	if u := answer.UsageMetadata; u != nil {
		h.input, h.output = int64(u.PromptTokenCount), int64(u.CandidatesTokenCount)
	}
	return h, nil
}

func (a *genaiAsker) count(ctx context.Context, text string) (int64, error) {
	answer, err := a.Models.CountTokens(ctx, "tiny", genai.Text(text), nil)
	if err != nil {
		return 0, err
	}
	return int64(answer.TotalTokens), nil
}

func (a *genaiAsker) status(err error) int {
	var told genai.APIError
	if errors.As(err, &told) {
		return told.Code
	}
	return 0
}
