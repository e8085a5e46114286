package prompt

import (
	"testing"

	"bursar/tokens"
)

// TestReadInput: texts and tokens count as what they are, without the frame of a chat, and each prompt asks for answers of its own.
func TestReadInput(t *testing.T) {
	c, err := tokens.New()
	if err != nil {
		t.Fatal(err)
	}
	target := Target{Family: tokens.FamilyOf("openai", "gpt-4o"), Model: "gpt-4o"}
	f := func(input Input, body string, tokens, answers int64) {
		t.Helper()
		var e Envelope
		if err := e.ReadInput([]byte(body), input); err != nil {
			t.Errorf("%s: %v", body, err)
			return
		}
		if m := e.Measure(c, target); m.Tokens != tokens || e.N() != answers {
			t.Errorf("%s: %d tokens and %d answers, want %d and %d", body, m.Tokens, e.N(), tokens, answers)
		}
	}
	f(Inputs, `{"model":"m","input":"hello"}`, 1, 1)
	f(Inputs, `{"model":"m","input":["hello"," world"],"dimensions":3,"encoding_format":"float"}`, 2, 1)
	f(Inputs, `{"model":"m","input":[1,2,3]}`, 3, 1)
	f(Inputs, `{"model":"m","input":[[1,2,3],[4]]}`, 4, 1)
	f(Prompts, `{"model":"m","prompt":"hello","n":3}`, 1, 3)
	f(Prompts, `{"model":"m","prompt":["hello","hello"],"n":2,"best_of":5,"echo":true}`, 2, 10)
	f(Prompts, `{"model":"m","prompt":[[1],[2],[3]]}`, 3, 3)
	for _, body := range []string{
		`{"model":"m"}`, `{"model":"m","input":null}`, `{"model":"m","input":[]}`, `{"model":"m","input":7}`, `{"model":"m","input":[null]}`, `{"input":"x"}`,
		`{"model":"m","input":"x","input":"y"}`, `{"model":"m","input":"x"`, `{"model":"m","input":["x",]}`, `["x"]`,
	} {
		var e Envelope
		if err := e.ReadInput([]byte(body), Inputs); err == nil {
			t.Errorf("%s is taken", body)
		}
	}
}

// TestDistinct: a member that comes twice is found at any depth, also where one is escaped; what is no JSON object is refused.
func TestDistinct(t *testing.T) {
	for body, ok := range map[string]bool{
		`{"a":{"b":[{"c":1,"d":1}]},"c":1}`:   true,
		`{"a":1,"a":1}`:                       false,
		`{"a":{"b":[{"c":1,"\u0063":1}]}}`:    false,
		`{"a":[{"b":1},{"b":1}],"b":{"a":1}}`: true,
		`{"a":{"x":1,"y":{"x":1},"x":2}}`:     false,
		`[]`:                                  false,
		``:                                    false,
		`{"a":}`:                              false,
		`{"a":1} x`:                           false,
		"{\"a\":\"\xff\"}":                    false,
		`{"a":1,"A":1,"properties":{"A":1,"a":1}}`: true,
	} {
		if _, err := Distinct([]byte(body)); (err == nil) != ok {
			t.Errorf("%q: %v", body, err)
		}
	}
	for body, want := range map[string]bool{
		`{"type":"a","id":1,"x":{"TYPES":1}}`:                 false,
		`{"type":"a","id":1,"x":[{"TYPE":1,"y":2,"type":1}]}`: true,
		`{"max_tokens":1,"MAX_TOKEN\u017f":2}`:                true,
		`{"max_to\u212aens":1,"max_tokens":2}`:                true,
		`{"ä":1,"Ä":2}`:                                       false, // no name that we know
		`{"a":1,"b":2,"A":3,"B":4}`:                           true,
	} {
		if cased, err := Distinct([]byte(body)); err != nil || cased != want {
			t.Errorf("%q: %t, %v", body, cased, err)
		}
	}
	if _, err := Distinct([]byte(`{"a":1,"A":1,"a":2}`)); err == nil {
		t.Error("a name that comes twice, with another between")
	}
}
