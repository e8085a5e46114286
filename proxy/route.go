package proxy

import (
	"strings"

	"bursar/dialect"
	"bursar/prompt"

	"github.com/valyala/fasthttp"
)

// endpoint is a call of an API that is served in the nine steps.
type endpoint struct {
	path   string          // after the base URL of a provider of the openai dialect
	client *dialect.Client // the API that it is called in; nil: chat completions
	over   bool            // what it is called with was carried over from another API
	asked  dialect.Asked   // what the URL says
	counts string          // the member that tells of tokens, where only those are asked for
	object string          // what an answer of them calls itself, "" if nothing
	array  bool            // a stream is one JSON array
	input  prompt.Input    // what its requests have their texts in
}

var (
	chatCompletions   = &endpoint{path: "/chat/completions"}
	carriedOver       = &endpoint{path: chatCompletions.path, over: true} // the house's own calls, beside one of another API
	anthropicMessages = &endpoint{path: chatCompletions.path, client: &dialect.Messages}
	anthropicCount    = &endpoint{client: &dialect.Messages, asked: dialect.Asked{Count: true}, counts: "input_tokens"}
	completions       = &endpoint{path: "/completions", input: prompt.Prompts}
	embeddings        = &endpoint{path: "/embeddings", input: prompt.Inputs}
	openaiResponses   = &endpoint{path: chatCompletions.path, client: &dialect.Responses}
	openaiCount       = &endpoint{client: &dialect.Responses, asked: dialect.Asked{Count: true}, counts: "input_tokens", object: "response.input_tokens"}
)

// route finds the endpoint.
func (s *Server) route(ctx *fasthttp.RequestCtx) {
	path := string(ctx.Path())
	if id, action, ok := storedCall(string(ctx.Method()), path); ok {
		s.aboutStored(ctx, id, action)
		return
	}
	if !ctx.IsPost() {
		s.look(ctx, path)
		return
	}
	switch path {
	case "/v1/chat/completions":
		s.serve(ctx, chatCompletions)
	case "/v1/messages":
		s.serve(ctx, anthropicMessages)
	case "/v1/messages/count_tokens":
		s.countTokens(ctx, anthropicCount)
	case "/v1/responses":
		s.serve(ctx, openaiResponses)
	case "/v1/responses/input_tokens":
		s.countTokens(ctx, openaiCount)
	case "/v1/completions":
		s.serve(ctx, completions)
	case "/v1/embeddings":
		s.serve(ctx, embeddings)
	case "/v1/feedback":
		s.feedback(ctx)
	case "/v1/bursar/false-hit":
		s.falseHit(ctx)
	default:
		if model, action, ok := googleCall(path); !ok || !s.google(ctx, model, action) {
			s.lost(ctx, path)
		}
	}
}

// googleCall reads a path of Google's API, which names the model and what to do: /v1beta/models/MODEL:ACTION.
func googleCall(path string) (model, action string, ok bool) {
	rest, ok := strings.CutPrefix(path, "/v1beta/models/")
	if !ok {
		rest, ok = strings.CutPrefix(path, "/v1/models/")
	}
	at := strings.LastIndexByte(rest, ':')
	if !ok || at < 1 {
		return "", "", false
	}
	return rest[:at], rest[at+1:], true
}

// google serves a call of Google's API. False: there is no such call.
func (s *Server) google(ctx *fasthttp.RequestCtx, model, action string) bool {
	e := &endpoint{path: chatCompletions.path, client: &dialect.GenerateContent, asked: dialect.Asked{Model: model}}
	switch action {
	case "generateContent":
	case "streamGenerateContent":
		e.asked.Stream = true
		e.array = string(ctx.QueryArgs().Peek("alt")) != "sse"
	case "embedContent":
		e.path, e.input, e.client = embeddings.path, prompt.Inputs, &dialect.EmbedContent
	case "batchEmbedContents":
		e.path, e.input, e.client = embeddings.path, prompt.Inputs, &dialect.BatchEmbedContents
	case "countTokens":
		e.asked.Count, e.counts = true, "totalTokens"
		s.countTokens(ctx, e)
		return true
	default:
		return false
	}
	s.serve(ctx, e)
	return true
}

// look answers what only looks.
func (s *Server) look(ctx *fasthttp.RequestCtx, path string) {
	version, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if list, id, _ := strings.Cut(rest, "/"); ctx.IsGet() && list == "models" && (version == "v1" || version == "v1beta") {
		s.models(ctx, id)
		return
	}
	s.lost(ctx, path)
}

// clientOf is the API that a request is made in, before or without its endpoint: its path tells, or a header that its SDKs always send.
func clientOf(ctx *fasthttp.RequestCtx) *dialect.Client {
	path := string(ctx.Path())
	_, _, google := googleCall(path)
	switch {
	case google || strings.HasPrefix(path, "/v1beta/"):
		return &dialect.GenerateContent
	case strings.HasPrefix(path, "/v1/messages") || len(ctx.Request.Header.Peek("anthropic-version")) > 0:
		return &dialect.Messages
	}
	return nil
}
