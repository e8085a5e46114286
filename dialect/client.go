package dialect

import "bursar/exchange"

// Client is how one API of clients is spoken: a client's request becomes a chat completion, which goes its way through rules, caches, budgets and
// providers, and what comes of it is carried back. All its functions are pure and safe for concurrent use.
//
// Nothing of a request is dropped here: whether something can be carried is its target's business, which is not known yet. What a chat
// completion has no member for is wrapped as native (see native.go), and unwrapped by a target that speaks the client's own dialect.
type Client struct {
	Name string

	// Native is the Dialect whose providers take the client's own bytes; "" if none does.
	Native string

	// IDHeader is the header that SDKs read the request's id from; "" is x-request-id, which only a provider's own id is told in.
	IDHeader string

	// Headers are those of a client that reach providers of the Native dialect; its credentials never do.
	Headers []string

	// Request carries a request over. The body is a JSON object in UTF-8 with no member doubled at any depth.
	Request func(body []byte, a Asked) (chat []byte, fault *exchange.Fault)

	// Splice makes of a client's own body what a target of the Native dialect gets: the bytes as they are, but for the model and a cap that must
	// not be above most. False: it cannot go as it is, and goes as what Request made of it. Nil if Native is "".
	Splice func(body []byte, model string, most int64) ([]byte, bool)

	// Answer carries a whole chat completion back.
	Answer func(chat []byte, r Reply) ([]byte, error)

	// Fault writes an error, and says with which HTTP status: that of the fault, or what clients of this API expect in its place. Nil: errors have
	// the form of a chat completion's.
	Fault func(f *exchange.Fault, requestID string) (status int, body []byte)

	// NewStream makes the translator of one stream.
	NewStream func(r Reply) ClientStream
}

// ClientStream carries a stream of chat completion chunks back, event by event.
type ClientStream interface {
	// Event takes the data of one event: a chunk, the chunk of usage after the answer, which may tell the cost, or [DONE]. It appends what that
	// comes to: none or many events. The end of the answer is told at [DONE].
	Event(dst, data []byte) ([]byte, error)

	// Ping appends what keeps the connection alive while nothing comes.
	Ping(dst []byte) []byte

	// Fault appends the error that ends a stream early. Nothing follows it.
	Fault(dst []byte, f *exchange.Fault, requestID string) []byte
}

// Asked is what a client has asked for outside of its body.
type Asked struct {
	Model  string // from the URL, "" if the body names it
	Stream bool   // the URL asks for a stream
	Count  bool   // only the prompt's tokens are asked for

	// Stateful: what the body refers to is stored at the target, which gets the client's own bytes. The chat completion leaves it out.
	Stateful bool
}

// Reply is what an answer is made with, beside what was answered.
type Reply struct {
	Request []byte // the client's own body
	ID      string // of the request, req_...: ids that the API wants are made of it
	Model   string // the model that was asked for
	Created int64  // Unix seconds
	Array   bool   // a stream is one JSON array, as Gemini's is where the URL does not say alt=sse

	PromptTokens int64 // our own count of the prompt, for what a stream tells before the provider does
}
