package dialect

import (
	"encoding/json"
	"net/url"
	"strings"
)

// bedrock is Amazon Bedrock's Converse, whatever model stands behind it.
var bedrock = Dialect{
	Name: "bedrock",
	Path: func(_, model string, stream bool) string {
		call := "/converse"
		if stream {
			call = "/converse-stream"
		}
		return "/model/" + strings.ReplaceAll(url.PathEscape(model), ":", "%3A") + call // as Amazon's own tools write and sign it
	},
	Auth: func(key string) []Header {
		if key == "" {
			return nil
		}
		return []Header{{"Authorization", "Bearer " + key}}
	},
	Request:   bedrockRequest,
	Answer:    bedrockAnswer,
	Refusal:   bedrockRefusal,
	NewStream: func(m Made) Stream { return &bedrockStream{Made: m} },
	Vectors:   &bedrockVectors,
	Frames:    true,
}

// bedrockBody is a request of Converse. Its model and whether it streams stand in the path.
type bedrockBody struct {
	System      []bedrockBlock    `json:"system,omitempty"`
	Messages    []bedrockMessage  `json:"messages"`
	Inference   *bedrockInference `json:"inferenceConfig,omitempty"`
	Tools       *bedrockTools     `json:"toolConfig,omitempty"`
	Output      *bedrockOutput    `json:"outputConfig,omitempty"`
	Tier        *bedrockTier      `json:"serviceTier,omitempty"`
	Additional  map[string]any    `json:"additionalModelRequestFields,omitempty"`
	Guardrail   json.RawMessage   `json:"guardrailConfig,omitempty"`
	Performance json.RawMessage   `json:"performanceConfig,omitempty"`
	LogMetadata json.RawMessage   `json:"requestMetadata,omitempty"`
}

type bedrockMessage struct {
	Role    string         `json:"role"`
	Content []bedrockBlock `json:"content"`
}

// bedrockBlock is a content block: one of its members stands.
type bedrockBlock struct {
	Text       *string            `json:"text,omitempty"`
	Image      *bedrockMedia      `json:"image,omitempty"`
	Document   *bedrockMedia      `json:"document,omitempty"`
	Audio      *bedrockMedia      `json:"audio,omitempty"`
	ToolUse    *bedrockToolUse    `json:"toolUse,omitempty"`
	ToolResult *bedrockToolResult `json:"toolResult,omitempty"`
	Reasoning  *bedrockReasoning  `json:"reasoningContent,omitempty"`
	CachePoint *bedrockCachePoint `json:"cachePoint,omitempty"`
	Cited      *bedrockCited      `json:"citationsContent,omitempty"` // of an answer
}

// bedrockCited is a text that says where it is from.
type bedrockCited struct {
	Content []struct {
		Text string `json:"text"`
	} `json:"content"`
	Citations []bedrockCitation `json:"citations"`
}

type bedrockCitation struct {
	Title    string `json:"title"`
	Location struct {
		Web struct {
			URL string `json:"url"`
		} `json:"web"`
	} `json:"location"`
}

func (c *bedrockCited) text() (text string) {
	for _, part := range c.Content {
		text += part.Text
	}
	return text
}

// annotations are what a text cites of the web, which stretches over these characters of the answer.
func bedrockAnnotations(citations []bedrockCitation, start, end int) (all []annotation) {
	for _, c := range citations {
		if c.Location.Web.URL != "" {
			all = append(all, annotation{"url_citation", urlCitation{start, end, c.Title, c.Location.Web.URL}})
		}
	}
	return all
}

type bedrockMedia struct {
	Format string        `json:"format"`
	Name   string        `json:"name,omitempty"` // of a document
	Source bedrockSource `json:"source"`
}

// bedrockSource is where a file is: in base64, or in S3.
type bedrockSource struct {
	Bytes string     `json:"bytes,omitempty"`
	S3    *bedrockS3 `json:"s3Location,omitempty"`
}

