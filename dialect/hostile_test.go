package dialect

import (
	"encoding/json"
	"runtime"
	"strings"
	"testing"
)

// TestManyLossesAreCounted: of what is lost the first are named, none at length, and the others counted. Comparing each with all others took
// minutes for a request of a megabyte.
func TestManyLossesAreCounted(t *testing.T) {
	part := `,{"type":"` + strings.Repeat("x", 10_000) + `"}`
	body := []byte(`{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"a"}` + strings.Repeat(part, 99) + `]}]}`)
	_, dropped, fault := anthropicRequest(body, Options{Drop: true})
	if fault != nil || len(dropped) != mostLosses+1 || dropped[mostLosses] != "67 more" || len(dropped[0]) > longestLoss+3 {
		t.Errorf("dropped %d: %.300q, %v", len(dropped), dropped, fault)
	}
	if _, _, fault = anthropicRequest(body, Options{}); fault == nil || !strings.Contains(fault.Message, "and `67 more`") {
		t.Errorf("%v", fault)
	}
}

// TestReferencesDoNotMultiply: sixteen definitions that lead to four others each would become four billion.
func TestReferencesDoNotMultiply(t *testing.T) {
	defs := ""
	for i := range 15 {
		ref := `{"$ref":"#/$defs/d` + decimal(i+1) + `"}`
		defs += `"d` + decimal(i) + `":{"type":"object","properties":{"a":` + ref + `,"b":` + ref + `,"c":` + ref + `,"d":` + ref + `}},`
	}
	if _, ok := openAPI(json.RawMessage(`{"$ref":"#/$defs/d0","$defs":{` + defs + `"d15":{"type":"string"}}}`)); ok {
		t.Error("it was expanded")
	}
}

// TestResultsFindTheirCalls: those without an id answer the calls of their function in turn, and ten thousand take no more memory than they say.
func TestResultsFindTheirCalls(t *testing.T) {
	list := func(one string) string { return strings.TrimSuffix(strings.Repeat(one+",", 10_000), ",") }
	body := []byte(`{"contents":[{"role":"model","parts":[` + list(`{"functionCall":{"name":"f"}}`) + `]},{"role":"user","parts":[` + list(`{"functionResponse":{"name":"f"}}`) + `]}]}`)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	chat, fault := geminiClientRequest(body, Asked{Model: "m"})
	runtime.ReadMemStats(&after)
	if fault != nil || !strings.Contains(string(chat), `"tool_call_id":"call_gemini_0_9999"`) {
		t.Errorf("%v: %.300s", fault, chat)
	}
	if bytes := after.TotalAlloc - before.TotalAlloc; bytes > 1<<30 {
		t.Errorf("it took %d MB", bytes>>20)
	}
}
