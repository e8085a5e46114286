package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/openai/openai-go/v3/responses"
)

// keeps dials with a key; errNone if the client's API stores nothing.
func (t *trial) keeps(key string) (*responsesAsker, error) {
	a, err := t.dial(key)
	if err != nil {
		return nil, err
	}
	keeper, ok := a.(*responsesAsker)
	if !ok {
		return nil, errNone
	}
	return keeper, nil
}

// create asks a model that stores its answers, after an earlier one if there is one.
func (a *responsesAsker) create(ctx context.Context, previous string, background bool) (*responses.Response, error) {
	body := object{"model": "keeper", "input": something}
	if previous != "" {
		body["previous_response_id"] = previous
	}
	if background {
		body["background"] = true
	}
	params, err := into[responses.ResponseNewParams](body)
	if err != nil {
		return nil, err
	}
	return a.Responses.New(ctx, params)
}

func storedResponse(ctx context.Context, t *trial) (string, error) {
	a, err := t.keeps(t.keys["good"])
	if err != nil {
		return "", err
	}
	first, err := a.create(ctx, "", false)
	if err != nil {
		return "", err
	}
	second, err := a.create(ctx, first.ID, false)
	if err != nil {
		return "", err
	}
	seen, err := a.Responses.Get(ctx, second.ID, responses.ResponseGetParams{})
	if err != nil {
		return "", err
	}
	if second.OutputText() != "turn 2" || second.PreviousResponseID != first.ID || seen.ID != second.ID || seen.OutputText() != "turn 2" || seen.Usage.InputTokens != 20 {
		return "", fmt.Errorf("heard %s, then %s", second.RawJSON(), seen.RawJSON())
	}
	poor, err := t.keeps(t.keys["poor"])
	if err != nil {
		return "", err
	}
	if _, err := poor.create(ctx, first.ID, false); poor.status(err) != 400 {
		return "", fmt.Errorf("another team goes on from it: %w", err)
	}
	if err := a.Responses.Delete(ctx, second.ID); err != nil {
		return "", err
	}
	if _, err := a.Responses.Get(ctx, second.ID, responses.ResponseGetParams{}); a.status(err) != 404 {
		return "", fmt.Errorf("deleted, and yet: %w", err)
	}
	return "", nil
}

func background(ctx context.Context, t *trial) (string, error) {
	a, err := t.keeps(t.keys["good"])
	if err != nil {
		return "", err
	}
	answer, err := a.create(ctx, "", true)
	for n := 0; err == nil && answer.Status == responses.ResponseStatusQueued && n < 5; n++ {
		answer, err = a.Responses.Get(ctx, answer.ID, responses.ResponseGetParams{})
	}
	if err != nil {
		return "", err
	}
	if answer.OutputText() != "turn 1" {
		return "", fmt.Errorf("heard %s", answer.RawJSON())
	}
	left, err := a.create(ctx, "", true)
	if err == nil {
		left, err = a.Responses.Cancel(ctx, left.ID)
	}
	if err == nil && left.Status != responses.ResponseStatusCancelled {
		err = errors.New("it was not cancelled")
	}
	return "", err
}