type bedrockS3 struct {
	URI string `json:"uri"`
}

type bedrockToolUse struct {
	ID    string          `json:"toolUseId"`
	Name  string          `json:"name"`
	Input json.RawMessage `json:"input"`
}

type bedrockToolResult struct {
	ID      string         `json:"toolUseId"`
	Content []bedrockBlock `json:"content"`
	Status  string         `json:"status,omitempty"` // success, the usual, or error
}

type bedrockReasoning struct {
	Text     *bedrockReasoningText `json:"reasoningText,omitempty"`
	Redacted string                `json:"redactedContent,omitempty"`
}

type bedrockReasoningText struct {
	Text      string `json:"text"`
	Signature string `json:"signature,omitempty"`
}

type bedrockCachePoint struct {
	Type string `json:"type"`
	TTL  string `json:"ttl,omitempty"`
}

type bedrockInference struct {
	MaxTokens     int64           `json:"maxTokens,omitempty"`
	Temperature   json.RawMessage `json:"temperature,omitempty"`
	TopP          json.RawMessage `json:"topP,omitempty"`
	StopSequences []string        `json:"stopSequences,omitempty"`
}

type bedrockTools struct {
	Tools  []bedrockTool   `json:"tools"`
	Choice *map[string]any `json:"toolChoice,omitempty"`
}

type bedrockTool struct {
	Spec       *bedrockSpec       `json:"toolSpec,omitempty"`
	CachePoint *bedrockCachePoint `json:"cachePoint,omitempty"`
}

type bedrockSpec struct {
	Name        string        `json:"name"`
	Description string        `json:"description,omitempty"`
	Schema      bedrockSchema `json:"inputSchema"`
	Strict      *bool         `json:"strict,omitempty"`
}

type bedrockSchema struct {
	JSON json.RawMessage `json:"json"`
}

type bedrockOutput struct {
	Effort string             `json:"effort,omitempty"`
	Format *bedrockTextFormat `json:"textFormat,omitempty"`
}

type bedrockTextFormat struct {
	Type      string `json:"type"`
	Structure struct {
		Schema struct {
			Schema string `json:"schema"`
			Name   string `json:"name,omitempty"`
		} `json:"jsonSchema"`
	} `json:"structure"`
}

type bedrockTier struct {
	Type string `json:"type"`
}

// bedrockUsage is usage as Converse tells it: inputTokens leaves out what was read from the cache and written to it.
type bedrockUsage struct {
	Input   int64 `json:"inputTokens"`
	Output  int64 `json:"outputTokens"`
	Read    int64 `json:"cacheReadInputTokens"`
	Written int64 `json:"cacheWriteInputTokens"`
	Details []struct {
		Tokens int64  `json:"inputTokens"`
		TTL    string `json:"ttl"`
	} `json:"cacheDetails"` // what was written, by how long it lives
}

// chat translates it. Prompt is everything that was in the prompt.
func (u *bedrockUsage) chat() *chatUsage {
	c := &chatUsage{Prompt: u.Input + u.Read + u.Written, Completion: u.Output, Details: promptDetails{Cached: u.Read, Written: u.Written}}
	for _, d := range u.Details {
		if d.TTL == "1h" {
			c.Details.Written1h += d.Tokens
		}
	}
	c.Total = c.Prompt + c.Completion
	return c
}

// served translates the service tier that was served.
func (t *bedrockTier) served() string {
	if t == nil {
		return ""
	}
	return t.Type
}

// bedrockFinish translates why an answer ended.
func bedrockFinish(reason string) string {
	switch reason {
	case "end_turn", "stop_sequence":
		return "stop"
	case "tool_use":
		return "tool_calls"
	case "max_tokens", "model_context_window_exceeded":
		return "length"
	case "":
		return ""
	}
	return "content_filter" // a guardrail, a filter, or what the model malformed
}
