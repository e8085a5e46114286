package proxy

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"bursar/internal/testkit"
	"bursar/pricing"
)

var update = flag.Bool("update", false, "write the golden files of the matrix anew; read git diff afterwards")

// matrixClients ask, each in its own API.
var matrixClients = []string{"chat", "messages", "responses", "gemini"}

// TestMatrix: whatever API a client speaks and whatever dialect its target, the target gets the same request, the client the same answer, streamed
// or not, and the same is paid. Each scene of testdata/matrix says what each client sends; behind `want DIALECT` stands what a provider gets, and
// behind `told CLIENT` what the client does. A section "... from NAME" or "... by NAME" is where one differs from all others, and it is right that it does.
func TestMatrix(t *testing.T) {
	m := openMatrix(t)
	scenes, err := filepath.Glob("testdata/matrix/scenes/*.txt")
	must(t, err)
	if len(scenes) < 6 {
		t.Fatalf("scenes %v", scenes)
	}
	for _, file := range scenes {
		scene := testkit.ReadArchive(t, file)
		gold := golden{scene: scene, read: map[string]string{}}
		for _, provider := range matrixProviders {
			for _, client := range matrixClients {
				m.cell(t, &gold, client, provider)
			}
		}
		if *update {
			gold.write(t, file)
		}
	}
}

// cell asks plain and streamed, and compares.
func (m *matrix) cell(t *testing.T, gold *golden, client, provider string) {
	t.Helper()
	where := fmt.Sprintf("%s, %s to %s", strings.TrimSpace(gold.scene.Comment), client, provider)
	ask := gold.scene.Get("ask " + client)
	m.wire.answer.Store(new(strings.TrimSpace(gold.scene.Get("answer"))))
	plain := m.ask(client, provider, ask, false)
	if plain.status != 200 {
		t.Errorf("%s: status %d: %s", where, plain.status, plain.body)
		return
	}
	gold.compare(t, where+", request", "want "+wireOf(provider), "from "+client, normal(t, m.wire.last().body))
	told := normal(t, plain.body)
	gold.compare(t, where+", answer", "told "+client, "by "+provider, told)
	if paid := m.paid(plain); paid != matrixCost {
		t.Errorf("%s: paid %d, want %d", where, paid, matrixCost)
	}

	streamed := m.ask(client, provider, ask, true)
	if streamed.status != 200 {
		t.Errorf("%s, streamed: status %d: %s", where, streamed.status, streamed.body)
		return
	}
	if folded := normal(t, fold(t, client, streamed.body)); folded != told {
		t.Errorf("%s, streamed: %s\nplain: %s", where, folded, told)
	}
	if paid := m.paid(streamed); paid != matrixCost {
		t.Errorf("%s, streamed: paid %d, want %d", where, paid, matrixCost)
	}
}

// TestMatrixOfFailures: how a refusal and an outage of a provider, and a stream that it cuts, reach each client.
func TestMatrixOfFailures(t *testing.T) {
	text := testkit.ReadArchive(t, "testdata/matrix/scenes/text.txt")
	file := "testdata/matrix/failures.txt"
	gold := golden{scene: testkit.ReadArchive(t, file), read: map[string]string{}}
	for _, client := range matrixClients {
		m := openMatrix(t)
		for _, provider := range matrixProviders {
			for _, status := range []int{400, 401, 429, 500, 529} {
				m.wire.answer.Store(new("text"))
				m.wire.status.Store(int64(status))
				got := m.ask(client, provider, text.Get("ask "+client), false)
				m.wire.status.Store(0)
				told := fmt.Sprintf("status %d\n%s", got.status, m.anonymous(provider, normal(t, got.body)))
				gold.compare(t, fmt.Sprintf("%s from %s, %d", client, provider, status), fmt.Sprintf("told %s of %d", client, status), "by "+provider, told)
				if paid := m.paid(got); paid != 0 {
					t.Errorf("%s from %s, %d: paid %d", client, provider, status, paid)
				}
			}
			m.wire.cut.Store(true)
			got := m.ask(client, provider, text.Get("ask "+client), true)
			m.wire.cut.Store(false)
			gold.compare(t, client+" from "+provider+", cut", "told "+client+" of a cut", "by "+provider, m.anonymous(provider, normal(t, lastEvent(got.body))))
			if paid := m.paid(got); paid <= 0 || paid >= matrixCost {
				t.Errorf("%s from %s, cut: paid %d", client, provider, paid)
			}
		}
	}
	if *update {
		gold.write(t, file)
	}
}

// matrixCost is what each answer costs: 20 tokens of the prompt, 10 from the provider's cache, 12 of the answer.
const matrixCost = pricing.Nano(20*3000 + 10*300 + 12*15000)

// matrix is a gateway in front of a provider of each dialect.
type matrix struct {
	*house
	wire *matrixWire
}

