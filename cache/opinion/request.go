package opinion

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

const (
	maxDims   = 8192
	maxAnswer = 1 << 20 // bytes
)

type request struct {
	Model string   `json:"model"`
	Input []string `json:"input"`
	Dims  int      `json:"dimensions,omitempty"`
}

type answer struct {
	Data []struct {
		Index     int       `json:"index"`
		Embedding []float32 `json:"embedding"`
	} `json:"data"`
	Usage struct {
		Total int64 `json:"total_tokens"`
	} `json:"usage"`
}

// embed asks for the vectors of texts and keeps them. Its errors name no text and no key.
func (c *Client) embed(ctx context.Context, texts []string) error {
	body, err := json.Marshal(request{Model: c.options.Model, Input: texts, Dims: c.options.Dims})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if c.options.Key != "" {
		req.Header.Set("Authorization", "Bearer "+c.options.Key)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return fmt.Errorf("embedder %s: read its answer: %w", c.address, err)
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("embedder %s answers %s", c.address, resp.Status)
	case len(raw) > maxAnswer:
		return fmt.Errorf("embedder %s answers with more than %d bytes", c.address, maxAnswer)
	}
	var a answer
	if err := json.Unmarshal(raw, &a); err != nil {
		return fmt.Errorf("embedder %s: its answer is no list of embeddings", c.address)
	}
	if c.options.Spent != nil && a.Usage.Total > 0 {
		c.options.Spent(a.Usage.Total)
	}
	return c.keep(texts, a)
}

// keep takes an answer only if it is whole: a vector for each text, each of length above 0, all with as many coordinates.
func (c *Client) keep(texts []string, a answer) error {
	found := make([][]float32, len(texts))
	for _, d := range a.Data {
		if d.Index < 0 || d.Index >= len(found) || found[d.Index] != nil {
			return errors.New("embedder: its answer numbers the texts wrongly")
		}
		if n := len(d.Embedding); n == 0 || n > maxDims || c.options.Dims != 0 && n != c.options.Dims || !unit(d.Embedding) {
			return fmt.Errorf("embedder: a vector of its answer has %d coordinates or no length; %d were asked for", n, c.options.Dims)
		}
		found[d.Index] = d.Embedding
	}
	for _, v := range found {
		if len(v) == 0 || len(v) != len(found[0]) {
			return errors.New("embedder: its answer lacks a text, or its vectors differ in length")
		}
	}
	for i, v := range found {
		c.kept.put(texts[i], v)
	}
	return nil
}
