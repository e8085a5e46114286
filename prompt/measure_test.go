package prompt_test

import (
	"encoding/base64"
	"encoding/binary"
	"strings"
	"testing"

	"bursar/exchange"
	"bursar/prompt"
	"bursar/tokens"
)

func TestMeasureText(t *testing.T) {
	f := func(members, messages string, want int64, method exchange.Method) {
		t.Helper()
		got := mustRead(t, `{"model":"gpt-4o",`+members+`"messages":[`+messages+`]}`).Measure(counter(), gpt4o)
		if got.Tokens != want || got.Method != method {
			t.Errorf("%s %s: got %d %v, want %d %v", members, messages, got.Tokens, got.Method, want, method)
		}
	}
	// "hello world" is two tokens; a message is 3 and its role, and 3 prime the reply.
	f(``, `{"role":"user","content":"hello world"}`, 9, exchange.MethodExact)
	f(``, `{"role":"user","content":"hello\u0020world"}`, 9, exchange.MethodExact)
	f(``, `{"role":"user","content":[{"type":"text","text":"hello world"}]}`, 9, exchange.MethodExact)
	f(``, `{"role":"system","content":"hello world"},{"role":"user","content":"hello world"}`, 15, exchange.MethodExact)
	f(``, `{"role":"user","content":"hello world","name":"ann"}`, 9+1+counter().Text(tokens.O200k, []byte("ann")), exchange.MethodExact)
	f(``, `{"role":"user","content":null}`, 7, exchange.MethodExact)
	f(``, `{"role":"assistant","content":"hello world","refusal":"hello world"}`, 11, exchange.MethodExact)
	f(``, `{"role":"user","content":"hello world","extra":"hello world"}`, 13, exchange.MethodEstimate) // quotes count
	f(`"documents":["hello world"],`, `{"role":"user","content":"hello world"}`, 13, exchange.MethodEstimate)
	f(`"temperature":0.5,"metadata":{"a":"b"},"seed":7,"strange":1,`, `{"role":"user","content":"hello world"}`, 9, exchange.MethodExact)

	call := counter().Call(tokens.O200k, []byte("get_weather"), []byte(`{"city":"Paris"}`))
	f(``, `{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"get_weather","arguments":"{\"city\":\"Paris\"}"}}]}`, 7+call, exchange.MethodExact)
	f(``, `{"role":"assistant","content":null,"function_call":{"name":"get_weather","arguments":"{\"city\":\"Paris\"}"}}`, 7+call, exchange.MethodExact)

	const tool = `[{"type":"function","function":{"name":"get_weather","description":"Weather of a city","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}}]`
	tools := counter().Tools(tokens.O200k, []byte(tool))
	f(`"tools":`+tool+`,`, `{"role":"user","content":"hello world"}`, 9+tools, exchange.MethodExact)
	f(`"tool_choice":"auto",`, `{"role":"user","content":"hello world"}`, 9, exchange.MethodExact)
	f(`"tool_choice":"none",`, `{"role":"user","content":"hello world"}`, 10, exchange.MethodExact)
	f(`"tool_choice":{"type":"function","function":{"name":"get_weather"}},`, `{"role":"user","content":"hello world"}`, 9+counter().ToolChoice(tokens.O200k, "get_weather"), exchange.MethodExact)
	f(`"function_call":{"name":"get_weather"},`, `{"role":"user","content":"hello world"}`, 9+counter().ToolChoice(tokens.O200k, "get_weather"), exchange.MethodExact)
	f(`"tool_choice":{"type":"allowed_tools"},`, `{"role":"user","content":"hello world"}`, 9+counter().Text(tokens.O200k, []byte(`{"type":"allowed_tools"}`)), exchange.MethodExact)
	f(`"response_format":{"type":"json_object"},`, `{"role":"user","content":"hello world"}`, 9, exchange.MethodExact)
	f(`"response_format":{"type":"json_schema","json_schema":{"a":1}},`, `{"role":"user","content":"hello world"}`, 9+counter().Text(tokens.O200k, []byte(`{"a":1}`)), exchange.MethodEstimate)
}

func TestMeasureOtherFamilies(t *testing.T) {
	e := mustRead(t, talk(3))
	exact := e.Measure(counter(), gpt4o)
	claude := e.Measure(counter(), prompt.Target{Family: tokens.Claude})
	if claude.Method != exchange.MethodEstimate || claude.Tokens <= exact.Tokens || claude.Turns != 3 {
		t.Errorf("gpt-4o %+v, claude %+v", exact, claude)
	}
	if again := e.Measure(counter(), gpt4o); again != exact {
		t.Errorf("measured %+v, then %+v", exact, again)
	}
	if m := mustRead(t, `{"model":"m","prediction":{"type":"content","content":"hello world"},"messages":[{"role":"user"}]}`).Measure(counter(), gpt4o); m.Prediction < 2 || m.Tokens != 7 {
		t.Errorf("prediction: %+v", m)
	}
}

