package prompt_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"bursar/prompt"

	"pgregory.net/rapid"
)

func TestShape(t *testing.T) {
	f := func(body string, s prompt.Shape, want string) {
		t.Helper()
		got := mustRead(t, body).Shape(s, []byte("before:"))
		if string(got) != "before:"+want {
			t.Errorf("got  %s\nwant before:%s", got, want)
		}
	}
	const msgs = `"messages" : [ {"role":"user","content":"\u00e9\/"} ]`
	f(" {\"model\" : \"a\" ,\n"+msgs+" , \"x\":1E+2}\n", prompt.Shape{}, " {\"model\" : \"a\" ,\n"+msgs+" , \"x\":1E+2}\n")
	f(`{"model" : "a" ,`+msgs+` }`, prompt.Shape{Model: `o"p`}, `{"model" : "o\"p" ,`+msgs+` }`)
	f(`{"model":"\u0061",`+msgs+`}`, prompt.Shape{Model: `a`}, `{"model":"\u0061",`+msgs+`}`)

	limit := prompt.Shape{Cap: 10, CapField: "max_completion_tokens"}
	f("{\"model\":\"a\","+msgs+"\n}\n", limit, "{\"model\":\"a\","+msgs+",\"max_completion_tokens\":10\n}\n")
	f(`{"model":"a","max_completion_tokens":11,`+msgs+`}`, limit, `{"model":"a","max_completion_tokens":10,`+msgs+`}`)
	f(`{"model":"a","max_completion_tokens":9,`+msgs+`}`, limit, `{"model":"a","max_completion_tokens":9,`+msgs+`}`)
	f(`{"model":"a","max_completion_tokens":null,`+msgs+`}`, limit, `{"model":"a","max_completion_tokens":10,`+msgs+`}`)
	f(`{"model":"a","max_output_tokens":7,`+msgs+`}`, limit, `{"model":"a","max_output_tokens":7,`+msgs+`,"max_completion_tokens":7}`)
	f(`{"model":"a","max_output_tokens":70,`+msgs+`}`, limit, `{"model":"a","max_output_tokens":70,`+msgs+`,"max_completion_tokens":10}`)

	usage := prompt.Shape{IncludeUsage: true}
	f(`{"model":"a",`+msgs+`}`, usage, `{"model":"a",`+msgs+`}`)
	f(`{"model":"a","stream":true,`+msgs+`}`, usage, `{"model":"a","stream":true,`+msgs+`,"stream_options":{"include_usage":true}}`)
	f(`{"model":"a","stream":true,"stream_options":null,`+msgs+`}`, usage, `{"model":"a","stream":true,"stream_options":{"include_usage":true},`+msgs+`}`)
	f(`{"model":"a","stream":true,"stream_options":{ },`+msgs+`}`, usage, `{"model":"a","stream":true,"stream_options":{"include_usage":true },`+msgs+`}`)
	f(`{"model":"a","stream":true,"stream_options":{"x":[1] },`+msgs+`}`, usage, `{"model":"a","stream":true,"stream_options":{"x":[1],"include_usage":true },`+msgs+`}`)
	f(`{"model":"a","stream":true,"stream_options":{"include_usage" : false,"x":1},`+msgs+`}`, usage, `{"model":"a","stream":true,"stream_options":{"include_usage" : true,"x":1},`+msgs+`}`)
	f(`{"model":"a","stream":true,"stream_options":{"include_usage":null},`+msgs+`}`, usage, `{"model":"a","stream":true,"stream_options":{"include_usage":true},`+msgs+`}`)
	f(`{"model":"a","stream":true,"stream_options":{"include_usage":true},`+msgs+`}`, usage, `{"model":"a","stream":true,"stream_options":{"include_usage":true},`+msgs+`}`)

	all := prompt.Shape{Model: "b", Cap: 1, CapField: "max_tokens", IncludeUsage: true}
	f(`{"model":"a",`+msgs+`,"stream":true }`, all, `{"model":"b",`+msgs+`,"stream":true,"max_tokens":1,"stream_options":{"include_usage":true} }`)
}

