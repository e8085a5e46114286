package verify

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// said is a chat completion with one text.
func said(text string) []byte {
	content, _ := json.Marshal(text)
	return fmt.Appendf(nil, `{"choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":%s}}]}`, content)
}

// called is a chat completion that calls one tool.
func called(name, arguments string) []byte {
	text, _ := json.Marshal(arguments)
	return fmt.Appendf(nil, `{"choices":[{"finish_reason":"tool_calls","message":{"content":null,"tool_calls":[{"type":"function","function":{"name":%q,"arguments":%s}}]}}]}`, name, text)
}

func TestAnswer(t *testing.T) {
	const plain = `{"messages":[]}`
	const tools = `{"tools":[{"type":"function","function":{"name":"book","parameters":{"type":"object","required":["seats"],
		"properties":{"seats":{"type":"integer","minimum":1,"maximum":9},"class":{"enum":["economy","first"]},"names":{"type":"array","items":{"type":"string"},"maxItems":2}},
		"additionalProperties":false}}},{"type":"function","function":{"name":"list"}}]}`
	const object = `{"response_format":{"type":"json_object"}}`
	const schema = `{"response_format":{"type":"json_schema","json_schema":{"schema":{"$defs":{"n":{"anyOf":[{"type":"null"},{"type":"object","required":["v"],"properties":{"next":{"$ref":"#/$defs/n"}}}]}},"$ref":"#/$defs/n"}}}}`
	f := func(name, request string, answer []byte, want Check, ok bool) {
		t.Helper()
		v := Expect([]byte(request)).Answer(answer, All)
		if v.OK != ok || !ok && v.Failed != want {
			t.Errorf("%s: %+v, want ok %v, failed %v", name, v, ok, want)
		}
		if !v.OK && v.Why == "" {
			t.Errorf("%s: it does not say why", name)
		}
	}
	f("a text", plain, said("Berlin."), 0, true)
	f("nothing", plain, nil, Parses, false)
	f("no object", plain, []byte(`[]`), Parses, false)
	f("no choices", plain, []byte(`{"choices":[]}`), Parses, false)
	f("text of a wrong kind", plain, []byte(`{"choices":[{"finish_reason":7}]}`), Parses, false)
	f("cut", plain, []byte(`{"choices":[{"finish_reason":"length","message":{"content":"Ber"}}]}`), Complete, false)
	f("filtered", plain, []byte(`{"choices":[{"finish_reason":"content_filter","message":{"content":"Ber"}}]}`), Complete, false)
	f("the second of two is cut", plain, []byte(`{"choices":[{"finish_reason":"stop","message":{"content":"a"}},{"finish_reason":"length","message":{"content":"b"}}]}`), Complete, false)
	f("empty", plain, said(" \n"), NotEmpty, false)
	f("null", plain, []byte(`{"choices":[{"finish_reason":"stop","message":{"content":null}}]}`), NotEmpty, false)
	f("parts", plain, []byte(`{"choices":[{"finish_reason":"stop","message":{"content":[{"type":"text","text":"hello"}]}}]}`), 0, true)
	f("refusal", plain, []byte(`{"choices":[{"finish_reason":"stop","message":{"content":null,"refusal":"No."}}]}`), NotRefused, false)
	f("refusal in words", plain, said("I’m sorry, but I can’t help with that."), NotRefused, false)
	f("no refusal", plain, said("I'm sorry to hear that. Here is what to do."), 0, true)
	f("a loop", plain, said("Then we add 1. "+strings.Repeat("and so on and so on, ", 60)), NotRepeated, false)
	f("one word", plain, said(strings.Repeat("no ", 300)), NotRepeated, false)
	f("a rule", plain, said(strings.Repeat("-", 900)), 0, true)
	f("a list", plain, said(strings.Join(strings.Fields(fmt.Sprint(make([]int, 400))), ", ")), 0, true)

	f("a call", tools, called("book", `{"seats":2,"class":"first","names":["a"]}`), 0, true)
	f("a whole number", tools, called("book", `{"seats":2.0}`), 0, true)
	f("no arguments", tools, called("list", ``), 0, true)
	f("arguments that end too early", tools, called("book", `{"seats":2`), ValidSchema, false)
	f("another tool", tools, called("cancel", `{}`), ValidSchema, false)
	f("a member is missing", tools, called("book", `{}`), ValidSchema, false)
	f("a text for a number", tools, called("book", `{"seats":"2"}`), ValidSchema, false)
	f("no whole number", tools, called("book", `{"seats":2.5}`), ValidSchema, false)
	f("too many", tools, called("book", `{"seats":10}`), ValidSchema, false)
	f("none of the values", tools, called("book", `{"seats":1,"class":"second"}`), ValidSchema, false)
	f("an element", tools, called("book", `{"seats":1,"names":[1]}`), ValidSchema, false)
	f("too many elements", tools, called("book", `{"seats":1,"names":["a","b","c"]}`), ValidSchema, false)
	f("one member too many", tools, called("book", `{"seats":1,"x":1}`), ValidSchema, false)
	f("no call where none is needed", tools, said("Which class?"), 0, true)
	f("no call where one is", strings.Replace(tools, "{", `{"tool_choice":"required",`, 1), said("Which class?"), ValidSchema, false)
	f("a named one", strings.Replace(tools, "{", `{"tool_choice":{"type":"function","function":{"name":"list"}},`, 1), called("book", `{"seats":1}`), ValidSchema, false)

	f("an object", object, said(` {"a":1}`), 0, true)
	f("an array for an object", object, said(`[1]`), ValidSchema, false)
	f("a fence for an object", object, said("```json\n{}\n```"), ValidSchema, false)
	f("recursion", schema, said(`{"v":1,"next":{"v":2,"next":null}}`), 0, true)
	f("a fault within", schema, said(`{"v":1,"next":{"next":null}}`), ValidSchema, false)
}

