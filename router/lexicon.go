package router

import (
	"fmt"
	"strings"
)

// mark is what a word shows of the request it stands in.
type mark uint8

const (
	markNone mark = iota
	markCode
	markMath
	markConstraint
	markStep
	markReasoning
	markDeep // reasoning that counts twice: hardly ever asked of an easy matter
	markLookup
	markReference // points to what was said before
)

// vocabulary is all the words that Read knows: English, then the commonest of German, Spanish and French. Phrases of two words
// are written with an underscore. Apostrophes and hyphens part words: what's is what_s, trade-off is trade_off. Words that are
// common with another meaning are left out on purpose (Spanish sin, solo).
var vocabulary = [...]struct {
	mark  mark
	words string
}{
	{markCode, `
		code codebase function functions func def struct const var enum async await lambda null nullptr void elif printf println
		stdout stderr python javascript typescript java golang rust kotlin sql select_from html css json yaml xml regex api endpoint
		compile compiler traceback stacktrace stack_trace exception segfault mutex goroutine thread_safe threads deadlock recursion
		recursive algorithm dockerfile kubernetes terraform bash git repository unit_test unit_tests pytest import_os linked_list
		hash_map binary_tree class_method data_structure
		programm quelltext funktion código función algoritmo fonction algorithme`},
	{markMath, `
		theorem lemma corollary integral integrals derivative derivatives integrate differentiate equation equations polynomial
		polynomials matrix matrices eigenvalue eigenvalues determinant vector vectors probability probabilities modulo prime primes
		integer integers irrational sqrt logarithm converge converges convergence bijection isomorphism topology variance
		standard_deviation expected_value confidence_interval combinatorics factorial inequality hypotenuse perpendicular
		gleichung wahrscheinlichkeit ecuación probabilidad équation probabilité`},
	{markConstraint, `
		must mustn shall exactly precisely strictly only without except unless cannot never always ensure guarantee require requires
		required at_most at_least no_more no_fewer no_less not_exceed more_than less_than fewer_than up_to do_not don_t should_not
		shouldn_t not_use in_place constraint constraints within_the edge_cases backwards_compatible backward_compatible
		ohne genau mindestens höchstens nur muss müssen darf
		exactamente solamente únicamente debe deben máximo mínimo
		sans exactement seulement doit doivent uniquement`},
	{markStep, `
		first firstly second secondly third thirdly then next finally lastly afterwards step steps
		zuerst dann danach schließlich schritt
		primero luego después finalmente paso
		premièrement ensuite puis enfin étape`},
	{markReasoning, `
		why explain compare contrast evaluate assess justify argue critique implications consequences infer deduce reason reasoning
		strategy plan optimal best_approach pros_and step_by implement write_a rewrite fix improve investigate estimate
		diagnosis contract clause liability jurisdiction dosage hypothesis
		warum erkläre erklären vergleiche vergleichen begründe verbessere
		por_qué explica explicar compara comparar justifica mejora
		pourquoi explique expliquer comparer justifie améliore`},
	{markDeep, `
		prove proof proofs derive derivation disprove refute trade_off trade_offs tradeoff tradeoffs design architect architecture
		refactor debug debugging root_cause optimize optimise analyze analyse analysis rigorous rigorously race_condition deadlocks
		distributed scalable scalability concurrency counterexample induction contradiction prognosis differential_diagnosis
		contraindicated contraindications statute precedent indemnification threat_model migrate migration
		beweise beweisen herleiten entwirf entwerfen analysiere analysieren
		demuestra demostrar diseña diseñar analiza analizar
		démontre démontrer prouve prouver conçois concevoir analyser`},
	{markLookup, `
		what_is what_s what_are what_was what_does who_is who_s who_was who_wrote who_invented who_discovered who_won when_is when_was
		when_did when_does where_is where_was where_are how_many how_old how_tall how_far how_long how_much which_year which_country
		define definition_of meaning_of synonym synonyms antonym translate spell spelling pronounce capital_of population_of
		currency_of convert stands_for stand_for abbreviation_for you_say birthday_of
		was_ist was_sind was_heißt wer_ist wer_war wann_ist wann_war wo_ist wo_liegt wie_viele wie_heißt definiere übersetze hauptstadt_von
		qué_es que_es qué_son quién_es quién_fue cuándo_es cuándo_fue dónde_está cuántos cuántas traduce capital_de
		qu_est qui_est qui_était quand_est où_est où_se combien_de définis traduis capitale_de`},
	{markReference, `
		it that those they them he she his her its above previous earlier your you
		das dies diese es eso esto ello ça cela ceci`},
}

// Words and phrases are known by a hash alone. A text made to collide would be counted wrongly, and no more.
const (
	hashSeed  = 0xcbf29ce484222325 // FNV-1a
	hashPrime = 0x100000001b3
)

func hashOf(word string) uint64 {
	hash := uint64(hashSeed)
	for i := range len(word) {
		hash = (hash ^ uint64(word[i])) * hashPrime
	}
	return hash
}

// phrase is the hash of two words in a row.
func phrase(first, second uint64) uint64 {
	return (first ^ second>>31 ^ second<<33) * 0x9E3779B97F4A7C15
}

// lexicon finds marks by hash. It is an open table, at most half full, filled once.
var lexicon = newTable()

type table struct {
	hints   [1 << hintBits]hint // by hash, so that most words are passed over with one look at 4 KB
	entries [1 << tableBits]struct {
		hash uint64
		mark mark
	}
}

// hint tells what a hash may be.
type hint uint8

const (
	mayMark  hint = 1 << iota // a word, or a phrase, that is listed
	mayBegin                  // the first word of a phrase
)

const (
	hintBits  = 12
	tableBits = 10
)

func (t *table) hint(hash uint64) hint { return t.hints[hash*hashSpread>>(64-hintBits)] }

func (t *table) find(hash uint64) mark {
	if t.hint(hash)&mayMark == 0 {
		return markNone
	}
	for i := hash * hashSpread >> (64 - tableBits); ; i++ {
		e := &t.entries[i%(1<<tableBits)]
		if e.hash == hash || e.mark == markNone {
			return e.mark
		}
	}
}

const hashSpread = 0xD6E8FEB86659FD93 // FNV's high bits are weak for short words

func newTable() *table {
	t := new(table)
	n := 0
	for _, v := range vocabulary {
		for _, word := range strings.Fields(v.words) {
			hash := hashOf(word)
			if first, second, ok := strings.Cut(word, "_"); ok {
				hash = phrase(hashOf(first), hashOf(second))
				t.hints[hashOf(first)*hashSpread>>(64-hintBits)] |= mayBegin
			}
			t.put(hash, v.mark)
			n++
		}
	}
	if n > len(t.entries)/2 {
		panic(fmt.Sprintf("BUG: %d words are too many for the lexicon's table", n))
	}
	return t
}

func (t *table) put(hash uint64, m mark) {
	i := hash * hashSpread >> (64 - tableBits)
	for t.entries[i%(1<<tableBits)].mark != markNone {
		i++
	}
	e := &t.entries[i%(1<<tableBits)]
	e.hash, e.mark = hash, m
	t.hints[hash*hashSpread>>(64-hintBits)] |= mayMark
}
