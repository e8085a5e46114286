package proxy

import (
	"errors"

	"bursar/exchange"
	"bursar/keys"
)

// identify finds out who asks, by the key in any of the four headers that SDKs use.
func (s *Server) identify(t *trip) *exchange.Fault {
	h := &t.ctx.Request.Header
	key := keys.Parse(h.Peek("Authorization"), h.Peek("x-api-key"), h.Peek("api-key"), h.Peek("x-goog-api-key"))
	if len(key) == 0 {
		return &exchange.Fault{
			Status: 401, Type: "authentication_error", Code: "missing_api_key", Reason: exchange.ReasonUnauthorized,
			Message: "No API key was sent.",
			Hint:    "Send a Bursar key as `Authorization: Bearer sk-bursar-...`; an operator makes one with `bursar keys add -team TEAM`.",
		}
	}
	who, err := s.keys.Find(key)
	if err != nil {
		code, message := "invalid_api_key", "The API key is not known here, or was revoked."
		if errors.Is(err, keys.ErrExpired) {
			code, message = "expired_api_key", "The API key has expired."
		}
		return &exchange.Fault{
			Status: 401, Type: "authentication_error", Code: code, Reason: exchange.ReasonUnauthorized,
			Message: message, Hint: "Ask an operator for a key: `bursar keys add -team TEAM`.",
		}
	}
	t.Identity = who
	return nil
}
