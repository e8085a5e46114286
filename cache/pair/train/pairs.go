package main

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"sync"

	"bursar/cache/embed"
	"bursar/cache/pair"
)

type labelled struct {
	A, B         string
	Label        int
	Kind, Source string
}

// weak kinds say less than that one answer serves both, and count for less.
var weak = map[string]bool{"same-intent": true, "same-answer": true, "synonym": true, "syn-wordnet": true}

func read(files []string) ([]labelled, error) {
	var all []labelled
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		var r io.Reader = f
		if strings.HasSuffix(name, ".gz") {
			if r, err = gzip.NewReader(f); err != nil {
				return nil, fmt.Errorf("read %s: %w", name, err)
			}
		}
		lines := bufio.NewScanner(r)
		lines.Buffer(nil, 1<<20)
		for n := 1; lines.Scan(); n++ {
			var p labelled
			if err := json.Unmarshal(lines.Bytes(), &p); err != nil {
				return nil, fmt.Errorf("%s:%d: %w", name, n, err)
			}
			if p.A != "" && p.B != "" {
				all = append(all, p)
			}
		}
		if err := lines.Err(); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		f.Close()
	}
	return all, nil
}

// set is pairs as the trees see them.
type set struct {
	pairs    []labelled
	features []pair.Features
	labels   []float32
	weights  []float32
}

// measure takes the features of the odd half.
func measure(pairs []labelled, traps, weakly float64) *set {
	s := &set{}
	counts := map[string]int{}
	for _, p := range pairs {
		if half(p)%2 == 1 {
			s.pairs = append(s.pairs, p)
			counts[p.kind()]++
		}
	}
	s.features = make([]pair.Features, len(s.pairs))
	verifier := pair.Untrained()
	var working sync.WaitGroup
	workers := runtime.NumCPU()
	for w := range workers {
		working.Go(func() {
			var a, b pair.Side
			for i := w; i < len(s.pairs); i += workers {
				verifier.Read(s.pairs[i].A, &a)
				verifier.Read(s.pairs[i].B, &b)
				verifier.Measure(&a, &b, &s.features[i])
			}
		})
	}
	working.Wait()
	for _, p := range s.pairs {
		s.labels = append(s.labels, float32(p.Label))
		weight := 1 / math.Sqrt(float64(counts[p.kind()])) // large kinds count for less
		switch {
		case weak[p.Kind]:
			weight *= weakly
		case p.trap():
			weight *= traps
		}
		s.weights = append(s.weights, float32(weight))
	}
	return s
}

// trap tells whether a pair was made to look the same. The vetoes know most such pairs; too many of them teach that likeness is suspect.
func (p labelled) trap() bool {
	return strings.Contains(p.Kind, "trap") || strings.Contains(p.Kind, "swap") || p.Kind == "template-other"
}

func (p labelled) kind() string { return p.Source + "/" + p.Kind }

// part divides the pairs into those to learn from and those to test on.
func (s *set) part(tested func(i int) bool) (train, test *set) {
	train, test = &set{}, &set{}
	for i := range s.pairs {
		into := train
		if tested(i) {
			into = test
		}
		into.pairs = append(into.pairs, s.pairs[i])
		into.features = append(into.features, s.features[i])
		into.labels = append(into.labels, s.labels[i])
		into.weights = append(into.weights, s.weights[i])
	}
	return train, test
}

// strangers are pairs of questions that met by chance, some as the likest of a crowd. Nobody labels such pairs, and yet most that a cache
// compares are of them.
func strangers(pairs []labelled, seed uint64) []labelled {
	random := rand.New(rand.NewPCG(seed, 3))
	bySource := map[string][]int{}
	vectors := make([]vectors, len(pairs))
	groups := group{}
	for i, p := range pairs {
		bySource[p.Source] = append(bySource[p.Source], i)
		embed.Default().Embed(p.A, &vectors[i].a)
		embed.Default().Embed(p.B, &vectors[i].b)
		if p.Label == 1 {
			groups.join(p.A, p.B)
		}
	}
	var made []labelled
	for i, p := range pairs {
		crowd := crowds[random.IntN(len(crowds))]
		all := bySource[p.Source]
		best, likest := -1, float32(-2)
		for range crowd {
			j := all[random.IntN(len(all))]
			if c := embed.Cosine(&vectors[i].a, &vectors[j].b); c > likest && groups.of(p.A) != groups.of(pairs[j].B) && p.A != pairs[j].B {
				best, likest = j, c
			}
		}
		if best >= 0 {
			made = append(made, labelled{A: p.A, B: pairs[best].B, Kind: fmt.Sprintf("stranger-of-%d", crowd), Source: p.Source})
		}
	}
	return made
}

type vectors struct{ a, b embed.Vector }

// crowds are out of how many a stranger is the likest; 0 is none.
var crowds = [...]int{0, 1, 20, 200}

// group joins texts that mean the same.
type group map[string]string

func (g group) of(text string) string {
	for {
		up, ok := g[text]
		if !ok {
			return text
		}
		if above, ok := g[up]; ok {
			g[text] = above
		}
		text = up
	}
}

func (g group) join(a, b string) {
	if a, b = g.of(a), g.of(b); a != b {
		g[a] = b
	}
}

func half(p labelled) uint32 {
	h := fnv.New32a()
	h.Write([]byte(min(p.A, p.B)))
	return h.Sum32()
}
