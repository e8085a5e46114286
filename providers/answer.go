package providers

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"bursar/dialect"
	"bursar/internal/jsonspan"
	"bursar/pricing"
)

// Answer is what a provider answered. It must be released, once, when nothing of it is used any more; until then its bytes stay.
type Answer struct {
	Status      int
	Refused     bool    // the provider found fault with the request (a 4xx in its own words): pass Status, ContentType and Body on
	Refusal     Refusal // why, if it did
	Body        []byte  // a plain answer, untouched or as a chat completion; nil for a stream
	Native      []byte  // of a native call: the plain answer as the provider gave it
	Stream      *Stream // a streamed answer; nil for a plain one, also if a stream was asked for and refused
	ContentType []byte
	ProviderID  []byte // the provider's x-request-id, empty if it gave none

	Usage    pricing.Usage // of a plain answer; a stream has its own
	HasUsage bool
	Model    []byte // the model the answer names; of a plain answer
	Finish   string // worst finish reason of all choices: "stop" only if each of them is complete; of a plain answer
	Choices  int    // how many
	Attempts int    // requests made for it
	Key      uint32 // which of the provider's keys it was asked with: see Call

	resp    *fasthttp.Response
	started time.Time
	waited  time.Duration // for its first byte, from the end of the request
	stream  Stream
	reasons reasons
	vectors bool // it is of embeddings
	foreign bool // it says what a chat completion has no words for
}

// FirstByte returns when the first byte of the answer arrived.
func (a *Answer) FirstByte() time.Time { return a.started }

// Complete tells whether each choice ended by itself: an answer that was cut, filtered or refused must not be cached.
func (a *Answer) Complete() bool {
	if a.Stream != nil {
		return a.Stream.Complete()
	}
	return !a.Refused && !a.foreign && (a.vectors || a.reasons.complete(1))
}

// MoveBody makes the body of a plain answer the body of dst, without copying: both swap their buffers. Body stays readable as
// long as dst's body is.
func (a *Answer) MoveBody(dst *fasthttp.Response) {
	dst.SwapBody(a.resp.SwapBody(dst.SwapBody(nil)))
}

// Release gives back the buffers of an answer; a stream that is under way is closed, and its provider sees that at once.
func (a *Answer) Release() {
	if a.Stream != nil {
		a.Stream.close()
	}
	fasthttp.ReleaseResponse(a.resp)
	reasons, stream := a.reasons, a.stream
	*a = Answer{}
	a.reasons.reset(reasons)
	a.stream.reuse(&stream)
	answers.Put(a)
}

var answers = sync.Pool{New: func() any { return new(Answer) }}

func acquireAnswer() *Answer {
	a := answers.Get().(*Answer)
	a.resp = fasthttp.AcquireResponse()
	return a
}

func (a *Answer) readHead() {
	h := &a.resp.Header
	a.Status = a.resp.StatusCode()
	a.ContentType = h.ContentType()
	for _, name := range [...]string{"X-Request-Id", "Request-Id", "X-Amzn-Requestid"} {
		if a.ProviderID = h.Peek(name); len(a.ProviderID) > 0 {
			return
		}
	}
}

