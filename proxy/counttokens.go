package proxy

import (
	"strconv"

	"bursar/exchange"

	"github.com/valyala/fasthttp"
)

// countTokens tells how many tokens a prompt has, by our own count: that which the policy's rules go by and budgets hold money for. It calls no
// provider, costs nothing and has no row in the ledger.
func (s *Server) countTokens(ctx *fasthttp.RequestCtx, e *endpoint) {
	t := s.begin(ctx, e)
	defer t.release()
	defer s.survive(t)
	tokens, fault := s.countPrompt(t)
	t.requestID()
	if fault != nil {
		retryHeaders(t, fault)
		writeFault(ctx, e.client, fault, t.ID)
		return
	}
	ctx.Response.Header.Set("x-bursar-count", t.Facts.PromptMethod.String())
	ctx.SetContentType("application/json")
	object := ""
	if e.object != "" {
		object = `"object":"` + e.object + `",`
	}
	ctx.SetBodyString(`{` + object + `"` + e.counts + `":` + strconv.FormatInt(tokens, 10) + `}`)
}

func (s *Server) countPrompt(t *trip) (int64, *exchange.Fault) {
	if fault := s.identify(t); fault != nil {
		return 0, fault
	}
	if fault := s.read(t); fault != nil {
		return 0, fault
	}
	s.measure(t)
	return t.Facts.PromptTokens, nil
}
