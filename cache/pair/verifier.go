// Package pair judges whether two questions mean the same.
//
// An embedding cannot: "enable 2FA" and "disable 2FA" point nearly the same way. The verifier compares the words themselves: what is
// repeated, what stands in for what, which numbers, names, negations and roles differ. Some 50 symmetric features go into small
// boosted trees that were learned offline (train); a few differences are conflicts that no score outweighs.
package pair

import (
	"sync"

	"bursar/cache/embed"
)

// Verifier judges pairs. It is immutable and safe for concurrent use; sides and comparisons belong to their users.
type Verifier struct {
	embedder *embed.Model
	lexicon  *lexicon
	trees    *trees
}

// Default returns the verifier that is part of the program.
func Default() *Verifier { return loadDefault() }

var loadDefault = sync.OnceValue(func() *Verifier {
	t, err := parse(shipped)
	if err != nil {
		panic("cache/pair: the embedded trees are broken: " + err.Error()) // only a broken build can get here
	}
	return &Verifier{embedder: embed.Default(), lexicon: newLexicon(), trees: t.laidOut()}
})

// Untrained returns a verifier without trees, for those who train them: it reads and measures, and the trees of the program may be of another
// form.
func Untrained() *Verifier {
	return &Verifier{embedder: embed.Default(), lexicon: newLexicon(), trees: &trees{}}
}

// Judgement is what the verifier says of a pair.
type Judgement struct {
	Same     float32  // estimated probability that one answer serves both, among pairs such as it was trained on
	Conflict Conflict // what speaks against it whatever the estimate
}

// likely is the least estimate of questions that are only put otherwise.
const likely = 0.9

var comparisons = sync.Pool{New: func() any { return new(comparison) }}

// Judge compares two questions.
func (v *Verifier) Judge(a, b *Side) Judgement {
	if a.long || b.long {
		return Judgement{Conflict: TooLong}
	}
	var f Features
	c := comparisons.Get().(*comparison)
	c.put(a, b)
	c.measure(&f)
	j := Judgement{Conflict: c.conflict(&f), Same: v.trees.probability(&f)}
	if j.Conflict == NoConflict && c.rephrased(&f) {
		j.Same = max(j.Same, likely)
	}
	c.a, c.b = nil, nil
	comparisons.Put(c)
	return j
}

// Measure writes the features of a pair, for those who train.
func (v *Verifier) Measure(a, b *Side, f *Features) {
	c := new(comparison)
	c.put(a, b)
	c.measure(f)
}
