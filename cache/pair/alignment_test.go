package pair

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"bursar/cache/embed"
)

// What is measured fast is what plain loops measure: nearest words, common subsequences and shared grams, of some thousand pairs.
func TestMeasuresAreThoseOfPlainLoops(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 0))
	words := strings.Fields(`how do I not send the a from to Berlin Rome berlinn 5 km D-77 "quoted" close open opening closed ? Monday 日本 ÉTÉ été naïve
can could money transfer transfers transferred account card pin reset password why x I'm zzyzzx supercalifragilistic unlocking`)
	var left, right Side
	v, c := Default(), new(comparison)
	for range 500 {
		for _, s := range []*Side{&left, &right} {
			text := ""
			for range random.IntN(60) {
				text += words[random.IntN(1+random.IntN(len(words)))] + " "
			}
			v.Read(text, s)
		}
		c.put(&left, &right)
		c.match()
		c.align()
		for side, sides := range [2][2]*Side{{c.a, c.b}, {c.b, c.a}} {
			in := [2][]int16{c.inA[:], c.inB[:]}[side]
			for i := range sides[0].tokens {
				if in[i] >= 0 {
					continue
				}
				if got, want := c.best[side][i], nearestWord(sides[0], i, sides[1]); got != want {
					t.Fatalf("%q to %q: %d, want %d", sides[0].word(int16(i)), sides[1].text, got, want)
				}
			}
		}
		if got, want := c.common(), commonWords(c); got != want {
			t.Fatalf("%q and %q have %v in common, want %v", c.a.text, c.b.text, got, want)
		}
		if got, want := c.a.grams.overlap(&c.b.grams), sharedGrams(c.a, c.b); got != want {
			t.Fatalf("grams of %q and %q overlap by %v, want %v", c.a.text, c.b.text, got, want)
		}
	}
}

func nearestWord(s *Side, i int, other *Side) (best int32) {
	for j := range other.tokens {
		if !other.tokens[j].stop || s.tokens[i].stop {
			best = max(best, embed.Dot(&s.vectors[i], &other.vectors[j]))
		}
	}
	return best
}

func commonWords(c *comparison) float32 {
	list := func(s *Side, in []int16) (all []uint64) {
		for i := range s.tokens {
			if in[i] >= 0 && len(all) < 48 {
				all = append(all, s.tokens[i].hash)
			}
		}
		return all
	}
	a, b := list(c.a, c.inA[:]), list(c.b, c.inB[:])
	if len(a) == 0 || len(b) == 0 {
		return 0
	}
	length := make([][]int, len(a)+1)
	length[0] = make([]int, len(b)+1)
	for i := range a {
		length[i+1] = make([]int, len(b)+1)
		for j := range b {
			length[i+1][j+1] = max(length[i][j+1], length[i+1][j])
			if a[i] == b[j] {
				length[i+1][j+1] = length[i][j] + 1
			}
		}
	}
	return float32(length[len(a)][len(b)]) / float32(min(len(a), len(b)))
}

func sharedGrams(a, b *Side) float32 {
	grams := func(s *Side) map[string]bool {
		all := map[string]bool{}
		for i := range s.tokens {
			word := []byte(" " + s.word(int16(i)) + " ")
			for k, c := range word {
				word[k] = lower(c)
			}
			for n := 3; n <= 4; n++ {
				for j := 0; j+n <= len(word); j++ {
					all[string(word[j:j+n])] = true
				}
			}
		}
		return all
	}
	left, right, both := grams(a), grams(b), 0
	for g := range left {
		if right[g] {
			both++
		}
	}
	return ratio(float32(both), float32(len(left)+len(right)-both))
}

func TestTextsAreReadAsPlainCodeReadsThem(t *testing.T) {
	for _, word := range []string{"I", "NASA", "NaSA", "É", "ÉTÉ", "Été", "ß", "ﬁ", "A'S", "\xff"} {
		if got, want := capitals(word), strings.ToUpper(word) == word; got != want {
			t.Errorf("capitals of %q: %v, want %v", word, got, want)
		}
	}
	for _, word := range []string{"going", "ſing", "parſ", "GOES", "gas", "likely", "ended", "used", "naïvely", "glasſes", "ed", "thing"} {
		cut := word
		if i := slices.IndexFunc(everyEnding, func(e string) bool {
			return len(word) > len(e)+3 && strings.EqualFold(word[len(word)-len(e):], e)
		}); i >= 0 {
			cut = word[:len(word)-len(everyEnding[i])]
		}
		want := mix(7)
		if cut != word {
			want = hashWord(cut)
		}
		if got := stemOf(word, 7); got != want {
			t.Errorf("stem of %q is not that of %q", word, cut)
		}
	}
	for _, word := range []string{"D-77", "a.b", "end.", "...", "e.g.", "x@y", "a/b", `a\b`, "snake_case", "5GB", "plain", "don't", "日本", "٣km"} {
		trimmed := strings.Trim(word, ".")
		if plain(word) && identifier(trimmed) != 0 {
			t.Errorf("%q is an identifier and was passed over", word)
		}
	}
}