// judge reads a whole plain answer, and decides whether it is one. One of another dialect becomes a chat completion first.
func (a *Answer) judge(c *Call, d *dialect.Dialect, now time.Time) *Failure {
	a.Body = a.resp.Body()
	if c.Raw {
		d = nil
	}
	if d != nil && a.Status == http.StatusOK && !c.Stream {
		made := dialect.Made{Created: now.Unix(), Model: c.Model, ID: string(a.ProviderID)}
		carry := d.Answer
		if c.Vectors {
			carry = d.Vectors.Answer
			made.Base64, made.Prompt, made.Told = c.Base64, c.Tokens, a.toldTokens()
		}
		completion, err := carry(a.Body, made)
		if err != nil {
			return &Failure{Cause: CauseAnswer, Status: a.Status, Err: fmt.Errorf("%w (%d bytes)", err, len(a.Body))}
		}
		a.translated(completion, c.Native)
	}
	switch {
	case a.Status == http.StatusOK && c.Stream:
		return &Failure{Cause: CauseAnswer, Status: a.Status, Err: fmt.Errorf("asked for a stream, it answered %d bytes of %q", len(a.Body), a.ContentType)}
	case a.Status == http.StatusOK && c.Raw:
		return nil
	case a.Status == http.StatusOK:
		read := a.read
		if c.Vectors {
			read = a.readVectors
		}
		if err := read(); err != nil {
			return &Failure{Cause: CauseAnswer, Status: a.Status, Err: fmt.Errorf("%w (%d bytes)", err, len(a.Body))}
		}
		return nil
	}
	failure := judgeStatus(a.resp, d, now)
	if a.Refused = failure == nil; a.Refused {
		a.Refusal = refusalOf(a.Body)
	}
	if a.Refused && d != nil {
		a.translated(d.Refusal(a.Status, a.Body), c.Native)
	}
	return failure
}

// toldTokens are the tokens of a prompt that the head of an answer tells of, as Bedrock's does; 0 for none.
func (a *Answer) toldTokens() int64 {
	n, err := strconv.ParseInt(string(a.resp.Header.Peek("X-Amzn-Bedrock-Input-Token-Count")), 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// translated puts what became of a body in its place. The body itself is kept if it is the client's to have.
func (a *Answer) translated(body []byte, native bool) {
	if native {
		a.Native = a.resp.SwapBody(nil)
	}
	a.resp.SetBody(body)
	a.Body = a.resp.Body()
}

var (
	errNoObject  = errors.New("it answered 200 with what is no JSON object")
	errNoChoices = errors.New("it answered 200 without choices")
	errInOK      = errors.New("it answered 200 with an error")
)

// read finds in a plain answer what is needed of it.
func (a *Answer) read() error {
	w := jsonspan.Walk(a.Body)
	if !w.Enter(jsonspan.Object) {
		return errNoObject
	}
	tier, failed := "", false
	for w.Member() {
		switch string(w.Key.Of(a.Body)) {
		case "choices":
			a.readChoices(&w)
		case "usage":
			a.Usage, a.HasUsage = readUsage(&w, a.Body)
		case "model":
			if v := w.Value(); v.Kind == jsonspan.String {
				a.Model = v.Text().Of(a.Body)
			}
		case "service_tier":
			tier = servedTier(w.Value().Of(a.Body))
		case "error":
			failed = truthy(w.Value().Of(a.Body))
		}
	}
	switch {
	case w.End() != nil:
		return fmt.Errorf("it answered 200 with malformed JSON: %w", w.Err())
	case failed:
		return errInOK
	case a.reasons.seen() == 0:
		return errNoChoices
	}
	a.Usage.Tier = cmp.Or(a.Usage.Tier, tier)
	a.Finish, a.Choices = a.reasons.worst(1), a.reasons.seen()
	return nil
}

func (a *Answer) readChoices(w *jsonspan.Walker) {
	if !w.Enter(jsonspan.Array) {
		return
	}
	for n := int64(0); w.Element(); n++ {
		if !w.Enter(jsonspan.Object) {
			continue
		}
		index, reason := n, []byte(nil)
		for w.Member() {
			switch string(w.Key.Of(a.Body)) {
			case "index":
				takeCount(w, a.Body, &index)
			case "finish_reason":
				reason = w.Value().Of(a.Body)
			case "native":
				a.foreign = true
			}
		}
		a.reasons.note(index, reason)
	}
}

// truthy tells whether the SDKs would take a value of a member named error for an error.
func truthy(value []byte) bool {
	switch string(value) {
	case "null", "false", `""`, "0":
		return false
	}
	return true
}
