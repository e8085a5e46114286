package providers

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
)

// framesType is the content type of Amazon's event streams.
const framesType = "vnd.amazon.eventstream"

const (
	framePrelude = 12               // bytes: both lengths and their checksum
	leastFrame   = framePrelude + 4 // and the checksum of it all
)

var errFrameCut = errors.New("the stream ended within a frame")

// nextFrame cuts off the next whole frame and returns it as an object with one member, named for its type, in scratch; nil if it has not arrived. Like
// next, it does not mind how the bytes were split on the way.
func (s *splitter) nextFrame(most int, scratch []byte) (data, kept []byte, err error) {
	rest := s.rest()
	if len(rest) < 4 {
		return nil, scratch, nil
	}
	size := int64(binary.BigEndian.Uint32(rest))
	if size < leastFrame || size > int64(most) {
		return nil, scratch, fmt.Errorf("a frame of %d bytes", size)
	}
	if int64(len(rest)) < size {
		return nil, scratch, nil
	}
	s.head += int(size)
	message, err := eventstream.NewDecoder().Decode(bytes.NewReader(rest[:size]), nil)
	if err != nil {
		return nil, scratch, fmt.Errorf("a malformed frame: %w", err)
	}
	scratch = appendFrame(scratch[:0], &message)
	return scratch, scratch, nil
}

// appendFrame writes a frame as an object. Those that tell of an error without a body have it in their headers.
func appendFrame(dst []byte, m *eventstream.Message) []byte {
	header := func(name string) string {
		if v := m.Headers.Get(name); v != nil {
			return v.String()
		}
		return ""
	}
	body := bytes.TrimSpace(m.Payload)
	kind := header(":event-type")
	switch header(":message-type") {
	case "exception":
		kind = header(":exception-type")
	case "error":
		kind = "error"
		text, _ := json.Marshal(header(":error-code") + ": " + header(":error-message")) // a string always can be
		body = append(append([]byte(`{"message":`), text...), '}')
	}
	if len(body) == 0 {
		body = []byte("{}")
	}
	name, _ := json.Marshal(kind)
	dst = append(append(append(dst, '{'), name...), ':')
	return append(append(dst, body...), '}')
}
