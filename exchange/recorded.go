package exchange

import (
	"fmt"
	"strconv"
	"strings"

	"bursar/pricing"
)

// Recorded is what a decision went by that no other column of the ledger has: with the row it makes the facts anew, so that the request can be
// decided again under another policy. It holds counts and hashes, and no text of the prompt.
type Recorded struct {
	Complexity   Complexity
	Tools        bool
	Images       int
	Turns        int
	N            int64
	MaxOutput    int64 // output cap that the client asked for, 0 if none
	BudgetUsed   float64
	Conversation uint64
	Sticky       Sticky
	Kept         pricing.Nano // what it would have cost more to move to the model that the route names, 0 if it was not kept from it
	Pinned       bool
	Stateful     string // see Facts
	Origin       string
	CacheKey     uint64 // the beginning of the answer's key in the cache, 0 if the cache was not asked
	Certified    bool   // the route that decided had a certificate for the team
	Cascade      CascadeWord
	Failed       string     // the check that the cheap answer failed, "" if none
	Beside       []PaidCall // answers that were paid and thrown away: rows of earlier versions alone have them in their cost
	Response     string     // the response that had not ended when its hold was booked as its cost: a correction may follow; "" if there is none
	Unknown      string     // why the hold was booked as the cost: see the names of package proxy; "" if the cost is known
	Of           string     // the request that this call was made for, "" if it is one itself
}

// Record picks what is to be recorded of facts.
func (f *Facts) Record(cacheKey uint64) Recorded {
	return Recorded{
		Complexity: f.Complexity, Tools: f.Tools, Images: f.Images, Turns: f.Turns, N: f.N, MaxOutput: f.MaxOutput,
		BudgetUsed: f.BudgetUsed, Conversation: f.Conversation, Sticky: f.Sticky, Pinned: f.Pinned || f.Fixed, CacheKey: cacheKey,
		Stateful: f.Stateful, Origin: f.Origin,
	}
}

// Restore fills in facts with what was recorded.
func (r *Recorded) Restore(f *Facts) {
	f.Complexity, f.Tools, f.Images, f.Turns, f.N, f.MaxOutput = r.Complexity, r.Tools, r.Images, r.Turns, r.N, r.MaxOutput
	f.BudgetUsed, f.Conversation, f.Sticky, f.Pinned = r.BudgetUsed, r.Conversation, r.Sticky, r.Pinned
	f.Stateful, f.Origin = r.Stateful, r.Origin
}

// AppendText writes it as words of a letter and a value, most in no more than some 100 bytes: "c0.525 t1 o1024 kfe01". What has its zero value is left
// out, and one answer (n) too, and Beside, which has rows of its own by now. It never fails.
func (r *Recorded) AppendText(dst []byte) []byte {
	word := func(letter byte) {
		if len(dst) > 0 {
			dst = append(dst, ' ')
		}
		dst = append(dst, letter)
	}
	number := func(letter byte, v int64) {
		if v != 0 {
			word(letter)
			dst = strconv.AppendInt(dst, v, 10)
		}
	}
	hash := func(letter byte, v uint64) {
		if v != 0 {
			word(letter)
			dst = strconv.AppendUint(dst, v, 16)
		}
	}
	text := func(letter byte, v string) {
		if v != "" {
			word(letter)
			dst = append(dst, v...)
		}
	}
	if r.Complexity.Known {
		word('c')
		dst = strconv.AppendFloat(dst, r.Complexity.Score, 'g', -1, 64)
	}
	if r.Tools {
		word('T')
	}
	if r.Pinned {
		word('P')
	}
	number('i', int64(r.Images))
	number('t', int64(r.Turns))
	if r.N != 1 {
		number('n', r.N)
	}
	number('o', r.MaxOutput)
	if r.BudgetUsed != 0 {
		word('b')
		dst = strconv.AppendFloat(dst, r.BudgetUsed, 'g', 6, 64)
	}
	hash('v', r.Conversation)
	hash('k', r.CacheKey)
	if r.Certified {
		word('Q')
	}
	if r.Cascade != CascadeNone {
		word('e')
		dst = append(dst, r.Cascade...)
	}
	if r.Failed != "" {
		word('f')
		dst = append(dst, r.Failed...)
	}
	text('A', r.Of)
	text('m', r.Sticky.Model)
	text('u', r.Sticky.Target)
	text('S', r.Stateful)
	text('O', r.Origin)
	text('r', r.Response)
	text('U', r.Unknown)
	number('w', r.Sticky.Warm)
	number('l', r.Sticky.Output)
	number('s', int64(r.Kept))
	return dst
}

// ParseRecorded reads what AppendText wrote. Models have no spaces in their names, so words are split at spaces.
func ParseRecorded(text string) (Recorded, error) {
	r := Recorded{N: 1}
	for text != "" {
		var word string
		if word, text, _ = strings.Cut(text, " "); word == "" {
			continue
		}
		if err := r.take(word[0], word[1:]); err != nil {
			return Recorded{}, fmt.Errorf("read recorded facts: word %q: %w", word, err)
		}
	}
	return r, nil
}

func (r *Recorded) take(letter byte, value string) (err error) {
	var n int64
	switch letter {
	case 'c':
		r.Complexity.Known = true
		r.Complexity.Score, err = strconv.ParseFloat(value, 64)
	case 'T':
		r.Tools = true
	case 'P':
		r.Pinned = true
	case 'i':
		n, err = strconv.ParseInt(value, 10, 32)
		r.Images = int(n)
	case 't':
		n, err = strconv.ParseInt(value, 10, 32)
		r.Turns = int(n)
	case 'n':
		r.N, err = strconv.ParseInt(value, 10, 64)
	case 'o':
		r.MaxOutput, err = strconv.ParseInt(value, 10, 64)
	case 'b':
		r.BudgetUsed, err = strconv.ParseFloat(value, 64)
	case 'v':
		r.Conversation, err = strconv.ParseUint(value, 16, 64)
	case 'k':
		r.CacheKey, err = strconv.ParseUint(value, 16, 64)
	case 'Q':
		r.Certified = true
	case 'e':
		r.Cascade = CascadeWord(value)
	case 'f':
		r.Failed = value
	case 'x':
		var call PaidCall
		call, err = parsePaidCall(value)
		r.Beside = append(r.Beside, call)
	case 'A':
		r.Of = value
	case 'm':
		r.Sticky.Model = value
	case 'u':
		r.Sticky.Target = value
	case 'S':
		r.Stateful = value
	case 'O':
		r.Origin = value
	case 'r':
		r.Response = value
	case 'U':
		r.Unknown = value
	case 'w':
		r.Sticky.Warm, err = strconv.ParseInt(value, 10, 64)
	case 'l':
		r.Sticky.Output, err = strconv.ParseInt(value, 10, 64)
	case 's':
		n, err = strconv.ParseInt(value, 10, 64)
		r.Kept = pricing.Nano(n)
	}
	return err // a letter of a later version is passed over
}

// parsePaidCall reads TARGET=NANO=CHECK. A target may have an = in it.
func parsePaidCall(text string) (PaidCall, error) {
	last := strings.LastIndexByte(text, '=')
	if last < 0 {
		return PaidCall{}, strconv.ErrSyntax
	}
	middle := strings.LastIndexByte(text[:last], '=')
	if middle < 0 {
		return PaidCall{}, strconv.ErrSyntax
	}
	cost, err := strconv.ParseInt(text[middle+1:last], 10, 64)
	return PaidCall{Target: text[:middle], Cost: pricing.Nano(cost), Why: text[last+1:]}, err
}
