package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
)

// keeper answers as OpenAI's Responses API does, in bytes that we wrote, and stores what it answers. A response says how many were before it in its
// conversation; one in the background is done when it is asked for the second time.
type keeper struct {
	mu     sync.Mutex
	stored map[string]*kept
	made   int
}

type kept struct {
	id, previous, status string
	turn, asked          int
	background           bool
}

func (k *keeper) routes(mux *http.ServeMux) {
	mux.HandleFunc("POST /v1/responses", k.create)
	mux.HandleFunc("GET /v1/responses/{id}", func(w http.ResponseWriter, r *http.Request) { k.about(w, r, (*kept).look) })
	mux.HandleFunc("POST /v1/responses/{id}/cancel", func(w http.ResponseWriter, r *http.Request) { k.about(w, r, (*kept).cancel) })
	mux.HandleFunc("DELETE /v1/responses/{id}", func(w http.ResponseWriter, r *http.Request) {
		k.about(w, r, func(of *kept) string {
			delete(k.stored, of.id)
			return fmt.Sprintf(`{"id":%q,"object":"response","deleted":true}`, of.id)
		})
	})
}

func (k *keeper) create(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Previous   string `json:"previous_response_id"`
		Background bool   `json:"background"`
		Stream     bool   `json:"stream"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.made++
	of := &kept{id: fmt.Sprintf("resp_%048x", k.made), previous: in.Previous, status: "completed", turn: 1, background: in.Background}
	if in.Previous != "" {
		before := k.stored[in.Previous]
		if before == nil {
			missing(w, http.StatusBadRequest, in.Previous)
			return
		}
		of.turn = before.turn + 1
	}
	k.stored[of.id] = of
	if in.Background {
		of.status = "queued"
	}
	if !in.Stream {
		tell(w, of.text())
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	begun := strings.NewReplacer(`"completed"`, `"in_progress"`, of.usage(), "null").Replace(of.text())
	for n, event := range []struct{ kind, rest string }{
		{"response.created", `"response":` + begun},
		{"response.output_item.added", `"output_index":0,"item":{"id":"msg_1","type":"message","role":"assistant","status":"in_progress","content":[]}`},
		{"response.output_text.delta", `"output_index":0,"item_id":"msg_1","content_index":0,"logprobs":[],"delta":"turn "`},
		{"response.output_text.delta", `"output_index":0,"item_id":"msg_1","content_index":0,"logprobs":[],"delta":"` + fmt.Sprint(of.turn) + `"`},
		{"response.completed", `"response":` + of.text()},
	} {
		fmt.Fprintf(w, "event: %s\ndata: {\"type\":%q,\"sequence_number\":%d,%s}\n\n", event.kind, event.kind, n, event.rest)
	}
}

// about does something with a stored response.
func (k *keeper) about(w http.ResponseWriter, r *http.Request, do func(*kept) string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	of := k.stored[r.PathValue("id")]
	if of == nil {
		missing(w, http.StatusNotFound, r.PathValue("id"))
		return
	}
	tell(w, do(of))
}

func (of *kept) look() string {
	if of.asked++; of.status == "queued" && of.asked > 1 {
		of.status = "completed"
	}
	return of.text()
}

func (of *kept) cancel() string {
	of.status = "cancelled"
	return of.text()
}

func (of *kept) usage() string {
	if of.status == "queued" {
		return "null"
	}
	return fmt.Sprintf(`{"input_tokens":%d,"input_tokens_details":{"cached_tokens":0,"cache_write_tokens":0},"output_tokens":4,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":%d}`, 10*of.turn, 10*of.turn+4)
}

func (of *kept) text() string {
	previous, output := "null", "[]"
	if of.previous != "" {
		previous = `"` + of.previous + `"`
	}
	if of.status == "completed" {
		output = fmt.Sprintf(`[{"id":"msg_1","type":"message","role":"assistant","status":"completed","content":[{"type":"output_text","text":"turn %d","annotations":[],"logprobs":[]}]}]`, of.turn)
	}
	return fmt.Sprintf(`{"id":%q,"object":"response","created_at":1764000000,"status":%q,"background":%t,"error":null,"incomplete_details":null,"instructions":null,"max_output_tokens":null,"model":"keeper",`+
		`"output":%s,"parallel_tool_calls":true,"previous_response_id":%s,"reasoning":{"effort":null,"summary":null},"service_tier":"default","store":true,"temperature":1.0,"text":{"format":{"type":"text"}},`+
		`"tool_choice":"auto","tools":[],"top_p":1.0,"truncation":"disabled","usage":%s,"user":null,"metadata":{}}`, of.id, of.status, of.background, output, previous, of.usage())
}

func tell(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(body))
}

func missing(w http.ResponseWriter, status int, id string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error":{"message":"Response with id '%s' not found.","type":"invalid_request_error","param":null,"code":null}}`, id)
}
