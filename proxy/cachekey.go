package proxy

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"bursar/cache"
	"bursar/exchange"
	"bursar/prompt"
)

// cacheKey names the answer: who may share it and in which namespace, the endpoint, the model decided for and the targets that serve it,
// how the prompt is trimmed before it is sent, the headers that reach the provider and may change what it answers, and everything
// in the request that changes the answer.
func (t *trip) cacheKey() cache.Key {
	builder := cache.NewKey(t.using.policy.Cache.Scope.Key(&t.Facts)).
		Part(t.using.policy.Cache.Namespace).Part(t.namespace).Part(t.endpoint.path).
		Part(t.Decision.Model).Part(t.servedBy()).Part(t.trims())
	if t.endpoint.input == prompt.Prompts { // a kept text completion is given in its own form alone
		builder.Part(strconv.FormatBool(t.Facts.Stream))
	}
	for _, name := range changing {
		builder.Bytes(t.header(name))
	}
	t.envelope.CanonicalKey(builder.Request())
	return builder.Key()
}

// trims are how the prompt is trimmed before it is sent.
func (t *trip) trims() string {
	if s := t.Decision.Trim.Squeezes; s != nil {
		return t.using.trims + " squeezed " + s.Digest
	}
	return t.using.trims
}

// changing are those of the headers passed on that may change an answer. The others are for tracing.
var changing = [...]string{"openai-beta", "anthropic-beta"}

// header is a header as a provider gets it: all lines of it.
func (t *trip) header(name string) []byte {
	return bytes.Join(t.ctx.Request.Header.PeekAll(name), []byte(","))
}

// servedBy are the targets that may serve, in the policy's order, each with where it is. A key that may use some of them only shares no
// answers of the others.
func (t *trip) servedBy() string {
	m, scope := t.using.policy.Models[t.Decision.Model], t.Facts.Scope
	switch {
	case m == nil: // provider/model by its name
		return t.using.reached[t.Decision.Candidates[0].Provider]
	case scope.AllowsAll(m.Use):
		return t.using.served[t.Decision.Model]
	}
	var allowed strings.Builder
	for _, c := range m.Use {
		if scope.Allows(c) {
			allowed.WriteString(t.using.servedAt(c))
		}
	}
	return allowed.String()
}

// servedAt is a target with the address that it is reached at, and how it is spoken to: what another server answers under the same name is
// another answer, and so is one to a request that something was left out of.
func (g *generation) servedAt(c *exchange.Candidate) string {
	return c.Target + " " + g.reached[c.Provider] + "\n"
}

// labels are what a purge can name the answer by. Tags beyond what an answer may carry are left out, the last ones first.
func (t *trip) labels() []string {
	const mostTags = 16
	all := []string{
		cache.Label(cache.LabelTeam, t.Identity.Team),
		cache.Label(cache.LabelModel, t.Decision.Model),
	}
	if t.Decision.Rule != "" {
		all = append(all, cache.Label(cache.LabelRoute, t.Decision.Rule))
	}
	if t.namespace != "" {
		all = append(all, cache.Label(cache.LabelNamespace, t.namespace))
	}
	for i, tag := range t.Facts.Tags {
		if i < mostTags && len(tag.Name)+len(tag.Value) <= 256 {
			all = append(all, cache.Label(cache.LabelTag, tag.Name+"="+tag.Value))
		}
	}
	return all
}

// longestNamespace bounds what a client may name its namespace, in bytes.
const longestNamespace = 128

// readNamespace reads the client's own namespace.
func (t *trip) readNamespace() *exchange.Fault {
	value := t.ctx.Request.Header.Peek(namespaceHeader)
	if len(value) == 0 {
		return nil
	}
	for _, c := range value {
		if c <= ' ' || c > '~' || len(value) > longestNamespace {
			return &exchange.Fault{
				Status: 400, Type: "invalid_request_error", Code: "bad_namespace", Reason: exchange.ReasonBadRequest, NoRetry: true,
				Message: fmt.Sprintf("The header %s is not a namespace.", namespaceHeader),
				Hint:    fmt.Sprintf("Send up to %d printable ASCII characters without spaces.", longestNamespace),
			}
		}
	}
	t.namespace = string(value)
	return nil
}

const namespaceHeader = "x-bursar-cache-namespace"
