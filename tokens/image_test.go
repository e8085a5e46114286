package tokens

import (
	"bytes"
	"encoding/hex"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math"
	"strings"
	"testing"
)

func TestImage(t *testing.T) {
	f := func(family Family, model string, width, height int, detail string, want int64) {
		t.Helper()
		if got := Image(family, model, width, height, detail); got != want {
			t.Errorf("a %dx%d image of detail %q is %d tokens to %s, want %d", width, height, detail, got, model, want)
		}
	}
	// OpenAI's own examples.
	f(O200k, "gpt-4o", 1024, 1024, "high", 765)
	f(O200k, "gpt-4o", 2048, 4096, "high", 1105)
	f(O200k, "gpt-4o", 4096, 8192, "low", 85)
	f(O200k, "gpt-4.1-mini", 1024, 1024, "high", 1659) // 1024 patches
	f(O200k, "gpt-4.1-mini", 1800, 2400, "high", 2489) // 1536 patches, documented as 1452: see patches

	f(O200k, "openai/gpt-4o-2024-08-06", 1024, 1024, "", 765)
	f(O200k, "GPT-4o", 1024, 1024, "auto", 765)
	f(O200k, "gpt-4o", 512, 512, "high", 85+170)
	f(O200k, "gpt-4o", 1, 1, "high", 85+170)
	f(O200k, "gpt-4o-mini", 1024, 1024, "high", 2833+4*5667)
	f(O200k, "gpt-4o-mini", 1024, 1024, "low", 2833)
	f(O200k, "o3", 1024, 1024, "high", 75+4*150)
	f(O200k, "o4-mini", 1024, 1024, "high", 1762)
	f(GPT5, "gpt-5", 1024, 1024, "high", 70+4*140)
	f(GPT5, "gpt-5-mini", 1024, 1024, "high", 1659)
	f(GPT5, "gpt-5.2", 1024, 1024, "high", 1229)
	f(GPT5, "gpt-5.2", 8000, 8000, "high", 1844)
	f(GPT5, "gpt-5.2", 8, 8, "high", 70+140) // by tiles, which is more
	f(GPT5, "gpt-5.2", 8000, 8000, "original", 12000)
	f(CL100k, "gpt-4-turbo", 1024, 1024, "high", 765)

	// Anthropic's page: 28-pixel patches.
	f(Claude, "claude-sonnet-4-5", 1000, 1000, "", 36*36)
	f(Claude, "claude-sonnet-4-5", 200, 200, "", 64)
	f(Claude, "claude-sonnet-4-5", 3000, 3000, "", 39*39) // 1093 pixels a side would be a patch more each way
	f(Claude47, "claude-opus-4-7", 1920, 1080, "", 69*39)
	f(Claude47, "claude-opus-4-7", 8000, 8000, "", 69*69)

	// Google's: 258 for a small image and per tile; 960x540 is six tiles.
	f(Gemini, "gemini-2.5-pro", 384, 384, "", 258)
	f(Gemini, "gemini-2.5-pro", 960, 540, "", 6*258)
	f(Gemini, "gemini-2.5-pro", 20000, 20000, "", 16*258)
	f(Gemini, "gemini-3-pro", 20000, 20000, "", 1120)

	f(Grok, "grok-4", 448, 448, "", 512)
	f(Grok, "grok-4", 5000, 5000, "", 1792)
	f(Unknown, "some-vision", 1024, 1024, "", 4096)
	f(Unknown, "some-vision", 0, 1024, "", 4160)
}

// TestImageMaxIsABound: no size, however odd, is more than ImageMax or less than a token.
func TestImageMaxIsABound(t *testing.T) {
	sides := []int{1, 7, 31, 384, 385, 511, 513, 767, 769, 1000, 1024, 1537, 2048, 2049, 3072, 4096, 10000, 1 << 20, math.MaxUint32, math.MaxInt}
	models := []string{
		"gpt-4o", "gpt-4o-mini", "gpt-4.1-mini", "gpt-4.1-nano", "gpt-5", "gpt-5-nano", "gpt-5.2", "o3", "o4-mini", "claude-opus-4-6",
		"claude-opus-4-7", "gemini-2.5-flash", "gemini-3-pro", "grok-4", "llama-4", "unheard-of",
	}
	for _, model := range models {
		family := FamilyOf("", model)
		for _, detail := range []string{"", "low", "high", "auto", "original"} {
			most := ImageMax(family, model, detail)
			for _, w := range sides {
				for _, h := range sides {
					if n := Image(family, model, w, h, detail); n < 1 || n > most {
						t.Errorf("%s: %dx%d of detail %q is %d tokens, ImageMax is %d", model, w, h, detail, n, most)
					}
				}
			}
		}
	}
}

