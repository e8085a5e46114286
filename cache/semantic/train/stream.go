package main

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"slices"
)

// stream is the questions of one source, with the answer of each.
type stream struct {
	name      string
	questions []question
	answers   int
}

type question struct{ text, answer string }

// joined kinds of pairs have one answer.
var joined = map[string]bool{
	"same-intent": true, "same-meaning": true, "same-meaning-filled": true, "same-answer": true, "template-expansion": true,
	"tmpl-paraphrase": true, "tmpl-role-order": true, "disfluent": true, "surface-variant": true,
}

const (
	longest     = 12000 // questions of a stream
	mostAsked   = 300   // of one answer
	leastAnswer = 3     // questions that an answer must have for a stream to be of use
)

// read makes the streams. Texts of either label are in them: those that nothing is the same as have an answer of their own.
func read(name string) ([]*stream, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	groups := map[string]group{}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		var p struct {
			A, B, Kind, Source string
			Label              int
		}
		if err := json.Unmarshal(lines.Bytes(), &p); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, n, err)
		}
		g := groups[p.Source]
		if g == nil {
			g = group{}
			groups[p.Source] = g
		}
		g.add(p.A)
		g.add(p.B)
		if p.Label == 1 && joined[p.Kind] {
			g.join(p.A, p.B)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	var all []*stream
	for source, g := range groups {
		if s := g.stream(source); len(s.questions) > 1000 {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b *stream) int { return cmp.Compare(a.name, b.name) })
	return all, nil
}

// group joins texts, each pointing to another of its group or to itself.
type group map[string]string

func (g group) add(text string) {
	if _, ok := g[text]; !ok {
		g[text] = text
	}
}

func (g group) of(text string) string {
	for g[text] != text {
		g[text] = g[g[text]]
		text = g[text]
	}
	return text
}

func (g group) join(a, b string) { g[g.of(a)] = g.of(b) }

// stream takes whole groups until it is long enough, but no more of one than mostAsked.
func (g group) stream(name string) *stream {
	members := map[string][]string{}
	for text := range g {
		members[g.of(text)] = append(members[g.of(text)], text)
	}
	roots := make([]string, 0, len(members))
	for root := range members {
		roots = append(roots, root)
	}
	slices.SortFunc(roots, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(members[b]), len(members[a])), cmp.Compare(a, b))
	})
	s := &stream{name: name}
	for _, root := range roots {
		texts := members[root]
		slices.Sort(texts)
		if len(s.questions) >= longest || len(texts) < leastAnswer && len(s.questions) > longest/2 {
			break
		}
		for i, text := range texts {
			if i == mostAsked {
				break
			}
			s.questions = append(s.questions, question{text: text, answer: root})
		}
		s.answers++
	}
	return s
}
