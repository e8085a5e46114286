package prompt

import (
	"fmt"
	"strings"
	"testing"

	"bursar/exchange"
)

// TestSummarized: one message stands where the first of those dropped stood, what is left counts as it is sent, and another summary is another beginning.
func TestSummarized(t *testing.T) {
	words := strings.Repeat("word ", 40)
	var body strings.Builder
	body.WriteString(`{"model":"m","messages":[{"role":"system","content":"s"}`)
	for i := range 6 {
		fmt.Fprintf(&body, `,{"role":"user","content":[{"type":"text","text":"%d %s"},{"type":"image_url","image_url":{"url":"https://x/y"}}]},`, i, words)
		fmt.Fprintf(&body, `{"role":"assistant","content":"","tool_calls":[{"id":"c%d","type":"function","function":{"name":"find","arguments":"{\"n\":%d}"}}]},{"role":"tool","tool_call_id":"c%d","content":"found \"%d\""}`, i, i, i, i)
		if i == 2 {
			body.WriteString(`,{"role":"system","content":"and be kind"}`)
		}
	}
	body.WriteString(`]}`)
	e, err := Read([]byte(body.String()))
	if err != nil {
		t.Fatal(err)
	}
	whole := e.Measure(counter(t), target).Tokens
	plan := e.Trim(counter(t), target, exchange.Trim{MaxPromptTokens: whole / 3, KeepLastTurns: 1})
	transcript, dropped := e.Dropped(nil, plan)
	if got := string(transcript); !strings.HasPrefix(got, "user: 0 word word") || !strings.Contains(got, "[not text]\n") || !strings.Contains(got, "[calls find {\"n\":0} ]\ntool: found \"0\"\n") ||
		strings.Contains(got, "kind") || dropped != plan.Removed {
		t.Fatalf("%d tokens of %d dropped: %s", dropped, plan.Removed, got)
	}
	if none := e.Summarized(counter(t), target, plan, ""); none.summary != nil || none.Removed != plan.Removed {
		t.Errorf("%+v", none)
	}
	var sums []uint64
	for _, summary := range []string{"They \"found\" 0 to 3.\n", "Nothing."} {
		p := e.Summarized(counter(t), target, plan, summary)
		sent := e.Shape(Shape{Plan: p}, nil)
		shaped, err := Read(sent)
		if err != nil {
			t.Fatalf("%v: %s", err, sent)
		}
		if m := &shaped.messages[1]; m.role != roleUser || !strings.HasSuffix(string(e.Shape(Shape{Plan: p}, nil)), `]}`) || !strings.Contains(string(m.span.Of(sent)), `so far, in short]\n`) {
			t.Errorf("sent %s", sent)
		}
		left := e.MeasureTrimmed(counter(t), target, p).Tokens
		if n := shaped.Measure(counter(t), target).Tokens; n != left || whole-left != p.Removed || strings.Count(string(sent), "in short") != 1 {
			t.Errorf("%d tokens sent, %d planned, %d of %d removed", n, left, p.Removed, whole)
		}
		prefixes, _ := e.Prefixes(counter(t), target.Family, p, left)
		sums = append(sums, prefixes.Whole.Sum)
	}
	if sums[0] == sums[1] {
		t.Error("two summaries have one prefix")
	}
}
