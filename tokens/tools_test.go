package tokens

import (
	"strings"
	"testing"
)

func TestNamespace(t *testing.T) {
	f := func(tools, want string) {
		t.Helper()
		functions, err := parseTools([]byte(tools))
		if err != nil {
			t.Fatal(err)
		}
		if got := string(namespace(functions)); got != want {
			t.Errorf("namespace of %s is\n%s\nwant\n%s", tools, got, want)
		}
	}
	f(`[{"name":"foo","parameters":{"type":"object","properties":{}}}]`, "namespace functions {\n\ntype foo = () => any;\n\n} // namespace functions")
	f(`[{"type":"function","function":{"name":"get_weather","description":"Get the weather","parameters":{"type":"object","properties":{
		"location":{"type":"string","description":"The city"},
		"unit":{"type":"string","enum":["celsius","fahrenheit"]},
		"days":{"type":["integer","null"]},
		"where":{"anyOf":[{"type":"number"},{"type":"array","items":{"type":"integer"}}]},
		"near":{"type":"object","properties":{"deep":{"type":"boolean","description":"unsaid"},"level":{"enum":[1,2]}},"required":["deep"]},
		"any":{}, "list":{"type":"array"}
		},"required":["location"]}}}]`, `namespace functions {

// Get the weather
type get_weather = (_: {
// The city
location: string,
unit?: "celsius" | "fahrenheit",
days?: number | null,
where?: number | number[],
near?: {
  deep: boolean,
  level?: 1 | 2,
},
any?: any,
list?: any[],
}) => any;

} // namespace functions`)
}

// TestToolsAsBilled are requests whose prompt_tokens OpenAI's gpt-3.5-turbo reported, as published with openai-chat-tokens. Each has
// one user message "hello", which is 8 tokens.
func TestToolsAsBilled(t *testing.T) {
	c := newCounter(t)
	f := func(tools string, billed int64) {
		t.Helper()
		frame := FrameOf(CL100k)
		message := frame.Base + frame.Message + c.Text(CL100k, []byte("hello")) + frame.Reply
		if got := message + c.Tools(CL100k, []byte(tools)); got != billed {
			t.Errorf("a hello with tools %s is %d tokens, billed were %d", tools, got, billed)
		}
	}
	f(`[]`, 8)
	f(`[{"name":"foo","parameters":{"type":"object","properties":{}}}]`, 31)
	f(`[{"name":"foo","description":"Do a foo","parameters":{"type":"object","properties":{}}}]`, 36)
	f(`[{"name":"bing_bong","description":"Do a bing bong","parameters":{"type":"object","properties":{"foo":{"type":"string"}}}}]`, 49)
}

func TestToolsForms(t *testing.T) {
	c := newCounter(t)
	const rest = `"name":"find","description":"Find a row","%s":{"type":"object","properties":{"id":{"type":"string","description":"its id"}},"required":["id"]}}`
	chat := `[{"type":"function","function":{` + strings.Replace(rest, "%s", "parameters", 1) + `}]`
	responses := `[{"type":"function",` + strings.Replace(rest, "%s", "parameters", 1) + `]`
	messages := "[ {" + strings.Replace(rest, "%s", "input_schema", 1) + " ]\n"
	for f := range families {
		if f.traits().tools.style == asJSON {
			continue
		}
		want := c.Tools(f, []byte(chat))
		if want < 20 && f != Gemini {
			t.Errorf("%v: a tool is only %d tokens", f, want)
		}
		if got := c.Tools(f, []byte(responses)); got != want {
			t.Errorf("%v: Responses form is %d tokens, Chat form %d", f, got, want)
		}
		if got := c.Tools(f, []byte(messages)); got != want {
			t.Errorf("%v: Anthropic's form is %d tokens, Chat form %d", f, got, want)
		}
	}
}

// TestToolsUnknown counts what is no tool set as text: never for free, and without trouble.
func TestToolsUnknown(t *testing.T) {
	c := newCounter(t)
	for _, tools := range []string{
		`[{"type":"web_search","user_location":{"type":"approximate","country":"DE"}}]`, `{"a":1}`, `[1]`, `[`, `nonsense here`,
		strings.Repeat(`[`, 5000), `[{"name":"x"}] tail`, `[{"a":` + strings.Repeat(`{"properties":`, 20000),
	} {
		for f := range families {
			n := c.Tools(f, []byte(tools))
			if n < c.Count(f, []byte(tools))/2 {
				t.Errorf("%v: tools %.40s are %d tokens", f, tools, n)
			}
			if again := c.Tools(f, []byte(tools)); again != n {
				t.Errorf("%v: tools %.40s are %d tokens, then %d", f, tools, n, again)
			}
		}
	}
	if n := c.Tools(O200k, nil); n != 0 {
		t.Errorf("no tools are %d tokens", n)
	}
}

func TestToolChoiceAndCall(t *testing.T) {
	c := newCounter(t)
	f := func(got, want int64) {
		t.Helper()
		if got != want {
			t.Errorf("got %d tokens, want %d", got, want)
		}
	}
	f(c.ToolChoice(O200k, ""), 0)
	f(c.ToolChoice(O200k, "auto"), 0)
	f(c.ToolChoice(O200k, "required"), 0)
	f(c.ToolChoice(O200k, "none"), 1)
	f(c.ToolChoice(O200k, "get_weather"), 9)
	f(c.Call(O200k, []byte("get_weather"), []byte(`{"location":"Berlin"}`)), 7+2+5)
}

func FuzzTools(f *testing.F) {
	f.Add([]byte(`[{"type":"function","function":{"name":"a","parameters":{"properties":{"b":{"type":"array","items":{"enum":[1,"x",null,true]}}}}}}]`))
	f.Add([]byte(`[{"name":"a","input_schema":{"anyOf":[{},{"type":["string"]}]}},{"type":"bash"}]`))
	c := newCounter(f)
	f.Fuzz(func(t *testing.T, tools []byte) {
		for _, family := range []Family{O200k, Claude, Llama} {
			if n := c.countTools(family, tools); n < 0 {
				t.Errorf("%v: %q are %d tokens", family, tools, n)
			}
		}
	})
}

func newCounter(tb testing.TB) *Counter {
	tb.Helper()
	c, err := New()
	if err != nil {
		tb.Fatal(err)
	}
	return c
}
