package proxy

import "testing"

// TestFalseHitIsReportedOnce: a second report of one request evicts nothing that was stored since the first.
func TestFalseHitIsReportedOnce(t *testing.T) {
	h := open(t, plan{sections: cached})
	ask := func(want string) (id string) {
		t.Helper()
		got := h.post(chat("small", "hi"))
		if is := got.header.Get("x-bursar-cache"); is != want {
			t.Errorf("%s, want %s", is, want)
		}
		h.outcome(got.id())
		return got.id()
	}
	ask("miss")
	wrong := FalseHit{RequestID: ask("hit")}
	must(t, h.Evict(t.Context(), wrong, nil))
	ask("miss")
	must(t, h.Evict(t.Context(), wrong, nil))
	again := FalseHit{RequestID: ask("hit")}
	must(t, h.Evict(t.Context(), again, nil))
	ask("miss")
}
