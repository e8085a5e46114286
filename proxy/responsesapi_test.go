package proxy

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"bursar/keys"
)

// responsesAPI is a provider of the Responses API. Each of its accounts, which are its keys, stores responses; a response has 10 tokens more than
// what it goes on from, 5 of them its answer. One in the background ends when it is told to.
type responsesAPI struct {
	*httptest.Server
	mu     sync.Mutex
	stored map[string]*theirs
	made   int
	asked  []string // METHOD PATH KEY BODY
	down   bool
}

type theirs struct {
	id, account, previous, status string
	input                         int // tokens
	background, untold            bool
}

func newResponsesAPI(t *testing.T) *responsesAPI {
	a := &responsesAPI{stored: map[string]*theirs{}}
	a.Server = httptest.NewServer(http.HandlerFunc(a.serve))
	t.Cleanup(a.Close)
	return a
}

func (a *responsesAPI) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	account := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, strings.Join([]string{r.Method, r.URL.String(), account, string(body)}, " "))
	w.Header().Set("Content-Type", "application/json")
	if a.down {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	if r.Method == http.MethodPost && r.URL.Path == "/v1/responses" {
		a.create(w, account, body)
		return
	}
	id, action, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v1/responses/"), "/")
	found := a.stored[id]
	switch {
	case found == nil || found.account != account:
		notFound(w, http.StatusNotFound, "Response with id '"+id+"' not found.")
	case action == "input_items":
		_, _ = io.WriteString(w, `{"object":"list","data":[{"id":"msg_1","type":"message"}],"has_more":false}`)
	case r.Method == http.MethodDelete:
		delete(a.stored, id)
		fmt.Fprintf(w, `{"id":%q,"object":"response","deleted":true}`, id)
	case r.URL.Query().Get("stream") == "true":
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprintf(w, "event: response.completed\ndata: {\"type\":\"response.completed\",\"sequence_number\":9,\"response\":%s}\n\n", found.json())
	default:
		if action == "cancel" {
			found.status = "cancelled"
		}
		_, _ = io.WriteString(w, found.json())
	}
}

func (a *responsesAPI) create(w http.ResponseWriter, account string, body []byte) {
	var in struct {
		Previous   string `json:"previous_response_id"`
		Background bool
		Stream     bool
		Store      *bool
	}
	_ = json.Unmarshal(body, &in)
	a.made++
	r := &theirs{id: fmt.Sprintf("resp_%024x", a.made), account: account, previous: in.Previous, status: "completed", input: 5, background: in.Background}
	if in.Previous != "" {
		before := a.stored[in.Previous]
		if before == nil || before.account != account {
			notFound(w, http.StatusBadRequest, "Previous response with id '"+in.Previous+"' not found.")
			return
		}
		r.input = before.input + 10
	}
	text := r.json()
	if in.Store == nil || *in.Store {
		a.stored[r.id] = r
	} else {
		text = strings.Replace(text, `"store":true`, `"store":false`, 1)
	}
	if in.Background {
		r.status = "queued"
	}
	switch {
	case !in.Stream:
		if in.Background {
			text = r.json()
		}
		_, _ = io.WriteString(w, text)
	default:
		w.Header().Set("Content-Type", "text/event-stream")
		begun := strings.Replace(strings.Replace(text, `"completed"`, `"in_progress"`, 1), `"usage":{`, `"usage":null,"was":{`, 1)
		fmt.Fprintf(w, "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":%s}\n\n", begun)
		fmt.Fprintf(w, "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":1,\"item_id\":\"msg_1\",\"output_index\":0,\"content_index\":0,\"delta\":\"about %s\"}\n\n", r.id)
		if in.Background { // its stream breaks, and it is worked on
			return
		}
		fmt.Fprintf(w, "event: response.completed\ndata: {\"type\":\"response.completed\",\"sequence_number\":2,\"response\":%s}\n\n", text)
	}
}

func notFound(w http.ResponseWriter, status int, message string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error":{"message":%q,"type":"invalid_request_error","param":null,"code":null}}`, message)
}

func (r *theirs) json() string {
	previous, usage := "null", "null"
	if r.previous != "" {
		previous = `"` + r.previous + `"`
	}
	if (r.status == "completed" || r.status == "cancelled") && !r.untold {
		usage = fmt.Sprintf(`{"input_tokens":%d,"input_tokens_details":{"cached_tokens":0},"output_tokens":5,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":%d}`, r.input, r.input+5)
	}
	return fmt.Sprintf(`{"id":%q,"object":"response","created_at":1,"status":%q,"background":%t,"error":null,"incomplete_details":null,"model":"gpt","output":[{"id":"msg_1","type":"message","role":"assistant","status":"completed",`+
		`"content":[{"type":"output_text","text":"about %s","annotations":[]}]}],"previous_response_id":%s,"store":true,"usage":%s,"new":1.0}`, r.id, r.status, r.background, r.id, previous, usage)
}

// ends ends what is in the background.
func (a *responsesAPI) ends(change func(*theirs)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range a.stored {
		if r.status == "queued" {
			r.status = "completed"
			if change != nil {
				change(r)
			}
		}
	}
}

// last is what the provider was asked last: its method, path, key and body.
func (a *responsesAPI) last() (call, key, body string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	parts := strings.SplitN(a.asked[len(a.asked)-1], " ", 4)
	return parts[0] + " " + parts[1], parts[2], parts[3]
}

func (a *responsesAPI) isDown(down bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.down = down
}

// at is a policy with such a provider, beside one of chat completions.
func (a *responsesAPI) at() string {
	return `providers:
  oai: { dialect: responses, base_url: "` + a.URL + `/v1", key_env: OAI_KEY, retries: 0 }
  fake: { dialect: openai, base_url: "UP", retries: 0 }
models: { small: { use: oai/gpt }, big: { use: fake/big } }
prices: { overrides: { oai/gpt: { input: 1000, output: 2000 }, fake/big: { input: 2, output: 4 } } }
`
}

// ask sends a request of the Responses API. more is further members, each with a comma before it.
func (h *house) ask(more string, head ...string) reply {
	h.Helper()
	return h.call("POST", "/v1/responses", `{"model":"small","input":"hi","max_output_tokens":20`+more+`}`, append([]string{"Authorization", "Bearer " + h.secret}, head...)...)
}

// see asks about a stored response.
func (h *house) see(method, path string, head ...string) reply {
	h.Helper()
	return h.call(method, "/v1/responses/"+path, "", append([]string{"Authorization", "Bearer " + h.secret}, head...)...)
}

// response is an answer as its client reads it.
type response struct {
	ID       string
	Status   string
	Previous string `json:"previous_response_id"`
}

func (r reply) response(t testing.TB) (out response) {
	t.Helper()
	text := r.body
	if _, last, ok := strings.Cut(text, "event: response.completed\ndata: "); ok {
		var event struct{ Response response }
		if err := json.Unmarshal([]byte(last), &event); err != nil {
			t.Fatalf("%v in %s", err, r.body)
		}
		return event.Response
	}
	if err := json.Unmarshal([]byte(text), &out); err != nil || r.status != 200 {
		t.Fatalf("status %d, %v in %s", r.status, err, r.body)
	}
	return out
}

// bearer is the header of a new key.
func (h *house) bearer(terms keys.Terms) string {
	h.Helper()
	secret, _ := h.scoped(terms)
	return "Bearer " + secret
}
