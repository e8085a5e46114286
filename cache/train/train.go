package main

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"bursar/cache/embed"
)

// What the model holds: 6.4 MB in all.
const (
	words   = 32_000
	buckets = 8_000
	phrases = 6_000
)

// train makes a model and writes it.
func train(s settings) error {
	began := time.Now()
	say := func(format string, args ...any) {
		fmt.Printf("%4.0f s  %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
	}
	random := rand.New(rand.NewPCG(20261126, 4))
	learned, held, err := s.readPairs()
	if err != nil {
		return err
	}
	paragraphs, err := readText(s.text)
	if err != nil {
		return err
	}
	c := newCorpus(paragraphs, learned)
	say("%d paragraphs and %d pairs, of %d different words", len(paragraphs), len(learned), len(c.words))

	v, err := c.vocabulary(c.texts, words, buckets, phrases)
	if err != nil {
		return err
	}
	if len(v.Words()) < fewestWords {
		return fmt.Errorf("%s and %s have %d words that occur three times: want %d at least", s.text, s.pairs, len(v.Words()), fewestWords)
	}
	b := newBag(v, c.words)
	company := association(c.texts, b.known, len(v.Words()))
	say("%d words keep company in %d pairs", len(v.Words()), len(company.values)/2)
	b.start(factor(company, random), c.lexicon)
	say("words, buckets and %d phrases have their first vectors", len(v.Phrases()))
	b.contrast(c.examples, recipe, random, say)

	b.turn(random)
	file, err := embed.Trained{Vocabulary: v, Rows: b.rows, IDF: c.idf(v, len(c.texts))}.File()
	if err != nil {
		return err
	}
	path := filepath.Join(s.out, modelName)
	if err := os.WriteFile(path, file, 0o644); err != nil {
		return err
	}
	m, err := embed.Open(file)
	if err != nil {
		return err
	}
	say("%s: %d bytes, version %s", path, len(file), m.Version())
	reportSources(m, held)
	return nil
}

// readPairs reads the pairs to learn from, and those to report on. The half of the pairs that the verifier learns from is neither: a
// verifier that learned from cosines of pairs which the embedder knows by heart would trust them too much.
func (s settings) readPairs() (learned, held []pair, err error) {
	all, err := readPairs(s.pairs)
	for _, p := range all {
		half := fnv.New32a()
		_, _ = half.Write([]byte(min(p.A, p.B)))
		switch {
		case s.heldOut(p):
			held = append(held, p)
		case half.Sum32()%2 == 0:
			learned = append(learned, p)
		}
	}
	return learned, held, err
}
