package main

import (
	"context"
	"errors"
	"net/http"

	"github.com/anthropics/anthropic-sdk-go/v2"
	"github.com/anthropics/anthropic-sdk-go/v2/option"
)

var anthropicMessages = client{
	name: "anthropic-sdk-go", module: "github.com/anthropics/anthropic-sdk-go/v2", spent: 429,
	dial: func(gateway, key string, transport *http.Client) (asker, error) {
		return &messagesAsker{anthropic.NewClient(option.WithBaseURL(gateway), option.WithAPIKey(key), option.WithHTTPClient(transport))}, nil
	},
}

type messagesAsker struct{ anthropic.Client }

func (a *messagesAsker) ask(ctx context.Context, q *question) (*heard, error) {
	content := []object{{"type": "text", "text": q.text}}
	if q.image {
		content = append(content, object{"type": "image", "source": object{"type": "base64", "media_type": "image/png", "data": pixel}})
	}
	messages := []any{object{"role": "user", "content": content}}
	if q.before != nil {
		var results []object
		for _, c := range q.before.calls {
			results = append(results, object{"type": "tool_result", "tool_use_id": c.id, "content": "18 °C"})
		}
		messages = append(messages, q.before.raw.(*anthropic.Message).ToParam(), object{"role": "user", "content": results})
	}
	body := object{"model": q.model, "max_tokens": max(q.most, 64), "messages": messages}
	if q.tools {
		body["tools"] = []object{{"name": toolName, "input_schema": weather}}
	}
	if q.structured {
		body["output_config"] = object{"format": object{"type": "json_schema", "schema": place}}
	}
	if q.thinks {
		body["max_tokens"], body["thinking"] = 2048, object{"type": "enabled", "budget_tokens": 1024}
	}
	params, err := into[anthropic.MessageNewParams](body)
	if err != nil {
		return nil, err
	}
	if q.pieces == nil {
		answer, err := a.Messages.New(ctx, params)
		if err != nil {
			return nil, err
		}
		return messageHeard(answer), nil
	}
	stream := a.Messages.NewStreaming(ctx, params)
	defer stream.Close()
	var whole anthropic.Message
	for stream.Next() {
		event := stream.Current()
		if err := whole.Accumulate(event); err != nil {
			return nil, err
		}
		if delta, ok := event.AsAny().(anthropic.ContentBlockDeltaEvent); ok && delta.Delta.Text != "" {
			q.pieces(delta.Delta.Text)
		}
	}
	if err := errors.Join(stream.Err(), ctx.Err()); err != nil {
		return nil, err
	}
	return messageHeard(&whole), nil
}

func messageHeard(answer *anthropic.Message) *heard {
	h := &heard{
		whole: answer.StopReason == anthropic.StopReasonEndTurn || answer.StopReason == anthropic.StopReasonToolUse,
		input: answer.Usage.InputTokens + answer.Usage.CacheReadInputTokens, output: answer.Usage.OutputTokens, raw: answer,
	}
	for _, b := range answer.Content {
		switch b := b.AsAny().(type) {
		case anthropic.TextBlock:
			h.text += b.Text
		case anthropic.ToolUseBlock:
			h.calls = append(h.calls, call{b.ID, b.Name, string(b.Input)})
		}
	}
	return h
}

func (a *messagesAsker) count(ctx context.Context, text string) (int64, error) {
	params, err := into[anthropic.MessageCountTokensParams](object{"model": "tiny", "messages": []object{{"role": "user", "content": text}}})
	if err != nil {
		return 0, err
	}
	answer, err := a.Messages.CountTokens(ctx, params)
	if err != nil {
		return 0, err
	}
	return answer.InputTokens, nil
}

func (a *messagesAsker) status(err error) int {
	var told *anthropic.Error
	if errors.As(err, &told) {
		return told.StatusCode
	}
	return 0
}
