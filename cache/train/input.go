package main

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

// pair is two texts, and whether they ask the same (label 1) or not (0).
type pair struct {
	A, B   string
	Label  int
	Kind   string
	Source string
}

// readPairs reads one JSON object a line, and leaves out lines without both texts.
func readPairs(path string) ([]pair, error) {
	var pairs []pair
	err := eachLine(path, func(number int, line []byte) error {
		var p pair
		if err := json.Unmarshal(line, &p); err != nil {
			return fmt.Errorf(`%s:%d: want an object as {"a":…,"b":…,"label":0 or 1}: %w`, path, number, err)
		}
		if p.A != "" && p.B != "" {
			pairs = append(pairs, p)
		}
		return nil
	})
	if err == nil && len(pairs) == 0 {
		err = fmt.Errorf("%s has no pairs: want one JSON object with a, b and label a line", path)
	}
	return pairs, err
}

// readText reads paragraphs, one a line.
func readText(path string) ([]string, error) {
	var paragraphs []string
	err := eachLine(path, func(_ int, line []byte) error {
		paragraphs = append(paragraphs, string(line))
		return nil
	})
	if err == nil && len(paragraphs) == 0 {
		err = fmt.Errorf("%s has no text: want one paragraph a line", path)
	}
	return paragraphs, err
}

// eachLine calls f with every line that is not empty of a file, which may be gzipped.
func eachLine(path string, f func(number int, line []byte) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	var source io.Reader = file
	if strings.HasSuffix(path, ".gz") {
		unzipped, err := gzip.NewReader(file)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		source = unzipped
	}
	lines := bufio.NewScanner(source)
	lines.Buffer(make([]byte, 64<<10), 16<<20)
	for number := 1; lines.Scan(); number++ {
		if len(lines.Bytes()) == 0 {
			continue
		}
		if err := f(number, lines.Bytes()); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
