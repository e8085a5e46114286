package cache

import "github.com/klauspost/compress/s2"

// compress returns body compressed. S2 expands a typical stream of 4 KB in three quarters of zstd's time and a ninth of deflate's, to 7.5 % of
// its size where they reach 5 to 6: hits, which expand, are what there is most of. `go test ./cache -run '^$' -bench Expand` measures it.
func compress(body []byte) []byte { return s2.Encode(nil, body) }

// expand returns the size bytes that src holds compressed, or nil if it holds more, fewer, or rubbish. It never takes more
// memory than size, whatever src claims.
func expand(src []byte, size int) []byte {
	if n, err := s2.DecodedLen(src); err != nil || n != size {
		return nil
	}
	body, err := s2.Decode(make([]byte, size), src)
	if err != nil {
		return nil
	}
	return body
}