func openMatrix(t *testing.T) *matrix {
	wire := openMatrixWire(t)
	var providers, models, prices strings.Builder
	for _, name := range matrixProviders {
		fmt.Fprintf(&providers, "  %s: { %s, base_url: %q, retries: 0 }\n", name, matrixDialects[name], wire.url+"/"+name)
		fmt.Fprintf(&models, "  %s: { use: %s/%s }\n", name, name, matrixModels[name])
		fmt.Fprintf(&prices, "    %s/%s: { input: 3, output: 15, cache_read: 0.3, cache_write: 3.75 }\n", name, matrixModels[name])
	}
	sections := "providers:\n" + providers.String() + "models:\n" + models.String() + "prices:\n  overrides:\n" + prices.String() + "baseline: openai\ndefault: openai\n"
	return &matrix{house: open(t, plan{sections: sections}), wire: wire}
}

// ask asks for a model whose name is that of its provider.
func (m *matrix) ask(client, provider, body string, stream bool) reply {
	m.Helper()
	path := map[string]string{"chat": "/v1/chat/completions", "messages": "/v1/messages", "responses": "/v1/responses", "gemini": "/v1beta/models/" + provider + ":generateContent"}[client]
	switch {
	case stream && client == "gemini":
		path = "/v1beta/models/" + provider + ":streamGenerateContent?alt=sse"
	case stream && client == "chat":
		body = `{"stream":true,"stream_options":{"include_usage":true},` + strings.TrimSpace(body)[1:]
	case stream:
		body = `{"stream":true,` + strings.TrimSpace(body)[1:]
	}
	r, err := http.NewRequest(http.MethodPost, "http://"+m.addr+path, strings.NewReader(strings.ReplaceAll(body, "MODEL", provider)))
	must(m, err)
	r.Header.Set("Content-Type", "application/json")
	switch client {
	case "messages":
		r.Header.Set("x-api-key", m.secret)
		r.Header.Set("anthropic-version", "2023-06-01")
	case "gemini":
		r.Header.Set("x-goog-api-key", m.secret)
	default:
		r.Header.Set("Authorization", "Bearer "+m.secret)
	}
	return m.do(r)
}

// anonymous is a text without the target's name and the request's id.
func (m *matrix) anonymous(provider, text string) string {
	text = strings.ReplaceAll(text, provider+"/"+matrixModels[provider], "TARGET")
	return regexp.MustCompile(`req_\w+`).ReplaceAllString(text, "req_ID")
}

// paid is what a request cost by the ledger.
func (m *matrix) paid(r reply) pricing.Nano {
	m.Helper()
	return m.row(r.id()).Cost
}

// normal is JSON indented, its members in order, without those that are made up for each request.
func normal(t *testing.T, text string) string {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("no JSON: %v: %s", err, text)
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	must(t, enc.Encode(blank(value, "")))
	return out.String()
}

// madeUp are members whose values differ from request to request, and say nothing.
var madeUp = map[string]bool{"id": true, "created": true, "created_at": true, "completed_at": true, "responseId": true, "model": true, "modelVersion": true, "request_id": true, "item_id": true, "metrics": true}

func blank(value any, under string) any {
	switch v := value.(type) {
	case map[string]any:
		for name, inner := range v {
			if inner == 0.0 && name == "cache_write_tokens" || name == "cost" { // which a stream alone tells: a plain answer has it in its head
				delete(v, name)
				continue
			}
			if text, ok := inner.(string); madeUp[name] && (!ok || !strings.HasPrefix(text, "call_")) {
				delete(v, name)
				continue
			}
			v[name] = blank(inner, name)
		}
	case []any:
		for i := range v {
			v[i] = blank(v[i], under)
		}
	}
	return value
}

// golden is what a file says, and what was found to be so.
type golden struct {
	scene *testkit.Archive
	found []testkit.File
	read  map[string]string
}

// compare compares with the section of that name, or of the name with except behind it if there is such a one.
func (g *golden) compare(t *testing.T, where, name, except, got string) {
	t.Helper()
	if *update {
		first, known := g.read[name]
		if known && first == got {
			return
		}
		if known {
			name += " " + except
		}
		if g.read[name] == got { // of another provider of the same dialect
			return
		}
		g.read[name] = got
		g.found = append(g.found, testkit.File{Name: name, Data: got})
		return
	}
	want := g.scene.Get(name + " " + except)
	if want == "" {
		want = g.scene.Get(name)
	}
	if got != want {
		t.Errorf("%s: got %s\nwant %s", where, got, want)
	}
}

// write writes the sections anew, behind those that say what is sent.
func (g *golden) write(t *testing.T, file string) {
	out := testkit.Archive{Comment: g.scene.Comment}
	for _, f := range g.scene.Files {
		if !strings.HasPrefix(f.Name, "want ") && !strings.HasPrefix(f.Name, "told ") {
			out.Files = append(out.Files, f)
		}
	}
	out.Files = append(out.Files, g.found...)
	out.Write(t, file)
}
