package ledger

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

// A frame carries one record in a segment: magic, length of the payload and CRC-32C of length and payload, four bytes each and
// little-endian, then the payload. The magic ends in the format's version; it is what a reader looks for to find its way again
// after damaged bytes.
const (
	frameMagic = "bur\x01"
	frameHead  = 12
	maxPayload = 1 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// openFrame appends room for a frame's head; closeFrame fills it in once the payload is appended.
func openFrame(dst []byte) []byte {
	dst = append(dst, frameMagic...)
	return append(dst, 0, 0, 0, 0, 0, 0, 0, 0)
}

func closeFrame(dst []byte, start int) {
	size := uint32(len(dst) - start - frameHead)
	binary.LittleEndian.PutUint32(dst[start+4:], size)
	binary.LittleEndian.PutUint32(dst[start+8:], frameSum(dst[start+4:start+8], dst[start+frameHead:]))
}

func frameSum(size, payload []byte) uint32 {
	return crc32.Update(crc32.Update(0, castagnoli, size), castagnoli, payload)
}

// verdict is what was found where a frame should start.
type verdict uint8

const (
	frameOK    verdict = iota
	frameShort         // the bytes end before the frame does
	frameBad           // these bytes are not a frame
)

// readFrame reads the frame at the start of src and returns its payload and whole size.
func readFrame(src []byte) (payload []byte, size int, v verdict) {
	if len(src) < frameHead {
		if bytes.HasPrefix(src, []byte(frameMagic)[:min(len(src), len(frameMagic))]) {
			return nil, 0, frameShort
		}
		return nil, 0, frameBad
	}
	length := binary.LittleEndian.Uint32(src[4:])
	if string(src[:4]) != frameMagic || length > maxPayload {
		return nil, 0, frameBad
	}
	size = frameHead + int(length)
	if len(src) < size {
		return nil, 0, frameShort
	}
	payload = src[frameHead:size]
	if frameSum(src[4:8], payload) != binary.LittleEndian.Uint32(src[8:]) {
		return nil, 0, frameBad
	}
	return payload, size, frameOK
}

// nextFrame returns where the next whole frame starts after the start of src, or -1.
func nextFrame(src []byte) int {
	for at := 1; ; at++ {
		skip := bytes.Index(src[min(at, len(src)):], []byte(frameMagic))
		if skip < 0 {
			return -1
		}
		at += skip
		if _, _, v := readFrame(src[at:]); v == frameOK {
			return at
		}
	}
}
