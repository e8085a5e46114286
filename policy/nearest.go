package policy

import (
	"fmt"
	"iter"
	"slices"
	"strings"
)

// didYouMean returns a hint that names the known word nearest to a wrong one, or lists the known words if none is near.
func (n *notes) didYouMean(wrong string, known iter.Seq[string]) string {
	if n.full() {
		return ""
	}
	var words []string
	for w := range known {
		if words = append(words, w); len(words) == mostCompared {
			break
		}
	}
	slices.Sort(words) // of two that are equally near the first is named, whatever order they came in
	if near := nearest(wrong, words); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	const shown = 20
	if len(words) > shown {
		return fmt.Sprintf("known: %s and %d more", strings.Join(words[:shown], ", "), len(words)-shown)
	}
	if len(words) > 0 {
		return "known: " + strings.Join(words, ", ")
	}
	return ""
}

// Bounds on the work that a hostile file can ask for.
const (
	mostCompared   = 1000 // words
	longestCompare = 64   // bytes
)

// nearest returns the known word that a typo most likely meant, "" if none is near. A word that contains the wrong one, or is
// contained in it, is near too: monthly for monthly_usd, url for base_url.
func nearest(wrong string, known []string) string {
	if wrong == "" || len(wrong) > longestCompare {
		return ""
	}
	lower := strings.ToLower(wrong)
	best, bestAt := "", max(1, len(wrong)/3)+1
	for _, k := range known {
		if len(k) > longestCompare {
			continue
		}
		if d := editDistance(lower, strings.ToLower(k)); d < bestAt {
			best, bestAt = k, d
		}
	}
	if best != "" || len(wrong) < 3 {
		return best
	}
	for _, k := range known {
		if strings.Contains(k, lower) || len(k) >= 3 && strings.Contains(lower, k) {
			return k
		}
	}
	return ""
}

// editDistance counts the insertions, deletions, replacements and swaps of neighbours that turn a into b.
func editDistance(a, b string) int {
	var rows [3][longestCompare + 1]int
	before, last, this := &rows[0], &rows[1], &rows[2]
	for j := range len(b) + 1 {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		this[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			this[j] = min(last[j]+1, this[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				this[j] = min(this[j], before[j-2]+1)
			}
		}
		before, last, this = last, this, before
	}
	return last[len(b)]
}