func TestMeasureImages(t *testing.T) {
	png := func(width, height uint32) string {
		b := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"), make([]byte, 400)...)
		binary.BigEndian.PutUint32(b[16:], width)
		binary.BigEndian.PutUint32(b[20:], height)
		return "data:image/png;base64," + base64.StdEncoding.EncodeToString(b)
	}
	// A JPEG whose size comes after 60 KB of metadata.
	jpeg := []byte{0xff, 0xd8, 0xff, 0xe1, 0xf0, 0x00}
	jpeg = append(append(jpeg, make([]byte, 0xf000-2)...), 0xff, 0xc0, 0, 17, 8, 4, 0, 4, 0, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1)
	f := func(image string, target prompt.Target, want int64, method exchange.Method) {
		t.Helper()
		m := mustRead(t, `{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":`+image+`}]}]}`).Measure(counter(), target)
		if m.Tokens-7 != want || m.Method != method || m.Images != 1 {
			t.Errorf("%.80s: got %+v, want 7+%d %v", image, m, want, method)
		}
	}
	f(`{"url":"`+png(1024, 1024)+`"}`, gpt4o, 765, exchange.MethodExact)
	f(`{"url":"`+png(1024, 1024)+`","detail":"low"}`, gpt4o, 85, exchange.MethodExact)
	f(`"`+png(1024, 1024)+`"`, gpt4o, 765, exchange.MethodExact)
	f(`{"url":"`+strings.ReplaceAll(png(1024, 1024), "/", `\/`)+`"}`, gpt4o, 765, exchange.MethodExact)
	f(`{"url":"data:image/jpeg;base64,`+base64.StdEncoding.EncodeToString(jpeg)+`"}`, gpt4o, 765, exchange.MethodExact)
	f(`{"url":"`+png(1024, 1024)+`"}`, prompt.Target{Family: tokens.O200k, Model: "gpt-4o-mini"}, tokens.Image(tokens.O200k, "gpt-4o-mini", 1024, 1024, ""), exchange.MethodExact)
	most := tokens.ImageMax(tokens.O200k, "gpt-4o", "")
	f(`{"url":"https://example.com/a.png"}`, gpt4o, most, exchange.MethodEstimate)
	f(`{"url":"data:image/png;base64,AAAA"}`, gpt4o, most, exchange.MethodEstimate)
	f(`{"url":"data:image/png;base64,\u00"}`[:30]+`"}`, gpt4o, most, exchange.MethodEstimate)
	f(`{"url":7}`, gpt4o, most, exchange.MethodEstimate)
}

func TestMeasureAudioAndFiles(t *testing.T) {
	f := func(part string, least, most int64) {
		t.Helper()
		m := mustRead(t, `{"model":"m","messages":[{"role":"user","content":[`+part+`]}]}`).Measure(counter(), gpt4o)
		if n := m.Tokens - 7; m.Method != exchange.MethodEstimate || n < least || n > most {
			t.Errorf("%.60s: %d tokens (%v), want %d to %d", part, n, m.Method, least, most)
		}
	}
	audio := func(bytesPerSecond, seconds int) string {
		return `{"type":"input_audio","input_audio":{"data":"` + strings.Repeat("A", bytesPerSecond*seconds*4/3) + `","format":"x"}}`
	}
	f(audio(1000, 60), 32*60, 40*60) // MP3 at its least, 8 kbit/s, and the dearest second of speech
	f(audio(48000, 10), 32*10, 2000*10)
	pdf := func(size int) string { return strings.Repeat("A", size*4/3) }
	f(`{"type":"file","file":{"file_data":"data:application/pdf;base64,`+pdf(50<<10)+`"}}`, 5*3000, 30_000)
	f(`{"type":"file","file":{"filename":"a.pdf","file_data":"`+pdf(50<<10)+`"}}`, 5*3000, 30_000)
	f(`{"type":"file","file":{"file_data":"\/\/\/`+pdf(50<<10)+`"}}`, 5*3000, 30_000)
	const elsewhere = 272_000
	f(`{"type":"file","file":{"file_id":"file-1"}}`, elsewhere, elsewhere+10)
	f(`{"type":"file","file":{"file_data":""}}`, elsewhere, elsewhere)
	f(`{"type":"file","file":{"file_data":"https://example.com/a.pdf"}}`, elsewhere, elsewhere)
	f(`{"type":"file","file":{"file_data":"https\u003a\/\/example.com/a.pdf"}}`, elsewhere, elsewhere)
}

func TestMeasureWebSearch(t *testing.T) {
	f := func(options string, want int64, method exchange.Method) {
		t.Helper()
		m := mustRead(t, `{"model":"m","web_search_options":`+options+`,"messages":[{"role":"user"}]}`).Measure(counter(), gpt4o)
		if m.Tokens != 7+want || m.Method != method {
			t.Errorf("%s: %+v, want %d and %v", options, m, 7+want, method)
		}
	}
	f(`{}`, 8000, exchange.MethodEstimate)
	f(`{"search_context_size":"high"}`, 8000, exchange.MethodEstimate)
	f(`null`, 0, exchange.MethodExact)
}
