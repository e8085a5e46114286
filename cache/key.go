package cache

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"sync"
)

// Key names an answer: what was asked, of which model, in which scope. Keys are equal only if all of it is. Stores keep both
// digests beside the answer and compare them when they read it, so that no fault of theirs hands it to another tenant.
type Key struct {
	digest [sha256.Size]byte // of everything, the scope first
	scope  [sha256.Size]byte // of the scope alone
}

// String returns the key in hex, safe to log.
func (k Key) String() string { return hex.EncodeToString(k.digest[:]) }

// ParseKey reads what String wrote. The scope is not in it: see In.
func ParseKey(text string) (k Key, ok bool) {
	digest, err := hex.DecodeString(text)
	copy(k.digest[:], digest)
	return k, err == nil && len(digest) == len(k.digest)
}

// AppendTo appends all of the key to dst, its scope with it, as ReadKey reads it.
func (k Key) AppendTo(dst []byte) []byte { return append(append(dst, k.digest[:]...), k.scope[:]...) }

// ReadKey reads what AppendTo wrote.
func ReadKey(b []byte) (k Key, ok bool) {
	if len(b) != len(k.digest)+len(k.scope) {
		return Key{}, false
	}
	copy(k.digest[:], b)
	copy(k.scope[:], b[len(k.digest):])
	return k, true
}

// Sealed returns the key under a secret, with more that sets it apart: its digest is an HMAC-SHA256, which nobody can work out who knows all that
// the key is made of but not the secret.
func (k Key) Sealed(secret []byte, more ...uint64) Key {
	mac := hmac.New(sha256.New, secret)
	text := append(make([]byte, 0, len(k.digest)+8*len(more)), k.digest[:]...)
	for _, n := range more {
		text = binary.BigEndian.AppendUint64(text, n)
	}
	_, _ = mac.Write(text) // a hash does not fail
	mac.Sum(k.digest[:0])
	return k
}

// In returns the key as one of a scope. Stores find nothing under it if it is another scope's.
func (k Key) In(scope string) Key {
	k.scope = sha256.Sum256([]byte(scope))
	return k
}

// IsOf reports whether the key is one of a scope.
func (k Key) IsOf(scope string) bool { return k == k.In(scope) }

// SameScope reports whether two keys share their answers with the same askers.
func (k Key) SameScope(o Key) bool { return k.scope == o.scope }

// IsZero reports whether the key names nothing. Stores miss and keep nothing under it.
func (k Key) IsZero() bool { return k == Key{} }

// Short returns the first 64 bits of the key, 0 for one that names nothing: enough to tell the keys of a ledger apart.
func (k Key) Short() uint64 { return binary.BigEndian.Uint64(k.digest[:8]) }

// KeyBuilder makes one key. What it is fed comes in two: parts, each with its length before it, so that "ab","c" is not "a","bc"; and the
// request, whose bytes are digested as they come and enter as one more part. Builders are pooled and allocate nothing.
type KeyBuilder struct {
	all     hash.Hash
	request hash.Hash
	scope   [sha256.Size]byte
	buffer  []byte
}

var builders = sync.Pool{New: func() any {
	return &KeyBuilder{all: sha256.New(), request: sha256.New(), buffer: make([]byte, 0, 512)}
}}

// NewKey begins a key with the scope that shares its answer, as policy.Scope.Key gives it.
func NewKey(scope string) *KeyBuilder {
	b := builders.Get().(*KeyBuilder)
	b.all.Reset()
	b.request.Reset()
	b.buffer = append(b.buffer[:0], scope...)
	b.scope = sha256.Sum256(b.buffer)
	return b.Part("bursar exact 1").Part(scope) // the first part sets keys of another make apart
}

// Part adds a part, such as the decided model. Their order counts.
func (b *KeyBuilder) Part(s string) *KeyBuilder {
	b.buffer = binary.BigEndian.AppendUint64(b.buffer[:0], uint64(len(s)))
	b.buffer = append(b.buffer, s...)
	_, _ = b.all.Write(b.buffer) // a hash does not fail
	return b
}

// Bytes adds a part that is not a string.
func (b *KeyBuilder) Bytes(p []byte) *KeyBuilder {
	b.buffer = binary.BigEndian.AppendUint64(b.buffer[:0], uint64(len(p)))
	b.buffer = append(b.buffer, p...)
	_, _ = b.all.Write(b.buffer)
	return b
}

// Request takes the canonical request: what is written to it enters the key, however it is cut into writes.
func (b *KeyBuilder) Request() hash.Hash { return b.request }

// Write adds to the request.
func (b *KeyBuilder) Write(p []byte) (int, error) { return b.request.Write(p) }

// Key ends the key and gives the builder back: it must not be used after.
func (b *KeyBuilder) Key() Key {
	k := Key{scope: b.scope}
	b.buffer = b.request.Sum(b.buffer[:0]) // of fixed length, and always last: it needs no length of its own
	_, _ = b.all.Write(b.buffer)
	b.buffer = b.all.Sum(b.buffer[:0])
	copy(k.digest[:], b.buffer)
	if cap(b.buffer) <= 4<<10 { // one huge part must not stay in the pool for ever
		builders.Put(b)
	}
	return k
}
