package jsonspan_test

import (
	"encoding/json"
	"testing"

	"bursar/internal/jsonspan"
)

func TestUnescape(t *testing.T) {
	f := func(raw, want string, ok bool) {
		t.Helper()
		got, err := jsonspan.Unescape(nil, []byte(raw))
		if string(got) != want || (err == nil) != ok {
			t.Errorf("%.200q: got %.200q %v, want %.200q", raw, got, err, want)
		}
	}
	f(``, ``, true)
	f(`plain é`, `plain é`, true)
	f(`\"\\\/\b\f\n\r\t`, "\"\\/\b\f\n\r\t", true)
	f(`\u0041\u00e9\u65E5`, `Aé日`, true)
	f(`\ud83d\ude00!`, `😀!`, true)
	f(`\ud83dx\ude00`, "\ufffdx\ufffd", true)
	f(`\ud83d\u0041`, "\ufffdA", true)
	f(`\ud83d\ud83d\ude00`, "\ufffd😀", true)
	f(`ab\`, `ab`, false)
	f(`ab\q`, `ab`, false)
	f(`ab\u12`, `ab`, false)
}

func FuzzUnescape(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		quoted := jsonspan.Quote(nil, text)
		var plain string
		if err := json.Unmarshal(quoted, &plain); err != nil || !jsonspan.Valid(quoted) {
			t.Fatalf("%.200q: quoted as %.200q, which is no JSON: %v", text, quoted, err)
		}
		if back, err := jsonspan.Unescape(nil, quoted[1:len(quoted)-1]); err != nil || string(back) != plain {
			t.Fatalf("%.200q: came back as %.200q (%v), want %.200q", text, back, err, plain)
		}
		got, err := jsonspan.Unescape(nil, text)
		w := jsonspan.Walk(append(append([]byte{'"'}, text...), '"'))
		if w.End() != nil {
			return // not the inside of a string; it must only not panic
		}
		var want string
		if e := json.Unmarshal(append(append([]byte{'"'}, text...), '"'), &want); e != nil || err != nil || string(got) != want {
			t.Errorf("%.200q: got %.200q (%v), want %.200q (%v)", text, got, err, want, e)
		}
	})
}
