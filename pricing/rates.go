package pricing

import "fmt"

// Rates are the prices of the buckets of a Usage, in pico-dollars per token, and a fee per request. A zero bucket is one that the
// price list does not name; it costs what is certainly not less:
//
//	CacheRead, CacheWrite, AudioIn, ImageIn   Input
//	CacheWrite1h                              the larger of twice Input and CacheWrite, or Input if cache writes are not priced
//	Output                                    the dearest of the other kinds of output, or Input if there are none
//	Reasoning, AudioOut, ImageOut             Output
//
// So a model is free only if both Input and Output are zero.
type Rates struct {
	Input        Pico `json:"input,omitempty"`
	CacheRead    Pico `json:"cache_read,omitempty"`
	CacheWrite   Pico `json:"cache_write,omitempty"`
	CacheWrite1h Pico `json:"cache_write_1h,omitempty"`
	AudioIn      Pico `json:"audio_in,omitempty"`
	ImageIn      Pico `json:"image_in,omitempty"`
	Output       Pico `json:"output,omitempty"`
	Reasoning    Pico `json:"reasoning,omitempty"`
	AudioOut     Pico `json:"audio_out,omitempty"`
	ImageOut     Pico `json:"image_out,omitempty"`
	PerRequest   Nano `json:"per_request,omitempty"`
}

// sum returns what a usage costs at complete rates.
func (r *Rates) sum(u *Usage) picos {
	return picos{}.fee(r.PerRequest).
		plus(r.Input, u.Input).plus(r.CacheRead, u.CacheRead).plus(r.CacheWrite, u.CacheWrite).
		plus(r.CacheWrite1h, u.CacheWrite1h).plus(r.AudioIn, u.AudioIn).plus(r.ImageIn, u.ImageIn).
		plus(r.Output, u.Output).plus(r.Reasoning, u.Reasoning).plus(r.AudioOut, u.AudioOut).plus(r.ImageOut, u.ImageOut)
}

// complete fills in the buckets that are not priced.
func (r Rates) complete() Rates {
	or := func(p *Pico, fallback Pico) {
		if *p == 0 {
			*p = fallback
		}
	}
	or(&r.Output, max(r.Reasoning, r.AudioOut, r.ImageOut))
	or(&r.Output, r.Input)
	or(&r.CacheRead, r.Input)
	if r.CacheWrite != 0 {
		or(&r.CacheWrite1h, max(scaleUp(r.Input, 2, 1), r.CacheWrite))
	}
	or(&r.CacheWrite, r.Input)
	or(&r.CacheWrite1h, r.Input)
	or(&r.AudioIn, r.Input)
	or(&r.ImageIn, r.Input)
	or(&r.Reasoning, r.Output)
	or(&r.AudioOut, r.Output)
	or(&r.ImageOut, r.Output)
	return r
}

// completeBeside fills in the buckets of a tier or a mode, which are often given for input and output only. A bucket that the
// base prices but this one does not is at least the base's rate, times as much as this one's input is dearer. Cached reads are the
// exception: a mode that names no cached rate may give no discount on them at all, so they cost the mode's input.
func (r Rates) completeBeside(base Rates) Rates {
	if r.Input == 0 {
		r.Input = base.Input
	}
	dearer := func(p Pico) Pico {
		if r.Input <= base.Input || base.Input == 0 {
			return p
		}
		return scaleUp(p, int64(r.Input), int64(base.Input))
	}
	given := r
	if r.Output == 0 {
		r.Output = dearer(base.Output)
	}
	if r.CacheWrite == 0 && base.CacheWrite != 0 {
		r.CacheWrite = max(r.Input, dearer(base.CacheWrite))
	}
	r = r.complete()
	atLeast := func(p *Pico, given, base Pico) {
		if given == 0 {
			*p = max(*p, dearer(base))
		}
	}
	atLeast(&r.CacheWrite1h, given.CacheWrite1h, base.CacheWrite1h)
	atLeast(&r.AudioIn, given.AudioIn, base.AudioIn)
	atLeast(&r.ImageIn, given.ImageIn, base.ImageIn)
	atLeast(&r.Reasoning, given.Reasoning, base.Reasoning)
	atLeast(&r.AudioOut, given.AudioOut, base.AudioOut)
	atLeast(&r.ImageOut, given.ImageOut, base.ImageOut)
	if given.PerRequest == 0 {
		r.PerRequest = base.PerRequest
	}
	return r
}

// stepUp returns complete rates raised, bucket by bucket, as much as tier is above base. Price lists give modes without tiers.
func (r Rates) stepUp(tier, base Rates) Rates {
	out := r
	to, from, by := out.buckets(), base.buckets(), tier.buckets()
	for i := range to {
		switch {
		case *from[i] == 0:
			*to[i] = max(*to[i], *by[i])
		case *by[i] > *from[i]:
			*to[i] = scaleUp(*to[i], int64(*by[i]), int64(*from[i]))
		}
	}
	out.PerRequest = max(out.PerRequest, tier.PerRequest)
	return out
}

func (r *Rates) buckets() [10]*Pico {
	return [10]*Pico{
		&r.Input, &r.CacheRead, &r.CacheWrite, &r.CacheWrite1h, &r.AudioIn, &r.ImageIn,
		&r.Output, &r.Reasoning, &r.AudioOut, &r.ImageOut,
	}
}

// maxRate bounds a rate read from a file: a thousand dollars per token.
const maxRate = Pico(1_000_000_000_000_000)

func (r Rates) check() error {
	for _, p := range r.buckets() {
		if *p < 0 || *p > maxRate {
			return fmt.Errorf("rate %d pico-dollars per token is not between 0 and %d", *p, maxRate)
		}
	}
	if r.PerRequest < 0 {
		return fmt.Errorf("fee per request %d nano-dollars is negative", r.PerRequest)
	}
	return nil
}
