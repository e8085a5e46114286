package cache

import (
	"bytes"
	"compress/flate"
	"io"
	"sync"
)

// deflater and inflater are pooled with their streams' state, which is far larger than a typical answer.
type deflater struct {
	w   *flate.Writer
	out bytes.Buffer
}

var deflaters = sync.Pool{New: func() any {
	w, err := flate.NewWriter(nil, flate.BestSpeed)
	if err != nil {
		panic("BUG: flate knows no level BestSpeed: " + err.Error())
	}
	return &deflater{w: w}
}}

// deflate returns body compressed.
func deflate(body []byte) []byte {
	d := deflaters.Get().(*deflater)
	defer deflaters.Put(d)
	d.out.Reset()
	d.w.Reset(&d.out)
	_, _ = d.w.Write(body) // into memory: cannot fail
	_ = d.w.Close()
	return bytes.Clone(d.out.Bytes())
}

type inflater struct {
	in bytes.Reader
	r  io.ReadCloser
}

var inflaters = sync.Pool{New: func() any { return &inflater{r: flate.NewReader(bytes.NewReader(nil))} }}

// inflate returns the size bytes that src holds compressed, or nil if it holds more, fewer, or rubbish. It never takes more
// memory than size, whatever src claims.
func inflate(src []byte, size int) []byte {
	if size/2048 > len(src) { // deflate cannot shrink further than about 1:1032
		return nil
	}
	f := inflaters.Get().(*inflater)
	defer inflaters.Put(f)
	f.in.Reset(src)
	if err := f.r.(flate.Resetter).Reset(&f.in, nil); err != nil {
		return nil
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(f.r, body); err != nil {
		return nil
	}
	var more [1]byte
	if n, err := f.r.Read(more[:]); n != 0 || err != io.EOF || f.in.Len() != 0 {
		return nil
	}
	return body
}
