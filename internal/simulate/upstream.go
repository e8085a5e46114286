package simulate

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net"
	"net/http"
	"strings"
	"time"

	"bursar/tokens"
)

// Upstream is a simulated provider with a quick and a deep model. Its answers are canned, but it speaks the real wire: streams,
// tool calls, usage with real token counts, finish reasons, caps.
type Upstream struct {
	counter *tokens.Counter
	server  *http.Server
	ln      net.Listener
}

// OpenUpstream starts one on a free port of the loopback interface.
func OpenUpstream(counter *tokens.Counter) (*Upstream, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("simulated upstream: %w", err)
	}
	u := &Upstream{counter: counter, ln: ln}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/chat/completions", u.answer)
	u.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = u.server.Serve(ln) }()
	return u, nil
}

// Addr is its host and port.
func (u *Upstream) Addr() string { return u.ln.Addr().String() }

// Close ends it.
func (u *Upstream) Close() { _ = u.server.Close() }

type chatRequest struct {
	Model     string            `json:"model"`
	Messages  []message         `json:"messages"`
	Tools     []json.RawMessage `json:"tools"`
	Stream    bool              `json:"stream"`
	MaxTokens int64             `json:"max_tokens"`
	Options   struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
}

// reply is what the model says, before it is put on the wire.
type reply struct {
	text   string
	tool   string // arguments of a call of read_file, "" for none
	finish string
	usage  map[string]any
}

func (u *Upstream) answer(w http.ResponseWriter, r *http.Request) {
	var request chatRequest
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		http.Error(w, `{"error":{"message":"not JSON","type":"invalid_request_error","param":null,"code":null}}`, http.StatusBadRequest)
		return
	}
	seed := fingerprint(request)
	time.Sleep(latency(request.Model, seed))
	said := u.say(request, seed)
	if request.Stream {
		stream(w, request, said)
		return
	}
	message := map[string]any{"role": "assistant", "content": said.text, "refusal": nil}
	if said.tool != "" {
		message["content"] = nil
		message["tool_calls"] = []any{toolCall(said.tool)}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"id": "chatcmpl-simulated", "object": "chat.completion", "created": time.Now().Unix(), "model": request.Model,
		"choices": []any{map[string]any{"index": 0, "message": message, "logprobs": nil, "finish_reason": said.finish}},
		"usage":   said.usage,
	})
}

// latency is a few milliseconds: enough for bursts to overlap, little enough for a demo of seconds.
func latency(model string, seed uint64) time.Duration {
	if strings.HasPrefix(model, "deep") {
		return time.Duration(12+seed%20) * time.Millisecond
	}
	return time.Duration(3+seed%6) * time.Millisecond
}

// say makes up an answer: the same one for the same conversation, longer from the deep model, cut at the cap.
func (u *Upstream) say(request chatRequest, seed uint64) reply {
	family := tokens.FamilyOf("openai", "gpt-5-mini")
	last := request.Messages[len(request.Messages)-1]
	said := reply{finish: "stop"}
	if len(request.Tools) > 0 && last.Role == "user" && seed%3 != 0 {
		said.tool, said.finish = fmt.Sprintf(`{"path":"src/%s.go"}`, sources[seed%uint64(len(sources))]), "tool_calls"
	} else {
		sentences := 2 + int(seed%3)
		if strings.HasPrefix(request.Model, "deep") {
			sentences += 2
		}
		for i := range sentences {
			said.text += remarks[(seed+uint64(i)*7)%uint64(len(remarks))] + " "
		}
		said.text = strings.TrimSpace(said.text)
	}
	output := u.counter.Text(family, []byte(said.text+said.tool)) + 3
	if request.MaxTokens > 0 && output > request.MaxTokens {
		keep := int(int64(len(said.text)) * request.MaxTokens / output)
		said.text, said.finish, output = said.text[:keep], "length", request.MaxTokens
	}
	prompt := int64(3)
	for _, m := range request.Messages {
		prompt += u.counter.Text(family, []byte(m.text())) + 4
	}
	for _, tool := range request.Tools {
		prompt += u.counter.Text(family, tool)
	}
	said.usage = map[string]any{"prompt_tokens": prompt, "completion_tokens": output, "total_tokens": prompt + output}
	return said
}

func stream(w http.ResponseWriter, request chatRequest, said reply) {
	w.Header().Set("Content-Type", "text/event-stream")
	send := func(choices []any, more map[string]any) {
		chunk := map[string]any{
			"id": "chatcmpl-simulated", "object": "chat.completion.chunk", "created": time.Now().Unix(), "model": request.Model, "choices": choices,
		}
		for k, v := range more {
			chunk[k] = v
		}
		data, _ := json.Marshal(chunk) // maps of plain values
		fmt.Fprintf(w, "data: %s\n\n", data)
		if flush, ok := w.(http.Flusher); ok {
			flush.Flush()
		}
	}
	delta := func(d map[string]any, finish any) []any {
		return []any{map[string]any{"index": 0, "delta": d, "finish_reason": finish}}
	}
	send(delta(map[string]any{"role": "assistant", "content": ""}, nil), nil)
	if said.tool != "" {
		call := toolCall(said.tool)
		call["index"] = 0
		send(delta(map[string]any{"tool_calls": []any{call}}, nil), nil)
	}
	for _, word := range strings.SplitAfter(said.text, " ") {
		if word != "" {
			send(delta(map[string]any{"content": word}, nil), nil)
		}
	}
	send(delta(map[string]any{}, said.finish), nil)
	if request.Options.IncludeUsage {
		send([]any{}, map[string]any{"usage": said.usage})
	}
	fmt.Fprint(w, "data: [DONE]\n\n")
}

func toolCall(arguments string) map[string]any {
	return map[string]any{"id": "call_1", "type": "function", "function": map[string]any{"name": "read_file", "arguments": arguments}}
}

// fingerprint makes equal conversations get equal answers.
func fingerprint(request chatRequest) uint64 {
	h := fnv.New64a()
	for _, m := range request.Messages {
		h.Write([]byte(m.Role))
		h.Write([]byte(m.text()))
	}
	return h.Sum64() >> 8
}

// message is a message of either direction. Content is null where a message only calls tools.
type message struct {
	Role       string          `json:"role"`
	Content    *string         `json:"content"`
	ToolCalls  json.RawMessage `json:"tool_calls,omitempty"`
	ToolCallID string          `json:"tool_call_id,omitempty"`
}

func (m *message) text() string {
	if m.Content == nil {
		return string(m.ToolCalls)
	}
	return *m.Content
}
