package cache

import (
	"bytes"
	"encoding/binary"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func frameOf(key Key, a *Answer, expires time.Time) []byte { return appendFrame(nil, key, a, expires) }

func TestFrameHoldsTheAnswer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		numbers := rapid.Int64()
		want := &Answer{
			Form:   Form(rapid.IntRange(0, 1).Draw(t, "form")),
			Body:   []byte(strings.Repeat(rapid.StringN(1, 50, -1).Draw(t, "body"), rapid.IntRange(1, 400).Draw(t, "times"))),
			Finish: rapid.String().Draw(t, "finish"), Target: rapid.String().Draw(t, "target"),
			Stored: time.Unix(0, numbers.Draw(t, "stored")),
			Mark:   Mark{Purge: rapid.Uint64().Draw(t, "purge")},
			Labels: rapid.SliceOfN(rapid.String(), 0, mostLabels).Draw(t, "labels"),
		}
		if len(want.Labels) == 0 {
			want.Labels = nil
		}
		for _, n := range want.Usage.numbers() {
			*n = numbers.Draw(t, "usage")
		}
		want.Usage.Tier, want.Usage.Region = rapid.String().Draw(t, "tier"), rapid.String().Draw(t, "region")
		key, end := keyOf("a", "b"), time.Unix(0, numbers.Draw(t, "expires"))
		got, expires, v := readFrame(frameOf(key, want, end), key, math.MaxInt32)
		if v != sound || !expires.Equal(end) || !cmp.Equal(want, got) {
			t.Fatalf("verdict %d, expires %v: %s", v, expires, cmp.Diff(want, got))
		}
	})
}

func TestFrameIsSmallerIfItPays(t *testing.T) {
	key := keyOf("a")
	for body, compressed := range map[string]bool{
		strings.Repeat("a", 1024): false, strings.Repeat("a", 1025): true, strings.Repeat("data: {}\n\n", 500): true, randomText(5000): false,
	} {
		f := frameOf(key, answerOf(body), time.Now())
		if got := f[3]&flagCompressed != 0; got != compressed || got != (len(f) < len(body)) && len(body) > 2000 {
			t.Errorf("body of %d bytes: compressed %v to %d", len(body), got, len(f))
		}
	}
}

// No byte of a frame can change, and no byte can be missing or too many, without notice.
func TestDamagedFrames(t *testing.T) {
	key := keyOf("a", "b")
	for _, body := range []string{"short", strings.Repeat("long, and so compressed ", 100)} {
		whole := frameOf(key, answerOf(body), time.Now())
		for i := range whole {
			if _, _, v := readFrame(whole[:i], key, 1<<20); v != corrupt {
				t.Fatalf("cut at %d: verdict %d", i, v)
			}
			for _, flip := range []byte{1, 0x80, 0xff} {
				bad := bytes.Clone(whole)
				bad[i] ^= flip
				if _, _, v := readFrame(bad, key, 1<<20); v != corrupt && i != 2 {
					t.Fatalf("byte %d flipped: verdict %d", i, v)
				}
			}
		}
		if _, _, v := readFrame(append(bytes.Clone(whole), 0), key, 1<<20); v != corrupt {
			t.Errorf("one byte too many: verdict %d", v)
		}
	}
}

func TestForeignFrames(t *testing.T) {
	key := keyOf("team=search", "m")
	whole := frameOf(key, answerOf("body"), time.Now())
	f := func(why string, frame []byte, key Key, most int) {
		t.Helper()
		if a, _, v := readFrame(frame, key, most); v != foreign || a != nil {
			t.Errorf("%s: verdict %d, %+v", why, v, a)
		}
	}
	f("another key", whole, keyOf("team=search", "n"), 1<<20)
	f("another scope's answer under the same digest", whole, Key{digest: key.digest, scope: keyOf("team=sales").scope}, 1<<20)
	f("larger than served", whole, key, 3)
	newer := bytes.Clone(whole)
	newer[2] = 3
	f("another version", newer, key, 1<<20)
}

// A frame with a right checksum may still lie about its sizes.
func FuzzReadFrame(f *testing.F) {
	key := keyOf("a", "b")
	f.Add(frameOf(key, answerOf("short"), time.Now()))
	f.Add(frameOf(key, answerOf(strings.Repeat("long, and so compressed ", 100)), time.Now()))
	f.Fuzz(func(t *testing.T, src []byte) {
		if len(src) >= frameHeader {
			src = bytes.Clone(src)
			copy(src, []byte{'b', 'x', frameVersion, src[3] & 3})
			copy(src[8:], key.digest[:])
			copy(src[40:], key.scope[:])
			binary.LittleEndian.PutUint32(src[4:], checksum(src))
		}
		a, expires, v := readFrame(src, key, 1<<16)
		if (a != nil) != (v == sound) {
			t.Fatalf("verdict %d beside %v", v, a)
		}
		if v != sound {
			return
		}
		if len(a.Body) == 0 || len(a.Body) > 1<<16 {
			t.Fatalf("a body of %d bytes", len(a.Body))
		}
		again, end, v := readFrame(frameOf(key, a, expires), key, 1<<16)
		if v != sound || !end.Equal(expires) || !cmp.Equal(a, again) {
			t.Errorf("verdict %d: %s", v, cmp.Diff(a, again))
		}
	})
}
