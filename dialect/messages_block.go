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

// beside wraps the block's members but its type and these; nil if it has no others.
func (b *messagesBlock) beside(names ...string) (n *native) {
	return besideOf(b.members, anthropicName, append(names, "type")...)
}

// part is what becomes of a block in a message's content.
func (b *messagesBlock) part() any {
	switch b.Type {
	case "text":
		part := textPart(b.Text, given(b.CacheControl))
		part.Native = b.beside("text", "cache_control")
		return part
	case "image":
		if url, ok := b.url("image/"); ok {
			return hubPart{Type: "image_url", ImageURL: &hubImage{URL: url}, CacheControl: given(b.CacheControl), Native: b.beside("source", "cache_control")}
		}
	case "document":
		if url, ok := b.url("application/pdf"); ok {
			file := chatFile{Name: b.Title, URL: url}
			if strings.HasPrefix(url, "data:") {
				file.Data, file.URL = url, ""
			}
			return hubPart{Type: "file", File: &file, CacheControl: given(b.CacheControl), Native: b.beside("source", "title", "cache_control")}
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
	if json.Unmarshal(b.Source, &from) != nil || !onlyObject(b.Source, "type", "media_type", "data", "url") {
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
