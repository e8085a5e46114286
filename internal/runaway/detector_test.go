package runaway

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestDegenerateIsFound: whatever repeats, however long it is and however it is cut, is found soon after it has come often enough.
func TestDegenerateIsFound(t *testing.T) {
	f := func(name, piece string) {
		t.Helper()
		const times = 20
		text := "Here is the answer, in a few words of no particular kind. " + strings.Repeat(piece, 3*times+2*Least/len(piece))
		dice := rand.New(rand.NewPCG(1, uint64(len(piece))))
		var d Detector
		for at := 0; at < len(text); {
			n := min(len(text)-at, 1+dice.IntN(40))
			if d.Feed([]byte(text[at:at+n]), times) {
				if period, came := d.Period(); period%len(piece) != 0 && len(piece)%period != 0 || at > 58+max(times*len(piece), Least)+2*len(piece)+64 {
					t.Errorf("%s: found at byte %d, a piece of %d that came %d times; it has %d", name, at, period, came, len(piece))
				}
				return
			}
			at += n
		}
		t.Errorf("%s: not found", name)
	}
	f("spaces", " ")
	f("lines", "\n")
	f("a word", "the ")
	f("a character", "語")
	f("a sentence", "I am sorry, but I cannot help with that. ")
	f("JSON", `{"name":"","value":null},`)
	f("a sentence with a refrain", strings.Repeat("and again ", 3)+"then once more, ")
	dice := rand.New(rand.NewPCG(5, 0))
	page := make([]byte, Most)
	for i := range page {
		page[i] = byte('a' + dice.IntN(26))
	}
	f("a page", string(page))
	f("half a page", string(page[:Most/2]))
}

// TestSensibleIsNot: tables, code, counting, and text that quotes itself some times.
func TestSensibleIsNot(t *testing.T) {
	f := func(name, text string) {
		t.Helper()
		var d Detector
		if d.Feed([]byte(text), 20) {
			period, times := d.Period()
			t.Errorf("%s: taken for %d times a piece of %d bytes", name, times, period)
		}
	}
	var list, table, code strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&list, "%d. Item number %d of the list\n", i, i)
		fmt.Fprintf(&table, "| %04d | 0 | 0 | 0 | 0 | 0 |\n", i)
		fmt.Fprintf(&code, "\tcase %d:\n\t\treturn %q\n", i, fmt.Sprint("v", i))
	}
	f("a list", list.String())
	f("a table", table.String())
	f("code", code.String())
	f("a rule", strings.Repeat("-", 200)+"\n")
	f("a thousand zeros", strings.Repeat("0, ", Least/3))
	f("a refrain", strings.Repeat(strings.Repeat("x", 100)+"\nA verse of its own, at some length, so that the refrain is no more than that.\n", 15))
}

// TestFeedDoesNotAllocate.
func TestFeedDoesNotAllocate(t *testing.T) {
	d := new(Detector)
	chunk := []byte(" of the same")
	if n := testing.AllocsPerRun(1000, func() { d.Feed(chunk, 1<<40) }); n != 0 {
		t.Errorf("%v allocations a chunk", n)
	}
}

// FuzzDetector: how a text is cut makes no difference, and what is found is there.
func FuzzDetector(f *testing.F) {
	f.Add([]byte("intro "), []byte("again "), uint16(500), uint8(3))
	f.Add([]byte(""), []byte("\n"), uint16(3000), uint8(7))
	f.Fuzz(func(t *testing.T, head, piece []byte, repeats uint16, cut uint8) {
		text := append(bytes.Clone(head), bytes.Repeat(piece, int(repeats%4000))...)
		if len(text) > 1<<17 {
			return
		}
		var whole, parts Detector
		found := whole.Feed(text, 20)
		again := false
		for at := 0; at < len(text) && !again; at += int(cut) + 1 {
			again = parts.Feed(text[at:min(len(text), at+int(cut)+1)], 20)
		}
		if found != again {
			t.Fatalf("%q and %d times %q: %v whole, %v in pieces", head, repeats, piece, found, again)
		}
		if !found {
			return
		}
		end := text[:whole.at]
		period, _ := whole.Period()
		if whole.run < Least || whole.run < 20*period || whole.run+period > len(end) {
			t.Fatalf("a run of %d with a period of %d in %d bytes", whole.run, period, len(end))
		}
		for i := len(end) - whole.run; i < len(end); i++ {
			if end[i] != end[i-period] {
				t.Fatalf("byte %d does not repeat byte %d", i, i-period)
			}
		}
	})
}

// BenchmarkFeed on text without a period, as nearly all of it is.
func BenchmarkFeed(b *testing.B) {
	dice := rand.New(rand.NewPCG(5, 0))
	text := make([]byte, 1<<16)
	for i := range text {
		text[i] = "etaoin shrdlu"[dice.IntN(13)]
	}
	var d Detector
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		d.Feed(text, 1<<40)
	}
}
