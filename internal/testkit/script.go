package testkit

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// Script is what a model does with a request. The zero Script answers at once with eight tokens.
type Script struct {
	Text         string            // the answer; each four bytes or so are a token
	Tokens       int               // without Text: how many tokens to make up; 0 is eight
	PromptTokens int               // what usage says of the prompt; 0 is a quarter of the body's bytes
	Cached       int               // cached_tokens among them
	Reasoning    int               // reasoning_tokens, on top of the text's
	ToolCalls    []ToolCall        // makes finish_reason tool_calls
	Finish       string            // "" is stop, or length when max_tokens cut the answer, or tool_calls
	Status       int               // other than 0 and 200: an error with OpenAI's body
	ErrorBody    string            // body of the error; "" is made up
	Header       map[string]string // on top of the usual ones: Retry-After, X-Request-Id, ...
	Latency      time.Duration     // before the first byte
	Pace         time.Duration     // between the chunks of a stream; 0 sends them in one go
	CutAfter     int               // close the connection after that many chunks of a stream, or halfway through a plain answer
	ErrorAfter   int               // send an error event after that many chunks, and end
	StallAfter   int               // send nothing more after that many chunks, until the client leaves
	BlackHole    bool              // never answer
	HangUp       bool              // close the connection without a byte
	CloseAfter   bool              // answer, then close the connection without saying so beforehand
	NoUsage      bool              // never tell the usage
	NoDone       bool              // end the stream without [DONE]
	Body         string            // the answer's whole body, with the content type that was asked for; replaces all above it but Status, Latency and Header
	Wire         []byte            // the answer's whole bytes, head included, as recorded; sent in pieces of WirePiece, then closed
	WirePiece    int               // bytes per write of Wire; 0 is all at once
	Do           http.HandlerFunc  // does it all by itself; the body has been read and is in Upstream.Last
}

// ToolCall is one call of a tool.
type ToolCall struct{ ID, Name, Arguments string }

// Wire reads recorded bytes of an answer, head included.
func Wire(t testing.TB, path string) []byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// play is one request being answered by a script.
type play struct {
	up     *Upstream
	w      http.ResponseWriter
	r      *http.Request
	req    *Request
	ask    *asked
	script Script
	whole  bool // the answer was sent to its end
}

func (p *play) run() {
	s := &p.script
	switch {
	case s.Do != nil:
		s.Do(p.w, p.r)
		p.whole = p.r.Context().Err() == nil
	case s.HangUp:
		p.close()
	case s.BlackHole || !p.wait(s.Latency):
		p.untilGone()
	case s.Wire != nil:
		p.wire()
	case s.Status != 0 && s.Status != http.StatusOK:
		p.refuse()
	case s.Body != "":
		p.body()
	case p.ask.Stream:
		p.stream()
	default:
		p.plain()
	}
	if s.CloseAfter && p.whole {
		if f, ok := p.w.(http.Flusher); ok {
			f.Flush()
		}
		p.close()
	}
}

// wait waits, and tells whether the client is still there.
func (p *play) wait(d time.Duration) bool {
	if d <= 0 {
		return p.r.Context().Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.r.Context().Done():
	case <-p.up.closed:
	}
	return false
}

func (p *play) untilGone() {
	select {
	case <-p.r.Context().Done():
	case <-p.up.closed:
	}
}

// close closes the connection in the middle of whatever was sent.
func (p *play) close() {
	conn, _, err := p.w.(http.Hijacker).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // after the head was written: the server closes the connection for this
	}
	_ = conn.Close()
}

func (p *play) wire() {
	conn, _, err := p.w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	piece := p.script.WirePiece
	for wire := p.script.Wire; len(wire) > 0; {
		n := len(wire)
		if piece > 0 {
			n = min(piece, n)
		}
		if _, err := conn.Write(wire[:n]); err != nil {
			return
		}
		wire = wire[n:]
		if p.script.Pace > 0 {
			time.Sleep(p.script.Pace)
		}
	}
	p.whole = true
}

