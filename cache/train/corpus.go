package main

// corpus is all that is learned from, in numbers of words.
type corpus struct {
	*lexicon
	texts    [][]int32
	examples []example
}

// newCorpus numbers the words of paragraphs and pairs. A text that is in many pairs counts once.
func newCorpus(paragraphs []string, pairs []pair) *corpus {
	c := &corpus{lexicon: newLexicon()}
	for _, p := range paragraphs {
		c.texts = append(c.texts, c.add(p))
	}
	c.endOfRunningText()
	seen := map[string][]int32{}
	number := func(text string) []int32 {
		ids, again := seen[text]
		if !again {
			ids = c.add(text)
			seen[text] = ids
			c.texts = append(c.texts, ids)
		}
		return ids
	}
	for _, p := range pairs {
		c.examples = append(c.examples, example{a: number(p.A), b: number(p.B), same: p.Label == 1})
	}
	return c
}
