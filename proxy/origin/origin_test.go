package origin

import (
	"encoding/base64"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var theirs = Origin{Target: "openai/gpt-5-mini", Key: 0xdeadbeef, ID: "resp_68af4030592c81938ec0a5fbab4a3e9f05438e46b5f69a3b", Tokens: 12_345}

// TestSealsComeBack, for the same team and under the same secret alone.
func TestSealsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Origin{
			Target: rapid.StringMatching(`[a-z]{1,9}/[!-~]{1,40}`).Draw(t, "target"), Key: rapid.Uint32().Draw(t, "key"),
			ID: rapid.SampledFrom([]string{"", "resp_", "chatcmpl-"}).Draw(t, "prefix") + rapid.StringMatching(`[0-9a-fA-F_-]{1,60}`).Draw(t, "id"), Tokens: rapid.Int64Min(0).Draw(t, "tokens"),
		}
		team, other := rapid.String().Draw(t, "team"), rapid.String().Draw(t, "other")
		s, again := New([]byte("secret")), New([]byte("secret"))
		id, ok := s.Seal(team, want)
		got, err := again.Open(team, id)
		if !ok || err != nil || got != want || !strings.HasPrefix(id, prefix) || strings.Trim(id[len(prefix):], "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			t.Fatalf("%q: %+v, %v; want %+v", id, got, err, want)
		}
		if _, err := again.Open(other, id); err == nil && other != team {
			t.Fatalf("team %q reads what is team %q's", other, team)
		}
		if _, err := New([]byte("another")).Open(team, id); err == nil {
			t.Fatal("it was read under another secret")
		}
	})
}

// TestTamperedSealsAreUnknown: each bit counts.
func TestTamperedSealsAreUnknown(t *testing.T) {
	s := New([]byte("secret"))
	id, _ := s.Seal("search", theirs)
	packed, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(id, prefix))
	if err != nil || len(id) > 110 {
		t.Fatalf("%q (%d): %v", id, len(id), err)
	}
	for bit := range 8 * len(packed) {
		packed[bit/8] ^= 1 << (bit % 8)
		if _, err := s.Open("search", prefix+base64.RawURLEncoding.EncodeToString(packed)); err == nil {
			t.Errorf("bit %d makes no difference", bit)
		}
		packed[bit/8] ^= 1 << (bit % 8)
	}
	for _, bad := range []string{"", prefix, id[:len(id)-1], id + "A", id + "\n", " " + id, theirs.ID, "resp_req_1", prefix + strings.Repeat("A", 2000)} {
		if _, err := s.Open("search", bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

// TestUnsealable are providers' ids that nobody could ask for.
func TestUnsealable(t *testing.T) {
	s := New(nil)
	for _, id := range []string{"", "a/b", "a?b", "..", "a b", "ä", strings.Repeat("x", 257)} {
		if sealed, ok := s.Seal("search", Origin{Target: "p/m", ID: id}); ok {
			t.Errorf("%q was sealed as %q", id, sealed)
		}
	}
}

func FuzzOpen(f *testing.F) {
	s := New([]byte("secret"))
	id, _ := s.Seal("search", theirs)
	f.Add(id, []byte(nil))
	f.Add("resp_AQ", []byte("\x03p/m\x00\x00\x00\x01\x05\x01\xab"))
	f.Fuzz(func(t *testing.T, id string, packed []byte) {
		if o, err := s.Open("search", id); err == nil { // only what was sealed can be: there is one such id
			if again, ok := s.Seal("search", o); !ok || again != id {
				t.Errorf("%q is %+v, which is %q", id, o, again)
			}
		}
		if o, err := unpack(packed); err == nil {
			sealed, ok := s.Seal("search", o)
			if got, err := s.Open("search", sealed); ok && (err != nil || got != o) {
				t.Errorf("%+v came back as %+v, %v", o, got, err)
			}
		}
	})
}
