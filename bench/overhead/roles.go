package main

import (
	"bytes"
	"fmt"
	"io"

	"github.com/valyala/fasthttp"
)

// answer is what the mock says to every request: small and complete, so that what is measured is the way and not the load.
const answer = `{"id":"chatcmpl-mock","object":"chat.completion","created":1700000000,"model":"gpt-4o-mini","choices":[{"index":0,` +
	`"message":{"role":"assistant","content":"The order was shipped yesterday and should arrive on Thursday.","refusal":null},` +
	`"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":200,"completion_tokens":12,"total_tokens":212}}`

// chunks is how many chunks a streamed answer has.
const chunks = 100

// serveMock is an OpenAI-compatible upstream that answers at once: as a stream of chunks when the body asks for one.
func serveMock(addr string) error {
	var stream bytes.Buffer
	for i := range chunks {
		fmt.Fprintf(&stream, `data: {"id":"chatcmpl-mock","object":"chat.completion.chunk","created":1700000000,"model":"gpt-4o-mini",`+
			`"choices":[{"index":0,"delta":{"content":"word%d "},"finish_reason":null}]}`+"\n\n", i)
	}
	stream.WriteString(`data: {"id":"chatcmpl-mock","object":"chat.completion.chunk","created":1700000000,"model":"gpt-4o-mini",` +
		`"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\n\n" +
		`data: {"id":"chatcmpl-mock","object":"chat.completion.chunk","created":1700000000,"model":"gpt-4o-mini","choices":[],` +
		`"usage":{"prompt_tokens":200,"completion_tokens":100,"total_tokens":300}}` + "\n\ndata: [DONE]\n\n")
	server := &fasthttp.Server{NoDefaultDate: true, MaxRequestBodySize: 32 << 20, Handler: func(ctx *fasthttp.RequestCtx) {
		if bytes.Contains(ctx.Request.Body(), []byte(`"stream":true`)) {
			ctx.SetContentType("text/event-stream")
			ctx.SetBodyStream(bytes.NewReader(stream.Bytes()), -1)
			return
		}
		ctx.SetContentType("application/json")
		ctx.SetBodyString(answer)
	}}
	return server.ListenAndServe(addr)
}

// servePassThrough is the floor of our own stack: fasthttp in, fasthttp out, nothing between.
func servePassThrough(addr, upstream string) error {
	client := &fasthttp.HostClient{Addr: upstream, MaxConns: 4096, StreamResponseBody: true}
	server := &fasthttp.Server{NoDefaultDate: true, MaxRequestBodySize: 32 << 20, Handler: func(ctx *fasthttp.RequestCtx) {
		req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
		defer fasthttp.ReleaseRequest(req)
		req.Header.SetMethod("POST")
		req.SetRequestURI(string(ctx.RequestURI()))
		req.SetHost(upstream)
		req.Header.SetContentType("application/json")
		req.SetBodyRaw(ctx.Request.Body())
		if err := client.Do(req, resp); err != nil {
			fasthttp.ReleaseResponse(resp)
			ctx.Error(err.Error(), 502)
			return
		}
		ctx.SetStatusCode(resp.StatusCode())
		ctx.Response.Header.SetContentTypeBytes(resp.Header.ContentType())
		ctx.SetBodyStream(&relay{resp: resp, body: resp.BodyStream()}, -1)
	}}
	return server.ListenAndServe(addr)
}

// relay passes a body on and gives its response back when it is read.
type relay struct {
	resp *fasthttp.Response
	body io.Reader
}

func (r *relay) Read(p []byte) (int, error) { return r.body.Read(p) }

func (r *relay) Close() error {
	err := r.resp.CloseBodyStream()
	fasthttp.ReleaseResponse(r.resp)
	return err
}
