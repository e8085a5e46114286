package cache

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
	"math"
	"time"
)

// A frame is an answer as Redis holds it:
//
//	offset  bytes
//	0       2   "bx"
//	2       1   version, 2
//	3       1   flags: 1 the answer is a stream, 2 the body is compressed
//	4       4   CRC-32C of everything else, little-endian as all numbers are
//	8       32  digest of the key
//	40      32  digest of the scope
//	72      8   when it was stored, Unix nanoseconds
//	80      8   when it expires, Unix nanoseconds
//	88          10 varints: the numbers of the usage
//	            4 strings, each a uvarint length and its bytes: tier, region, finish, target
//	            uvarint count of the purges that were known when it was asked for
//	            uvarint count of labels, each a string
//	            uvarint length of the body, then the body to the end
const (
	frameVersion = 2
	frameHeader  = 88

	flagStream     = 1
	flagCompressed = 2

	worthCompressing = 1 << 10 // bytes; below it the memory saved is not worth the time
)

// verdict is what came of reading a frame.
type verdict uint8

const (
	sound   verdict = iota
	foreign         // whole, but stored for another key or scope, by another version, or larger than we serve
	corrupt         // truncated, damaged, or no frame at all
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendFrame appends the frame of an answer stored under a key until expires.
func appendFrame(dst []byte, key Key, a *Answer, expires time.Time) []byte {
	body, flags := a.Body, byte(0)
	if a.Form == Stream {
		flags |= flagStream
	}
	if len(body) > worthCompressing {
		if small := compress(body); len(small) <= len(body)/8*7 {
			body = small
			flags |= flagCompressed
		}
	}
	start := len(dst)
	dst = append(dst, 'b', 'x', frameVersion, flags, 0, 0, 0, 0)
	dst = append(dst, key.digest[:]...)
	dst = append(dst, key.scope[:]...)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(a.Stored.UnixNano()))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(expires.UnixNano()))
	dst = appendFields(dst, a)
	dst = binary.AppendUvarint(dst, uint64(len(a.Body)))
	dst = append(dst, body...)
	frame := dst[start:]
	binary.LittleEndian.PutUint32(frame[4:], checksum(frame))
	return dst
}

// appendFields appends what is known of an answer beside its body, its form and its times.
func appendFields(dst []byte, a *Answer) []byte {
	for _, n := range a.Usage.numbers() {
		dst = binary.AppendVarint(dst, *n)
	}
	for _, s := range [...]string{a.Usage.Tier, a.Usage.Region, a.Finish, a.Target} {
		dst = appendText(dst, s)
	}
	dst = binary.AppendUvarint(dst, a.Mark.Purge)
	dst = binary.AppendUvarint(dst, uint64(len(a.Labels)))
	for _, label := range a.Labels {
		dst = appendText(dst, label)
	}
	return dst
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// readFrame reads the frame that lay under a key. A body that is not compressed stays a part of src. Bodies over most bytes are foreign.
func readFrame(src []byte, key Key, most int) (a *Answer, expires time.Time, v verdict) {
	if len(src) < frameHeader || src[0] != 'b' || src[1] != 'x' {
		return nil, expires, corrupt
	}
	if src[2] != frameVersion {
		return nil, expires, foreign
	}
	if binary.LittleEndian.Uint32(src[4:]) != checksum(src) || src[3]&^(flagStream|flagCompressed) != 0 {
		return nil, expires, corrupt
	}
	if [sha256.Size]byte(src[8:]) != key.digest || [sha256.Size]byte(src[40:]) != key.scope {
		return nil, expires, foreign
	}
	a = &Answer{Stored: time.Unix(0, int64(binary.LittleEndian.Uint64(src[72:])))}
	if src[3]&flagStream != 0 {
		a.Form = Stream
	}
	expires = time.Unix(0, int64(binary.LittleEndian.Uint64(src[80:])))
	r := fieldReader{rest: src[frameHeader:]}
	r.fields(a)
	size := r.uvarint()
	switch {
	case r.bad || size == 0:
		return nil, expires, corrupt
	case size > uint64(most):
		return nil, expires, foreign
	case src[3]&flagCompressed != 0:
		if a.Body = expand(r.rest, int(size)); a.Body == nil {
			return nil, expires, corrupt
		}
	case uint64(len(r.rest)) != size:
		return nil, expires, corrupt
	default:
		a.Body = r.rest
	}
	return a, expires, sound
}

func checksum(frame []byte) uint32 {
	return crc32.Update(crc32.Checksum(frame[:4], castagnoli), castagnoli, frame[8:])
}

func (u *Usage) numbers() [10]*int64 {
	return [...]*int64{
		&u.Input, &u.CacheRead, &u.CacheWrite, &u.CacheWrite1h, &u.AudioIn, &u.ImageIn, &u.Output, &u.Reasoning, &u.AudioOut, &u.ImageOut,
	}
}

// mostLabels bounds the labels of an answer.
const mostLabels = 32

// fieldReader takes fields off the front of rest. Once one does not fit, it is bad and returns zeros.
type fieldReader struct {
	rest []byte
	bad  bool
}

// fields reads what appendFields wrote.
func (r *fieldReader) fields(a *Answer) {
	for _, n := range a.Usage.numbers() {
		*n = r.varint()
	}
	for _, s := range [...]*string{&a.Usage.Tier, &a.Usage.Region, &a.Finish, &a.Target} {
		*s = r.text()
	}
	a.Mark.Purge = r.uvarint()
	labels := r.uvarint()
	if labels > mostLabels {
		r.bad = true
		return
	}
	for range labels {
		a.Labels = append(a.Labels, r.text())
	}
}

func (r *fieldReader) varint() int64 {
	n, size := binary.Varint(r.rest)
	return advance(r, n, size)
}

func (r *fieldReader) uvarint() uint64 {
	n, size := binary.Uvarint(r.rest)
	return advance(r, n, size)
}

func advance[N int64 | uint64](r *fieldReader, n N, size int) N {
	if r.bad || size <= 0 {
		r.bad = true
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

func (r *fieldReader) text() string {
	size := r.uvarint()
	if r.bad || size > uint64(min(len(r.rest), math.MaxInt32)) {
		r.bad = true
		return ""
	}
	s := string(r.rest[:size])
	r.rest = r.rest[size:]
	return s
}
