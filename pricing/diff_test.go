package pricing

import (
	"slices"
	"testing"
)

func TestDiff(t *testing.T) {
	parse := func(src string) *Table {
		t.Helper()
		table, err := ParseTable([]byte(src))
		if err != nil {
			t.Fatal(err)
		}
		return table
	}
	old := parse(`{"provider":"p","model":"gone","entries":[{"rates":{"input":1}}]}
{"provider":"p","model":"same","entries":[{"rates":{"input":1}}],"source":"one list"}
{"provider":"p","model":"m","limits":{"context":8},"entries":[{"rates":{"input":250000,"cache_read":25000}}],"regions":[{"name":"eu","times":"11/10"}]}`)
	now := parse(`{"provider":"a","model":"new","entries":[{"rates":{"input":1}}]}
{"provider":"p","model":"same","entries":[{"rates":{"input":1}}],"source":"another"}
{"provider":"p","model":"m","limits":{"context":9},"entries":[{"rates":{"input":250000,"per_request":5}},{"from":"2026-07-30T00:00:00Z","daily":"16:30-00:30","rates":{"input":300000},"tiers":[{"above":100,"rates":{"input":600000}}],"modes":[{"name":"batch","rates":{"output":1}}]}]}`)
	changes := Diff(old, now)
	if len(changes) != 3 || changes[0].Kind != "added" || changes[0].Model != "new" || changes[1].Kind != "removed" || changes[1].Model != "gone" {
		t.Fatalf("%+v", changes)
	}
	want := []Part{
		{"cache_read", "0.025", ""},
		{"from 2026-07-30 daily 16:30-00:30 input", "", "0.30"},
		{"from 2026-07-30 daily 16:30-00:30 mode batch output", "", "0.000001"},
		{"from 2026-07-30 daily 16:30-00:30 tier above 100 input", "", "0.60"},
		{"limit context", "8", "9"},
		{"per request", "", "0.000000005"},
		{"region eu", "11/10", ""},
	}
	if !slices.Equal(changes[2].Parts, want) {
		t.Errorf("%+v", changes[2].Parts)
	}
	if same := Diff(Embedded(), Embedded()); same != nil {
		t.Errorf("the table differs from itself: %+v", same[0])
	}
}
