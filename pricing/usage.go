package pricing

// Usage is what a call used, in exclusive buckets whose sum is billable: no token is in two of them.
// Providers count differently (OpenAI's prompt_tokens includes cached ones, Anthropic's input_tokens does not); whoever fills
// this in translates to these buckets.
type Usage struct {
	Input        int64 // prompt tokens neither read from nor written to the provider's prompt cache
	CacheRead    int64 // prompt tokens read from it
	CacheWrite   int64 // prompt tokens written to it, for its default time
	CacheWrite1h int64 // prompt tokens written to it for an hour
	AudioIn      int64
	ImageIn      int64
	Output       int64 // text tokens answered, without reasoning
	Reasoning    int64
	AudioOut     int64
	ImageOut     int64

	Tier   string // service tier that was served: "" is the standard one, else batch, flex, priority
	Region string // region that served, "" if it does not change the price
}

// Prompt returns all tokens of the prompt side. The context tier of a price is picked by it.
func (u *Usage) Prompt() int64 {
	return u.Input + u.CacheRead + u.CacheWrite + u.CacheWrite1h + u.AudioIn + u.ImageIn
}

// Completion returns all tokens of the answer side.
func (u *Usage) Completion() int64 { return u.Output + u.Reasoning + u.AudioOut + u.ImageOut }
