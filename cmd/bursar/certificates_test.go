package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"bursar/admin"
)

func TestCertificates(t *testing.T) {
	all := []admin.Certificate{{
		Team: "search", Route: "plain questions", Text: "quality >= 98 % (n=412, 95 %), valid to 2026-12-26T00:00:00Z", Certified: true, Samples: 412, Since: 7, Kept: 0.61, Expected: 0.997,
		Until: time.Date(2026, 12, 26, 0, 0, 0, 0, time.UTC),
	}, {Team: "support", Route: "plain questions", Text: "quality >= 98 % not certified (n=12)", Samples: 12, Waiting: 3}}
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(all) }))
	defer up.Close()
	at := strings.TrimPrefix(up.URL, "http://")
	out := done(t, "certificates", "-admin", at)
	for _, part := range []string{"quality >= 98 % (n=412, 95 %), valid to 2026-12-26T00:00:00Z", "61.0 %", "99.7 %", "support", "not certified (n=12)"} {
		if !strings.Contains(out, part) {
			t.Errorf("no %q in:\n%s", part, out)
		}
	}
	var read []admin.Certificate
	if err := json.Unmarshal([]byte(done(t, "certificates", "-admin", at, "-json")), &read); err != nil || len(read) != 2 || read[0] != all[0] {
		t.Errorf("%+v, %v", read, err)
	}
	all = nil
	if out := done(t, "certificates", "-admin", at); !strings.Contains(out, "no samples yet") {
		t.Errorf("of none: %s", out)
	}
}
