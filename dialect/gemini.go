package dialect

import (
	"encoding/json"
	"net/url"
	"strings"
)

// gemini is Google's generateContent, at AI Studio and at Vertex AI.
var gemini = Dialect{
	Name: "gemini",
	Path: func(base, model string, stream bool) string {
		call := ":generateContent"
		if stream {
			call = ":streamGenerateContent?alt=sse"
		}
		path := "/" + strings.ReplaceAll(url.PathEscape(geminiModel(model)), "%2F", "/") + call
		if !strings.Contains(base, "/v1") {
			path = "/v1beta" + path
		}
		return path
	},
	Auth: func(key string) []Header {
		if key == "" {
			return nil
		}
		return []Header{{"x-goog-api-key", key}}
	},
	Request:   geminiRequest,
	Answer:    geminiToChat,
	Refusal:   geminiRefusal,
	NewStream: func(m Made) Stream { return &geminiStream{created: m.Created} },
	Vectors:   &geminiVectors,
}

// geminiBody is a request of generateContent. Its model and whether it streams stand in the path.
type geminiBody struct {
	System        *geminiContent    `json:"systemInstruction,omitempty"`
	Contents      []geminiContent   `json:"contents"`
	Tools         []any             `json:"tools,omitempty"` // geminiTool, or as it came
	ToolConfig    *geminiToolConfig `json:"toolConfig,omitempty"`
	Config        *geminiConfig     `json:"generationConfig,omitempty"`
	Safety        json.RawMessage   `json:"safetySettings,omitempty"`
	CachedContent string            `json:"cachedContent,omitempty"`
	Tier          string            `json:"serviceTier,omitempty"` // flex or priority
}

// geminiContent is a message; its role is user or model, none for the system's.
type geminiContent struct {
	Role  string       `json:"role,omitempty"`
	Parts []geminiPart `json:"parts"`
}

// geminiPart is a part of a message: one of its members stands, beside thought and thoughtSignature.
type geminiPart struct {
	Text      *string           `json:"text,omitempty"`
	Inline    *geminiBlob       `json:"inlineData,omitempty"`
	File      *geminiFile       `json:"fileData,omitempty"`
	Call      *geminiCall       `json:"functionCall,omitempty"`
	Response  *geminiToolResult `json:"functionResponse,omitempty"`
	Thought   bool              `json:"thought,omitempty"`
	Signature string            `json:"thoughtSignature,omitempty"`

	Resolution *geminiResolution `json:"mediaResolution,omitempty"`

	raw json.RawMessage // one that was wrapped, or has members that were
}

// geminiResolution is how closely the model is to look: from Gemini 3 on, of each image by itself.
type geminiResolution struct {
	Level string `json:"level"`
}

type geminiBlob struct {
	MimeType string `json:"mimeType"`
	Data     string `json:"data"`
}

type geminiFile struct {
	MimeType string `json:"mimeType,omitempty"`
	URI      string `json:"fileUri"`
}

type geminiCall struct {
	ID   string          `json:"id,omitempty"`
	Name string          `json:"name"`
	Args json.RawMessage `json:"args,omitempty"`
}

// geminiToolResult is what a tool gave back. Its response is an object.
type geminiToolResult struct {
	ID       string          `json:"id,omitempty"`
	Name     string          `json:"name"`
	Response json.RawMessage `json:"response"`
}

type geminiTool struct {
	Functions []geminiFunction `json:"functionDeclarations,omitempty"`
}

// geminiFunction declares a function, its parameters in Google's own subset of OpenAPI or, where that cannot say it, in JSON Schema.
type geminiFunction struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Parameters  json.RawMessage `json:"parameters,omitempty"`
	JSONSchema  json.RawMessage `json:"parametersJsonSchema,omitempty"`

	extra members // that were wrapped
}

type geminiToolConfig struct {
	Calling geminiCalling `json:"functionCallingConfig"`
}

// geminiCalling says which functions may be called: mode is AUTO, ANY, NONE or VALIDATED.
type geminiCalling struct {
	Mode  string   `json:"mode"`
	Names []string `json:"allowedFunctionNames,omitempty"`
}

type geminiConfig struct {
	MaxOutputTokens  int64           `json:"maxOutputTokens,omitempty"`
	Temperature      json.RawMessage `json:"temperature,omitempty"`
	TopP             json.RawMessage `json:"topP,omitempty"`
	TopK             json.RawMessage `json:"topK,omitempty"`
	CandidateCount   int64           `json:"candidateCount,omitempty"`
	StopSequences    []string        `json:"stopSequences,omitempty"`
	Seed             json.RawMessage `json:"seed,omitempty"`
	PresencePenalty  json.RawMessage `json:"presencePenalty,omitempty"`
	FrequencyPenalty json.RawMessage `json:"frequencyPenalty,omitempty"`
	ResponseLogprobs bool            `json:"responseLogprobs,omitempty"`
	Logprobs         json.RawMessage `json:"logprobs,omitempty"`
	ResponseMimeType string          `json:"responseMimeType,omitempty"`
	ResponseSchema   json.RawMessage `json:"responseJsonSchema,omitempty"`
	Modalities       []string        `json:"responseModalities,omitempty"`
	Thinking         json.RawMessage `json:"thinkingConfig,omitempty"`
}

