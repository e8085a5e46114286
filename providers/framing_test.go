package providers

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http/httputil"
	"testing"
	"testing/iotest"
)

func unframe(wire io.Reader, length int) ([]byte, error) {
	var f framing
	f.start(bufio.NewReaderSize(wire, 4096), length)
	var all []byte
	for {
		var err error
		if all, err = f.fill(all, true); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return all, err
		}
	}
}

// FuzzFraming checks that a body does not depend on how it was split on its way, and is what the standard library reads.
func FuzzFraming(f *testing.F) {
	f.Add([]byte("5\r\nhello\r\n6;x=1\r\n world\r\n0\r\nTrailer: 1\r\n\r\n"))
	f.Add([]byte("a \nhello worl\n0\n\n"))
	f.Add([]byte("5\r\nhel"))
	f.Fuzz(func(t *testing.T, wire []byte) {
		whole, err := unframe(bytes.NewReader(wire), -1)
		split, splitErr := unframe(iotest.OneByteReader(bytes.NewReader(wire)), -1)
		if !bytes.Equal(whole, split) || (err == nil) != (splitErr == nil) {
			t.Fatalf("%q is %q (%v), byte by byte %q (%v)", wire, whole, err, split, splitErr)
		}
		want, wantErr := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(wire)))
		if err == nil && wantErr == nil && !bytes.Equal(whole, want) {
			t.Fatalf("%q is %q, want %q", wire, whole, want)
		}
	})
}

// TestFramingNeverWaitsForNothing checks that what has arrived is given out although what follows has not.
func TestFramingNeverWaitsForNothing(t *testing.T) {
	for _, wire := range []string{"5\r\nhello", "5\r\nhello\r", "5\r\nhello\r\n", "5\r\nhello\r\n6", "5\r\nhello\r\n6\r", "5\r\nhello\r\n6\r\n"} {
		r, w := io.Pipe()
		go func() {
			_, _ = w.Write([]byte(wire))
		}()
		var f framing
		f.start(bufio.NewReader(r), -1)
		got, err := f.fill(nil, true) // would hang, and be told by the test's timeout
		if string(got) != "hello" || err != nil {
			t.Errorf("of %q, %q arrived (%v)", wire, got, err)
		}
		_ = r.Close()
	}
}
