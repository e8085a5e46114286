package embed

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

// Each text and its tokens, folded; a bar stands where a phrase ends.
func TestSplit(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		var got []string
		Split(text, func(word []byte, joined bool) {
			if !joined && len(got) > 0 {
				got = append(got, "|")
			}
			got = append(got, string(word))
		})
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%q is split into %q, want %q", text, s, want)
		}
	}
	f("How do I reset my password?", "how do i reset my password ?")
	f("Don't, won’t and 'quoted' o'clock'", "don't | won't and quoted o'clock")
	f("café CAFÉ naïve Łódź Straße", "cafe cafe naive lodz strase")
	f("cafe\u0301", "cafe") // the accent as a rune of its own
	f("v1.20 costs $3,000 or 50%", "v 1 | 20 costs $ 3 | 000 or 50 %")
	f("eu-west-1 order_id #A77", "eu west 1 order id # a 77")
	f("C++ & c#; a/b", "c + + & c # | a / b")
	f("Ｈｅｌｌｏ　ｗｏｒｌｄ １２", "hello world 1 2")
	f("什么是缓存", "什 么 是 缓 存")
	f("ПРИВЕТ мир ΣΊΣΥΦΟΣ", "привет мир σίσυφοσ")
	f("שלום עולם", "שלום עולם")
	f("€5 → 😀", "€ 5 → 😀")
	f("one\xffbroken\xc3", "one | broken")
	f("", "")
	f("... \n", "")
	f(strings.Repeat("x", 100), strings.Repeat("x", 45)+" "+strings.Repeat("x", 45)+" "+strings.Repeat("x", 10))
}

func TestTokensPointIntoTheText(t *testing.T) {
	text := "  Où est l’hôtel «Zzqx» ? 42€"
	var got []string
	for _, token := range Default().Tokens(nil, text) {
		got = append(got, token.Text(text))
	}
	if s, want := strings.Join(got, "|"), "Où|est|l’hôtel|Zzqx|?|42|€"; s != want {
		t.Errorf("tokens are %q, want %q", s, want)
	}
}

func TestTokensHaveIDFAndVectors(t *testing.T) {
	m, text := Default(), "the database qzxwvk"
	tokens := m.Tokens(nil, text)
	if len(tokens) != 3 || !tokens[0].Known() || !tokens[1].Known() || tokens[2].Known() {
		t.Fatalf("tokens are %+v, want two known and one unknown", tokens)
	}
	if a, b, c := m.IDF(tokens[0]), m.IDF(tokens[1]), m.IDF(tokens[2]); a >= b || b >= c {
		t.Errorf("idf of %q is %.2f, %.2f, %.2f, want them to rise", text, a, b, c)
	}
	for _, token := range tokens {
		var word, alone Vector
		m.WordVector(token, text, &word)
		m.Embed(token.Text(text), &alone)
		if c := Cosine(&word, &alone); c < 0.97 {
			t.Errorf("the vector of word %q is not that of the text %q: cosine %.3f", token.Text(text), token.Text(text), c)
		}
	}
}

// What is embedded is the sum of what Features says, whatever the text.
func FuzzEmbed(f *testing.F) {
	for _, text := range []string{"", "How do I reset my password?", "\xff\xfe'’", "什么是缓存 １２", strings.Repeat("a'", 60), "e\u0301\u0301\u0301", "\u0301", "’’a’’"} {
		f.Add(text)
	}
	m := Default()
	f.Fuzz(func(t *testing.T, text string) {
		var v, again Vector
		m.Embed(text, &v)
		m.Embed(text, &again)
		if v != again {
			t.Fatal("two embeddings of one text differ")
		}
		features := m.Features(nil, text)
		for _, feature := range features {
			if int(feature.Row) >= m.Rows() || feature.Share == 0 || feature.Share > maxGrams {
				t.Fatalf("feature %+v of a model with %d rows", feature, m.Rows())
			}
		}
		tokens, last := m.Tokens(nil, text), uint32(0)
		for _, token := range tokens {
			if token.Start < last || token.End <= token.Start || int(token.End) > len(text) {
				t.Fatalf("token %+v after byte %d of %d", token, last, len(text))
			}
			last = token.End
		}
		if len(features) < len(tokens) || len(features) > maxFeatures*len(tokens) {
			t.Fatalf("%d features of %d tokens", len(features), len(tokens))
		}
		folded := Fold(nil, text)
		if utf8.ValidString(text) && !utf8.Valid(folded) {
			t.Fatalf("folding broke UTF-8: %q", folded)
		}
		if twice := Fold(nil, string(folded)); len(text) < maxWord/4 && !bytes.Equal(folded, twice) && !bytes.ContainsRune(folded, '\'') {
			t.Fatalf("folding twice gives %q after %q", twice, folded)
		}
	})
}
