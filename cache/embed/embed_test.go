package embed

import (
	"math"
	"strings"
	"testing"
)

func vector(t testing.TB, text string) Vector {
	t.Helper()
	var v Vector
	Default().Embed(text, &v)
	return v
}

func cosine(t testing.TB, a, b string) float32 {
	t.Helper()
	x, y := vector(t, a), vector(t, b)
	return Cosine(&x, &y)
}

func TestVectorsHaveLengthOne(t *testing.T) {
	for _, text := range []string{
		"How do I reset my password?", "x", "7", "zzyzzx qwrtp", "§", "什么是缓存", "Größe und Maß", strings.Repeat("long prompts too ", 4000),
	} {
		v := vector(t, text)
		if text == "§" {
			continue // may have no token
		}
		if length := math.Sqrt(float64(Dot(&v, &v))) / Scale; length < 0.97 || length > 1.03 {
			t.Errorf("vector of %.20q has length %.3f, want 1", text, length)
		}
	}
}

func TestTextWithoutWordsIsZero(t *testing.T) {
	for _, text := range []string{"", " ", ".,;:!\n", "\xff\xfe", "\u200b"} {
		if v := vector(t, text); v != (Vector{}) {
			t.Errorf("%q has a vector, want zero", text)
		}
	}
	if c := cosine(t, "", "anything"); c != 0 {
		t.Errorf("cosine of nothing and something is %v, want 0", c)
	}
}

// Each line: a question, one that asks the same, one that does not.
func TestParaphrasesAreNearerThanOthers(t *testing.T) {
	for _, c := range [][3]string{
		{"How do I reset my password?", "I forgot my password, how can I change it?", "How do I delete a database?"},
		{"What is the weather like in Paris?", "tell me the forecast for paris", "What is the capital of France?"},
		{"how do I cancel my order", "I want to cancel an order that I placed", "how do I book a flight"},
		{"how much does shipping cost", "what is the price of delivery", "how old is the universe"},
	} {
		if same, other := cosine(t, c[0], c[1]), cosine(t, c[0], c[2]); same <= other {
			t.Errorf("%q is nearer to %q (%.2f) than to %q (%.2f)", c[0], c[2], other, c[1], same)
		}
	}
}

func TestTypingErrorsStayNear(t *testing.T) {
	for _, c := range [][2]string{
		{"How do I reset my password?", "How do I reset my pasword?"},
		{"configure the kubernetes deployment", "configure the kubernets deployment"},
		{"HOW DO I RESET MY PASSWORD", "how do i reset my password"},
		{"café menu", "cafe menu"},
	} {
		if same := cosine(t, c[0], c[1]); same < 0.7 {
			t.Errorf("cosine of %q and %q is %.2f, want at least 0.7", c[0], c[1], same)
		}
	}
}

func TestEmbedAllocatesNothing(t *testing.T) {
	m, text := Default(), "Show the dispute details for case #D-7781 on acct XK-4471-zeta, s'il vous plaît"
	var v Vector
	tokens := make([]Token, 0, 64)
	if n := testing.AllocsPerRun(100, func() { m.Embed(text, &v); tokens = m.Tokens(tokens[:0], text) }); n != 0 {
		t.Errorf("embedding allocates %v times, want 0", n)
	}
}

func BenchmarkEmbed(b *testing.B) {
	m := Default()
	for _, c := range []struct{ name, text string }{
		{"question", "How do I reset my password for the admin console?"},
		{"unknown-words", "Show the dispute details for case #D-7781 on acct XK-4471-zeta"},
		{"512-tokens", strings.Repeat("Summarise the following customer ticket about a delayed refund and propose a reply. ", 37)},
		{"hostile-64KB", strings.Repeat("qxzjk", 13107)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.text)))
			b.ReportAllocs()
			var v Vector
			for b.Loop() {
				m.Embed(c.text, &v)
			}
		})
	}
}

func BenchmarkLoad(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parse(shipped); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCosine(b *testing.B) {
	x, y := vector(b, "How do I reset my password?"), vector(b, "forgot my password")
	var sum float32
	for b.Loop() {
		sum += Cosine(&x, &y)
	}
}
