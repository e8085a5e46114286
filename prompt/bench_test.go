package prompt_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"bursar/exchange"
	"bursar/internal/jsonspan"
	"bursar/prompt"
)

// chat is a request of about size bytes with a tool call in every other turn.
func chat(size int) []byte {
	const prose = `The gateway holds the worst case of every call before it is made, and settles the truth after it.\nNothing else may spend. `
	var b strings.Builder
	b.WriteString(`{"model":"gpt-4o-mini","temperature":0.7,"stream":true,"max_tokens":512,"messages":[{"role":"system","content":"You are helpful."}`)
	for i := 0; b.Len() < size-800; i++ {
		fmt.Fprintf(&b, `,{"role":"user","content":"%d %s"}`, i, strings.Repeat(prose, 2))
		if i%2 == 0 {
			fmt.Fprintf(&b, `,{"role":"assistant","content":null,"tool_calls":[{"id":"c%d","type":"function","function":{"name":"find","arguments":"{\"row\":%d}"}}]}`, i, i)
			fmt.Fprintf(&b, `,{"role":"tool","tool_call_id":"c%d","content":"{\n  \"row\": %d,\n  \"name\": \"some name\",\n  \"list\": [1, 2, 3]\n}"}`, i, i)
		}
		fmt.Fprintf(&b, `,{"role":"assistant","content":"%s"}`, prose)
	}
	b.WriteString(`,{"role":"user","content":"And now?"}]}`)
	return []byte(b.String())
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes pools allocate")
	}
	var e prompt.Envelope
	body, dst, scratch, h := chat(8<<10), []byte(nil), []byte(nil), sha256.New()
	c := counter()
	n := testing.AllocsPerRun(50, func() {
		if err := e.Read(body); err != nil {
			t.Fatal(err)
		}
		e.Measure(c, gpt4o)
		plan := e.Trim(c, gpt4o, exchange.Trim{MaxPromptTokens: 900, MinifyToolResults: true})
		dst = e.Shape(prompt.Shape{Model: "gpt-4.1-nano", Cap: 100, CapField: "max_tokens", IncludeUsage: true, Plan: plan}, dst[:0])
		scratch = e.LastUser(scratch[:0])
		e.Conversation("key")
		e.CanonicalKey(h)
		e.Reset()
	})
	if n != 0 {
		t.Errorf("%v allocations per request, want none", n)
	}
}

func BenchmarkEnvelope(b *testing.B) {
	c := counter()
	for _, kb := range []int{1, 8, 100} {
		body := chat(kb << 10)
		f := func(name string, step func(e *prompt.Envelope)) {
			b.Run(fmt.Sprintf("%s/%dKB", name, kb), func(b *testing.B) {
				var e prompt.Envelope
				if err := e.Read(body); err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(len(body)))
				b.ReportAllocs()
				for b.Loop() {
					step(&e)
				}
			})
		}
		var dst []byte
		h := sha256.New()
		f("Valid", func(*prompt.Envelope) { jsonspan.Valid(body) }) // what no reader can beat
		f("Read", func(e *prompt.Envelope) { _ = e.Read(body) })
		f("ReadMeasure", func(e *prompt.Envelope) { _ = e.Read(body); e.Measure(c, gpt4o) })
		f("Shape", func(e *prompt.Envelope) {
			dst = e.Shape(prompt.Shape{Model: "o", Cap: 100, CapField: "max_tokens", IncludeUsage: true}, dst[:0])
		})
		f("Trim", func(e *prompt.Envelope) {
			e.Trim(c, gpt4o, exchange.Trim{MaxPromptTokens: int64(len(body) / 8), MinifyToolResults: true})
		})
		f("Conversation", func(e *prompt.Envelope) { e.Conversation("key") })
		f("CanonicalKey", func(e *prompt.Envelope) { h.Reset(); e.CanonicalKey(h) })
	}
}
