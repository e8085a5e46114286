package prompt

import (
	"crypto/sha256"
	"testing"
)

func question(t *testing.T, body string) (context, text string, ok bool) {
	t.Helper()
	e, err := Read([]byte(body))
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	h := sha256.New()
	dst, ok := e.Question(h, nil)
	return string(h.Sum(nil)), string(dst), ok
}

func TestQuestionDividesARequest(t *testing.T) {
	const before = `{"model":"m","messages":[{"role":"system","content":"Be brief."},`
	context, text, ok := question(t, before+`{"role":"user","content":"How \"much\" is it?"}]}`)
	if !ok || text != `How "much" is it?` {
		t.Fatalf("%q, %v", text, ok)
	}
	same := func(name, body string, want bool) {
		t.Helper()
		c, _, ok := question(t, body)
		if !ok {
			t.Errorf("%s: no question", name)
		} else if (c == context) != want {
			t.Errorf("%s: the context is the same: %v", name, c == context)
		}
	}
	same("another question", before+`{"role":"user","content":"Why?"}]}`, true)
	same("as a list", before+`{"content":[{"type":"text","text":"Why?"}],"role":"user"}]}`, true)
	same("streamed, labelled", `{"stream":true,"user":"ann",`+before[1:]+`{"role":"user","content":"Why?"}]}`, true)
	same("another system prompt", `{"model":"m","messages":[{"role":"system","content":"Be long."},{"role":"user","content":"Why?"}]}`, false)
	same("no system prompt", `{"model":"m","messages":[{"role":"user","content":"Why?"}]}`, false)
	same("more turns", before+`{"role":"user","content":"Hi"},{"role":"assistant","content":"Hi"},{"role":"user","content":"Why?"}]}`, false)
	same("another temperature", `{"temperature":0.5,`+before[1:]+`{"role":"user","content":"Why?"}]}`, false)
	same("a format", `{"response_format":{"type":"json_object"},`+before[1:]+`{"role":"user","content":"Why?"}]}`, false)
	same("a member nobody knows", `{"persona":"pirate",`+before[1:]+`{"role":"user","content":"Why?"}]}`, false)
}

func TestNoQuestion(t *testing.T) {
	for name, body := range map[string]string{
		"an assistant spoke last": `{"model":"m","messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hi"}]}`,
		"an image":                `{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"What is it?"},{"type":"image_url","image_url":{"url":"https://x/y.png"}}]}]}`,
		"two parts":               `{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}]}`,
		"a name":                  `{"model":"m","messages":[{"role":"user","name":"ann","content":"Why?"}]}`,
		"a part with a mark":      `{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}]}]}`,
		"tools":                   `{"model":"m","tools":[{"type":"function","function":{"name":"f"}}],"messages":[{"role":"user","content":"Why?"}]}`,
		"nothing":                 `{"model":"m","messages":[{"role":"user","content":null}]}`,
	} {
		if _, text, ok := question(t, body); ok {
			t.Errorf("%s: %q", name, text)
		}
	}
}
