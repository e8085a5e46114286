package jsonspan_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"bursar/internal/jsonspan"
)

// chat is a request body of about size bytes, in turns of a few hundred characters with a newline in each.
func chat(size int) []byte {
	turn := strings.Repeat(`The gateway holds the worst case of every call before it is made, and settles the truth after it. `, 4)
	var b strings.Builder
	b.WriteString(`{"model":"gpt-4o-mini","temperature":0.7,"stream":true,"messages":[{"role":"system","content":"You are helpful."}`)
	for i := 0; b.Len() < size; i++ {
		role := []string{"user", "assistant"}[i%2]
		fmt.Fprintf(&b, `,{"role":%q,"content":"%s\n%d"}`, role, turn, i)
	}
	b.WriteString(`]}`)
	return []byte(b.String())
}

func BenchmarkValid(b *testing.B) {
	for _, kb := range []int{1, 8, 100} {
		text := chat(kb << 10)
		f := func(name string, valid func([]byte) bool) {
			b.Run(fmt.Sprintf("%s/%dKB", name, kb), func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				b.ReportAllocs()
				for b.Loop() {
					if !valid(text) {
						b.Fatal("refused")
					}
				}
			})
		}
		f("jsonspan", jsonspan.Valid)
		f("std", json.Valid)
	}
	wide := []byte(`"` + strings.Repeat("日本語のテキスト、", 500) + `"`)
	b.Run("jsonspan/japanese", func(b *testing.B) {
		b.SetBytes(int64(len(wide)))
		for b.Loop() {
			jsonspan.Valid(wide)
		}
	})
}

func BenchmarkCompact(b *testing.B) {
	text := chat(8 << 10)
	var dst []byte
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		dst = jsonspan.Compact(dst[:0], text)
	}
}
