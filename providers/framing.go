package providers

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math"
)

// framing reads the body of a streamed answer off its connection. It knows at every moment whether more of the body can be had
// without waiting, which fasthttp's own body stream does not tell: many events can then be passed on with one flush, and none is
// ever held back for the next one.
type framing struct {
	r       *bufio.Reader
	at      place
	left    int64 // payload bytes until the next place
	chunked bool
	toClose bool // the body ends when the connection does
	err     error
}

// place is what comes next on the wire.
type place uint8

const (
	atSize    place = iota // the size line of a chunk
	atData                 // payload
	atDataEnd              // the line end after a chunk
	atTrailer              // lines after the last chunk
	atEnd
)

var errFraming = errors.New("malformed chunked body")

// start begins a body of the given length, with -1 for a chunked one and -2 for one that ends with the connection, as fasthttp has it.
func (f *framing) start(r *bufio.Reader, length int) {
	*f = framing{r: r}
	switch {
	case length == -1:
		f.chunked, f.at = true, atSize
	case length < 0:
		f.toClose, f.left, f.at = true, math.MaxInt64, atData
	case length == 0:
		f.at = atEnd
	default:
		f.left, f.at = int64(length), atData
	}
}

// fill appends payload to dst: all that has arrived. If nothing has, it waits for some when told to, else returns dst as it is.
// io.EOF, without payload, is the body's proper end.
func (f *framing) fill(dst []byte, wait bool) ([]byte, error) {
	before := len(dst)
	for {
		if (!wait || len(dst) > before) && !f.ready() {
			return dst, nil
		}
		if f.err == nil && f.at != atEnd {
			dst, f.err = f.step(dst)
			continue
		}
		switch {
		case len(dst) > before:
			return dst, nil
		case f.err != nil:
			return dst, f.err
		default:
			return dst, io.EOF
		}
	}
}

// ready tells whether a step can be made without waiting.
func (f *framing) ready() bool {
	if f.err != nil || f.at == atEnd {
		return true
	}
	n := f.r.Buffered()
	if n == 0 || f.at == atData {
		return n > 0
	}
	have, _ := f.r.Peek(n)
	return bytes.IndexByte(have, '\n') >= 0
}

func (f *framing) step(dst []byte) ([]byte, error) {
	if f.at == atData {
		return f.data(dst)
	}
	line, err := f.line()
	if err != nil {
		return dst, err
	}
	line = bytes.TrimSuffix(line[:len(line)-1], []byte{'\r'})
	switch {
	case f.at == atSize:
		if f.left, err = chunkSize(line); err != nil {
			return dst, err
		}
		f.at = atData
		if f.left == 0 {
			f.at = atTrailer
		}
	case f.at == atDataEnd && len(line) != 0:
		return dst, errFraming
	case f.at == atDataEnd:
		f.at = atSize
	case len(line) == 0:
		f.at = atEnd
	}
	return dst, nil
}

// line takes a line off the wire. Nothing is taken if it cannot be had whole, so that reading can go on after a deadline.
func (f *framing) line() ([]byte, error) {
	for {
		have, _ := f.r.Peek(f.r.Buffered())
		if end := bytes.IndexByte(have, '\n'); end >= 0 {
			_, _ = f.r.Discard(end + 1)
			return have[:end+1], nil
		}
		switch _, err := f.r.Peek(len(have) + 1); {
		case errors.Is(err, io.EOF):
			return nil, io.ErrUnexpectedEOF
		case errors.Is(err, bufio.ErrBufferFull):
			return nil, errFraming
		case err != nil:
			return nil, err
		}
	}
}

func (f *framing) data(dst []byte) ([]byte, error) {
	if f.r.Buffered() == 0 {
		if _, err := f.r.Peek(1); err != nil {
			if errors.Is(err, io.EOF) && f.toClose {
				f.at = atEnd
				return dst, nil
			}
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return dst, err
		}
	}
	have, _ := f.r.Peek(int(min(f.left, int64(f.r.Buffered()))))
	dst = append(dst, have...)
	_, _ = f.r.Discard(len(have))
	f.left -= int64(len(have))
	if f.left == 0 {
		f.at = atEnd
		if f.chunked {
			f.at = atDataEnd
		}
	}
	return dst, nil
}

// chunkSize reads the size of a chunk; what follows a semicolon is an extension that says nothing to us.
func chunkSize(line []byte) (int64, error) {
	if i := bytes.IndexByte(line, ';'); i >= 0 {
		line = line[:i]
	}
	line = bytes.TrimRight(line, " \t")
	if len(line) == 0 || len(line) > 8 {
		return 0, errFraming
	}
	var n int64
	for _, c := range line {
		switch {
		case c >= '0' && c <= '9':
			n = n<<4 | int64(c-'0')
		case c >= 'a' && c <= 'f':
			n = n<<4 | int64(c-'a'+10)
		case c >= 'A' && c <= 'F':
			n = n<<4 | int64(c-'A'+10)
		default:
			return 0, errFraming
		}
	}
	return n, nil
}

// finished tells whether the whole body was read, so that the connection can serve another call.
func (f *framing) finished() bool {
	return f.at == atEnd && f.err == nil && !f.toClose && f.r.Buffered() == 0
}
