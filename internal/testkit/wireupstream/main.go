// Command wireupstream is a provider that replays what a real llama.cpp server sent, byte for byte: head, chunk framing, events.
//
//	go run ./internal/testkit/wireupstream        prints its base URL and serves until it is ended
//
// Which recording answers goes by the request: its model ("short" has no room for the prompt), whether it streams, offers tools
// or has a stop sequence. A conversation that OpenAI's API would refuse, since a tool's result is without its call or a call without its result, is refused here too. testdata/*.txt were recorded with `curl -i --raw` against scripts/llama.
package main

import (
	"embed"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
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
	server := &http.Server{Handler: http.HandlerFunc(answer), ReadHeaderTimeout: time.Minute}
	fmt.Fprintln(os.Stderr, "wireupstream:", server.Serve(ln))
	os.Exit(1)
}

// request is what decides about the recording.
type request struct {
	Model     string            `json:"model"`
	Stream    bool              `json:"stream"`
	Stop      []string          `json:"stop"`
	Tools     []json.RawMessage `json:"tools"`
	MaxTokens int               `json:"max_tokens"`
	Messages  []message         `json:"messages"`
}

// pace is how a recording is sent: in pieces that do not keep to the borders of events, as networks do.
type pace struct {
	piece int
	pause time.Duration
}

const longAnswer = 1000 // tokens: who asks for more wants to leave midway

func (r *request) recording() (name string, p pace) {
	p = pace{piece: 700}
	if r.MaxTokens >= longAnswer {
		p = pace{200, 20 * time.Millisecond}
	}
	form := "plain"
	if r.Stream {
		form = "stream"
	}
	switch {
	case r.Model == "short":
		return "too-long", p
	case r.MaxTokens >= longAnswer:
		return "long-" + form, p
	case len(r.Stop) > 0:
		return "stop-" + form, p
	case len(r.Tools) > 0:
		return "tools-" + form, p
	default:
		return "length-" + form, p
	}
}

func answer(w http.ResponseWriter, r *http.Request) {
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
	name, p := asked.recording()
	wire, err := recordings.ReadFile("testdata/" + name + ".txt")
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
