// Package tokens counts the tokens of a text for a model family: exactly for OpenAI's encodings, by a measured estimate that leans
// high for all others. It is separate because it is the one CPU-heavy thing on a request's path and must stay fast, free of
// allocations and near-linear on hostile input, which it can only if nothing else is in it.
//
// The vocabularies are OpenAI's, by way of github.com/pkoukk/tiktoken-go-loader: vocabgen flattens them into the *.vocab files
// beside this one, which the program embeds. Splitting and merging are our own; github.com/pkoukk/tiktoken-go is the oracle they
// are tested against. Nothing here is downloaded, ever.
//
// Bytes that are not UTF-8 never fail: each splits like a symbol and counts as the byte it is, so every input has one count.
package tokens

import (
	_ "embed"
	"fmt"
)

//go:embed o200k_base.vocab
var o200kFile []byte

//go:embed cl100k_base.vocab
var cl100kFile []byte

// Counter counts tokens. It is safe for concurrent use; one serves the whole program.
type Counter struct {
	o200k, cl100k *encoding
	memo          *memo
}

// New builds a Counter from the embedded vocabularies. It takes some 20 ms and 12 MB, and needs no network and no file.
func New() (*Counter, error) {
	s := newShared()
	type made struct {
		encoding *encoding
		err      error
	}
	aside := make(chan made, 1)
	go func() {
		e, err := newEncoding(cl100kFile, nextCL100k, s)
		aside <- made{e, err}
	}()
	o200k, err := newEncoding(o200kFile, nextO200k, s)
	cl100k := <-aside
	if err != nil {
		return nil, fmt.Errorf("load the o200k_base encoding: %w", err)
	}
	if cl100k.err != nil {
		return nil, fmt.Errorf("load the cl100k_base encoding: %w", cl100k.err)
	}
	return &Counter{o200k: o200k, cl100k: cl100k.encoding, memo: newMemo(memoSets)}, nil
}

// Text returns how many tokens the text is to a model of family f: exact or estimated, as Method tells. Special tokens in it count
// as ordinary text. It takes time near-linear in the text, whatever the text is, does not keep it, and does not allocate
// unless the text has a run of more than 16 KiB without a place to split.
func (c *Counter) Text(f Family, text []byte) int64 {
	if len(text) < memoFloor {
		return c.Count(f, text)
	}
	key := c.memo.key(uint8(f), text)
	if n, ok := c.memo.get(key); ok {
		return n
	}
	n := c.Count(f, text)
	c.memo.put(key, n)
	return n
}

// Count is Text without the memo of texts that were counted before. It is exported for measuring: a gateway wants Text.
func (c *Counter) Count(f Family, text []byte) int64 {
	switch f.traits().vocabulary {
	case exactO200k:
		return c.o200k.count(text)
	case exactCL100k:
		return c.cl100k.count(text)
	}
	return c.o200k.estimate(text, f.traits().ratios)
}

// IDs appends the ids of the text's tokens to ids: those of the family's own encoding, or of o200k_base for a family that is estimated.
// Nothing in a gateway needs ids: it is exported so that they can be compared with those of others (bench/tokens).
func (c *Counter) IDs(f Family, ids []uint32, text []byte) []uint32 {
	if f.traits().vocabulary == exactCL100k {
		return c.cl100k.encode(ids, text)
	}
	return c.o200k.encode(ids, text)
}

// Method tells how Text counts for family f.
func (c *Counter) Method(f Family) Method {
	if f.traits().vocabulary == likeO200k {
		return Estimate
	}
	return Exact
}

// Method is how a count came to be.
type Method uint8

// Methods.
const (
	Estimate Method = iota // o200k_base's tokens times the family's measured ratio, leaning high
	Exact                  // the family's own encoding
)

// String returns estimate or exact.
func (m Method) String() string {
	if m == Exact {
		return "exact"
	}
	return "estimate"
}
