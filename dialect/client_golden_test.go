package dialect

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bursar/exchange"
)

// goldenClients are the clients whose golden files are in testdata/clients under their names.
var goldenClients = []*Client{&Messages, &Responses, &GenerateContent}

// TestClientsGolden: each file has requests, hub answers and hub streams, and what becomes of each behind it. An answer or a stream is one to
// the request above it. The line `fault` in a stream ends it as a gateway does.
func TestClientsGolden(t *testing.T) {
	for _, client := range goldenClients {
		files, err := filepath.Glob("testdata/clients/" + client.Name + "/*.txt")
		if err != nil || len(files) == 0 {
			t.Fatalf("no golden files of %s: %v", client.Name, err)
		}
		for _, file := range files {
			t.Run(client.Name+"/"+filepath.Base(file), func(t *testing.T) { golden(t, file, spoken(client)) })
		}
	}
}

// golden compares a file with what becomes of its sections, or writes it.
func golden(t *testing.T, file string, of func(t *testing.T, s section) string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, s := range sections(string(text)) {
		if !strings.HasPrefix(s.name, "want") {
			fmt.Fprintf(&out, "-- %s --\n%s-- want %s --\n%s", s.name, s.text, s.name, of(t, s))
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if out.String() != string(text) {
		t.Errorf("%s differs; look at it with go test ./dialect -update and git diff\n%s", file, out.String())
	}
}

// spoken tells what becomes of the sections of one file.
func spoken(client *Client) func(t *testing.T, s section) string {
	reply := Reply{ID: "req_7", Model: "smart", Created: 1700000000}
	return func(t *testing.T, s section) string {
		t.Helper()
		switch name, how, _ := strings.Cut(s.name, " "); name {
		case "request":
			reply.Request = []byte(s.text)
			body, fault := client.Request(reply.Request, askedBy(client, how))
			if fault != nil {
				return fmt.Sprintf("%d %s %s: %s %s\n", fault.Status, fault.Code, fault.Param, fault.Message, fault.Hint)
			}
			return indented(t, body)
		case "answer":
			body, err := client.Answer([]byte(s.text), reply)
			if err != nil {
				return "error: " + err.Error() + "\n"
			}
			return indented(t, body)
		case "stream":
			reply.Array = strings.Contains(how, "array")
			return streamed(t, client.NewStream(reply), s.text)
		}
		t.Fatalf("section %q is none of request, answer and stream", s.name)
		return ""
	}
}

func streamed(t *testing.T, stream ClientStream, text string) string {
	t.Helper()
	var out []byte
	for data := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		var err error
		switch data {
		case "ping":
			out = stream.Ping(out)
		case "fault":
			out = stream.Fault(out, brokenStream, "req_7")
		default:
			out, err = stream.Event(out, []byte(data))
		}
		if err != nil {
			return string(out) + "error: " + err.Error() + "\n"
		}
	}
	return strings.ReplaceAll(string(out), "\n\n", "\n")
}

var brokenStream = &exchange.Fault{
	Status: 502, Type: "api_error", Code: "stream_broken", Message: "The provider's stream ended early.", Hint: "Send the request again.",
}

// askedBy is what a client says in the URL.
func askedBy(client *Client, how string) Asked {
	if client.Name != "gemini" {
		return Asked{}
	}
	return Asked{Model: "smart", Stream: strings.Contains(how, "stream")}
}

// FuzzClients: whatever comes, from a client or from a provider, nothing panics, and what goes out is JSON. What a client has said is read as a
// chat completion by the dialects of providers, or refused by them.
func FuzzClients(f *testing.F) {
	for _, client := range goldenClients {
		files, _ := filepath.Glob("testdata/clients/" + client.Name + "/*.txt")
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			for _, s := range sections(string(text)) {
				if !strings.HasPrefix(s.name, "want") {
					f.Add([]byte(s.text))
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, client := range goldenClients {
			fuzzClient(t, client, text)
		}
	})
}

func fuzzClient(t *testing.T, client *Client, text []byte) {
	valid := func(what string, out []byte) {
		t.Helper()
		if !json.Valid(out) {
			t.Errorf("%s: %s of %q is no JSON: %s", client.Name, what, text, out)
		}
	}
	reply := Reply{Request: text, ID: "req_7", Model: "smart", Created: 1}
	if json.Valid(text) && bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) { // the others are refused before
		if chat, fault := client.Request(text, askedBy(client, "")); fault == nil {
			valid("request", chat)
			for _, name := range Names() {
				d, _ := Find(name)
				if d == nil { // openai needs no translation
					continue
				}
				if body, _, fault := d.Request(chat, Options{Drop: true}); fault == nil {
					valid("request of "+name, body)
				}
			}
		}
	}
	if body, err := client.Answer(text, reply); err == nil {
		valid("answer", body)
	}
	out := fuzzStream(client.NewStream(reply), text)
	for line := range bytes.Lines(out) {
		if data, ok := bytes.CutPrefix(bytes.TrimSpace(line), []byte("data: ")); ok {
			valid("event", data)
		}
	}
	if client == &GenerateContent {
		reply.Array = true
		valid("array", fuzzStream(client.NewStream(reply), text))
	}
}

// fuzzStream gives the lines of a text to a stream, and ends it.
func fuzzStream(stream ClientStream, text []byte) (out []byte) {
	for line := range bytes.Lines(text) {
		var err error
		if out, err = stream.Event(out, bytes.TrimSpace(line)); err != nil {
			break
		}
	}
	return stream.Fault(out, brokenStream, "req_7")
}