// TestShapeCapGoesOutWhereItIsRead checks that the cap is in the member that the provider reads, and in no other.
func TestShapeCapGoesOutWhereItIsRead(t *testing.T) {
	f := func(s prompt.Shape, body, want string) {
		t.Helper()
		body, want = strings.ReplaceAll(body, "MSGS", `"messages":[{"role":"user"}]`), strings.ReplaceAll(want, "MSGS", `"messages":[{"role":"user"}]`)
		if got := string(mustRead(t, body).Shape(s, nil)); got != want {
			t.Errorf("%+v of %s\ngot  %s\nwant %s", s, body, got, want)
		}
	}
	older, newer := prompt.Shape{Cap: 60, CapField: "max_tokens"}, prompt.Shape{Cap: 60, CapField: "max_completion_tokens"}
	// In the other name: renamed, and lowered if need be.
	f(older, `{"model":"a", "max_completion_tokens" : 50 ,MSGS}`, `{"model":"a", "max_tokens" : 50 ,MSGS}`)
	f(older, `{"model":"a","max_completion_tokens":5000,MSGS}`, `{"model":"a","max_tokens":60,MSGS}`)
	f(newer, `{"max_tokens":50,"model":"a",MSGS}`, `{"max_completion_tokens":50,"model":"a",MSGS}`)
	f(newer, `{"model":"a",MSGS, "max_tokens":null }`, `{"model":"a",MSGS, "max_completion_tokens":60 }`)
	f(prompt.Shape{CapField: "max_tokens"}, `{"model":"a","max_completion_tokens":50,MSGS}`, `{"model":"a","max_tokens":50,MSGS}`)
	f(prompt.Shape{CapField: "max_tokens"}, `{"model":"a","max_completion_tokens":null,MSGS}`, `{"model":"a","max_completion_tokens":null,MSGS}`)
	f(prompt.Shape{CapField: "max_tokens"}, `{"model":"a","max_output_tokens":5,MSGS}`, `{"model":"a","max_output_tokens":5,MSGS}`)
	// In both: the least of all stays, the other is cut with one comma.
	f(older, `{"model":"a","max_tokens":50 , "max_completion_tokens" : 40 , MSGS}`, `{"model":"a","max_tokens":40 ,  MSGS}`)
	f(older, `{"model":"a","max_tokens":50,MSGS , "max_completion_tokens":70 }`, `{"model":"a","max_tokens":50,MSGS  }`)
	f(newer, `{ "max_tokens":500,"model":"a","max_completion_tokens":70,MSGS}`, `{ "model":"a","max_completion_tokens":60,MSGS}`)
	f(newer, `{"model":"a","max_tokens":9,"max_completion_tokens":null,MSGS}`, `{"model":"a","max_completion_tokens":9,MSGS}`)
	f(prompt.Shape{CapField: "max_completion_tokens"}, `{"model":"a",MSGS,"max_completion_tokens":9,"max_tokens":8}`, `{"model":"a",MSGS,"max_completion_tokens":8}`)
	stream := prompt.Shape{Cap: 60, CapField: "max_tokens", IncludeUsage: true}
	f(stream, `{"model":"a","stream":true,MSGS,"max_tokens":1,"max_completion_tokens":2}`, `{"model":"a","stream":true,MSGS,"max_tokens":1,"stream_options":{"include_usage":true}}`)
	// No name known: all are lowered where they stand.
	f(prompt.Shape{Cap: 10}, `{"model":"a",MSGS}`, `{"model":"a",MSGS}`)
	f(prompt.Shape{Cap: 10}, `{"model":"a","max_tokens":11,"max_completion_tokens":9,MSGS}`, `{"model":"a","max_tokens":10,"max_completion_tokens":9,MSGS}`)
	// A name of a server's own.
	own := prompt.Shape{Cap: 10, CapField: "num_predict"}
	f(own, `{"model":"a","num_predict":-1,MSGS}`, `{"model":"a","num_predict":10,MSGS}`)
	f(own, `{"model":"a","num_predict":11,MSGS}`, `{"model":"a","num_predict":10,MSGS}`)
	f(own, `{"model":"a","num\u005fpredict":11,MSGS}`, `{"model":"a","num\u005fpredict":10,MSGS}`)
	f(own, `{"model":"a","max_tokens":4,"max_completion_tokens":5,MSGS}`, `{"model":"a","num_predict":4,MSGS}`)
	f(own, `{"model":"a","num_predict":7,MSGS , "max_completion_tokens":5 , "max_tokens":4 }`, `{"model":"a","num_predict":4,MSGS  }`)
	f(own, `{"max_tokens":4,"max_completion_tokens":5,"num_predict":7,"model":"a",MSGS}`, `{"num_predict":4,"model":"a",MSGS}`)
}

