package dialect

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// answerTable tells what becomes of the members of a provider's answers at every client, as memberClient.table does of requests.
func answerTable(t *testing.T, provider string, quiet map[*silence]bool) *memberTable {
	text, err := os.ReadFile("testdata/members/answers_" + provider + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	table := &memberTable{fates: map[string]map[string][]string{}}
	for _, s := range sections(string(text)) {
		scene, streamed := answerScene(t, s)
		whole := map[string]carried{}
		gone := map[string]bool{}
		hub := hubAnswerOf(provider, scene, streamed)
		for _, c := range clientsOf(provider) {
			whole[c.name] = hub.told(c)
		}
		for _, m := range membersIn(scene, "") {
			label := strings.TrimPrefix(m.label, ".")
			if streamed {
				label = "stream" + m.label
			}
			if table.fates[label] == nil {
				table.order = append(table.order, label)
				table.fates[label] = map[string][]string{}
			}
			less := hubAnswerOf(provider, m.without(scene), streamed)
			for _, c := range clientsOf(provider) {
				if m.goesWith(gone, c.name) {
					continue
				}
				fate := fateOf(whole[c.name], less.told(c))
				if fate == "" {
					gone[fmt.Sprint(m.way, c.name)] = true
					why := silenced(provider+" answers", label, c.name)
					if why == nil {
						t.Errorf("an answer of %s to %s, %s: %s is lost silently", provider, c.name, s.name, label)
						continue
					}
					quiet[why] = true
					fate = why.mark()
				}
				if of := table.fates[label]; !slices.Contains(of[c.name], fate) {
					of[c.name] = append(of[c.name], fate)
				}
			}
		}
	}
	return table
}

// answerScene reads an answer, or the events of a stream, one in a line.
func answerScene(t *testing.T, s section) (scene any, streamed bool) {
	text := s.text
	if streamed = strings.HasPrefix(s.name, "stream"); streamed {
		text = "[" + strings.ReplaceAll(strings.TrimSpace(text), "\n", ",") + "]"
	}
	if err := json.Unmarshal([]byte(text), &scene); err != nil {
		t.Fatalf("%s: %v", s.name, err)
	}
	return scene, streamed
}

// clientsOf are the clients that an answer is carried back to; those of chat completions get the hub's own.
func clientsOf(provider string) []memberClient {
	if provider == "openai" {
		return memberClients[1:]
	}
	return memberClients
}

// hubTold is a provider's answer as a chat completion, or as the data of chunks.
type hubTold struct {
	answer   []byte
	chunks   []string
	streamed bool
	fault    string
}

func hubAnswerOf(provider string, scene any, streamed bool) (h hubTold) {
	d, _ := Find(provider)
	made := Made{Created: 1700000000, Model: memberTargets[provider], ID: "id"}
	if h.streamed = streamed; !streamed {
		if h.answer = encode(nil, scene); d != nil {
			answer, err := d.Answer(h.answer, made)
			if err != nil {
				return hubTold{fault: "no answer"}
			}
			h.answer = answer
		}
		return h
	}
	var out []byte
	if d == nil {
		for _, event := range scene.([]any) {
			h.chunks = append(h.chunks, string(encode(nil, event)))
		}
		h.chunks = append(h.chunks, "[DONE]")
		return h
	}
	stream := d.NewStream(made)
	for _, event := range scene.([]any) {
		var err error
		if out, err = stream.Event(out, encode(nil, event)); err != nil {
			return hubTold{fault: "no stream"}
		}
	}
	h.chunks = dataOf(stream.End(out))
	return h
}

// dataOf are the data of a stream's events.
func dataOf(stream []byte) (all []string) {
	for line := range strings.Lines(string(stream)) {
		if data, ok := strings.CutPrefix(strings.TrimSpace(line), "data: "); ok {
			all = append(all, data)
		}
	}
	return all
}

// told is what a client hears of it.
func (h hubTold) told(c memberClient) (out carried) {
	if h.fault != "" {
		return carried{fault: h.fault}
	}
	reply := Reply{Request: []byte(`{"generationConfig":{"thinkingConfig":{"includeThoughts":true}}}`), ID: "req_7", Model: "smart", Created: 1700000000}
	chunks := h.chunks
	switch {
	case c.client == nil && !h.streamed:
		_ = json.Unmarshal(h.answer, &out.body) // it was written here
		return out
	case !h.streamed:
		answer, err := c.client.Answer(h.answer, reply)
		if err != nil {
			return carried{fault: err.Error()}
		}
		_ = json.Unmarshal(answer, &out.body)
		return out
	case c.client != nil:
		var text []byte
		stream := c.client.NewStream(reply)
		for _, chunk := range chunks {
			var err error
			if text, err = stream.Event(text, []byte(chunk)); err != nil {
				return carried{fault: fmt.Sprint(err)}
			}
		}
		chunks = dataOf(text)
	}
	out.body = map[string]any{"events": strings.Join(chunks, "\n")}
	return out
}
