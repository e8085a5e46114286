package main

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
)

// readSentences reads the different sentences of 4 to 40 words of a file with one paragraph a line, gzipped or not.
func readSentences(path string) ([]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var source io.Reader = file
	if strings.HasSuffix(path, ".gz") {
		if source, err = gzip.NewReader(file); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	seen := map[string]struct{}{}
	var sentences []string
	lines := bufio.NewScanner(source)
	lines.Buffer(make([]byte, 64<<10), 16<<20)
	for lines.Scan() {
		for s := range strings.SplitAfterSeq(lines.Text(), ". ") {
			s = strings.TrimSpace(s)
			if n := len(strings.Fields(s)); n < 4 || n > 40 {
				continue
			}
			if _, again := seen[s]; !again {
				seen[s] = struct{}{}
				sentences = append(sentences, s)
			}
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return sentences, nil
}

// retyped returns a sentence as another person might type it: with a word left out, added or exchanged with its neighbour, or with a
// typing error, one of them each time.
func retyped(text string, random *rand.Rand) string {
	words := strings.Fields(text)
	if len(words) < 4 {
		return "please " + text
	}
	i := random.IntN(len(words) - 1)
	switch random.IntN(5) {
	case 0:
		return strings.Join(slices.Delete(words, i, i+1), " ")
	case 1:
		words[i], words[i+1] = words[i+1], words[i]
	case 2:
		ahead := [...]string{"please tell me:", "Can you say whether", "I would like to know if", "Hello,", "In short,"}
		return ahead[random.IntN(len(ahead))] + " " + text
	case 3:
		w := []rune(words[i])
		if k := random.IntN(len(w)); len(w) > 3 && k > 0 {
			w[k], w[k-1] = w[k-1], w[k]
		}
		words[i] = string(w)
	default:
		return strings.TrimRight(text, ".?! ") + " today?"
	}
	return strings.Join(words, " ")
}