func TestShapeOncePerCandidate(t *testing.T) {
	e := mustRead(t, `{"model":"a","messages":[{"role":"user","content":"x"}]}`)
	first := string(e.Shape(prompt.Shape{Model: "one", Cap: 5, CapField: "max_tokens"}, nil))
	second := string(e.Shape(prompt.Shape{Model: "two"}, nil))
	if first != `{"model":"one","messages":[{"role":"user","content":"x"}],"max_tokens":5}` || second != `{"model":"two","messages":[{"role":"user","content":"x"}]}` {
		t.Errorf("got %s and %s", first, second)
	}
}

// TestShapeChangesOnlyWhatItSays compares decoded bodies, over requests of any spelling.
func TestShapeChangesOnlyWhatItSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		body := drawRequest(t)
		e, err := prompt.Read(body)
		if err != nil {
			t.Fatalf("refused: %v\n%s", err, body)
		}
		if got := e.Shape(prompt.Shape{}, nil); !bytes.Equal(got, body) {
			t.Fatalf("without an edit\n%s\nbecame\n%s", body, got)
		}
		s := prompt.Shape{
			Model:        rapid.SampledFrom([]string{"", "b", "provider/mödel\n"}).Draw(t, "model"),
			Cap:          rapid.SampledFrom([]int64{0, 1, 100, 5000}).Draw(t, "cap"),
			CapField:     rapid.SampledFrom([]string{"max_tokens", "max_completion_tokens", "num_predict", ""}).Draw(t, "field"),
			IncludeUsage: rapid.Bool().Draw(t, "usage"),
		}
		got := e.Shape(s, nil)
		if !json.Valid(got) {
			t.Fatalf("not JSON: %s", got)
		}
		want := decode(t, body)
		expectEdits(want, s)
		if have := decode(t, got); !reflect.DeepEqual(have, want) {
			t.Fatalf("%+v of\n%s\ngave\n%s\nwant\n%v", s, body, got, want)
		}
		again, err := prompt.Read(got)
		if err != nil {
			t.Fatalf("the shaped body is refused: %v\n%s", err, got)
		}
		if s.Cap > 0 && strings.HasPrefix(s.CapField, "max_") && (again.MaxOutput() > s.Cap || again.MaxOutput() == 0) {
			t.Fatalf("cap %d, but %d is asked for: %s", s.Cap, again.MaxOutput(), got)
		}
	})
}

// expectEdits edits a decoded request as Shape should have.
func expectEdits(m map[string]any, s prompt.Shape) {
	if s.Model != "" {
		m["model"] = s.Model
	}
	expectCap(m, s)
	if s.IncludeUsage && m["stream"] == true {
		options, _ := m["stream_options"].(map[string]any)
		if options == nil {
			options = map[string]any{}
		}
		options["include_usage"] = true
		m["stream_options"] = options
	}
}

// expectCap caps a decoded request: under one name, with the least that anybody asked for.
func expectCap(m map[string]any, s prompt.Shape) {
	asked := func(names ...string) (least int64) {
		least = s.Cap
		for _, name := range names {
			if n, ok := m[name].(json.Number); ok {
				if v, err := n.Int64(); err == nil && v > 0 && (least == 0 || v < least) {
					least = v
				}
			}
		}
		return least
	}
	pair := []string{"max_tokens", "max_completion_tokens"}
	if s.CapField == "" {
		for _, name := range append(pair, "max_output_tokens") {
			if _, ok := m[name].(json.Number); ok {
				m[name] = json.Number(fmt.Sprint(asked(name)))
			}
		}
		return
	}
	least := asked(append(pair, s.CapField)...)
	if least == 0 {
		return
	}
	if s.Cap > 0 {
		least = min(least, asked("max_output_tokens"))
	}
	for _, name := range pair {
		delete(m, name)
	}
	m[s.CapField] = json.Number(fmt.Sprint(least))
}

func decode(t interface{ Fatal(...any) }, body []byte) map[string]any {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var m map[string]any
	if err := dec.Decode(&m); err != nil {
		t.Fatal(err)
	}
	return m
}

