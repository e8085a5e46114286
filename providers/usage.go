package providers

import (
	"bytes"
	"math"
	"strconv"

	"bursar/pricing"
)

// counts are the members of a provider's usage object, as it says them.
type counts struct {
	prompt, completion, total           int64
	cached, hit, written                int64 // of the prompt; hit is DeepSeek's word for cached
	audioIn, imageIn                    int64
	reasoning, audioOut, imageOut       int64
	hasPrompt, hasCompletion, hasCached bool
}

// ReadUsage reads a usage object of a chat completion into exclusive buckets. False: it is none, or says nothing; some vendors
// send zeros until the end.
func ReadUsage(object []byte) (pricing.Usage, bool) {
	var c counts
	err := members(object, func(key, value []byte) error {
		switch string(key) {
		case "prompt_tokens":
			c.prompt, c.hasPrompt = readCount(value)
		case "completion_tokens":
			c.completion, c.hasCompletion = readCount(value)
		case "total_tokens":
			c.total, _ = readCount(value)
		case "prompt_cache_hit_tokens", "cached_tokens":
			c.hit, _ = readCount(value)
		case "prompt_tokens_details":
			return c.promptDetails(value)
		case "completion_tokens_details":
			return c.completionDetails(value)
		}
		return nil
	})
	if err != nil || !c.hasPrompt || !c.hasCompletion || c.prompt+c.completion == 0 {
		return pricing.Usage{}, false
	}
	return c.usage(), true
}

func (c *counts) promptDetails(value []byte) error {
	if !isObject(value) {
		return nil
	}
	return members(value, func(key, value []byte) error {
		switch string(key) {
		case "cached_tokens":
			c.cached, c.hasCached = readCount(value)
		case "cache_write_tokens", "cache_creation_tokens":
			c.written, _ = readCount(value)
		case "audio_tokens":
			c.audioIn, _ = readCount(value)
		case "image_tokens":
			c.imageIn, _ = readCount(value)
		}
		return nil
	})
}

func (c *counts) completionDetails(value []byte) error {
	if !isObject(value) {
		return nil
	}
	return members(value, func(key, value []byte) error {
		switch string(key) {
		case "reasoning_tokens":
			c.reasoning, _ = readCount(value)
		case "audio_tokens":
			c.audioOut, _ = readCount(value)
		case "image_tokens":
			c.imageOut, _ = readCount(value)
		}
		return nil
	})
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
		n = min(n, *left)
		*left -= n
		return n
	}
	var u pricing.Usage
	u.AudioIn = take(&prompt, c.audioIn)
	u.ImageIn = take(&prompt, c.imageIn)
	u.CacheWrite = take(&prompt, c.written)
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

// readCount reads a number of tokens; false for what is none, such as null.
func readCount(value []byte) (int64, bool) {
	if n, err := strconv.ParseInt(string(value), 10, 64); err == nil {
		return min(max(n, 0), mostTokens), true
	}
	f, err := strconv.ParseFloat(string(value), 64)
	if err != nil || math.IsNaN(f) {
		return 0, false
	}
	return int64(math.Ceil(min(max(f, 0), mostTokens))), true
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

func isObject(value []byte) bool { return len(value) > 0 && value[0] == '{' }
func isArray(value []byte) bool  { return len(value) > 0 && value[0] == '[' }
func isString(value []byte) bool { return len(value) > 0 && value[0] == '"' }
func isNull(value []byte) bool   { return string(value) == "null" }
