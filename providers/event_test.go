package providers

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// splitAt feeds a stream to a splitter in pieces of the given sizes, in turn, and returns its events.
func splitAt(stream string, sizes ...int) []string {
	var s splitter
	var events []string
	for i := 0; stream != ""; i++ {
		n := min(max(1, sizes[i%len(sizes)]), len(stream))
		s.buf = append(s.room(), stream[:n]...)
		stream = stream[n:]
		for raw := s.next(); raw != nil; raw = s.next() {
			events = append(events, string(raw))
		}
	}
	return append(events, string(s.rest()))
}

func TestSplitter(t *testing.T) {
	f := func(stream string, want ...string) {
		t.Helper()
		for size := 1; size <= len(stream)+1; size++ {
			if got := splitAt(stream, size); !slices.Equal(got, want) {
				t.Errorf("in pieces of %d, %q is %q, want %q", size, stream, got, want)
			}
		}
	}
	f("", "")
	f("data: a\n\ndata: b\n\n", "data: a\n\n", "data: b\n\n", "")
	f("data: a\r\n\r\ndata: b\r\n\r\n", "data: a\r\n\r\n", "data: b\r\n\r\n", "")
	f("data: a\r\rdata: b\r\r", "data: a\r\r", "data: b\r\r", "")
	f("data: a\n\r\ndata: b\r\n\n", "data: a\n\r\n", "data: b\r\n\n", "")
	f("data: a\r\r\ndata: b\n\n", "data: a\r\r", "\n", "data: b\n\n", "")
	f("\n\ndata: a\n\n", "\n", "\n", "data: a\n\n", "")
	f(": ping\n\nid: 1\nevent: x\ndata: a\ndata: b\n\n", ": ping\n\n", "id: 1\nevent: x\ndata: a\ndata: b\n\n", "")
	f("data: \U0001F600\n\ndata: cut", "data: \U0001F600\n\n", "data: cut")
}

func TestReadEvent(t *testing.T) {
	f := func(raw, data string, kind Kind) {
		t.Helper()
		event, _ := readEvent([]byte(raw), 0, nil)
		if string(event.Data) != data || event.Kind != kind || string(event.Raw) != raw {
			t.Errorf("%q has data %q and kind %d, want %q and %d", raw, event.Data, event.Kind, data, kind)
		}
		if event.at >= 0 && string(event.Raw[event.at:event.at+len(data)]) != data {
			t.Errorf("%q: its data is not at %d", raw, event.at)
		}
	}
	f("data: x\n\n", "x", KindComment)
	f("data:x\n\n", "x", KindComment)
	f("data:  x\r\n\r\n", " x", KindComment)
	f("data: x\r\r", "x", KindComment)
	f("data: x\ndata:y\rdata\r\ndata: z\n\n", "x\ny\n\nz", KindComment)
	f(": data: x\n\n", "", KindComment)
	f("database: x\n\n", "", KindComment)
	f("data:\n\n", "", KindComment)
	f("event: error\ndata: x\n\n", "x", KindError)
	f("\n", "", KindComment)
}

// naiveEvents splits a stream as its specification describes, with all of it at hand.
func naiveData(stream string) []string {
	stream = strings.TrimPrefix(stream, "\ufeff")
	stream = strings.ReplaceAll(strings.ReplaceAll(stream, "\r\n", "\n"), "\r", "\n")
	var all []string
	var lines []string
	for line := range strings.Lines(stream) {
		line, whole := strings.CutSuffix(line, "\n")
		if !whole {
			break // no end of line: no event
		}
		if line == "" {
			if data := strings.Join(lines, "\n"); strings.TrimSpace(data) != "" {
				all = append(all, data)
			}
			lines = nil
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		if name == "data" {
			lines = append(lines, strings.TrimPrefix(value, " "))
		}
	}
	return all
}

// FuzzSSE checks that events do not depend on how a stream was split on its way, that no byte is lost, and that their data is
// what the specification says.
func FuzzSSE(f *testing.F) {
	f.Add("data: a\n\ndata: b\n\n", uint8(1), uint8(3))
	f.Add("\ufeffdata: a\r\n\r\n: c\r\rdata: b\rdata\n\n", uint8(2), uint8(1))
	f.Add("data: {\"x\":\"\U0001F600\"}\r\r\ndata: [DONE]", uint8(5), uint8(7))
	f.Add("data:0\n\r", uint8(1), uint8(2))
	f.Fuzz(func(t *testing.T, stream string, a, b uint8) {
		if strings.HasSuffix(stream, "\r") {
			stream += "\n" // alone at the very end it may be half of an end of line: the splitter waits for the rest, and closeEvent ends the event
		}
		whole := splitAt(stream, len(stream)+1)
		if split := splitAt(stream, int(a), int(b)); !slices.Equal(split, whole) {
			t.Fatalf("split at %d, %d: %q, whole: %q", a, b, split, whole)
		}
		if joined := strings.Join(whole, ""); joined != stream {
			t.Fatalf("events joined are %q, want %q", joined, stream)
		}
		var data []string
		for i, raw := range whole[:len(whole)-1] {
			at := 0
			if i == 0 && strings.HasPrefix(raw, "\ufeff") {
				at = len("\ufeff")
			}
			if event, _ := readEvent([]byte(raw), at, nil); len(event.Data) > 0 {
				data = append(data, string(event.Data))
			}
		}
		if want := naiveData(stream); !slices.Equal(data, want) {
			t.Fatalf("data of %q is %q, want %q", stream, data, want)
		}
	})
}

// TestSplitterIsLinear would take a minute if each short line made the splitter search the rest again.
func TestSplitterIsLinear(t *testing.T) {
	for _, end := range []string{"\n", "\r", "\r\n"} {
		var s splitter
		s.buf = bytes.Repeat([]byte("data: x"+end), 50_000)
		if s.next() != nil {
			t.Fatalf("lines ending in %q make no event without a blank one", end)
		}
		if _, scratch := readEvent(s.buf, 0, nil); len(scratch) != 2*50_000-1 {
			t.Fatalf("joined data has %d bytes", len(scratch))
		}
	}
}

func ExampleStripUsage() {
	event, _ := readEvent([]byte("data: {\"choices\":[{\"index\":0}],\"usage\":null}\n\n"), 0, nil)
	var s Stream
	s.config = &Config{MaxOutputText: 1 << 10}
	if err := s.readChunk(&event); err != nil {
		fmt.Println(err)
	}
	fmt.Printf("%s", StripUsage(nil, &event))
	// Output: data: {"choices":[{"index":0}]}
}