// drawRequest draws a request that is well-formed, in any spelling: order of members, whitespace, escapes, numbers.
func drawRequest(t *rapid.T) []byte {
	optional := map[string][]string{
		"stream":                {"true", "false", "null"},
		"stream_options":        {"null", "{}", "{ \n}", `{"include_usage":false}`, `{"include_usage": true,"x":[]}`, `{"x":{"include_usage":1}}`, `{"include_usage":null }`},
		"max_tokens":            {"1", "99", "4096", "null"},
		"max_completion_tokens": {"2", "101", "null"},
		"max_output_tokens":     {"7000", "50", "null"},
		"num_predict":           {"-1", "80", "null", "\"x\""},
		"temperature":           {"1E+2", "-0.0", "0.70"},
		"seed":                  {"12345678901234567890123"},
		"n":                     {"1", "128"},
		"unknown":               {`{"model":"not this one","a":[ {"b":{}} , [] ]}`, `"\ud83d\ude00\u0000é日"`},
		"x y\u00e9":             {"0"},
		"user":                  {`"u\"\\"`},
		"tools":                 {`[ ]`, `[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}]`},
	}
	members := []string{`"model"` + space(t) + ":" + space(t) + `"a"`, `"messages":` + space(t) + drawMessages(t)}
	for _, name := range []string{"stream", "stream_options", "max_tokens", "max_completion_tokens", "max_output_tokens", "num_predict", "temperature", "seed", "n", "unknown", "x yé", "user", "tools"} {
		if values := optional[name]; rapid.Bool().Draw(t, name) {
			members = append(members, `"`+name+`"`+space(t)+":"+space(t)+rapid.SampledFrom(values).Draw(t, "value"))
		}
	}
	members = rapid.Permutation(members).Draw(t, "order")
	return []byte(space(t) + "{" + space(t) + strings.Join(members, space(t)+","+space(t)) + space(t) + "}" + space(t))
}

func space(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", "", " ", "\n\t", " \r\n "}).Draw(t, "space")
}

// drawMessages draws a conversation: turns of a user with answers, calls of tools and their results, and the system now and then.
func drawMessages(t *rapid.T) string {
	text := rapid.SampledFrom([]string{`""`, `"short"`, `"esc\n\u00e9\/\ud83d\ude00"`, `"` + strings.Repeat("many words of it ", 20) + `"`})
	result := rapid.SampledFrom([]string{
		`"plain"`, `"{\"a\": 1, \"b\": [1, 2, 3 ]}"`, `"{ \"big\": 12345678901234567890,\n\"e\": 1E+2 }"`, `"[1,2]"`, `"{ not json"`, `" [ \"\\ud83d\" ] "`, `[{"type":"text","text":"{ \"x\" : [ ] }"}]`,
	})
	var list []string
	if rapid.Bool().Draw(t, "system") {
		list = append(list, `{"role":"system","content":`+text.Draw(t, "text")+`}`)
	}
	turns := rapid.IntRange(1, 6).Draw(t, "turns")
	for i := range turns {
		list = append(list, `{"role":"user","content":`+text.Draw(t, "text")+`}`)
		for j := range rapid.IntRange(0, 2).Draw(t, "calls") {
			id := fmt.Sprintf("call_%d_%d", i, j)
			list = append(list, `{"role":"assistant","content":null,"tool_calls":[{"id":"`+id+`","type":"function","function":{"name":"f","arguments":"{}"}},{"id":"`+id+`b","type":"function","function":{"name":"g","arguments":"{}"}}]}`)
			list = append(list, `{"role":"tool","tool_call_id":"`+id+`","content":`+result.Draw(t, "result")+`}`)
			if rapid.Bool().Draw(t, "late") && i > 0 { // answered in a later turn
				list = append(list, `{"role":"user","content":"wait"}`)
			}
			list = append(list, `{"role":"tool","tool_call_id":"`+id+`b","content":`+result.Draw(t, "result")+`}`)
		}
		if i < turns-1 {
			list = append(list, `{"role":"assistant","content":`+text.Draw(t, "text")+`}`)
		}
		if rapid.IntRange(0, 5).Draw(t, "aside") == 0 {
			list = append(list, `{"role":"developer","content":"aside"}`)
		}
	}
	return "[" + space(t) + strings.Join(list, space(t)+","+space(t)) + space(t) + "]"
}
