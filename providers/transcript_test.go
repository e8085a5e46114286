package providers

import (
	"strings"
	"testing"
)

func TestEditStream(t *testing.T) {
	const (
		chunk = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}]"
		usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2"
		rest  = "}}\n\ndata: [DONE]\n\n"
	)
	kept := ": hello\n\n" + chunk + ",\"usage\":null}\n\n" + usage + rest
	f := func(want string, edit func([]byte, *Event) []byte) {
		t.Helper()
		got, err := EditStream([]byte("\ufeff"+kept), nil, edit)
		if err != nil || string(got) != want {
			t.Errorf("edited, the stream is\n%s(%v), want\n%s", got, err, want)
		}
	}
	f(kept, func(dst []byte, e *Event) []byte { return append(dst, e.Raw...) })
	f(": hello\n\n"+chunk+"}\n\ndata: [DONE]\n\n", StripUsage)
	f(strings.Replace(kept, rest, ",\"cost\":0.00"+rest, 1), func(dst []byte, e *Event) []byte { return AddCost(dst, e, 0) })
	if _, err := EditStream([]byte("data: x\n\n"), nil, StripUsage); err == nil {
		t.Error("an event that is no chunk is edited")
	}
}

func TestAnswerText(t *testing.T) {
	a := Answer{Body: []byte(`{"choices":[{"message":{"role":"assistant","content":"A\u00e9 ","tool_calls":[{"function":{"name":"f","arguments":"{\"a\":1}"}}]}}]}`)}
	if text := string(a.Text()); text != `Aé f{"a":1}` {
		t.Errorf("text is %q", text)
	}
}
