package cache

import (
	"encoding/binary"
	"hash/crc32"
	"time"
)

// letter is what one gateway tells another over Redis's channels, of one flight.
type letter struct {
	kind   letterKind
	key    Key
	offset uint64 // where the bytes stand in the answer or, at its end, how many it has
	from   string // the gateway that writes, of a follower's
	rest   []byte // the bytes, the end, or the lease that is meant
}

type letterKind byte

const (
	letterFollow letterKind = 'f' // we follow: send what there is from offset on
	letterPart   letterKind = 'p' // bytes of an answer that comes as a stream
	letterWhole  letterKind = 'w' // bytes of an answer that has come whole
	letterEnd    letterKind = 'e' // the end of an answer
	letterNone   letterKind = 'n' // nobody here leads by that lease
)

// letterHead is the size of what precedes offset, from and rest: the kind, the digests of the key and of the scope.
const letterHead = 1 + 32 + 32

func (l *letter) append(dst []byte) []byte {
	dst = append(dst, byte(l.kind))
	dst = append(dst, l.key.digest[:]...)
	dst = append(dst, l.key.scope[:]...)
	dst = binary.AppendUvarint(dst, l.offset)
	dst = appendText(dst, l.from)
	return append(dst, l.rest...)
}

func readLetter(src []byte) (l letter, ok bool) {
	if len(src) < letterHead {
		return l, false
	}
	l.kind = letterKind(src[0])
	copy(l.key.digest[:], src[1:])
	copy(l.key.scope[:], src[33:])
	r := fieldReader{rest: src[letterHead:]}
	l.offset, l.from = r.uvarint(), r.text()
	l.rest = r.rest
	return l, !r.bad
}

// ending is the rest of a letterEnd: how an answer ended, and what is known of it beside its body.
//
//	1   verdict
//	4   CRC-32C of the body
//	1   form
//	8   when it was stored, Unix nanoseconds
//	    the fields of a frame
type ending struct {
	verdict ended
	sum     uint32
	answer  *Answer // without its body; nil if it broke off
}

type ended byte

const (
	endedShared    ended = iota // whole, and for all who wait
	endedScattered              // whole, if there is an answer, but only for those who have read it
	endedBroken                 // the leader failed or left
)

func (e *ending) append(dst []byte) []byte {
	dst = append(dst, byte(e.verdict))
	if e.answer == nil {
		return dst
	}
	dst = binary.LittleEndian.AppendUint32(dst, crc32.Checksum(e.answer.Body, castagnoli))
	dst = append(dst, byte(e.answer.Form))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(e.answer.Stored.UnixNano()))
	return appendFields(dst, e.answer)
}

func readEnding(src []byte) (e ending, ok bool) {
	if len(src) == 0 || src[0] > byte(endedBroken) {
		return e, false
	}
	if e.verdict = ended(src[0]); len(src) == 1 {
		return e, e.verdict != endedShared
	}
	if len(src) < 14 || src[5] > byte(Stream) {
		return e, false
	}
	e.sum = binary.LittleEndian.Uint32(src[1:])
	e.answer = &Answer{Form: Form(src[5]), Stored: time.Unix(0, int64(binary.LittleEndian.Uint64(src[6:])))}
	r := fieldReader{rest: src[14:]}
	r.fields(e.answer)
	return e, !r.bad && len(r.rest) == 0
}
