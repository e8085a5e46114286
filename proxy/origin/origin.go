// Package origin seals where a stored response stands into the id that a client gets for it, so that the id leads back there: from any gateway of
// a fleet, after a restart, and without a store. It is separate because it is pure, and because everything that an id is trusted for is in here.
package origin

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"
)

// Origin is where a response is stored, and what must be known of it to go on from it.
type Origin struct {
	Target string // provider/model that made it
	Key    uint32 // which of the provider's keys, as package providers numbers them
	ID     string // the provider's own id
	Tokens int64  // upper bound of the tokens that stand in the conversation, the response included
}

// Sealer seals origins. All gateways of a fleet that have the same secret read each other's seals. It is safe for concurrent use.
type Sealer struct{ key []byte }

// New makes a sealer. The secret may serve other purposes, too: it is never used as it is.
func New(secret []byte) *Sealer {
	derived := hmac.New(sha256.New, secret)
	derived.Write([]byte("bursar: ids of stored responses"))
	return &Sealer{key: derived.Sum(nil)}
}

const (
	prefix = "resp_"
	format = 1

	macSize = 16
	longest = 1024 // bytes of an id that is looked at
)

// ErrUnknown is an id that is none of ours, or was made for another team, or under another secret. Which of these it is nobody is told.
var ErrUnknown = errors.New("no response of that id is known")

// Seal makes the id of a response for a team. False: its provider's own id is not one that could be asked for again.
func (s *Sealer) Seal(team string, o Origin) (id string, ok bool) {
	if !isID(o.ID) || o.Tokens < 0 || len(o.Target) > 255 {
		return "", false
	}
	packed := append(make([]byte, 1+macSize, 96), byte(len(o.Target)))
	packed[0] = format
	packed = append(packed, o.Target...)
	packed = binary.BigEndian.AppendUint32(packed, o.Key)
	packed = binary.AppendUvarint(packed, uint64(o.Tokens))
	packed = appendID(packed, o.ID)
	copy(packed[1:], s.mac(team, packed[1+macSize:]))
	id = prefix + base64.RawURLEncoding.EncodeToString(packed)
	return id, len(id) <= longest
}

// Open reads an id that Seal has made for the team.
func (s *Sealer) Open(team, id string) (Origin, error) {
	text, ours := strings.CutPrefix(id, prefix)
	if !ours || len(id) > longest || strings.ContainsAny(text, "\r\n") { // which the decoder would pass over
		return Origin{}, ErrUnknown
	}
	packed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(packed) < 1+macSize || packed[0] != format || !hmac.Equal(packed[1:1+macSize], s.mac(team, packed[1+macSize:])) {
		return Origin{}, ErrUnknown
	}
	return unpack(packed[1+macSize:])
}

// mac authenticates a packed origin for a team.
func (s *Sealer) mac(team string, packed []byte) []byte {
	m := hmac.New(sha256.New, s.key)
	m.Write(binary.AppendUvarint([]byte{format}, uint64(len(team))))
	m.Write([]byte(team))
	m.Write(packed)
	return m.Sum(nil)[:macSize]
}

func unpack(packed []byte) (o Origin, err error) {
	if len(packed) == 0 || len(packed) < 1+int(packed[0])+4 {
		return Origin{}, ErrUnknown
	}
	size := int(packed[0])
	o.Target, packed = string(packed[1:1+size]), packed[1+size:]
	o.Key, packed = binary.BigEndian.Uint32(packed), packed[4:]
	tokens, n := binary.Uvarint(packed)
	if n <= 0 || int64(tokens) < 0 {
		return Origin{}, ErrUnknown
	}
	o.Tokens = int64(tokens)
	if o.ID = readID(packed[n:]); !isID(o.ID) {
		return Origin{}, ErrUnknown
	}
	return o, nil
}

// Most providers' ids are a prefix and hexadecimal digits: those take half the bytes.
const (
	asIs byte = iota
	hexDigits
)

func appendID(dst []byte, id string) []byte {
	if digits, ok := strings.CutPrefix(id, prefix); ok && digits == strings.ToLower(digits) {
		if raw, err := hex.DecodeString(digits); err == nil {
			return append(append(dst, hexDigits), raw...)
		}
	}
	return append(append(dst, asIs), id...)
}

func readID(packed []byte) string {
	switch {
	case len(packed) == 0:
		return ""
	case packed[0] == hexDigits:
		return prefix + hex.EncodeToString(packed[1:])
	case packed[0] == asIs:
		return string(packed[1:])
	}
	return ""
}

// isID tells whether an id can stand in a URL's path as it is, as those of all known providers can.
func isID(id string) bool {
	for _, c := range []byte(id) {
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '_' && c != '-' && c != '.' {
			return false
		}
	}
	return len(id) > 0 && len(id) <= 256 && strings.Trim(id, ".") != ""
}
