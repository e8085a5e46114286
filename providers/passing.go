package providers

// passing keeps a provider's own events beside those that they are translated to, so that a client that speaks its dialect gets them as they came,
// when what they mean has been read.
type passing struct {
	bytes []byte
	given int // bytes that the client has
	pairs []pair
}

// pair is where an event ends among the provider's bytes, and among those of its translation.
type pair struct{ bytes, translated int }

// add takes an event whose translation ends at translated.
func (p *passing) add(raw []byte, translated int) {
	if p.given == len(p.bytes) {
		p.bytes, p.given, p.pairs = p.bytes[:0], 0, p.pairs[:0]
	}
	p.bytes = append(p.bytes, raw...)
	p.pairs = append(p.pairs, pair{len(p.bytes), translated})
}

// move notes that the translation has moved to the front by n bytes.
func (p *passing) move(n int) {
	for i := range p.pairs {
		p.pairs[i].translated -= n
	}
}

// upTo returns the bytes of the events whose translation ends at translated or before it, as far as they were not given before.
func (p *passing) upTo(translated int) []byte {
	to := p.given
	for len(p.pairs) > 0 && p.pairs[0].translated <= translated {
		to = p.pairs[0].bytes
		p.pairs = p.pairs[1:]
	}
	given := p.bytes[p.given:to]
	p.given = to
	return given
}
