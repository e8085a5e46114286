package proxy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"bursar/dialect"
	"bursar/exchange"
	"bursar/pricing"
	"bursar/providers"

	"github.com/valyala/fasthttp"
)

// What comes of a request is a chat completion in every step, and in the caches. This file says it in the API that the client speaks.

// translate makes a chat completion of a request in another API.
func (t *trip) translate() *exchange.Fault {
	t.chat = t.ctx.Request.Body()
	if t.endpoint.client == nil {
		return nil
	}
	var fault *exchange.Fault
	asked := t.endpoint.asked
	asked.Stateful = t.stored.asked.Member != ""
	t.chat, fault = t.endpoint.client.Request(t.chat, asked)
	return fault
}

// reply is what an answer is made with.
func (t *trip) reply() dialect.Reply {
	return dialect.Reply{Request: t.ctx.Request.Body(), ID: t.ID, Model: t.Facts.Model, Created: t.Start.Unix(), Array: t.endpoint.array, PromptTokens: t.Facts.PromptTokens}
}

// whole is a whole answer as the client gets it.
func (t *trip) whole(chat []byte) ([]byte, error) {
	if t.endpoint.client == nil {
		return chat, nil
	}
	return t.endpoint.client.Answer(chat, t.reply())
}

// teller tells a stream to the client, event by event.
type teller struct {
	asked  bool                 // the client asked for usage
	stream dialect.ClientStream // nil: it gets the chunks as they are
	done   bool                 // the end was told
	data   []byte               // buffer
}

func (t *trip) teller() teller {
	told := teller{asked: t.envelope.IncludeUsage()}
	if c := t.endpoint.client; c != nil {
		told.stream = c.NewStream(t.reply())
	}
	return told
}

// tell appends an event as the client wants it: without the usage it did not ask for, with its cost if it did.
func (l *teller) tell(dst []byte, e *providers.Event, cost pricing.Nano) ([]byte, error) {
	switch {
	case l.stream != nil && e.Kind == providers.KindComment:
		return l.stream.Ping(dst), nil
	case l.stream != nil && e.Kind == providers.KindDone:
		return l.end(dst)
	case l.stream != nil:
		l.data = providers.DataWithCost(l.data[:0], e, cost)
		return l.stream.Event(dst, l.data)
	case !l.asked:
		return providers.StripUsage(dst, e), nil
	case e.HasUsage():
		return providers.AddCost(dst, e, cost), nil
	}
	return append(dst, e.Raw...), nil
}

// end appends the end of a stream that is whole, unless it was told: some providers leave out [DONE], but in other APIs it says more.
func (l *teller) end(dst []byte) ([]byte, error) {
	if l.stream == nil || l.done {
		return dst, nil
	}
	l.done = true
	return l.stream.Event(dst, []byte("[DONE]"))
}

// fail appends the error that ends a stream.
func (l *teller) fail(dst []byte, f *exchange.Fault, id string) []byte {
	if l.stream != nil {
		return l.stream.Fault(dst, f, id)
	}
	return dialect.WriteStreamFault(dst, f, id)
}

// retell is a whole stream that was kept, as the client wants it.
func (t *trip) retell(sse []byte) ([]byte, error) {
	told := t.teller()
	var failed error
	if told.stream == nil {
		return providers.EditStream(sse, nil, told.telling(0, &failed)) // which fails at nothing
	}
	body, err := told.rest(nil, sse)
	if err != nil {
		return nil, err
	}
	return told.end(body)
}

// rest appends the last events of a stream, the last of which may lack the blank line at its end.
func (l *teller) rest(dst, part []byte) ([]byte, error) {
	if l.stream == nil {
		return append(dst, part...), nil
	}
	if !bytes.HasSuffix(part, []byte("\n\n")) {
		part = append(part[:len(part):len(part)], "\n\n"...)
	}
	dst, _, err := l.all(dst, part, 0)
	return dst, err
}

// all appends the whole events of a part of a stream, and tells how many bytes are left after the last one.
func (l *teller) all(dst, part []byte, cost pricing.Nano) (out []byte, left int, err error) {
	var failed error
	out, left, err = providers.EditEvents(part, dst, l.telling(cost, &failed))
	return out, left, errors.Join(err, failed)
}

// telling is tell for who takes no errors; the first one is put into failed.
func (l *teller) telling(cost pricing.Nano, failed *error) func(dst []byte, e *providers.Event) []byte {
	return func(dst []byte, e *providers.Event) []byte {
		dst, err := l.tell(dst, e, cost)
		if *failed == nil {
			*failed = err
		}
		return dst
	}
}

// streamType is the content type of a stream.
func (t *trip) streamType() string {
	if t.endpoint.array {
		return "application/json"
	}
	return "text/event-stream"
}

// refusedBy makes of a provider's refusal, which is an error as OpenAI writes it, one in the client's own form.
func (t *trip) refusedBy(status int, body []byte) (int, []byte) {
	c := t.endpoint.client
	if c == nil || c.Fault == nil {
		return status, body
	}
	var in struct {
		Error struct {
			Message string `json:"message"`
			Type    string `json:"type"`
			Param   string `json:"param"`
			Code    any    `json:"code"`
		} `json:"error"`
	}
	f := &exchange.Fault{Status: status}
	if json.Unmarshal(body, &in); in.Error.Message != "" {
		f.Message, f.Type, f.Param = in.Error.Message, in.Error.Type, in.Error.Param
		f.Code, _ = in.Error.Code.(string)
	} else {
		f.Message = fmt.Sprintf("The provider refused the request with status %d.", status)
	}
	return c.Fault(f, t.ID)
}

// writeFault answers with an error in the client's form, and returns the status that it has there.
func writeFault(ctx *fasthttp.RequestCtx, c *dialect.Client, f *exchange.Fault, id string) int {
	status, body := f.Status, []byte(nil)
	if c != nil && c.Fault != nil {
		status, body = c.Fault(f, id)
	} else {
		body = dialect.WriteFault(nil, f, id)
	}
	ctx.SetStatusCode(status)
	ctx.SetContentType("application/json")
	ctx.SetBody(body)
	return status
}
