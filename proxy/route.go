package proxy

import (
	"strings"

	"bursar/dialect"

	"github.com/valyala/fasthttp"
)

// endpoint is a call of the API that is served in the nine steps.
type endpoint struct {
	path   string          // after the base URL of a provider of the openai dialect
	client *dialect.Client // the API that it is called in; nil: chat completions
	asked  dialect.Asked   // what the URL says
}

var (
	chatCompletions   = &endpoint{path: "/chat/completions"}
	anthropicMessages = &endpoint{path: chatCompletions.path, client: &dialect.Messages}
	anthropicCount    = &endpoint{client: &dialect.Messages, asked: dialect.Asked{Count: true}}
)

// route finds the endpoint.
func (s *Server) route(ctx *fasthttp.RequestCtx) {
	path := string(ctx.Path())
	switch {
	case !ctx.IsPost():
		s.look(ctx, path)
	case path == "/v1/chat/completions":
		s.serve(ctx, chatCompletions)
	case path == "/v1/messages":
		s.serve(ctx, anthropicMessages)
	case path == "/v1/messages/count_tokens":
		s.countTokens(ctx, anthropicCount)
	case path == "/v1/bursar/false-hit":
		s.falseHit(ctx)
	default:
		s.lost(ctx, path)
	}
}

// look answers what only looks.
func (s *Server) look(ctx *fasthttp.RequestCtx, path string) {
	if list, id, _ := strings.Cut(strings.TrimPrefix(path, "/v1/"), "/"); ctx.IsGet() && strings.HasPrefix(path, "/v1/") && list == "models" {
		s.models(ctx, id)
		return
	}
	s.lost(ctx, path)
}

// clientOf is the API that a request is made in, before or without its endpoint: its path tells, or a header that its SDKs always send.
func clientOf(ctx *fasthttp.RequestCtx) *dialect.Client {
	path := string(ctx.Path())
	if strings.HasPrefix(path, "/v1/messages") || len(ctx.Request.Header.Peek("anthropic-version")) > 0 {
		return &dialect.Messages
	}
	return nil
}
