package jsonspan_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"bursar/internal/jsonspan"
)

// seeds are texts at the edges of the grammar, right and wrong.
var seeds = []string{
	``, ` `, `null`, `true`, `false`, `nul`, `truee`, `0`, `-0`, `01`, `-`, `1.`, `1.5`, `1e`, `1E+2`, `1e-07`, `.5`, `+1`, `12345678901234567890`,
	`""`, `"`, `"a`, `"\"`, `"\\"`, `"\u00e9"`, `"\u00e"`, `"\x"`, `"\ud83d\ude00"`, `"\ud83d"`, `"\ude00\ud83d"`, "\"\x00\"", "\"\x1f\"", "\"\x7f\"", "\"\xff\"",
	"\"1234567\xff\"", "\"12345678\x1f\"", `"12345678\"12345678"`, "\"\xed\xa0\x80\"", `"é日本😀"`, `"abcdefg"`, `"abcdefgh"`, `"abcdefghi" `,
	`{}`, `{ }`, `[]`, `[ ]`, `{`, `[`, `}`, `]`, `[1`, `[1,`, `[1,]`, `[,1]`, `[1 2]`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{,"a":1}`, `{"a" 1}`, `{a:1}`, `{"a":1 "b":2}`,
	`{"a":[1,{"b":[]}],"c":{}}`, " {\n\t\"a\" : [ 1 , 2 ] }\r\n", `[[[]]`, `[}`, `{]`, `{"a":1]`, `[1}`, `1 2`, `{} {}`, "\ufeff{}", "[1]\x00", `{"model":"gpt","messages":[{"role":"user","content":"hi"}]}`,
	strings.Repeat("[", 600), strings.Repeat("[", 512) + strings.Repeat("]", 512), strings.Repeat("[", 513) + strings.Repeat("]", 513), strings.Repeat(`{"a":`, 512) + "1" + strings.Repeat("}", 512),
}

func TestWalkerFindsMembers(t *testing.T) {
	text := []byte(" {\"model\" : \"a\\nb\", \"n\":[1, {\"x\":2}] ,\"st\\u0072eam\":true,\"big\":12345678901234567890}\n")
	w := jsonspan.Walk(text)
	var got []string
	if !w.Enter(jsonspan.Object) {
		t.Fatalf("cannot enter: %v", w.Err())
	}
	for w.Member() {
		key := string(w.Key.Of(text))
		if w.KeyIs("n") {
			w.Enter(jsonspan.Array)
			for w.Element() {
				v := w.Value()
				got = append(got, v.Kind.String()+" "+string(v.Of(text)))
			}
			continue
		}
		if w.KeyIs("big") { // not taken: the walk skips it
			continue
		}
		v := w.Value()
		if v.Kind == jsonspan.String && (!v.Escaped || string(v.Text().Of(text)) != `a\nb`) {
			t.Errorf("string %q, escaped %v", v.Text().Of(text), v.Escaped)
		}
		got = append(got, key+" "+v.Kind.String()+" "+string(v.Of(text)))
		if key == `st\u0072eam` && !w.KeyIs("stream") {
			t.Errorf("an escaped key is not found by its name")
		}
	}
	if err := w.End(); err != nil {
		t.Fatal(err)
	}
	want := []string{`model a string "a\nb"`, `a number 1`, `an object {"x":2}`, `st\u0072eam true true`}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestWalkerErrors(t *testing.T) {
	f := func(text string, offset int, problem jsonspan.Problem) {
		t.Helper()
		w := jsonspan.Walk([]byte(text))
		var e *jsonspan.Error
		if err := w.End(); !errors.As(err, &e) || e.Offset != offset || e.Problem != problem {
			t.Errorf("%.40q: got %v, want %v at byte %d", text, err, problem, offset)
		}
		if err := walkAll([]byte(text)); !errors.As(err, &e) || e.Offset != offset || e.Problem != problem {
			t.Errorf("%.40q: walked: got %v, want %v at byte %d", text, err, problem, offset)
		}
	}
	f(``, 0, jsonspan.Truncated)
	f(`{"a":`, 5, jsonspan.Truncated)
	f(`{"a":"b`, 7, jsonspan.Truncated)
	f(`[1,`, 3, jsonspan.Truncated)
	f(`{"a" 1}`, 5, jsonspan.NoColon)
	f(`{"a":1,}`, 7, jsonspan.NoKey)
	f(`[1,]`, 3, jsonspan.NoValue)
	f(`[1 2]`, 3, jsonspan.NoComma)
	f(`[01]`, 2, jsonspan.BadNumber)
	f(`[tru]`, 1, jsonspan.BadLiteral)
	f(`["\q"]`, 2, jsonspan.BadEscape)
	f("[\"ab\n\"]", 4, jsonspan.BadControl)
	f("[\"ab\xff\"]", 4, jsonspan.BadUTF8)
	f(`{} x`, 3, jsonspan.Trailing)
	f(strings.Repeat("[", 513), 512, jsonspan.TooDeep)
}

// walkAll enters every container there is, where Value would pass it whole.
func walkAll(text []byte) error {
	w := jsonspan.Walk(text)
	var visit func()
	visit = func() {
		switch w.Kind() {
		case jsonspan.Object:
			if w.Enter(jsonspan.Object) {
				for w.Member() {
					visit()
				}
			}
		case jsonspan.Array:
			if w.Enter(jsonspan.Array) {
				for w.Element() {
					visit()
				}
			}
		default:
			w.Value()
		}
	}
	visit()
	return w.End()
}

func TestInt(t *testing.T) {
	f := func(text string, want int64, ok bool) {
		t.Helper()
		w := jsonspan.Walk([]byte(text))
		v := w.Value()
		if got, is := v.Int([]byte(text)); got != want || is != ok {
			t.Errorf("%s: got %d %v, want %d %v", text, got, is, want, ok)
		}
	}
	f(`0`, 0, true)
	f(`-17`, -17, true)
	f(`999999999999999999`, 999999999999999999, true)
	f(`9999999999999999999`, 0, false)
	f(`1.0`, 0, false)
	f(`1e2`, 0, false)
	f(`"1"`, 0, false)
}

func TestGet(t *testing.T) {
	f := func(text, want string, path ...string) {
		t.Helper()
		v, ok := jsonspan.Get([]byte(text), path...)
		if ok != (want != "") || ok && string(v.Of([]byte(text))) != want {
			t.Errorf("%s %q: got %q %v, want %q", text, path, v.Of([]byte(text)), ok, want)
		}
	}
	f(`{"usage":{"prompt_tokens":5,"d":{"c":1}}}`, `5`, "usage", "prompt_tokens")
	f(`{"usage":{"prompt_tokens":5,"d":{"c":1}}}`, `1`, "usage", "d", "c")
	f(`{"usage":null}`, ``, "usage", "prompt_tokens")
	f(`{"usage":null}`, `null`, "usage")
	f(`{"choices":[{"a":1},{"finish_reason":"stop"}]}`, `"stop"`, "choices", "1", "finish_reason")
	f(`{"choices":[]}`, ``, "choices", "0")
	f(`{"choices":[1]}`, ``, "choices", "x")
	f(`{"\u0061":7}`, `7`, "a")
	f(`{"a":1,"a":2}`, `1`, "a")
	f(`[1,2`, ``, "5")
	f(`{"a":1x}`, `1`, "a")
	f(`{"a":tru}`, ``, "a")
	f(` 5 `, `5`)
}

func TestNothingAllocates(t *testing.T) {
	text := []byte(`{"model":"a\tb","messages":[{"role":"user","content":[{"type":"text","text":"h\u00e9llo"}]}],"usage":{"prompt_tokens":5}}`)
	scratch := make([]byte, 0, 1024)
	n := testing.AllocsPerRun(100, func() {
		w := jsonspan.Walk(text)
		w.Enter(jsonspan.Object)
		for w.Member() {
			w.KeyIs("model")
		}
		if w.End() != nil || !jsonspan.Valid(text) {
			t.Fatal("refused")
		}
		if _, ok := jsonspan.Get(text, "usage", "prompt_tokens"); !ok {
			t.Fatal("not found")
		}
		scratch = jsonspan.Compact(scratch[:0], text)
		scratch, _ = jsonspan.Unescape(scratch[:0], []byte(`a\nb`))
		scratch = jsonspan.Quote(scratch[:0], text)
	})
	if n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func FuzzValid(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		want := json.Valid(text) && utf8.Valid(text) && depth(text) <= jsonspan.MaxDepth
		if got := jsonspan.Valid(text); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	})
}

// depth is how deep valid JSON nests.
func depth(text []byte) int {
	dec := json.NewDecoder(bytes.NewReader(text))
	deepest, now := 0, 0
	for {
		token, err := dec.Token()
		if err != nil {
			return deepest
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			now++
			deepest = max(deepest, now)
		case json.Delim('}'), json.Delim(']'):
			now--
		}
	}
}

func FuzzWalk(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		w := jsonspan.Walk(text)
		whole, entered := w.End(), walkAll(text)
		if (whole == nil) != jsonspan.Valid(text) || (whole == nil) != (entered == nil) {
			t.Fatalf("%q: Valid %v, passed whole %v, entered %v", text, jsonspan.Valid(text), whole, entered)
		}
		if whole != nil {
			var a, b *jsonspan.Error
			if !errors.As(whole, &a) || !errors.As(entered, &b) || *a != *b || a.Offset < 0 || a.Offset > len(text) {
				t.Fatalf("%q: passed whole %v, entered %v", text, whole, entered)
			}
			return
		}
		var want bytes.Buffer
		if err := json.Compact(&want, text); err != nil {
			t.Fatal(err)
		}
		if got := jsonspan.Compact(nil, text); !bytes.Equal(got, want.Bytes()) {
			t.Errorf("%q: compact %q, want %q", text, got, want.Bytes())
		}
	})
}
