package prompt_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"bursar/prompt"

	"pgregory.net/rapid"
)

func keyOf(e *prompt.Envelope) [32]byte {
	h := sha256.New()
	e.CanonicalKey(h)
	return [32]byte(h.Sum(nil))
}

func TestCanonicalKey(t *testing.T) {
	of := func(body string) [32]byte { t.Helper(); return keyOf(mustRead(t, body)) }
	const base = `{"model":"m","messages":[{"role":"user","content":"Hi  there"}],"temperature":0.5,"stop":["a","b"]}`
	same := func(body string) {
		t.Helper()
		if of(body) != of(base) {
			t.Errorf("another key: %s", body)
		}
	}
	same(`{"model":"another","messages":[{"role":"user","content":"Hi  there"}],"temperature":0.5,"stop":["a","b"]}`)
	same("\n{ \"stop\" : [ \"a\" ,\t\"b\" ],\"messages\":[{ \"role\":\"user\",\"content\":\"Hi  there\"}\n],\"model\":\"m\",\"temperature\":0.5}")
	same(strings.TrimSuffix(base, "}") + `,"stream":true,"stream_options":{"include_usage":true},"user":"u","metadata":{"a":"b"},"safety_identifier":"s","prompt_cache_key":"k","prompt_cache_retention":"24h"}`)

	other := func(body string) {
		t.Helper()
		if of(body) == of(base) {
			t.Errorf("the same key: %s", body)
		}
	}
	other(strings.Replace(base, "Hi  there", "Hi there", 1))
	other(strings.Replace(base, "Hi", "hi", 1))
	other(strings.Replace(base, "0.5", "0.50", 1))
	other(strings.Replace(base, `"a","b"`, `"b","a"`, 1))
	other(strings.Replace(base, `"a","b"`, `"ab"`, 1))
	other(strings.TrimSuffix(base, "}") + `,"n":2}`)
	other(strings.TrimSuffix(base, "}") + `,"whatever":null}`)
	other(strings.TrimSuffix(base, "}") + `,"tools":[]}`)
}

// TestCanonicalKeyIsTheMeaning compares pairs of requests: their keys are equal exactly when the bodies say the same, member by
// member, but for what is left out.
func TestCanonicalKeyIsTheMeaning(t *testing.T) {
	meaning := func(t *rapid.T, body []byte) map[string]string {
		var members map[string]json.RawMessage
		if err := json.Unmarshal(body, &members); err != nil {
			t.Fatal(err)
		}
		m := map[string]string{}
		for k, v := range members {
			var compact bytes.Buffer
			if err := json.Compact(&compact, v); err != nil {
				t.Fatal(err)
			}
			m[k] = compact.String()
		}
		for _, k := range []string{"model", "stream", "stream_options", "user"} {
			delete(m, k)
		}
		return m
	}
	check := func(t *rapid.T, a, b []byte) {
		ea, errA := prompt.Read(a)
		eb, errB := prompt.Read(b)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if equal := reflect.DeepEqual(meaning(t, a), meaning(t, b)); equal != (keyOf(ea) == keyOf(eb)) {
			t.Fatalf("keys equal: %v, meaning equal: %v\n%s\n%s", !equal, equal, a, b)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawRequest(t), drawRequest(t)
		check(t, a, b)
		check(t, a, respell(t, a))
	})
}

// respell writes the same request with its members in another order and other whitespace.
func respell(t *rapid.T, body []byte) []byte {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, k := range rapid.Permutation(slices.Sorted(maps.Keys(members))).Draw(t, "respelt") {
		name, _ := json.Marshal(k)
		list = append(list, string(name)+space(t)+":"+space(t)+string(members[k]))
	}
	return []byte("{" + space(t) + strings.Join(list, space(t)+",") + space(t) + "}")
}
