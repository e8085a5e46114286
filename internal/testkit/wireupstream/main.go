// Command wireupstream is a provider that replays what a real llama.cpp server sent, byte for byte: head, chunk framing, events.
//
//	go run ./internal/testkit/wireupstream        prints its base URL and serves until it is ended
//
// Which recording answers goes by the request: its model ("short" has no room for the prompt, "seeing" answers to an image alone, "blind" to none,
// "flaky-…" fails the first time it is asked something, "cut-…" breaks off midway), whether it streams, offers tools, wants JSON or has a stop sequence.
// A conversation that OpenAI's API would refuse, since a tool's result is without its call or a call without its result, is refused here too.
// testdata/*.txt were recorded with `curl -i --raw` against scripts/llama.
package main

import (
	"bytes"
	"embed"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

//go:embed testdata/*.txt
var recordings embed.FS

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address")
	flag.Parse()
	ln, err := net.Listen("tcp", *listen)
	if err != nil {
		fmt.Fprintln(os.Stderr, "wireupstream:", err)
		os.Exit(1)
	}
	fmt.Printf("http://%s/v1\n", ln.Addr())
	server := &http.Server{Handler: routes(), ReadHeaderTimeout: time.Minute}
	fmt.Fprintln(os.Stderr, "wireupstream:", server.Serve(ln))
	os.Exit(1)
}

func routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", (&flaky{asked: map[string]bool{}}).answer)
	mux.HandleFunc("/v1/messages", thinker)
	(&keeper{stored: map[string]*kept{}}).routes(mux)
	return mux
}

// request is what decides about the recording.
type request struct {
	Model     string            `json:"model"`
	Stream    bool              `json:"stream"`
	Stop      json.RawMessage   `json:"stop"`
	Tools     []json.RawMessage `json:"tools"`
	MaxTokens int               `json:"max_tokens"`
	MaxToo    int               `json:"max_completion_tokens"`
	Messages  []message         `json:"messages"`
	Format    struct {
		Type string `json:"type"`
	} `json:"response_format"`
}

// last is the role and the content of the last message.
func (r *request) last() (role string, content []byte) {
	if len(r.Messages) == 0 {
		return "", nil
	}
	m := r.Messages[len(r.Messages)-1]
	return m.Role, m.Content
}

// pixel is the beginning of an image, as it arrives with a request.
var pixel = []byte(`"url":"data:image/png;base64,iVBORw0KGgo`)

// flaky remembers what has been asked once.
type flaky struct {
	mu    sync.Mutex
	asked map[string]bool
}

// fails tells whether something is asked for the first time.
func (f *flaky) fails(what []byte) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	known := f.asked[string(what)]
	f.asked[string(what)] = true
	return !known
}

// pace is how a recording is sent: in pieces that do not keep to the borders of events, as networks do.
type pace struct {
	piece int
	pause time.Duration
}

const longAnswer = 1000 // tokens: who asks for more wants to leave midway

func (r *request) recording(f *flaky) (name string, p pace) {
	p = pace{piece: 700}
	most := max(r.MaxTokens, r.MaxToo)
	if most >= longAnswer {
		p = pace{200, 20 * time.Millisecond}
	}
	form := "plain"
	if r.Stream {
		form = "stream"
	}
	role, content := r.last()
	switch {
	case r.Model == "short":
		return "too-long", p
	case r.Model == "blind" || strings.HasPrefix(r.Model, "flaky") && f.fails(content) || r.Model == "seeing" && !bytes.Contains(content, pixel):
		return "blind", p
	case most >= longAnswer:
		return "long-" + form, p
	case r.Format.Type == "json_schema":
		return "json-" + form, p
	case len(r.Stop) > 0 && string(r.Stop) != "null" || role == "tool": // what a tool gave back is answered without another
		return "stop-" + form, p
	case len(r.Tools) > 0:
		return "tools-" + form, p
	default:
		return "length-" + form, p
	}
}

func (f *flaky) answer(w http.ResponseWriter, r *http.Request) {
	var asked request
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, &asked)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if why := unpaired(asked.Messages); why != "" {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]string{"message": why, "type": "invalid_request_error"}})
		return
	}
	name, p := asked.recording(f)
	wire, err := recordings.ReadFile("testdata/" + name + ".txt")
	if strings.HasPrefix(asked.Model, "cut") {
		wire = wire[:len(wire)/2]
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	if p.pause > 0 {
		time.Sleep(p.pause)
	}
	for len(wire) > 0 {
		n := min(p.piece, len(wire))
		if _, err := conn.Write(wire[:n]); err != nil {
			return // the client left
		}
		wire = wire[n:]
		time.Sleep(p.pause)
	}
}