// geminiThinking is a thinkingConfig: Gemini 3 thinks by level, those before by a budget of tokens.
type geminiThinking struct {
	IncludeThoughts bool   `json:"includeThoughts,omitempty"`
	Level           string `json:"thinkingLevel,omitempty"`
	Budget          *int64 `json:"thinkingBudget,omitempty"`
}

// geminiAnswer is an answer, or one event of a stream of them.
type geminiAnswer struct {
	Candidates []geminiCandidate `json:"candidates"`
	Prompt     *struct {
		BlockReason string `json:"blockReason"`
		Message     string `json:"blockReasonMessage"`
	} `json:"promptFeedback"`
	Usage *geminiUsage `json:"usageMetadata"`
	Model string       `json:"modelVersion"`
	ID    string       `json:"responseId"`
	Error *geminiError `json:"error"`
}

type geminiCandidate struct {
	Content      geminiContent   `json:"content"`
	FinishReason string          `json:"finishReason"`
	Index        int             `json:"index"`
	Logprobs     *geminiLogprobs `json:"logprobsResult"`

	Grounding json.RawMessage `json:"groundingMetadata"`
	Citations json.RawMessage `json:"citationMetadata"`
	Pages     json.RawMessage `json:"urlContextMetadata"`
}

// foreign is what a choice has that a chat completion has no words for, code that ran at Google's and where the answer is from: all its parts as they came,
// and those members. The data is of the answer, in which it is the candidate at i.
func (c *geminiCandidate) foreign(data []byte, i int) *native {
	beyond := len(given(c.Grounding))+len(given(c.Citations))+len(given(c.Pages)) > 0
	for i := range c.Content.Parts {
		p := &c.Content.Parts[i]
		beyond = beyond || p.Text == nil && p.Inline == nil && p.Call == nil && p.Signature == ""
	}
	if !beyond {
		return nil
	}
	n := &native{Dialect: "gemini"}
	var whole struct {
		Candidates []members `json:"candidates"`
	}
	var content struct {
		Parts []json.RawMessage `json:"parts"`
	}
	if json.Unmarshal(data, &whole) != nil || i >= len(whole.Candidates) {
		return n // it was read
	}
	_ = json.Unmarshal(nullOr(whole.Candidates[i]["content"]), &content)
	n.Content, n.Members = content.Parts, whole.Candidates[i]
	for _, said := range []string{"content", "finishReason", "index", "logprobsResult"} {
		delete(n.Members, said)
	}
	return n
}

type geminiError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Status  string `json:"status"`
}

// geminiUsage is usage as Google tells it: the prompt's tokens hold those from the cache, the candidates' leave the thoughts out.
type geminiUsage struct {
	Prompt     int64         `json:"promptTokenCount"`
	Cached     int64         `json:"cachedContentTokenCount"`
	Candidates int64         `json:"candidatesTokenCount"`
	Thoughts   int64         `json:"thoughtsTokenCount"`
	ToolUse    int64         `json:"toolUsePromptTokenCount"`
	PromptBy   []geminiCount `json:"promptTokensDetails"`
	AnswerBy   []geminiCount `json:"candidatesTokensDetails"`
	Traffic    string        `json:"trafficType"`
	Tier       string        `json:"serviceTier"`
}

// geminiCount is how many tokens of a modality there were: TEXT, IMAGE, AUDIO, VIDEO or DOCUMENT.
type geminiCount struct {
	Modality string `json:"modality"`
	Tokens   int64  `json:"tokenCount"`
}

// chat translates it. Completion is everything that was generated.
func (u *geminiUsage) chat() *chatUsage {
	c := &chatUsage{
		Prompt: u.Prompt + u.ToolUse, Completion: u.Candidates + u.Thoughts,
		Details: promptDetails{Cached: u.Cached, Audio: countOf(u.PromptBy, "AUDIO"), Image: countOf(u.PromptBy, "IMAGE")},
	}
	if a := (answerDetails{Reasoning: u.Thoughts, Audio: countOf(u.AnswerBy, "AUDIO"), Image: countOf(u.AnswerBy, "IMAGE")}); a != (answerDetails{}) {
		c.Answer = &a
	}
	c.Total = c.Prompt + c.Completion
	return c
}

func countOf(all []geminiCount, modality string) (n int64) {
	for _, c := range all {
		if c.Modality == modality {
			n += c.Tokens
		}
	}
	return n
}

// tier translates the service tier that was served.
func (u *geminiUsage) tier() string {
	switch served := strings.ToLower(u.Tier + u.Traffic); {
	case strings.Contains(served, "flex"):
		return "flex"
	case strings.Contains(served, "priority"):
		return "priority"
	case served != "":
		return "default"
	}
	return ""
}

// geminiFinish translates why a candidate ended. Google says STOP also of an answer that is all tool calls.
func geminiFinish(reason string, calls bool) string {
	switch reason {
	case "":
		return ""
	case "STOP":
		if calls {
			return "tool_calls"
		}
		return "stop"
	case "MAX_TOKENS":
		return "length"
	}
	return "content_filter" // SAFETY, RECITATION and their like; a malformed call is none either
}