func (p *play) head(contentType string, status int) {
	h := p.w.Header()
	h.Set("Content-Type", contentType)
	h.Set("X-Request-Id", "req_fake")
	for name, value := range p.script.Header {
		h.Set(name, value)
	}
	p.w.WriteHeader(status)
}

func (p *play) refuse() {
	body := p.script.ErrorBody
	if body == "" {
		body = fmt.Sprintf(`{"error":{"message":"scripted %d","type":"scripted_error","param":null,"code":null}}`, p.script.Status)
	}
	p.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	p.head("application/json", p.script.Status)
	_, _ = p.w.Write([]byte(body))
	p.whole = true
}

func (p *play) body() {
	if p.ask.Stream {
		p.head("text/event-stream", http.StatusOK)
	} else {
		p.head("application/json", http.StatusOK)
	}
	_, err := p.w.Write([]byte(p.script.Body))
	p.whole = err == nil
}

// words returns the answer token by token, cut as the request's bound demands, and why it ended.
func (p *play) words() (tokens []string, finish string) {
	if p.script.Text != "" {
		tokens = pieces(p.script.Text)
	} else if len(p.script.ToolCalls) == 0 {
		n := p.script.Tokens
		if n == 0 {
			n = 8
		}
		for i := range n {
			tokens = append(tokens, "w"+strconv.Itoa(i%10)+" ")
		}
	}
	finish = "stop"
	if len(p.script.ToolCalls) > 0 {
		finish = "tool_calls"
	}
	bound := p.ask.MaxTokens
	if p.ask.MaxCompletionTokens > 0 && (bound == 0 || p.ask.MaxCompletionTokens < bound) {
		bound = p.ask.MaxCompletionTokens
	}
	if bound > 0 && len(tokens) > bound {
		tokens, finish = tokens[:bound], "length"
	}
	if p.script.Finish != "" {
		finish = p.script.Finish
	}
	answers := max(1, p.ask.N)
	p.up.change(func() {
		p.req.PromptTokens = p.script.PromptTokens
		if p.req.PromptTokens == 0 {
			p.req.PromptTokens = max(1, len(p.req.Body)/4)
		}
		p.req.Generated = (len(tokens) + p.script.Reasoning + 4*len(p.script.ToolCalls)) * answers
	})
	return tokens, finish
}

// pieces cuts a text into about four bytes each, never inside a character.
func pieces(text string) []string {
	var all []string
	for len(text) > 0 {
		n := min(4, len(text))
		for n < len(text) && !utf8.RuneStart(text[n]) {
			n++
		}
		all = append(all, text[:n])
		text = text[n:]
	}
	return all
}

func (p *play) usage() string {
	return fmt.Sprintf(`{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d,"prompt_tokens_details":{"cached_tokens":%d},"completion_tokens_details":{"reasoning_tokens":%d}}`,
		p.req.PromptTokens, p.req.Generated, p.req.PromptTokens+p.req.Generated, p.script.Cached, p.script.Reasoning*max(1, p.ask.N))
}

func (p *play) plain() {
	tokens, finish := p.words()
	message := fmt.Sprintf(`{"role":"assistant","content":%s,"refusal":null}`, quote(strings.Join(tokens, "")))
	if calls := p.script.ToolCalls; len(calls) > 0 {
		message = fmt.Sprintf(`{"role":"assistant","content":null,"tool_calls":[%s],"refusal":null}`, strings.Join(toolCalls(calls, false), ","))
	}
	var choices []string
	for i := range max(1, p.ask.N) {
		choices = append(choices, fmt.Sprintf(`{"index":%d,"message":%s,"logprobs":null,"finish_reason":%s}`, i, message, quote(finish)))
	}
	body := fmt.Sprintf(`{"id":"chatcmpl-fake","object":"chat.completion","created":1700000000,"model":%s,"choices":[%s]`, quote(p.ask.Model), strings.Join(choices, ","))
	if !p.script.NoUsage {
		body += `,"usage":` + p.usage()
	}
	body += `,"system_fingerprint":"fp_fake"}`
	p.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	p.head("application/json", http.StatusOK)
	if p.script.CutAfter > 0 {
		_, _ = p.w.Write([]byte(body[:len(body)/2]))
		p.flush()
		panic(http.ErrAbortHandler)
	}
	_, err := p.w.Write([]byte(body))
	p.flush()
	p.whole = err == nil && p.r.Context().Err() == nil
	p.up.change(func() { p.req.Sent = p.req.Generated })
}

