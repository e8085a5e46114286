package main

import (
	"cmp"
	"math"
	"slices"

	"bursar/cache/embed"
)

// lexicon numbers all words of the training text in the order they are met.
type lexicon struct {
	ids   map[string]int32
	words []string
	count []int // of each word in all texts
	read  []int // of each word in running text, of those that it has
	found []int // texts that have the word
}

// pause stands between tokens that belong to no common phrase.
const pause = -1

func newLexicon() *lexicon { return &lexicon{ids: make(map[string]int32, 1<<18)} }

// add numbers a text's words.
func (l *lexicon) add(text string) []int32 {
	var ids []int32
	embed.Split(text, func(word []byte, joined bool) {
		id, known := l.ids[string(word)]
		if !known {
			id = int32(len(l.words))
			l.words = append(l.words, string(word))
			l.count, l.found = append(l.count, 0), append(l.found, 0)
			l.ids[l.words[id]] = id
		}
		if !joined && len(ids) > 0 {
			ids = append(ids, pause)
		}
		l.count[id]++
		ids = append(ids, id)
	})
	distinct := slices.Clone(ids)
	slices.Sort(distinct)
	for _, id := range slices.Compact(distinct) {
		if id != pause {
			l.found[id]++
		}
	}
	return ids
}

// endOfRunningText notes that what is added from here on is texts as people ask.
func (l *lexicon) endOfRunningText() { l.read = slices.Clone(l.count) }

// shares returns each word's share of all words: the mean of its shares of running text and of texts as people ask, so that a word that is
// common in either counts as common, whichever there is more of.
func (l *lexicon) shares() []float64 {
	var running, asked float64
	for id, n := range l.count {
		if id < len(l.read) {
			running += float64(l.read[id])
			n -= l.read[id]
		}
		asked += float64(n)
	}
	shares := make([]float64, len(l.count))
	for id, n := range l.count {
		if id < len(l.read) {
			shares[id] += float64(l.read[id]) / max(running, 1) / 2
			n -= l.read[id]
		}
		shares[id] += float64(n) / max(asked, 1) / 2
	}
	return shares
}

// vocabulary picks the most frequent words that were met at least three times, and the phrases that are most surely more than chance.
func (l *lexicon) vocabulary(texts [][]int32, words, buckets, phrases int) (*embed.Vocabulary, error) {
	byCount := make([]int32, 0, len(l.words))
	for id := range l.words {
		if l.count[id] >= 3 {
			byCount = append(byCount, int32(id))
		}
	}
	slices.SortFunc(byCount, func(a, b int32) int {
		return cmp.Or(cmp.Compare(l.count[b], l.count[a]), cmp.Compare(l.words[a], l.words[b]))
	})
	byCount = byCount[:min(words, len(byCount))]
	list, rows := make([]string, len(byCount)), make(map[int32]uint16, len(byCount))
	for row, id := range byCount {
		list[row] = l.words[id]
		rows[id] = uint16(row)
	}
	return embed.NewVocabulary(list, buckets, l.phrases(texts, rows, phrases))
}

func (l *lexicon) phrases(texts [][]int32, rows map[int32]uint16, most int) [][2]uint16 {
	type phrase struct {
		words [2]uint16
		gain  float64 // log likelihood over chance
	}
	count, total := map[[2]int32]int{}, 0
	for _, ids := range texts {
		for i := 1; i < len(ids); i++ {
			if ids[i] != pause && ids[i-1] != pause {
				count[[2]int32{ids[i-1], ids[i]}]++
				total++
			}
		}
	}
	var found []phrase
	for ids, n := range count {
		first, known := rows[ids[0]]
		second, alsoKnown := rows[ids[1]]
		if n < 20 || !known || !alsoKnown {
			continue
		}
		chance := float64(l.count[ids[0]]) * float64(l.count[ids[1]]) / float64(total)
		found = append(found, phrase{[2]uint16{first, second}, float64(n) * math.Log(float64(n)/chance)})
	}
	slices.SortFunc(found, func(a, b phrase) int {
		return cmp.Or(cmp.Compare(b.gain, a.gain), slices.Compare(a.words[:], b.words[:]))
	})
	list := make([][2]uint16, 0, most)
	for _, p := range found[:min(most, len(found))] {
		list = append(list, p.words)
	}
	return list
}

// idf returns the logarithm of how many texts there are to one with the word, for each word of a vocabulary.
func (l *lexicon) idf(v *embed.Vocabulary, texts int) []float32 {
	list := make([]float32, len(v.Words()))
	for row, word := range v.Words() {
		list[row] = float32(math.Log(float64(texts+1) / float64(l.found[l.ids[word]]+1)))
	}
	return list
}
