package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
)

const openaiModule = "github.com/openai/openai-go/v3"

var (
	openaiChat = client{name: "openai-go, chat", module: openaiModule, spent: 429, dial: func(gateway, key string, transport *http.Client) (asker, error) {
		return &chatAsker{dialOpenAI(gateway, key, transport)}, nil
	}}
	openaiResponses = client{name: "openai-go, Responses", module: openaiModule, spent: 429, dial: func(gateway, key string, transport *http.Client) (asker, error) {
		return &responsesAsker{dialOpenAI(gateway, key, transport)}, nil
	}}
)

type openaiClient struct{ openai.Client }

func dialOpenAI(gateway, key string, transport *http.Client) openaiClient {
	return openaiClient{openai.NewClient(option.WithBaseURL(gateway+"/v1"), option.WithAPIKey(key), option.WithHTTPClient(transport))}
}

func (openaiClient) count(context.Context, string) (int64, error) { return 0, errNone }

func (openaiClient) status(err error) int {
	var told *openai.Error
	if errors.As(err, &told) {
		return told.StatusCode
	}
	return 0
}

// object is JSON under way.
type object = map[string]any

// into fills an SDK's parameters with what their JSON is to be.
func into[T any](body object) (params T, err error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return params, err
	}
	return params, json.Unmarshal(raw, &params)
}

type chatAsker struct{ openaiClient }

func (a *chatAsker) ask(ctx context.Context, q *question) (*heard, error) {
	content := any(q.text)
	if q.image {
		content = []object{{"type": "text", "text": q.text}, {"type": "image_url", "image_url": object{"url": "data:image/png;base64," + pixel}}}
	}
	messages := []any{object{"role": "user", "content": content}}
	if q.before != nil {
		messages = append(messages, q.before.raw.(openai.ChatCompletionMessage).ToParam())
		for _, c := range q.before.calls {
			messages = append(messages, object{"role": "tool", "tool_call_id": c.id, "content": "18 °C"})
		}
	}
	body := object{"model": q.model, "messages": messages}
	if q.tools {
		body["tools"] = []object{{"type": "function", "function": object{"name": toolName, "parameters": weather}}}
	}
	if q.structured {
		body["response_format"] = object{"type": "json_schema", "json_schema": object{"name": "place", "schema": place, "strict": true}}
	}
	if q.most > 0 {
		body["max_tokens"] = q.most
	}
	if q.pieces != nil {
		body["stream_options"] = object{"include_usage": true}
	}
	if q.thinks {
		body["reasoning_effort"] = "low"
	}
	params, err := into[openai.ChatCompletionNewParams](body)
	if err != nil {
		return nil, err
	}
	if q.pieces == nil {
		answer, err := a.Chat.Completions.New(ctx, params)
		if err != nil {
			return nil, err
		}
		return chatHeard(answer)
	}
	stream := a.Chat.Completions.NewStreaming(ctx, params)
	defer stream.Close()
	var whole openai.ChatCompletionAccumulator
	for stream.Next() {
		chunk := stream.Current()
		if !whole.AddChunk(chunk) {
			return nil, errors.New("the SDK cannot put the chunks together")
		}
		if len(chunk.Choices) > 0 && chunk.Choices[0].Delta.Content != "" {
			q.pieces(chunk.Choices[0].Delta.Content)
		}
	}
	if err := errors.Join(stream.Err(), ctx.Err()); err != nil {
		return nil, err
	}
	return chatHeard(&whole.ChatCompletion)
}

func chatHeard(answer *openai.ChatCompletion) (*heard, error) {
	if len(answer.Choices) == 0 {
		return nil, errors.New("no choice")
	}
	choice := answer.Choices[0]
	h := &heard{
		text: choice.Message.Content, whole: choice.FinishReason == "stop" || choice.FinishReason == "tool_calls",
		input: answer.Usage.PromptTokens, output: answer.Usage.CompletionTokens, raw: choice.Message,
	}
	for _, c := range choice.Message.ToolCalls {
		h.calls = append(h.calls, call{c.ID, c.Function.Name, c.Function.Arguments})
	}
	return h, nil
}

type responsesAsker struct{ openaiClient }

func (a *responsesAsker) ask(ctx context.Context, q *question) (*heard, error) {
	content := []object{{"type": "input_text", "text": q.text}}
	if q.image {
		content = append(content, object{"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64," + pixel})
	}
	input := []any{object{"type": "message", "role": "user", "content": content}}
	if q.before != nil {
		for _, item := range q.before.raw.(*responses.Response).Output {
			input = append(input, json.RawMessage(item.RawJSON()))
		}
		for _, c := range q.before.calls {
			input = append(input, object{"type": "function_call_output", "call_id": c.id, "output": "18 °C"})
		}
	}
	body := object{"model": q.model, "input": input}
	if q.tools {
		body["tools"] = []object{{"type": "function", "name": toolName, "parameters": weather, "strict": true}}
	}
	if q.structured {
		body["text"] = object{"format": object{"type": "json_schema", "name": "place", "schema": place, "strict": true}}
	}
	if q.most > 0 {
		body["max_output_tokens"] = q.most
	}
	if q.thinks {
		body["reasoning"] = object{"effort": "low"}
	}
	params, err := into[responses.ResponseNewParams](body)
	if err != nil {
		return nil, err
	}
	if q.pieces == nil {
		answer, err := a.Responses.New(ctx, params)
		if err != nil {
			return nil, err
		}
		return responseHeard(answer), nil
	}
	stream := a.Responses.NewStreaming(ctx, params)
	defer stream.Close()
	var last *responses.Response
	for stream.Next() {
		switch event := stream.Current().AsAny().(type) {
		case responses.ResponseTextDeltaEvent:
			q.pieces(event.Delta)
		case responses.ResponseCompletedEvent:
			last = &event.Response
		case responses.ResponseIncompleteEvent:
			last = &event.Response
		case responses.ResponseFailedEvent:
			return nil, errors.New(event.Response.Error.Message)
		}
	}
	if err := errors.Join(stream.Err(), ctx.Err()); err != nil {
		return nil, err
	}
	if last == nil {
		return nil, errors.New("the stream has no end")
	}
	return responseHeard(last), nil
}

func responseHeard(answer *responses.Response) *heard {
	h := &heard{text: answer.OutputText(), whole: answer.Status == responses.ResponseStatusCompleted, input: answer.Usage.InputTokens, output: answer.Usage.OutputTokens, raw: answer}
	for _, item := range answer.Output {
		if c, ok := item.AsAny().(responses.ResponseFunctionToolCall); ok {
			h.calls = append(h.calls, call{c.CallID, c.Name, c.Arguments})
		}
	}
	return h
}
