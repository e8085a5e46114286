package main

import (
	"encoding/json"
	"fmt"
	"math"

	"bursar/cache/embed"
)

// intent is a question and what it wants.
type intent struct{ Text, Intent string }

// readIntents reads a file of one question with its intent a line. Files of something else have none.
func readIntents(path string) ([]intent, error) {
	var all []intent
	err := eachLine(path, func(_ int, line []byte) error {
		var i intent
		if json.Unmarshal(line, &i) == nil && i.Text != "" && i.Intent != "" {
			all = append(all, i)
		}
		return nil
	})
	return all, err
}

// reportIntents prints for how many questions the nearest other one has the same intent.
func reportIntents(m *embed.Model, name string, all []intent) {
	vectors := make([]embed.Vector, len(all))
	parallel(len(all), 64, func(i int) { m.Embed(all[i].Text, &vectors[i]) })
	right := make([]bool, len(all))
	parallel(len(all), 16, func(i int) {
		best, nearest := int32(math.MinInt32), i
		for j := range vectors {
			if d := embed.Dot(&vectors[i], &vectors[j]); j != i && d > best {
				best, nearest = d, j
			}
		}
		right[i] = nearest != i && all[nearest].Intent == all[i].Intent
	})
	n := 0
	for _, r := range right {
		if r {
			n++
		}
	}
	fmt.Printf("  %-32s %6d questions  nearest has the same intent %.4f\n", name, len(all), float64(n)/float64(len(all)))
}
