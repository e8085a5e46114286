// Command vocabgen writes the flat vocabularies that package tokens embeds, from the vocabulary files that
// tiktoken-go-loader carries. They are byte for byte OpenAI's published files, so nothing is downloaded.
package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	loader "github.com/pkoukk/tiktoken-go-loader"
)

func main() {
	if err := generate("."); err != nil {
		fmt.Fprintf(os.Stderr, "vocabgen: %v\n", err)
		os.Exit(1)
	}
}

// generate writes one NAME.vocab per encoding into dir.
func generate(dir string) error {
	for _, name := range []string{"o200k_base", "cl100k_base"} {
		ranks, err := loader.NewOfflineLoader().LoadTiktokenBpe(name + ".tiktoken")
		if err != nil {
			return fmt.Errorf("load %s from tiktoken-go-loader: %w", name, err)
		}
		data, err := flatten(ranks)
		if err != nil {
			return fmt.Errorf("flatten %s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+".vocab"), data, 0o644); err != nil {
			return fmt.Errorf("write the vocabulary: %w", err)
		}
	}
	return nil
}

// flatten lays a vocabulary out as package tokens reads it: the magic word "bursarv2", the number of tokens as a little-endian
// uint32, the length of every token as one byte each, by rank, where every token splits likewise, then the tokens themselves one after another.
func flatten(ranks map[string]int) ([]byte, error) {
	byRank := make([]string, len(ranks))
	total := 0
	for token, rank := range ranks {
		if rank < 0 || rank >= len(byRank) || byRank[rank] != "" {
			return nil, fmt.Errorf("rank %d of token %q is not one of 0 to %d, or is taken twice", rank, token, len(byRank)-1)
		}
		if len(token) == 0 || len(token) > 255 {
			return nil, fmt.Errorf("token of rank %d has %d bytes: the layout holds 1 to 255", rank, len(token))
		}
		byRank[rank] = token
		total += len(token)
	}
	data := make([]byte, 0, 12+len(byRank)+total)
	data = append(data, "bursarv2"...)
	data = binary.LittleEndian.AppendUint32(data, uint32(len(byRank)))
	for _, token := range byRank {
		data = append(data, byte(len(token)))
	}
	for rank, token := range byRank {
		at, err := split(token, rank, ranks)
		if err != nil {
			return nil, err
		}
		data = append(data, byte(at))
	}
	for _, token := range byRank {
		data = append(data, token...)
	}
	return data, nil
}

// split returns how many bytes the first of the two parts has that byte pair encoding makes a token of, 0 for a single byte.
func split(token string, rank int, ranks map[string]int) (int, error) {
	if len(token) == 1 {
		return 0, nil
	}
	parts := make([]string, len(token))
	for i := range parts {
		parts[i] = token[i : i+1]
	}
	for len(parts) > 2 {
		best, at := rank, -1
		for i := range len(parts) - 1 {
			if r, ok := ranks[parts[i]+parts[i+1]]; ok && r < best {
				best, at = r, i
			}
		}
		if at < 0 {
			return 0, fmt.Errorf("token %q of rank %d is never made: its parts are left at %q", token, rank, parts)
		}
		parts[at] += parts[at+1]
		parts = slices.Delete(parts, at+1, at+2)
	}
	return len(parts[0]), nil
}
