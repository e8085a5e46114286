package proxy

import (
	"encoding/binary"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"bursar/internal/testkit"
)

// matrixProviders are the targets of the matrix, and matrixDialects how the policy says what they speak.
var (
	matrixProviders = []string{"openai", "azure", "responses", "anthropic", "gemini", "bedrock"}
	matrixDialects  = map[string]string{
		"openai": "dialect: openai, key_env: KEY, max_tokens_field: max_completion_tokens", "azure": "dialect: azure, key_env: KEY, max_tokens_field: max_completion_tokens", "anthropic": "dialect: anthropic, key_env: KEY",
		"responses": "dialect: responses, key_env: KEY, unsupported: drop", "gemini": "dialect: gemini, key_env: KEY", "bedrock": "dialect: bedrock, key_env: KEY",
	}
	matrixModels = map[string]string{"openai": "gpt-5", "azure": "gpt-5", "responses": "gpt-5", "anthropic": "claude-sonnet-4-6", "gemini": "gemini-3-flash", "bedrock": "anthropic.claude-sonnet-4-6"}
)

// wireOf is the dialect whose bodies a provider takes: Azure's are OpenAI's.
func wireOf(provider string) string {
	if provider == "azure" {
		return "openai"
	}
	return provider
}

// matrixWire is a server that speaks all dialects: the first part of the path says which.
type matrixWire struct {
	url     string
	answers *testkit.Archive
	answer  atomic.Pointer[string] // which of them
	status  atomic.Int64           // if not 0: it refuses with this status
	cut     atomic.Bool            // streams break off midway
	sent    atomic.Pointer[sent]
}

// sent is a request as it came.
type sent struct {
	path, body string
	header     http.Header
}

func openMatrixWire(t *testing.T) *matrixWire {
	w := &matrixWire{answers: testkit.ReadArchive(t, "testdata/matrix/answers.txt")}
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

func (w *matrixWire) last() *sent { return w.sent.Load() }

func (w *matrixWire) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.sent.Store(&sent{path: r.URL.Path, body: string(body), header: r.Header.Clone()})
	dialect, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	dialect = wireOf(dialect)
	if status := int(w.status.Load()); status != 0 {
		out.Header().Set("Content-Type", "application/json")
		out.WriteHeader(status)
		_, _ = io.WriteString(out, refusals[dialect])
		return
	}
	name := dialect + " " + *w.answer.Load()
	if !strings.Contains(string(body), `"stream":true`) && !strings.Contains(r.URL.Path, "streamGenerateContent") && !strings.HasSuffix(r.URL.Path, "converse-stream") {
		out.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(out, w.answers.Get(name))
		return
	}
	stream := w.answers.Get(name + " stream")
	if dialect == "bedrock" {
		out.Header().Set("Content-Type", "application/vnd.amazon.eventstream")
		stream = eventStream(stream)
	} else {
		out.Header().Set("Content-Type", "text/event-stream")
	}
	if w.cut.Load() {
		out.Header().Set("Content-Length", "100000") // it promises more than it sends
		stream = stream[:len(stream)/2]
	}
	_, _ = io.WriteString(out, stream)
}

// refusals are what each says when it refuses.
var refusals = map[string]string{
	"openai":    `{"error":{"message":"No.","type":"some_type","param":null,"code":"some_code"}}`,
	"responses": `{"error":{"message":"No.","type":"some_type","param":null,"code":"some_code"}}`,
	"anthropic": `{"type":"error","error":{"type":"some_type","message":"No."}}`,
	"gemini":    `{"error":{"code":400,"message":"No.","status":"SOME_STATUS"}}`,
	"bedrock":   `{"message":"No."}`,
}

// eventStream frames lines of an event's name and its data as AWS does: lengths, headers and checksums.
func eventStream(lines string) string {
	var out []byte
	for line := range strings.Lines(lines) {
		name, data, _ := strings.Cut(strings.TrimSpace(line), " ")
		var head []byte
		for _, h := range [][2]string{{":event-type", name}, {":content-type", "application/json"}, {":message-type", "event"}} {
			head = append(append(head, byte(len(h[0]))), h[0]...)
			head = binary.BigEndian.AppendUint16(append(head, 7), uint16(len(h[1])))
			head = append(head, h[1]...)
		}
		frame := binary.BigEndian.AppendUint32(nil, uint32(16+len(head)+len(data)))
		frame = binary.BigEndian.AppendUint32(frame, uint32(len(head)))
		frame = binary.BigEndian.AppendUint32(frame, crc32.ChecksumIEEE(frame))
		frame = append(append(frame, head...), data...)
		out = append(out, binary.BigEndian.AppendUint32(frame, crc32.ChecksumIEEE(frame))...)
	}
	return string(out)
}
