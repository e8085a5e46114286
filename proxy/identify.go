package proxy

import (
	"bytes"
	"errors"

	"bursar/exchange"
	"bursar/keys"

	"github.com/valyala/fasthttp"
)

// strangersBody is how large a body is read from somebody without a key, so that the answer can say what is wrong.
const strangersBody = 64 << 10

// admit sees a request's headers before its body is read: nobody without a key makes the gateway hold a large one.
func (s *Server) admit(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	if _, err := s.keys.Find(keyOf(h)); err != nil {
		return fasthttp.RequestConfig{MaxRequestBodySize: min(strangersBody, s.MaxBody)}
	}
	return fasthttp.RequestConfig{}
}

func keyOf(h *fasthttp.RequestHeader) []byte {
	google := h.Peek("x-goog-api-key")
	if len(google) == 0 {
		google = keyInQuery(h.RequestURI())
	}
	return keys.Parse(h.Peek("Authorization"), h.Peek("x-api-key"), h.Peek("api-key"), google)
}

// keyInQuery is the key that clients of Google's API may send in the URL.
func keyInQuery(uri []byte) []byte {
	path, query, _ := bytes.Cut(uri, []byte("?"))
	if _, _, ok := googleCall(string(path)); !ok && !bytes.HasPrefix(path, []byte("/v1beta/")) {
		return nil
	}
	for part := range bytes.SplitSeq(query, []byte("&")) {
		if key, ok := bytes.CutPrefix(part, []byte("key=")); ok {
			return key
		}
	}
	return nil
}

// identify finds out who asks, by the key in any of the four headers that SDKs use, or in the URL of Google's API.
func (s *Server) identify(t *trip) *exchange.Fault {
	key := keyOf(&t.ctx.Request.Header)
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
		switch {
		case errors.Is(err, keys.ErrExpired):
			code, message = "expired_api_key", "The API key has expired."
		case errors.Is(err, keys.ErrReplaced):
			code, message = "expired_api_key", "The API key was given a new secret, and the time of this one is over."
		}
		return &exchange.Fault{
			Status: 401, Type: "authentication_error", Code: code, Reason: exchange.ReasonUnauthorized,
			Message: message, Hint: "Ask an operator for a key: `bursar keys add -team TEAM`.",
		}
	}
	t.Identity = who
	return nil
}
