package exchange

import (
	"reflect"
	"slices"
	"testing"

	"bursar/pricing"

	"pgregory.net/rapid"
)

func TestRecordedComesBack(t *testing.T) {
	name := rapid.StringMatching(`[!-~]{0,20}`)
	rapid.Check(t, func(t *rapid.T) {
		want := Recorded{
			Complexity: Complexity{Score: rapid.Float64Range(0, 1).Draw(t, "score"), Known: true},
			Tools:      rapid.Bool().Draw(t, "tools"), Images: rapid.IntRange(0, 99).Draw(t, "images"), Turns: rapid.IntRange(0, 99).Draw(t, "turns"),
			N: rapid.Int64Range(1, 9).Draw(t, "n"), MaxOutput: rapid.Int64Range(0, 1e9).Draw(t, "max"),
			BudgetUsed:   float64(rapid.IntRange(0, 300).Draw(t, "used")) / 100,
			Conversation: rapid.Uint64().Draw(t, "conversation"), CacheKey: rapid.Uint64().Draw(t, "key"),
			Sticky: Sticky{Model: name.Draw(t, "model"), Target: name.Draw(t, "target"), Warm: rapid.Int64Range(0, 1e9).Draw(t, "warm"), Output: rapid.Int64Range(0, 1e9).Draw(t, "answer")},
			Kept:   pricing.Nano(rapid.Int64Range(0, 1e12).Draw(t, "kept")), Pinned: rapid.Bool().Draw(t, "pinned"),
			Certified: rapid.Bool().Draw(t, "certified"), Of: name.Draw(t, "of"),
			Stateful: name.Draw(t, "stateful"), Origin: name.Draw(t, "origin"), Response: name.Draw(t, "response"), Unknown: name.Draw(t, "why"),
			Cascade: rapid.SampledFrom([]CascadeWord{CascadeNone, CascadeKept, CascadeEscalated}).Draw(t, "cascade"),
			Failed:  rapid.SampledFrom([]string{"", "not_refused", "complete"}).Draw(t, "failed"),
		}
		if rapid.Bool().Draw(t, "unknown") {
			want.Complexity = Complexity{}
		}
		text := string(want.AppendText(nil))
		got, err := ParseRecorded(text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%q: %+v, %v; want %+v", text, got, err, want)
		}
		var f Facts
		got.Restore(&f)
		again := f.Record(got.CacheKey)
		again.Certified, again.Cascade, again.Failed, again.Of = got.Certified, got.Cascade, got.Failed, got.Of
		again.Response, again.Unknown, again.Kept = got.Response, got.Unknown, got.Kept // they are no facts
		if !reflect.DeepEqual(again, got) {
			t.Fatalf("restored %+v", f)
		}
	})
}

func TestParseRecorded(t *testing.T) {
	if r, err := ParseRecorded(""); err != nil || r.N != 1 {
		t.Errorf("nothing recorded: %+v, %v", r, err)
	}
	old, err := ParseRecorded("t2 eescalated xopenai/gpt-5-nano=240000=not_refused xa/b=c=1=complete")
	want := []PaidCall{{"openai/gpt-5-nano", 240_000, "not_refused"}, {"a/b=c", 1, "complete"}}
	if err != nil || !slices.Equal(old.Beside, want) {
		t.Errorf("a row of an earlier version: %+v, %v", old, err)
	}
	if _, err := ParseRecorded("zfuture t2"); err != nil {
		t.Errorf("a letter of a later version: %v", err)
	}
	for _, bad := range []string{"cx", "t-", "kxyz", "o1e9", "xa/b", "xa/b=complete", "xa/b=much=complete"} {
		if _, err := ParseRecorded(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func FuzzParseRecorded(f *testing.F) {
	f.Add("eserved fcomplete xa/b=1=complete Areq_1")
	f.Add("c0.525 T P i1 t2 n3 o1024 b0.42 vfe01 k1f mstandard uopenai/gpt-5")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRecorded(text)
		if err != nil {
			return
		}
		if again, err := ParseRecorded(string(r.AppendText(nil))); err != nil || again.Turns != r.Turns || again.Sticky != r.Sticky {
			t.Errorf("%q: %+v, then %+v, %v", text, r, again, err)
		}
	})
}
