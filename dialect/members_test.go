package dialect

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestNothingIsLost takes the members of requests of every client's API (testdata/members) to every target, and those of every provider's answers to
// every client, each once with the member and once without. Taking one out must change what the other side gets, or what is named as lost, or what
// is refused; else it was lost silently, which only those of the list silent may be. What becomes of each is told in docs/members.md, for people.
func TestNothingIsLost(t *testing.T) {
	page := []byte(membersHead)
	quiet := map[*silence]bool{}
	for _, c := range memberClients {
		page = c.table(t, quiet).write(page, c.title+", requests", targetsOf(c))
	}
	for _, provider := range slices.Sorted(maps.Keys(memberTargets)) {
		page = answerTable(t, provider, quiet).write(page, "Answers of "+provider, namesOf(clientsOf(provider)))
	}
	page = append(page, "\n## Why nothing is said\n\n"...)
	for i, why := range reasons() {
		page = fmt.Appendf(page, "%d. %s\n", i+1, why)
	}
	for i := range silent {
		if !quiet[&silent[i]] {
			t.Errorf("silent: none of %q is lost silently, strike it out", silent[i].members)
		}
	}
	const file = "../docs/members.md"
	if *update {
		if err := os.WriteFile(file, page, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if was, err := os.ReadFile(file); err != nil || string(was) != string(page) {
		t.Errorf("%s says something else (%v): look at it with go test ./dialect -run NothingIsLost -update and git diff", file, err)
	}
}

const membersHead = "# What becomes of each member\n\n" +
	"Every member that the references of the clients' APIs document, and a few that nobody knows (`yet_unknown`), at every target that speaks another one. `go test ./dialect -run NothingIsLost` takes each out of a request\n" +
	"and looks at what is missing then; it writes this page with `-update`, and fails at a member that is missed by nobody. A cell tells where the member stands in the target's request; *named*: it is a 400\n" +
	"`unsupported_by_target` or, with `unsupported: drop`, named in `x-bursar-dropped`; *needed*: without it the request is refused; *refused*: with it. A number stands for a member that is left out silently, for the reason below.\n" +
	"\nOf answers, plain and streamed, a cell tells where a client finds it. A client and a provider of one API get each other's bytes and lose nothing; what stands here is the way through a chat completion.\n"

// memberTargets are the models that stand for the dialects of targets.
var memberTargets = map[string]string{"openai": "gpt-6", "responses": "gpt-6", "anthropic": "claude-sonnet-5", "gemini": "gemini-4-pro", "bedrock": "eu.anthropic.claude-sonnet-5"}

type memberClient struct {
	name, title string
	client      *Client // nil for chat completions
}

var memberClients = []memberClient{
	{"openai", "Chat completions", nil}, {"anthropic", "Messages", &Messages}, {"responses", "Responses", &Responses}, {"gemini", "generateContent", &GenerateContent},
}

// targetsOf are the dialects that a client's requests are carried over to; chat completions go to openai byte for byte.
func targetsOf(c memberClient) (all []string) {
	for _, name := range slices.Sorted(maps.Keys(memberTargets)) {
		if name != c.name || c.client != nil {
			all = append(all, name)
		}
	}
	return all
}

// memberTable tells what becomes of members, in the order in which they were met: by member and target, each fate once.
type memberTable struct {
	order []string
	fates map[string]map[string][]string
}

func (c memberClient) table(t *testing.T, quiet map[*silence]bool) *memberTable {
	text, err := os.ReadFile("testdata/members/" + c.name + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	table := &memberTable{fates: map[string]map[string][]string{}}
	for _, s := range sections(string(text)) {
		var scene any
		if err := json.Unmarshal([]byte(s.text), &scene); err != nil {
			t.Fatalf("%s: %s: %v", c.name, s.name, err)
		}
		whole := map[string]carried{}
		hub := c.hub(scene)
		for _, target := range targetsOf(c) {
			whole[target] = hub.carry(target)
		}
		gone := map[string]bool{} // what is left out whole, by its way and the target: what it holds goes with it
		for _, m := range membersIn(scene, "") {
			if m.label == "model" { // the gateway's own
				continue
			}
			if table.fates[m.label] == nil {
				table.order = append(table.order, m.label)
				table.fates[m.label] = map[string][]string{}
			}
			less := c.hub(m.without(scene))
			for _, target := range targetsOf(c) {
				if m.goesWith(gone, target) {
					continue
				}
				fate := fateOf(whole[target], less.carry(target))
				if fate == "both" { // the scene is refused for another member, so that others must try this one
					table.fates[m.label]["untried"] = append(table.fates[m.label]["untried"], target)
					continue
				}
				if fate == "" || fate == "*named*" || fate == "*refused*" {
					gone[fmt.Sprint(m.way, target)] = true
				}
				if fate == "" {
					why := silenced(c.name, m.label, target)
					if why == nil {
						t.Errorf("%s to %s, %s: %s is lost silently", c.name, target, s.name, m.label)
						continue
					}
					quiet[why] = true
					fate = why.mark()
				}
				if of := table.fates[m.label]; !slices.Contains(of[target], fate) {
					of[target] = append(of[target], fate)
				}
			}
		}
	}
	for label, of := range table.fates {
		for _, target := range of["untried"] {
			if len(of[target]) == 0 {
				t.Errorf("%s: no scene that %s takes has %s", c.name, target, label)
			}
		}
	}
	return table
}

// write appends a table for people.
func (t *memberTable) write(page []byte, title string, columns []string) []byte {
	page = fmt.Appendf(page, "\n## %s\n\n| member | %s |\n|%s\n", title, strings.Join(columns, " | "), strings.Repeat("---|", len(columns)+1))
	for _, member := range t.order {
		if t.forPeople(member) == "" {
			continue
		}
		page = fmt.Appendf(page, "| `%s` |", member)
		for _, column := range columns {
			page = fmt.Appendf(page, " %s |", strings.Join(t.fates[member][column], "; "))
		}
		page = append(page, '\n')
	}
	return page
}

func namesOf(clients []memberClient) (all []string) {
	for _, c := range clients {
		all = append(all, c.name)
	}
	return all
}

// forPeople tells what a table says of a member; nothing of what only holds others or says what it is, and of what goes with its holder.
func (t *memberTable) forPeople(member string) (row string) {
	last := member[strings.LastIndexByte(member, '.')+1:]
	kind, element := strings.CutSuffix(last, "]")
	_, kind, _ = strings.Cut(kind, "[")
	if structural := append(roles, "type", "role", "messages", "content", "contents", "parts", "tools", "input", "system"); slices.Contains(structural, last) || element && slices.Contains(structural, kind) {
		return ""
	}
	for target, fates := range t.fates[member] {
		if target != "untried" {
			row += strings.Join(fates, "")
		}
	}
	return row
}

var roles = []string{"user", "assistant", "developer", "tool", "model"}

// fateOf tells what becomes of a member at a target, by what the scene comes to with it and without; "" is nothing.
func fateOf(with, without carried) string {
	var fates []string
	switch {
	case with.fault == "" && without.fault != "":
		return "*needed*"
	case with.fault != without.fault:
		return "*refused*"
	case with.fault != "":
		return "both"
	}
	if at := firstDifference(with.body, without.body, ""); at != "" {
		fates = append(fates, "`"+at+"`")
	}
	for _, name := range with.lost {
		if !slices.Contains(without.lost, name) {
			fates = append(fates, "*named*")
			break
		}
	}
	return strings.Join(fates, ", ")
}

// carried is what a target gets of a request, what is named as lost, or the member that it is refused for.
type carried struct {
	body  any
	lost  []string
	fault string
}

// hubRequest is a client's request as a chat completion, or the member that it is refused for.
type hubRequest struct {
	body    []byte
	fault   string
	foreign bool
}

func (c memberClient) hub(scene any) (h hubRequest) {
	if h.body = encode(nil, scene); c.client == nil {
		return h
	}
	chat, fault := c.client.Request(h.body, Asked{Model: "m"})
	if fault != nil {
		return hubRequest{fault: fault.Param}
	}
	return hubRequest{body: chat, foreign: true}
}

func (h hubRequest) carry(target string) (out carried) {
	if h.fault != "" {
		return carried{fault: h.fault}
	}
	model := json.RawMessage(encode(nil, memberTargets[target]))
	body, _ := spliced(h.body, func(name string, _ json.RawMessage) []byte { // as the gateway does
		if name == "model" {
			return model
		}
		return nil
	})
	request := Plain
	if d, _ := Find(target); d != nil {
		request = d.Request
	}
	body, lost, fault := request(body, Options{Drop: true, Foreign: h.foreign})
	if fault != nil {
		out.fault = fault.Param
		return out
	}
	_ = json.Unmarshal(body, &out.body) // it was written here
	out.lost = lost
	return out
}

// sceneMember is a member of a scene, or an element of a list in it: the way to it, and its name for people.
type sceneMember struct {
	way   []any // names and indices
	label string
}

// goesWith tells whether something that holds the member is gone already.
func (m sceneMember) goesWith(gone map[string]bool, target string) bool {
	for i := range m.way {
		if gone[fmt.Sprint(m.way[:i], target)] {
			return true
		}
	}
	return false
}

// opaque are members whose values are the client's own, and told whole.
var opaque = []string{
	"parameters", "parametersJsonSchema", "responseSchema", "responseJsonSchema", "input_schema", "output_schema", "schema", "input", "args", "response", "cache_control", "prompt_cache_breakpoint",
	"citations", "annotations", "logprobs", "metadata", "labels", "partMetadata", "logit_bias", "extra_content", "thinking_blocks", "input_examples", "user_location",
	"mcp_servers", "context_management", "container", "moderation", "prediction", "action", "format.grammar",
}

func membersIn(of any, label string) (all []sceneMember) {
	add := func(step any, label string, value any) {
		all = append(all, sceneMember{[]any{step}, label})
		if name, _ := step.(string); slices.Contains(opaque, name) && !(name == "input" && len(label) == len(name)) {
			return
		}
		for _, inner := range membersIn(value, label) {
			all = append(all, sceneMember{append([]any{step}, inner.way...), inner.label})
		}
	}
	switch of := of.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(of)) {
			add(name, strings.TrimPrefix(label+"."+name, "."), of[name])
		}
	case []any:
		for i, value := range of {
			if object, ok := value.(map[string]any); ok {
				add(i, label+"["+nameOf(object)+"]", value)
			}
		}
	}
	return all
}

// nameOf tells objects in a list apart: by what they say that they are, or by the member that says so.
func nameOf(object map[string]any) string {
	for _, name := range []string{"role", "type"} {
		if kind, ok := object[name].(string); ok && kind != "message" {
			if from, ok := object["source"].(map[string]any); ok {
				return fmt.Sprint(kind, " ", from["type"])
			}
			return kind
		}
	}
	for _, name := range []string{"inlineData", "fileData", "functionDeclarations", "functionCall", "functionResponse", "text", "executableCode", "googleSearch"} {
		if inner, has := object[name]; has {
			if media, ok := inner.(map[string]any); ok && media["mimeType"] != nil {
				return fmt.Sprint(name, " ", media["mimeType"])
			}
			return name
		}
	}
	return ""
}

// without is a value without the member: a copy as far as it differs.
func (m sceneMember) without(of any) any {
	switch of := of.(type) {
	case map[string]any:
		of = maps.Clone(of)
		name := m.way[0].(string)
		if len(m.way) == 1 {
			delete(of, name)
		} else {
			of[name] = sceneMember{way: m.way[1:]}.without(of[name])
		}
		return of
	case []any:
		of = slices.Clone(of)
		i := m.way[0].(int)
		if len(m.way) == 1 {
			return slices.Delete(of, i, i+1)
		}
		of[i] = sceneMember{way: m.way[1:]}.without(of[i])
		return of
	}
	panic("no such member")
}

// firstDifference tells where two values differ first; "" if nowhere.
func firstDifference(a, b any, at string) string {
	if reflect.DeepEqual(a, b) {
		return ""
	}
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok {
			break
		}
		names := maps.Clone(a)
		maps.Copy(names, b)
		for _, name := range slices.Sorted(maps.Keys(names)) {
			if where := firstDifference(a[name], b[name], strings.TrimPrefix(at+"."+name, ".")); where != "" {
				return where
			}
		}
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			break
		}
		for i := range a {
			if where := firstDifference(a[i], b[i], at+"[]"); where != "" {
				return where
			}
		}
	}
	return at
}

