package keys

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"strings"
)

// A key is sk-bursar-TEAM-RANDOM: 27 random base62 characters (160.8 bits), then 6 that hold the CRC-32 of all before them, so
// that a mistyped key is told from an unknown one, and a secret scanner can tell a key from a word like it without asking us.
const (
	prefix       = "sk-bursar-"
	randomChars  = 27
	checkedChars = 6
	base62       = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// Secret is the text of a key. It prints as its public beginning whatever the verb; only Reveal tells all of it.
type Secret struct{ text string }

// Reveal returns the key, for the one time that it is shown to its owner.
func (s Secret) Reveal() string { return s.text }

func (s Secret) digest() [sha256.Size]byte { return sha256.Sum256([]byte(s.text)) }

// String returns the key with its secret part left out.
func (s Secret) String() string {
	dash := strings.LastIndexByte(s.text, '-')
	return s.text[:dash+1] + "…"
}

// Format prints String for every verb, so that no %#v or %x shows the field.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// MarshalText returns String: a key does not leave in JSON by accident.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// newSecret draws a key for a team. crypto/rand does not fail: the runtime ends the program if the system has no randomness.
func newSecret(team string) Secret {
	text := append(make([]byte, 0, 128), prefix+team+"-"...)
	end := len(text) + randomChars
	var random [2 * randomChars]byte
	for len(text) < end {
		_, _ = rand.Read(random[:])
		for _, b := range random {
			if b < 4*62 && len(text) < end { // 248..255 would favour the first characters
				text = append(text, base62[b%62])
			}
		}
	}
	return Secret{string(appendChecksum(text, text))}
}

// wellFormed reports whether text has the shape and checksum of a key. It allocates nothing.
func wellFormed(text []byte) bool {
	dash := bytes.LastIndexByte(text, '-')
	if !bytes.HasPrefix(text, []byte(prefix)) || dash <= len(prefix) || len(text)-dash-1 != randomChars+checkedChars {
		return false
	}
	split := len(text) - checkedChars
	var sum [checkedChars]byte
	return bytes.Equal(appendChecksum(sum[:0], text[:split]), text[split:])
}

func appendChecksum(dst, text []byte) []byte {
	sum := crc32.ChecksumIEEE(text)
	for range checkedChars {
		dst = append(dst, base62[sum%62])
		sum /= 62
	}
	return dst
}

// idOf returns the public id of the key with a digest: its first 48 bits. They tell nothing of the key, and let an operator
// who holds a leaked key find which one it is.
func idOf(digest [sha256.Size]byte) string { return "k-" + hex.EncodeToString(digest[:6]) }
