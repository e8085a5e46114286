package main

import (
	"encoding/base64"
	"math/rand/v2"
	"strings"
)

// hostileText makes n bytes that are quadratic to many tokenizers: without a place to split, or with places that are costly to find.
type hostileText struct {
	name string
	make func(n int) []byte
}

func hostile() []hostileText {
	repeated := func(name, unit string) hostileText {
		return hostileText{name, func(n int) []byte { return []byte(strings.Repeat(unit, n/len(unit))) }}
	}
	random := func(name, alphabet string) hostileText {
		letters := []rune(alphabet)
		return hostileText{name, func(n int) []byte {
			rng := rand.New(rand.NewPCG(3, 4))
			text := make([]byte, 0, n+4)
			for len(text) < n {
				text = append(text, string(letters[rng.IntN(len(letters))])...)
			}
			return text
		}}
	}
	var han strings.Builder
	for r := rune(0x4E00); r < 0x9FA0; r++ {
		han.WriteRune(r)
	}
	return []hostileText{
		repeated("one letter", "a"), repeated("dashes", "-"), repeated("spaces", " "), repeated("newlines", "\n"), repeated("tabs, spaces", "\t "),
		repeated("combining marks", "\u0301"), repeated("one Han", "中"), repeated("emoji", "👩‍💻"), repeated("zeros", "\x00"),
		random("letters", "abcdefghijklmnopqrstuvwxyz"), random("capitals", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"), random("Han", han.String()),
		random("symbols", "!#$%&*+-=?@^_~|<>"), random("white space", " \t\n\r\u00a0\u3000"),
		{"base64", func(n int) []byte {
			raw := make([]byte, n*3/4)
			rng := rand.New(rand.NewPCG(5, 6))
			for i := range raw {
				raw[i] = byte(rng.Uint32())
			}
			return []byte(base64.StdEncoding.EncodeToString(raw))
		}},
	}
}