// TestLabels: what clients write beside what they ask is named, and refuses no request.
func TestLabels(t *testing.T) {
	for body, label := range map[string]string{
		`{"model":"m","max_tokens":99,"messages":[{"role":"user","content":"hi","id":"m1"}]}`:                                                                                  "id",
		`{"model":"m","max_tokens":99,"messages":[{"role":"user","content":"hi","timestamp":1795000000}]}`:                                                                     "timestamp",
		`{"model":"m","max_tokens":99,"messages":[{"role":"user","content":[{"type":"text","text":"hi","id":"p1"}]}]}`:                                                         "id",
		`{"model":"m","max_tokens":99,"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,aGk=","format":"image/png"}}]}]}`:    "format",
		`{"model":"m","max_tokens":99,"messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function","strict":true,"function":{"name":"f"}}]}`:                        "strict",
		`{"model":"m","max_tokens":99,"messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function","function":{"name":"f","cache_control":{"type":"ephemeral"}}}]}`: "cache_control",
	} {
		for _, name := range []string{"anthropic", "gemini", "bedrock", "responses"} {
			target, _ := Find(name)
			_, dropped, fault := target.Request([]byte(body), Options{})
			if fault != nil || !slices.Contains(dropped, label) {
				t.Errorf("%s for %s: %v, dropped %v", body, name, fault, dropped)
			}
		}
	}
}
