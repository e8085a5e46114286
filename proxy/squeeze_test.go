package proxy

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"bursar/exchange"
)

// TestSqueezedPrompts: the reviewed text goes out and what it saves is booked; the answer to it is not given to who sends the same prompt without one.
func TestSqueezedPrompts(t *testing.T) {
	const long = "You    are the desk of a hotel. You are the desk of a hotel, and nothing else but the desk of a hotel."
	route := "routes: [ { name: all, to: asked, squeeze: [ { sha256: " + fmt.Sprintf("%x", sha256.Sum256([]byte(long))) + ", to: You are a hotel's desk., reviewed: ann } ] } ]\n"
	h := open(t, plan{sections: cached + route})
	body := `{"model":"small","messages":[{"role":"system","content":"` + long + `"},{"role":"user","content":"hi"}]}`
	ask := func(word string) (sent string, saved bool) {
		t.Helper()
		before := h.up.Count("small")
		got := h.post(body)
		row := h.row(got.id())
		if got.status != 200 || row.Cache != word || word == "miss" && h.up.Count("small") != before+1 {
			t.Fatalf("%d %s, %+v", got.status, got.body, row)
		}
		return string(h.up.Last("small").Body), row.Saved[exchange.LeverTrim] > 0
	}
	if sent, saved := ask("miss"); !strings.Contains(sent, `"content":"You are a hotel's desk."}`) || !saved {
		t.Errorf("saved %v, sent %s", saved, sent)
	}
	ask("hit")
	must(t, h.Use(parse(t, h.up, cached)))
	if sent, saved := ask("miss"); !strings.Contains(sent, long) || saved {
		t.Errorf("without a text: saved %v, sent %s", saved, sent)
	}
	h.noBugs()
}
