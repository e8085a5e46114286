package providers

import (
	"bytes"
	"math"
	"strconv"

	"bursar/internal/jsonspan"
	"bursar/pricing"
)

// counts are the members of a provider's usage object, as it says them.
type counts struct {
	prompt, completion, total           int64
	cached, hit, written, written1h     int64 // of the prompt; hit is DeepSeek's word for cached; written1h is part of written
	created                             int64 // what gateways in front of Anthropic call written, beside OpenAI's counts
	audioIn, imageIn                    int64
	reasoning, audioOut, imageOut       int64
	hasPrompt, hasCompletion, hasCached bool
	tier, region                        string // that were served, where usage tells
}

// ReadUsage reads a usage object of a chat completion into exclusive buckets. False: it is none, or says nothing; some vendors
// send zeros until the end.
func ReadUsage(object []byte) (pricing.Usage, bool) {
	w := jsonspan.Walk(object)
	usage, ok := readUsage(&w, object)
	return usage, ok && w.End() == nil
}

// readUsage takes the value due.
func readUsage(w *jsonspan.Walker, text []byte) (pricing.Usage, bool) {
	var c counts
	if !w.Enter(jsonspan.Object) {
		return pricing.Usage{}, false
	}
	for w.Member() {
		switch string(w.Key.Of(text)) {
		case "prompt_tokens":
			c.hasPrompt = takeCount(w, text, &c.prompt)
		case "completion_tokens":
			c.hasCompletion = takeCount(w, text, &c.completion)
		case "total_tokens":
			takeCount(w, text, &c.total)
		case "prompt_cache_hit_tokens", "cached_tokens", "cache_read_input_tokens":
			takeCount(w, text, &c.hit)
		case "cache_creation_input_tokens":
			takeCount(w, text, &c.created)
		case "prompt_tokens_details":
			c.promptDetails(w, text)
		case "completion_tokens_details":
			c.completionDetails(w, text)
		case "speed": // package dialect's word, as the next
			c.tier = servedTier(w.Value().Of(text))
		case "inference_geo":
			if v := w.Value(); v.Kind == jsonspan.String && !v.Escaped {
				c.region = string(v.Text().Of(text))
			}
		}
	}
	if w.Err() != nil || !c.hasPrompt || !c.hasCompletion || c.prompt+c.completion == 0 {
		return pricing.Usage{}, false
	}
	return c.usage(), true
}

func (c *counts) promptDetails(w *jsonspan.Walker, text []byte) {
	if !w.Enter(jsonspan.Object) {
		return
	}
	for w.Member() {
		switch string(w.Key.Of(text)) {
		case "cached_tokens":
			c.hasCached = takeCount(w, text, &c.cached)
		case "cache_write_tokens", "cache_creation_tokens":
			takeCount(w, text, &c.written)
		case "cache_write_1h_tokens": // package dialect's word
			takeCount(w, text, &c.written1h)
		case "cache_creation_token_details":
			c.writeDetails(w, text)
		case "audio_tokens":
			takeCount(w, text, &c.audioIn)
		case "image_tokens":
			takeCount(w, text, &c.imageIn)
		}
	}
}

// writeDetails splits cache writes by how long they live. The hour costs more.
func (c *counts) writeDetails(w *jsonspan.Walker, text []byte) {
	if !w.Enter(jsonspan.Object) {
		return
	}
	var brief int64
	for w.Member() {
		switch string(w.Key.Of(text)) {
		case "ephemeral_5m_input_tokens":
			takeCount(w, text, &brief)
		case "ephemeral_1h_input_tokens":
			takeCount(w, text, &c.written1h)
		}
	}
	c.created = max(c.created, brief+c.written1h)
}

func (c *counts) completionDetails(w *jsonspan.Walker, text []byte) {
	if !w.Enter(jsonspan.Object) {
		return
	}
	for w.Member() {
		switch string(w.Key.Of(text)) {
		case "reasoning_tokens":
			takeCount(w, text, &c.reasoning)
		case "audio_tokens":
			takeCount(w, text, &c.audioOut)
		case "image_tokens":
			takeCount(w, text, &c.imageOut)
		}
	}
}

// usage sorts the counts into buckets that exclude each other. OpenAI's prompt_tokens holds all that its details name, and
// completion_tokens likewise. xAI's and Gemini's completion_tokens leave out the reasoning, which only total_tokens shows: what
// the total has beyond both is billed output.
func (c *counts) usage() pricing.Usage {
	cached := c.cached
	if !c.hasCached {
		cached = c.hit
	}
	prompt, completion := c.prompt, max(c.completion, c.total-c.prompt)
	// Each detail takes its part of what is left, the dearest first: should a provider count a token twice (cached audio), it is
	// billed once, and not too cheaply.
	take := func(left *int64, n int64) int64 {
		n = min(max(n, 0), *left)
		*left -= n
		return n
	}
	u := pricing.Usage{Tier: c.tier, Region: c.region}
	u.AudioIn = take(&prompt, c.audioIn)
	u.ImageIn = take(&prompt, c.imageIn)
	written := max(c.written, c.created)
	u.CacheWrite1h = take(&prompt, min(c.written1h, written))
	u.CacheWrite = take(&prompt, written-u.CacheWrite1h)
	u.CacheRead = take(&prompt, cached)
	u.Input = prompt
	u.AudioOut = take(&completion, c.audioOut)
	u.ImageOut = take(&completion, c.imageOut)
	u.Reasoning = take(&completion, c.reasoning)
	u.Output = completion
	return u
}

// mostTokens bounds a count, so that no sum of counts overflows; no model has a context near it.
const mostTokens = 1 << 40

// takeCount takes the value due as a number of tokens; false, and n untouched, for what is none, such as null.
func takeCount(w *jsonspan.Walker, text []byte, n *int64) bool {
	v := w.Value()
	if i, ok := v.Int(text); ok {
		*n = min(max(i, 0), mostTokens)
		return true
	}
	if v.Kind != jsonspan.Number {
		return false
	}
	f, err := strconv.ParseFloat(string(v.Of(text)), 64) // 12.0, 1e3, or absurdly large: then it is infinite, with an error
	if err != nil && !math.IsInf(f, 0) {
		return false
	}
	*n = int64(math.Ceil(min(max(f, 0), mostTokens)))
	return true
}

// servedTier translates the service_tier of an answer to the words of pricing: what was served, whatever was asked for.
func servedTier(value []byte) string {
	switch string(bytes.Trim(value, `"`)) {
	case "flex":
		return "flex"
	case "priority", "fast":
		return "priority"
	case "batch":
		return "batch"
	default:
		return ""
	}
}
