package providers

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
)

// wireServer answers every request on a connection with the same bytes, as cheaply as can be, so that what is measured is ours.
func wireServer(b *testing.B, answer string) string {
	b.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = ln.Close() })
	wire := []byte(answer)
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				r := bufio.NewReader(conn)
				for {
					for {
						line, err := r.ReadSlice('\n')
						if err != nil {
							return
						}
						if len(line) == 2 {
							break
						}
					}
					if _, err := r.Discard(len(chat("m", false).Body)); err != nil {
						return
					}
					if _, err := conn.Write(wire); err != nil {
						return
					}
				}
			}()
		}
	}()
	return "http://" + ln.Addr().String() + "/v1"
}

func benchUpstream(b *testing.B, answer string) *Upstream {
	u, err := New(Config{Name: "fake", BaseURL: wireServer(b, answer), Key: "sk-provider"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(u.Close)
	return u
}

const plainAnswer = `{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"` +
	`Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et dolore magna aliqua."},"finish_reason":"stop"}],` +
	`"usage":{"prompt_tokens":19,"completion_tokens":30,"total_tokens":49,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}}`

// BenchmarkPlainCall is a whole call over loopback; the kernel and the other side are most of it.
func BenchmarkPlainCall(b *testing.B) {
	u := benchUpstream(b, fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(plainAnswer), plainAnswer))
	call := chat("m", false)
	call.Caller = new(client)
	b.ReportAllocs()
	for b.Loop() {
		answer, err := u.Call(call)
		if err != nil || answer.Usage.Output != 30 {
			b.Fatal(err)
		}
		answer.Release()
	}
}

// BenchmarkPlainRead is what reading an answer adds to a call.
func BenchmarkPlainRead(b *testing.B) {
	a := Answer{Body: []byte(plainAnswer)}
	b.SetBytes(int64(len(plainAnswer)))
	b.ReportAllocs()
	for b.Loop() {
		a.reasons.reset(a.reasons)
		if err := a.read(); err != nil {
			b.Fatal(err)
		}
	}
}

func chunks(n int) []string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`data: {"id":"chatcmpl-AbCdEfGhIjKlMnOpQrStUvWxYz","object":"chat.completion.chunk","created":1741569952,"model":"gpt-x-2026-01-01",`+
			`"service_tier":"default","system_fingerprint":"fp_1","choices":[{"index":0,"delta":{"content":" word%d"},"logprobs":null,"finish_reason":null}],"usage":null}`+"\n\n", i))
	}
	return append(all, event(`{"index":0,"delta":{},"finish_reason":"stop"}`), event("", `,"usage":{"prompt_tokens":9,"completion_tokens":300,"total_tokens":309}`), "data: [DONE]\n\n")
}

// BenchmarkStream300 is a stream of 300 chunks over loopback, each in a chunk of HTTP, read and stripped of its usage.
func BenchmarkStream300(b *testing.B) {
	var wire strings.Builder
	wire.WriteString("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
	for _, chunk := range chunks(300) {
		fmt.Fprintf(&wire, "%x\r\n%s\r\n", len(chunk), chunk)
	}
	wire.WriteString("0\r\n\r\n")
	u := benchUpstream(b, wire.String())
	call := chat("m", false)
	call.Stream, call.Caller = true, new(client)
	var out []byte
	b.ReportAllocs()
	for b.Loop() {
		answer, err := u.Call(call)
		if err != nil {
			b.Fatal(err)
		}
		for {
			event, err := answer.Stream.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				b.Fatal(err)
			}
			out = StripUsage(out[:0], &event)
		}
		answer.Release()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/303, "ns/chunk")
}

// BenchmarkChunk is what one chunk costs without the network: splitting, reading, stripping.
func BenchmarkChunk(b *testing.B) {
	stream := []byte(strings.Join(chunks(300), ""))
	s := Stream{config: &Config{MaxOutputText: 1 << 20}, choices: 1, line: &line{conn: new(conn)}}
	var out []byte
	b.ReportAllocs()
	b.SetBytes(int64(len(stream)) / 303)
	for n := 0; b.Loop(); n++ {
		raw := s.split.next()
		if raw == nil {
			s.split = splitter{buf: stream}
			s.text, s.done = s.text[:0], false
			raw = s.split.next()
		}
		event, err := s.read(raw)
		if err != nil {
			b.Fatal(err)
		}
		out = StripUsage(out[:0], &event)
	}
}

func BenchmarkStreamOf(b *testing.B) {
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if dst, err = StreamOf([]byte(plainAnswer), dst[:0], true); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPlainOf300(b *testing.B) {
	stream := []byte(strings.Join(chunks(300), ""))
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if dst, err = PlainOf(stream, dst[:0]); err != nil {
			b.Fatal(err)
		}
	}
}