func TestChecksByName(t *testing.T) {
	set, err := ParseChecks([]string{"complete", "not_refused"})
	if err != nil || !set.Has(Parses) || !set.Has(Complete) || !set.Has(NotRefused) || set.Has(ValidSchema) {
		t.Errorf("%b, %v", set, err)
	}
	if _, err := ParseChecks([]string{"polite"}); err == nil || !strings.Contains(err.Error(), "not_empty") {
		t.Errorf("error %v does not tell what there is", err)
	}
	if v := (&Expectation{}).Answer(said(""), set); !v.OK {
		t.Errorf("a check was made that was not asked for: %+v", v)
	}
}

func TestAgree(t *testing.T) {
	f := func(a, b []byte, want Agreement) {
		t.Helper()
		if got := Agree(a, b); got != want {
			t.Errorf("%v, want %v:\n%s\n%s", got, want, a, b)
		}
		if got := Agree(b, a); got != want {
			t.Errorf("the other way round: %v, want %v:\n%s\n%s", got, want, a, b)
		}
	}
	f(said("3"), said(" 3. "), Same)
	f(said("$1,200"), said("1200.00"), Same)
	f(said("Paris"), said("paris."), Same)
	f(said("Paris"), said("Rome"), Different)
	f(said("We add.\nThe answer is 12."), said("12 + 0 gives it.\n#### 12"), Same)
	f(said(`So \boxed{\frac{1}{2}} follows.`), said(`The final answer is: \boxed{\frac{1}{2}}`), Same)
	f(said("The answer is 12."), said("The answer is 13."), Different)
	f(said("A long tale of many words that ends nowhere in particular, and goes on for more than a line."), said("Another long tale of many words that ends somewhere else, and goes on for more than a line."), Unclear)
	f(said("A long tale of many words that ends nowhere in particular, and goes on for more than a line."), said("No."), Unclear)
	f(said(`{"reasoning":"a","answer":"4"}`), said("```json\n{\"reasoning\":\"b\",\"answer\":\"4.0\"}\n```"), Same)
	f(said(`{"a":1,"b":[true]}`), said(`{"b":[true],"a":1.0}`), Same)
	f(said(`{"a":1}`), said(`{"a":2}`), Different)
	f(called("book", `{"a":1,"b":2}`), called("book", `{"b":2,"a":1}`), Same)
	f(called("book", `{"a":1}`), called("book", `{"a":2}`), Different)
	f(called("book", `{"a":1}`), said("Which?"), Different)
	f(said("3"), []byte("{"), Unclear)
}

// Huge and hostile answers cost no more than reading them.
func TestBounds(t *testing.T) {
	deep := strings.Repeat(`{"v":1,"next":`, 5000) + "null" + strings.Repeat("}", 5000)
	wide := "[" + strings.Repeat("1,", 400_000) + "1]"
	branching := `{"type":"json_schema","json_schema":{"schema":{"$defs":{"n":{"anyOf":[` + strings.Repeat(`{"$ref":"#/$defs/n"},`, 50) + `{"$ref":"#/$defs/n"}]}},"$ref":"#/$defs/n"}}}`
	x := Expect([]byte(`{"response_format":` + branching + `}`))
	start := time.Now()
	for _, text := range []string{deep, wide, strings.Repeat("ab", 1<<20), strings.Repeat("a", 4<<20), strings.Repeat("x ", 1<<21) + "y"} {
		x.Answer(said(text), All)
		Agree(said(text), said(text+" "))
	}
	if v := x.Answer(said(strings.Repeat("a", mostAnswer)), All); v.OK || v.Failed != Parses {
		t.Errorf("more than is looked at: %+v", v)
	}
	if took := time.Since(start); took > 2*time.Minute { // seconds; far more would be needed without bounds
		t.Errorf("it took %v", took)
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"tools":[{"function":{"name":"f","parameters":{"type":"object","anyOf":[{"$ref":"#"}]}}}]}`), called("f", `{"a":[1e999,{}]}`))
	f.Add([]byte(`{"response_format":{"type":"json_schema","json_schema":{"schema":{"not":{"enum":[1.0]}}}}}`), said("1"))
	f.Add([]byte(`{"tool_choice":{"function":{"name":"g"}}}`), said("I cannot help"))
	f.Fuzz(func(t *testing.T, request, answer []byte) {
		x := Expect(request)
		v := x.Answer(answer, All)
		if v.OK && !x.Answer(answer, 0).OK {
			t.Errorf("it fails with fewer checks")
		}
		if again := x.Answer(answer, All); again.OK != v.OK || again.Failed != v.Failed {
			t.Errorf("%+v, then %+v", v, again)
		}
		if len(v.Why) > 300 {
			t.Errorf("why has %d bytes", len(v.Why))
		}
		if got := Agree(answer, answer); got == Different && v.OK {
			t.Errorf("an answer differs from itself: %s", answer)
		}
	})
}
