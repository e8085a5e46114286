package prompt

import (
	"bytes"
	"encoding/base64"

	"bursar/internal/jsonspan"
	"bursar/tokens"
)

// countImage counts an image by its size if it is in the request, or as the most that one can be. Exact is false for the latter.
func (e *Envelope) countImage(target Target, p *piece) (n int64, exact bool) {
	detail := string(p.detail.Of(e.body))
	for _, header := range [...]int{shortHeader, longHeader} {
		if width, height, ok := e.imageSize(p, header); ok {
			return tokens.Image(target.Family, target.Model, width, height, detail), true
		}
	}
	return tokens.ImageMax(target.Family, target.Model, detail), false
}

// How much of an image is decoded to find its size, in bytes of base64. The short header tells all of PNG, GIF and WebP; the
// long one is for JPEG, whose metadata and preview come first.
const (
	shortHeader = 128
	longHeader  = 128 << 10
	maxScheme   = 128 // bytes of data:image/png;base64,
)

// imageSize reads the width and height of an image that is in the request as a data: URL.
func (e *Envelope) imageSize(p *piece, header int) (width, height int, ok bool) {
	url := p.span
	url.End = min(url.End, url.Start+maxScheme+header)
	head := url.Of(e.body)
	behind := 0
	if p.escaped { // PHP writes \/ for every slash of base64
		e.scratch, _ = jsonspan.Unescape(e.scratch[:0], head) // an escape cut in half only ends the head
		head, behind = e.scratch, len(e.scratch)
	}
	const mark = ";base64,"
	at := bytes.Index(head[:min(len(head), maxScheme)], []byte(mark))
	if at < 0 || !bytes.HasPrefix(head, []byte("data:")) {
		return 0, 0, false
	}
	code := bytes.TrimRight(head[at+len(mark):], "=")
	code = code[:len(code)&^3]
	image, _ := base64.RawStdEncoding.AppendDecode(e.scratch[:behind], code) // what was decoded before an error is still a header
	e.scratch = image
	return tokens.ImageSize(image[behind:])
}