func TestImageSize(t *testing.T) {
	picture := image.NewPaletted(image.Rect(0, 0, 321, 123), color.Palette{color.Black, color.White})
	encoded := func(encode func(*bytes.Buffer) error) []byte {
		var b bytes.Buffer
		if err := encode(&b); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	jpg := encoded(func(b *bytes.Buffer) error { return jpeg.Encode(b, picture, nil) })
	exif := append(append([]byte("\xff\xd8\xff\xe1\x40\x02"), make([]byte, 0x4000)...), jpg[2:]...)
	pictures := map[string][]byte{
		"png":           encoded(func(b *bytes.Buffer) error { return png.Encode(b, picture) }),
		"jpeg":          jpg,
		"jpeg exif":     exif,
		"gif":           encoded(func(b *bytes.Buffer) error { return gif.Encode(b, picture, nil) }),
		"webp lossy":    unhex("52494646 24000000 57454250 56503820 18000000 300100 9d012a 4101 7b00"),
		"webp lossless": unhex("52494646 24000000 57454250 5650384c 18000000 2f 40811e00 0000000000"),
		"webp extended": unhex("52494646 24000000 57454250 56503858 0a000000 10000000 400100 7a0000"),
	}
	for name, data := range pictures {
		w, h, ok := ImageSize(data)
		if w != 321 || h != 123 || !ok {
			t.Errorf("%s: size is %dx%d, %v, want 321x123", name, w, h, ok)
		}
		for n := range min(len(data), 40) { // cut short it may be unknown, but never wrong
			if w, h, ok := ImageSize(data[:n]); ok && (w != 321 || h != 123) {
				t.Errorf("%s: size of its first %d bytes is %dx%d", name, n, w, h)
			}
		}
	}
	for _, data := range []string{"", "\xff\xd8\xff\xe0\x00\x01", "\xff\xd8\xff\xda\x00\x08", "<svg width=\"9\"/>", "\xff\xd8\xff\xff\xff\xff"} {
		if w, h, ok := ImageSize([]byte(data)); ok {
			t.Errorf("size of %q is %dx%d", data, w, h)
		}
	}
}

func FuzzImageSize(f *testing.F) {
	f.Add([]byte("\xff\xd8\xff\xe0\x00\x04\x00\x00\xff\xc0\x00\x11\x08\x00\x01\x00\x01"))
	f.Add([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR\x00\x00\x00\x01\x00\x00\x00\x01"))
	f.Fuzz(func(t *testing.T, header []byte) {
		if w, h, ok := ImageSize(header); ok && (w <= 0 || h <= 0) {
			t.Errorf("size of %q is %dx%d and ok", header, w, h)
		}
	})
}

// TestImageOfClaude against the two tables of Anthropic's page on vision (platform.claude.com/docs/en/build-with-claude/vision), up to Opus 4.6 and from Opus 4.7
// on, and the page it scans in at 130 dots an inch.
func TestImageOfClaude(t *testing.T) {
	for _, c := range []struct {
		width, height  int
		before, opus47 int64
	}{
		{200, 200, 64, 64},
		{1000, 1000, 1296, 1296},
		{1092, 1092, 1521, 1521},
		{1920, 1080, 1560, 2691},
		{2000, 1500, 1564, 3888},
		{3840, 2160, 1560, 4784},
		{1075, 1520, 33 * 47, 39 * 55},
	} {
		if got := Image(Claude, "claude-sonnet-4-6", c.width, c.height, ""); got != c.before {
			t.Errorf("%dx%d is %d tokens, published are %d", c.width, c.height, got, c.before)
		}
		if got := Image(Claude47, "claude-opus-4-8", c.width, c.height, ""); got != c.opus47 {
			t.Errorf("%dx%d is %d tokens from Opus 4.7 on, published are %d", c.width, c.height, got, c.opus47)
		}
		if got, turned := Image(Claude, "", c.width, c.height, ""), Image(Claude, "", c.height, c.width, ""); got != turned {
			t.Errorf("%dx%d is %d tokens, and %d on its side", c.width, c.height, got, turned)
		}
	}
}
