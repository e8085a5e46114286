package proxy

import (
	"encoding/json"
	"fmt"
	"slices"

	"bursar/dialect"
	"bursar/exchange"

	"github.com/valyala/fasthttp"
)

// model is one row of GET /v1/models, as OpenAI's SDKs read it.
type model struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`
}

// messagesModel is one as Anthropic's SDKs read it.
type messagesModel struct {
	Type    string `json:"type"`
	ID      string `json:"id"`
	Name    string `json:"display_name"`
	Created string `json:"created_at"`
}

// googleModel is one as Google's SDKs read it.
type googleModel struct {
	Name    string   `json:"name"`
	Display string   `json:"displayName"`
	Actions []string `json:"supportedGenerationMethods"`
}

// models lists what the key may ask for, or tells of one: auto, the policy's models, and every target by provider/model.
func (s *Server) models(ctx *fasthttp.RequestCtx, id string) {
	t := s.begin(ctx, &endpoint{client: clientOf(ctx)})
	defer t.release()
	if fault := s.identify(t); fault != nil {
		s.refuse(t, fault)
		return
	}
	rows := t.models()
	var shown any
	if at := slices.IndexFunc(rows, func(m model) bool { return m.ID == id }); id == "" {
		shown = listed(rows, t.endpoint.client)
	} else if at >= 0 {
		shown = rows[at].shape(t.endpoint.client)
	} else {
		s.refuse(t, unknownModel(id))
		return
	}
	body, err := json.Marshal(shown)
	if err != nil { // strings and numbers only
		s.refuse(t, asFault(err))
		return
	}
	t.requestID()
	ctx.SetContentType("application/json")
	ctx.SetBody(body)
}

func (t *trip) models() []model {
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
	return rows
}

// listed is the list as the client's API has it.
func listed(rows []model, c *dialect.Client) any {
	all := make([]any, len(rows))
	for i := range rows {
		all[i] = rows[i].shape(c)
	}
	switch c {
	case nil:
		return map[string]any{"object": "list", "data": all}
	case &dialect.GenerateContent:
		return map[string]any{"models": all}
	}
	return map[string]any{"data": all, "has_more": false, "first_id": rows[0].ID, "last_id": rows[len(rows)-1].ID}
}

// shape is a row as the client's API has it.
func (m model) shape(c *dialect.Client) any {
	switch c {
	case nil:
		return m
	case &dialect.GenerateContent:
		return googleModel{"models/" + m.ID, m.ID, []string{"generateContent", "countTokens", "embedContent"}}
	}
	return messagesModel{"model", m.ID, m.ID, "1970-01-01T00:00:00Z"}
}

func unknownModel(id string) *exchange.Fault {
	return &exchange.Fault{
		Status: 404, Type: "invalid_request_error", Code: "model_not_found", Param: "model", Reason: exchange.ReasonUnknownModel, NoRetry: true,
		Message: fmt.Sprintf("There is no model %.200q for this key.", id), Hint: "GET /v1/models lists those there are.",
	}
}
