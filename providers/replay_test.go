package providers

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bursar/internal/testkit"
)

var update = flag.Bool("update", false, "write what the conversions say into the golden files")

// golden runs a test on each archive of a folder, and writes its second file anew if told to.
func golden(t *testing.T, folder, from, to string, convert func(t *testing.T, from []byte) []byte) {
	paths, err := filepath.Glob(filepath.Join("testdata", folder, "*.txtar"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no golden files in testdata/%s: %v", folder, err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive := testkit.ReadArchive(t, path)
			source := archive.Get(from)
			got := string(convert(t, []byte(source)))
			if *update {
				archive.Files = []testkit.File{{Name: from, Data: source}, {Name: to, Data: got}}
				archive.Write(t, path)
			} else if diff := cmp.Diff(archive.Get(to), got); diff != "" {
				t.Errorf("%s is not as it was (run the test with -update if it should change):\n%s", to, diff)
			}
		})
	}
}

func decode(t *testing.T, text []byte) map[string]any {
	t.Helper()
	var v map[string]any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return v
}

// checkStream checks that every event of a stream is JSON, and the last one [DONE].
func checkStream(t *testing.T, sse []byte) {
	t.Helper()
	events := strings.Split(string(sse), "\n\n")
	if n := len(events); n < 3 || events[n-1] != "" || events[n-2] != "data: [DONE]" {
		t.Fatalf("the stream does not end well: %q", sse)
	}
	for _, event := range events[:len(events)-2] {
		data, ok := strings.CutPrefix(event, "data: ")
		if !ok || strings.ContainsAny(data, "\r\n") || !json.Valid([]byte(data)) {
			t.Fatalf("an event is no chunk: %q", event)
		}
	}
}

// TestStreamOf makes streams of plain answers, and plain answers of those streams, which must say the same again.
func TestStreamOf(t *testing.T) {
	golden(t, "replay", "plain.json", "stream.sse", func(t *testing.T, plain []byte) []byte {
		sse, err := StreamOf(plain, nil, true)
		if err != nil {
			t.Fatal(err)
		}
		checkStream(t, sse)
		back, err := PlainOf(sse, nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(decode(t, plain), decode(t, back)); diff != "" {
			t.Errorf("as a stream and back, the answer is another:\n%s", diff)
		}
		without, err := StreamOf(plain, []byte("kept"), false)
		if err != nil || bytes.Contains(without, []byte(`"usage"`)) || !bytes.HasPrefix(without, []byte("keptdata: {")) {
			t.Errorf("without usage: %v: %s", err, without)
		}
		return sse
	})
}

func TestPlainOf(t *testing.T) {
	golden(t, "assembly", "stream.sse", "plain.json", func(t *testing.T, sse []byte) []byte {
		plain, err := PlainOf(sse, nil)
		if err != nil {
			t.Fatal(err)
		}
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, plain, "", "\t"); err != nil {
			t.Fatalf("%v: %s", err, plain)
		}
		pretty.WriteByte('\n')
		crlf, err := PlainOf(bytes.ReplaceAll(sse, []byte("\n"), []byte("\r\n")), nil)
		if err != nil || !bytes.Equal(crlf, plain) {
			t.Errorf("with other line ends, it is %s (%v)", crlf, err)
		}
		return pretty.Bytes()
	})
}

func TestPlainOfRecordings(t *testing.T) {
	f := func(name, content string, prompt, completion int) {
		t.Helper()
		wire, err := os.ReadFile(filepath.Join("testdata", "llama-"+name+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		_, sse, _ := bytes.Cut(wire, []byte("\r\n\r\n"))
		var lines []string // without the sizes of chunks
		for line := range strings.Lines(string(sse)) {
			if strings.HasPrefix(line, "data:") || line == "\n" {
				lines = append(lines, line)
			}
		}
		plain, err := PlainOf([]byte(strings.Join(lines, "")), nil)
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Object  string
			Choices []struct{ Message struct{ Content string } }
			Usage   struct {
				Prompt     int `json:"prompt_tokens"`
				Completion int `json:"completion_tokens"`
			}
		}
		if err := json.Unmarshal(plain, &got); err != nil || got.Object != "chat.completion" || got.Usage.Prompt != prompt || got.Usage.Completion != completion ||
			len(got.Choices) == 0 || !strings.HasPrefix(got.Choices[0].Message.Content, content) {
			t.Errorf("%s: %v: %s", name, err, plain)
		}
	}
	f("stream", "7Tv whoplaceivg", 26, 12)
	f("n2", "", 26, 8) // each of two choices tells of its own 4
	f("logprobs", "", 0, 0)
}

func TestNoConversion(t *testing.T) {
	for _, plain := range []string{
		``, `[]`, `{}`, `{"choices":[]}`, `{"choices":{}}`, `{"choices":[{"index":0}]}`, `{"choices":[1]}`, `{"error":{"message":"x"},"choices":[{"message":{}}]}`,
		`{"choices":[{"message":{}}]`, `{"choices":[{"message":{}}]}}`,
	} {
		if sse, err := StreamOf([]byte(plain), []byte("kept"), true); err == nil || !strings.HasPrefix(string(sse), "kept") {
			t.Errorf("%s is made a stream: %s", plain, sse)
		}
	}
	for _, sse := range []string{
		"", "data: [DONE]\n\n", ": x\n\n", "data: {\n\n", "data: []\n\n", "data: {\"error\":\"x\"}\n\n", "event: error\ndata: {}\n\n",
		"data: {\"choices\":[]}\n\n", "data: {\"choices\":[{\"index\":0}]}\n\ndata: x\n\n",
	} {
		if plain, err := PlainOf([]byte(sse), []byte("kept")); err == nil || string(plain) != "kept" {
			t.Errorf("%q is made plain: %s", sse, plain)
		}
	}
}

// FuzzStreamOf checks that whatever is made a stream is one, and can be made plain again.
func FuzzStreamOf(f *testing.F) {
	addGolden(f, "replay", "plain.json")
	f.Add([]byte(`{"choices":[{"message":{"content":"\ud83d","tool_calls":[{"index":"x","function":{"arguments":"{}"}},1,{}],"function_call":{"arguments":""}},"logprobs":[1]}],"usage":{},"x":[{}]}`))
	f.Fuzz(func(t *testing.T, plain []byte) {
		sse, err := StreamOf(plain, nil, len(plain)%2 == 0)
		if err != nil {
			return
		}
		checkStream(t, sse)
		back, err := PlainOf(sse, nil)
		if err == nil && !json.Valid(back) {
			t.Fatalf("%q becomes %q", sse, back)
		}
	})
}

// FuzzPlainOf checks that whatever is made plain is JSON, and can be made a stream.
func FuzzPlainOf(f *testing.F) {
	addGolden(f, "assembly", "stream.sse")
	addGolden(f, "replay", "stream.sse")
	f.Fuzz(func(t *testing.T, sse []byte) {
		plain, err := PlainOf(sse, nil)
		if err != nil {
			return
		}
		if !json.Valid(plain) {
			t.Fatalf("%q becomes %q", sse, plain)
		}
		again, err := StreamOf(plain, nil, true)
		if err == nil {
			checkStream(t, again)
		}
	})
}

func addGolden(f *testing.F, folder, name string) {
	paths, err := filepath.Glob(filepath.Join("testdata", folder, "*.txtar"))
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		if text := testkit.ReadArchive(f, path).Get(name); text != "" {
			f.Add([]byte(text))
		}
	}
}
