package ledger

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestRowCodec(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var want Row
		for _, text := range want.texts() {
			*text = rapid.String().Draw(rt, "text")
		}
		var stream int64
		for _, n := range want.numbers(&stream) {
			*n = rapid.Int64().Draw(rt, "number")
		}
		want.Stream = rapid.Bool().Draw(rt, "stream")
		have, err := DecodeRow(want.Encode(nil))
		must(t, err)
		if diff := cmp.Diff(want, have); diff != "" {
			rt.Fatal(diff)
		}
	})
}

func TestOlderRowsLackFields(t *testing.T) {
	old := []byte{2, 1, 'x', 1, 'y', 1, 6} // two texts, one number
	r, err := DecodeRow(old)
	must(t, err)
	if diff := cmp.Diff(Row{ID: "x", Team: "y", Kind: KindCorrection}, r); diff != "" {
		t.Error(diff)
	}
	f := func(want string, encoded ...byte) {
		t.Helper()
		if _, err := DecodeRow(encoded); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", encoded, err)
		}
	}
	f("use the version that wrote it", texts+1)
	f("use the version that wrote it", 0, byte(numbers)+1)
	f("ends too early")
	f("ends too early", 1, 5, 'x')
	f("1 bytes too many", 0, 0, 0)
}

// FuzzRecord feeds the decoder bytes that passed no checksum: it must not fail in other ways than by an error, and what it reads it
// must write the same.
func FuzzRecord(f *testing.F) {
	f.Add(appendRow(nil, row(4)))
	f.Add(appendOpen(nil, &OpenHold{ID: "a", Held: 5, Time: 6, Seed: row(1).Encode(nil)}))
	f.Add(appendForget(nil, "a"))
	f.Fuzz(func(t *testing.T, src []byte) {
		rec, err := decodeRecord(src)
		if err != nil {
			return
		}
		var again []byte
		switch rec.kind {
		case recordRow:
			again = appendRow(nil, &rec.row)
		case recordOpen:
			again = appendOpen(nil, &rec.open)
		case recordForget:
			again = appendForget(nil, rec.id)
		}
		back, err := decodeRecord(again)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		cut := len(rec.row.texts()) > 0 && longest(&rec) > maxText
		if diff := cmp.Diff(rec, back, cmp.AllowUnexported(record{})); diff != "" && !cut {
			t.Fatal(diff)
		}
	})
}

// longest returns the length of the longest text, which writing cuts.
func longest(rec *record) int {
	most := max(len(rec.id), len(rec.open.ID))
	for _, text := range rec.row.texts() {
		most = max(most, len(*text))
	}
	return most
}

// FuzzSegment feeds the reader a whole segment: it must end, account for each byte, and find every record that follows damage.
func FuzzSegment(f *testing.F) {
	whole := openFrame(nil)
	whole = appendRow(whole, row(1))
	closeFrame(whole, 0)
	f.Add(whole)
	f.Add(bytes.Repeat(whole, 3))
	f.Add(append([]byte(frameMagic+"junk"), whole...))
	f.Add([]byte(frameMagic + frameMagic))
	f.Fuzz(func(t *testing.T, src []byte) {
		dir := t.TempDir()
		must(t, os.WriteFile(segmentPath(dir, 1), append(src, whole...), 0o600))
		reader := segmentReader{journal: dir, at: position{1, 0}}
		defer reader.close()
		limit := int64(len(src) + len(whole))
		last, at := "", int64(0)
		for {
			payload, err := reader.next(limit)
			if errors.Is(err, io.EOF) {
				break
			}
			var damage *Damage
			if errors.As(err, &damage) {
				if damage.Offset != at || damage.Length <= 0 {
					t.Fatalf("damage %+v at %d", damage, at)
				}
			} else if err != nil {
				t.Fatal(err)
			}
			last, at = string(payload), reader.at.offset
		}
		if at != limit || last != string(whole[frameHead:]) {
			t.Fatalf("read up to %d of %d, the last record is lost: %v", at, limit, last == "")
		}
	})
}
