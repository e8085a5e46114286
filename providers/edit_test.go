package providers

import (
	"encoding/json"
	"strings"
	"testing"
)

// chunkEvent reads one event as a stream does.
func chunkEvent(t *testing.T, raw string) *Event {
	t.Helper()
	event, _ := readEvent([]byte(raw), 0, nil)
	s := Stream{config: &Config{MaxOutputText: 1 << 20}, choices: 1}
	if len(event.Data) > 0 && string(event.Data) != "[DONE]" {
		if err := s.readChunk(&event); err != nil {
			t.Fatalf("%q: %v", raw, err)
		}
	}
	return &event
}

func TestStripUsage(t *testing.T) {
	f := func(raw, want string) {
		t.Helper()
		if got := string(StripUsage(nil, chunkEvent(t, raw))); got != want {
			t.Errorf("%q is stripped to\n%q, want\n%q", raw, got, want)
		}
	}
	same := func(raw string) { t.Helper(); f(raw, raw) }
	same("data: [DONE]\n\n")
	same(": ping\n\n")
	same("data: {\"choices\":[{\"index\":0}], \"x\" : 1.0 }\r\n\r\n")
	same("data: {\"choices\":[{\"index\":0,\"usage\":null}]}\n\n")
	same("data: {\"choices\":[{\"index\":0}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}\n\n")
	same("data: {\"choices\":[],\"prompt_filter_results\":[]}\n\n")
	f("data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}\n\n", "")
	f("data: {\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}\n\n", "")
	f("data: {\"choices\":[{\"index\":0}],\"usage\":null}\n\n", "data: {\"choices\":[{\"index\":0}]}\n\n")
	f("data:{\"choices\":[{\"index\":0}] , \"usage\" : null , \"x\":1}\r\n\r\n", "data:{\"choices\":[{\"index\":0}]  , \"x\":1}\r\n\r\n")
	f("data: {\"usage\":null,\"choices\":[{\"index\":0}]}\n\n", "data: {\"choices\":[{\"index\":0}]}\n\n")
	f("data: { \"usage\":null }\n\n", "data: {  }\n\n")
	f("id: 7\ndata: {\"choices\":[],\ndata: \"usage\":null}\n\n", "data: {\"choices\":[]}\n\n")
}

func TestAddCost(t *testing.T) {
	f := func(raw, want string) {
		t.Helper()
		got := string(AddCost(nil, chunkEvent(t, raw), 123_456))
		if got != want {
			t.Errorf("%q with its cost is\n%q, want\n%q", raw, got, want)
		}
		if data, ok := strings.CutPrefix(got, "data: {"); ok && !json.Valid([]byte("{"+data)) {
			t.Errorf("%q is no JSON", data)
		}
	}
	f("data: [DONE]\n\n", "data: [DONE]\n\n")
	f("data: {\"choices\":[{}],\"usage\":null}\n\n", "data: {\"choices\":[{}],\"usage\":null}\n\n")
	f("data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1 },\"x\":1}\n\n", "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1 ,\"cost\":0.000123456},\"x\":1}\n\n")
	f("data: {\"usage\":{ }}\n\n", "data: {\"usage\":{ \"cost\":0.000123456}}\n\n")
	f("data: {\"usage\":{\"cost\" : 1.5,\"a\":2}}\n\n", "data: {\"usage\":{\"cost\" : 0.000123456,\"a\":2}}\n\n")
	f("data: {\"usage\":\ndata: {\"a\":2}}\n\n", "data: {\"usage\": {\"a\":2,\"cost\":0.000123456}}\n\n")
}
