package dialect

import (
	"encoding/json"
	"fmt"
	"strings"

	"bursar/exchange"
)

// messagesBlock is a content block of a client's message. Which of its members mean something depends on its type.
type messagesBlock struct {
	Type         string          `json:"type"`
	Text         string          `json:"text"`
	Thinking     string          `json:"thinking"`
	Signature    string          `json:"signature"`
	ID           string          `json:"id"`
	Name         string          `json:"name"`
	Input        json.RawMessage `json:"input"`
	ToolUseID    string          `json:"tool_use_id"`
	Content      json.RawMessage `json:"content"`
	IsError      bool            `json:"is_error"`
	Title        string          `json:"title"`
	Source       json.RawMessage `json:"source"`
	CacheControl json.RawMessage `json:"cache_control"`
	Caller       json.RawMessage `json:"caller"`

	raw     json.RawMessage
	members map[string]json.RawMessage
}

// readBlocks reads a content: a text, which is one block, or blocks. Nothing and null are no blocks.
func readBlocks(raw json.RawMessage, at string) ([]messagesBlock, *exchange.Fault) {
	var text string
	switch {
	case len(given(raw)) == 0:
		return nil, nil
	case json.Unmarshal(raw, &text) == nil:
		return []messagesBlock{{Type: "text", Text: text}}, nil
	}
	var all []json.RawMessage
	if json.Unmarshal(raw, &all) != nil {
		return nil, malformed(at, "a string or an array of content blocks")
	}
	blocks := make([]messagesBlock, len(all))
	for i := range all {
		b := &blocks[i]
		if json.Unmarshal(all[i], &b.members) != nil || json.Unmarshal(all[i], b) != nil || b.Type == "" {
			return nil, malformed(fmt.Sprintf("%s[%d]", at, i), "a content block: an object with a type")
		}
		b.raw = all[i]
	}
	return blocks, nil
}

// has tells whether the block has no members but its type and these.
func (b *messagesBlock) has(names ...string) bool {
	return onlyHas(b.members, append(names, "type")...)
}

// direct tells whether a tool was called by the model itself, not by code that it runs at the provider.
func (b *messagesBlock) direct() bool {
	return len(given(b.Caller)) == 0 || kindOf(b.Caller) == "direct"
}

// part is what becomes of a block in a message's content.
func (b *messagesBlock) part() any {
	switch b.Type {
	case "text":
		if b.has("text", "cache_control") {
			return textPart(b.Text, given(b.CacheControl))
		}
	case "image":
		if url, ok := b.url("image/"); ok && b.has("source", "cache_control") {
			return hubPart{Type: "image_url", ImageURL: &hubImage{URL: url}, CacheControl: given(b.CacheControl)}
		}
	case "document":
		if url, ok := b.url("application/pdf"); ok && b.has("source", "title", "cache_control") {
			file := chatFile{Name: b.Title, URL: url}
			if strings.HasPrefix(url, "data:") {
				file.Data, file.URL = url, ""
			}
			return hubPart{Type: "file", File: &file, CacheControl: given(b.CacheControl)}
		}
	}
	return b.wrap()
}

// wrap keeps a block as it came.
func (b *messagesBlock) wrap() native {
	return native{Type: nativeType, Dialect: anthropicName, Block: b.raw}
}

// url is the source of an image or a document as a URL; data must be of a media type that begins so.
func (b *messagesBlock) url(media string) (string, bool) {
	var from source
	if json.Unmarshal(b.Source, &from) != nil {
		return "", false
	}
	switch {
	case from.Type == "base64" && strings.HasPrefix(from.MediaType, media) && !strings.ContainsAny(from.MediaType, ",;"):
		return dataURL(from.MediaType, from.Data), true
	case from.Type == "url" && from.URL != "" && !strings.HasPrefix(from.URL, "data:"):
		return from.URL, true
	}
	return "", false
}
