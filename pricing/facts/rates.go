package facts

import (
	"bytes"
	"encoding/json"
	"math/big"

	"bursar/pricing"
)

// rates are pricing.Rates by the names that the facts file has for them.
type rates pricing.Rates

func (r *rates) UnmarshalJSON(src []byte) error {
	var f struct {
		Input        pricing.Pico `json:"input"`
		CacheRead    pricing.Pico `json:"cache_read"`
		CacheWrite   pricing.Pico `json:"cache_write"`
		CacheWrite1h pricing.Pico `json:"cache_write_1h"`
		AudioIn      pricing.Pico `json:"input_audio"`
		ImageIn      pricing.Pico `json:"input_image"`
		Output       pricing.Pico `json:"output"`
		Reasoning    pricing.Pico `json:"reasoning"`
		AudioOut     pricing.Pico `json:"output_audio"`
		ImageOut     pricing.Pico `json:"output_image"`
	}
	strict := json.NewDecoder(bytes.NewReader(src))
	strict.DisallowUnknownFields() // a rate that is not understood would be a rate that is not billed
	if err := strict.Decode(&f); err != nil {
		return err
	}
	*r = rates{
		Input: f.Input, CacheRead: f.CacheRead, CacheWrite: f.CacheWrite, CacheWrite1h: f.CacheWrite1h, AudioIn: f.AudioIn,
		ImageIn: f.ImageIn, Output: f.Output, Reasoning: f.Reasoning, AudioOut: f.AudioOut, ImageOut: f.ImageOut,
	}
	return nil
}

// plausible mends what no provider sells but some lists show: a cache write cheaper than the plain token is lifted to it, and a
// cached read at less than a half percent of input (the deepest real discount is 99.2%) is left out, so that it costs input.
func (r rates) plausible(note func(string, ...any)) pricing.Rates {
	if r.CacheWrite != 0 && r.CacheWrite < r.Input {
		note("cache writes at %d are below input at %d; lifted to it", r.CacheWrite, r.Input)
		r.CacheWrite = r.Input
	}
	if r.CacheRead != 0 && r.CacheRead < r.Input/200 {
		note("cached reads at %d are below 0.5%% of input at %d; left out", r.CacheRead, r.Input)
		r.CacheRead = 0
	}
	return pricing.Rates(r)
}

// inProportion scales the rates of a tier or mode from one base to another, bucket by bucket, rounded up.
func (r rates) inProportion(to, from pricing.Rates) pricing.Rates {
	out, old, now := r, rates(to), rates(from)
	for i, p := range out.buckets() {
		was, is := *old.buckets()[i], *now.buckets()[i]
		if was != 0 && is != 0 {
			*p = ceil(*p, big.NewRat(int64(was), int64(is)))
		}
	}
	return pricing.Rates(out)
}

func (r rates) each(f func(pricing.Pico) pricing.Pico) pricing.Rates {
	for _, p := range r.buckets() {
		*p = f(*p)
	}
	return pricing.Rates(r)
}

func (r *rates) buckets() []*pricing.Pico {
	return []*pricing.Pico{
		&r.Input, &r.CacheRead, &r.CacheWrite, &r.CacheWrite1h, &r.AudioIn, &r.ImageIn,
		&r.Output, &r.Reasoning, &r.AudioOut, &r.ImageOut,
	}
}

func ceil(p pricing.Pico, by *big.Rat) pricing.Pico {
	num := new(big.Int).Mul(big.NewInt(int64(p)), by.Num())
	q, rest := num.QuoRem(num, by.Denom(), new(big.Int))
	if rest.Sign() > 0 {
		q.Add(q, big.NewInt(1))
	}
	return pricing.Pico(q.Int64())
}
