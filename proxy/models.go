package proxy

import (
	"encoding/json"

	"github.com/valyala/fasthttp"
)

// model is one row of GET /v1/models, as OpenAI's SDKs read it.
type model struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`
}

// models lists what the key may ask for: auto, the policy's models, and every target by provider/model.
func (s *Server) models(ctx *fasthttp.RequestCtx) {
	t := s.begin(ctx)
	defer t.release()
	if fault := s.identify(t); fault != nil {
		s.refuse(t, fault)
		return
	}
	p, scope := t.using.policy, t.Identity.Scope
	rows := []model{{ID: "auto", Object: "model", OwnedBy: "bursar"}}
	targets := map[string]bool{}
	for _, name := range p.ModelNames() {
		if scope.AllowsAny(p.Models[name].Use) {
			rows = append(rows, model{ID: name, Object: "model", OwnedBy: "bursar"})
		}
	}
	for _, name := range p.ModelNames() {
		for _, c := range p.Models[name].Use {
			asked, ok := p.Resolve(c.Target) // by its own name it is of no tier
			if !targets[c.Target] && c.Unavailable == "" && ok && scope.AllowsAny(asked.Use) {
				targets[c.Target] = true
				rows = append(rows, model{ID: c.Target, Object: "model", OwnedBy: c.Provider})
			}
		}
	}
	list, err := json.Marshal(map[string]any{"object": "list", "data": rows})
	if err != nil { // strings and numbers only
		s.refuse(t, asFault(err))
		return
	}
	ctx.Response.Header.Set("x-bursar-request-id", t.ID)
	ctx.SetContentType("application/json")
	ctx.SetBody(list)
}