func (p *play) stream() {
	tokens, finish := p.words()
	p.head("text/event-stream", http.StatusOK)
	out := bufio.NewWriter(p.w)
	chunks := p.chunks(tokens, finish)
	for i, chunk := range chunks {
		switch n := i; {
		case n > 0 && n == p.script.CutAfter:
			_ = out.Flush()
			p.flush()
			panic(http.ErrAbortHandler)
		case n > 0 && n == p.script.ErrorAfter:
			_, _ = out.WriteString("data: {\"error\":{\"message\":\"scripted error\",\"type\":\"server_error\",\"param\":null,\"code\":null}}\n\n")
			_ = out.Flush()
			return
		case n > 0 && n == p.script.StallAfter:
			_ = out.Flush()
			p.flush()
			p.untilGone()
			return
		}
		_, _ = out.WriteString("data: " + chunk.json + "\n\n")
		p.up.change(func() { p.req.Sent += chunk.tokens })
		if p.script.Pace > 0 {
			_ = out.Flush()
			p.flush()
			if !p.wait(p.script.Pace) {
				return
			}
		}
	}
	if !p.script.NoDone {
		_, _ = out.WriteString("data: [DONE]\n\n")
	}
	err := out.Flush()
	p.flush()
	p.whole = err == nil && p.r.Context().Err() == nil
}

func (p *play) flush() {
	if f, ok := p.w.(http.Flusher); ok {
		f.Flush()
	}
}

type chunk struct {
	json   string
	tokens int
}

func (p *play) chunks(tokens []string, finish string) []chunk {
	null := ""
	if p.ask.StreamOptions.IncludeUsage && !p.script.NoUsage {
		null = `,"usage":null`
	}
	head := fmt.Sprintf(`{"id":"chatcmpl-fake","object":"chat.completion.chunk","created":1700000000,"model":%s,"system_fingerprint":"fp_fake","choices":[`, quote(p.ask.Model))
	var all []chunk
	add := func(choice int, delta, finish string, tokens int) {
		all = append(all, chunk{fmt.Sprintf(`%s{"index":%d,"delta":%s,"logprobs":null,"finish_reason":%s}]%s}`, head, choice, delta, finish, null), tokens})
	}
	answers := max(1, p.ask.N)
	for i := range answers {
		add(i, `{"role":"assistant","content":"","refusal":null}`, "null", 0)
	}
	for _, token := range tokens {
		for i := range answers {
			add(i, `{"content":`+quote(token)+`}`, "null", 1)
		}
	}
	for _, call := range toolCalls(p.script.ToolCalls, true) {
		for i := range answers {
			add(i, `{"tool_calls":[`+call+`]}`, "null", 2)
		}
	}
	for i := range answers {
		add(i, "{}", quote(finish), 0)
	}
	if null != "" {
		all = append(all, chunk{head + `],"usage":` + p.usage() + `}`, 0})
	}
	return all
}

// toolCalls returns the calls as JSON; as deltas, each comes in two parts: what it is, then its arguments.
func toolCalls(calls []ToolCall, deltas bool) []string {
	var all []string
	for i, c := range calls {
		if !deltas {
			all = append(all, fmt.Sprintf(`{"id":%s,"type":"function","function":{"name":%s,"arguments":%s}}`, quote(c.ID), quote(c.Name), quote(c.Arguments)))
			continue
		}
		all = append(all,
			fmt.Sprintf(`{"index":%d,"id":%s,"type":"function","function":{"name":%s,"arguments":""}}`, i, quote(c.ID), quote(c.Name)),
			fmt.Sprintf(`{"index":%d,"function":{"arguments":%s}}`, i, quote(c.Arguments)))
	}
	return all
}

func quote(text string) string {
	raw, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string always marshals
	}
	return string(raw)
}
