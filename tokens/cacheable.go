package tokens

import "strings"

// Cacheable returns the tokens of the shortest prefix of a prompt that Anthropic caches for a model of its own, or AWS for it. A shorter one may be
// marked, but nothing comes of it. Where documents have said different things at different times, the larger counts.
func Cacheable(model string) int64 {
	model = strings.ToLower(model)
	for _, m := range cacheable {
		for _, name := range m.names {
			if strings.Contains(model, name) {
				return m.tokens
			}
		}
	}
	return 1024
}

var cacheable = [...]struct {
	tokens int64
	names  []string
}{
	{4096, []string{"haiku-4-5", "opus-4-5", "opus-4-6", "opus-4-7"}},
	{2048, []string{"3-haiku", "3-5-haiku", "sonnet-4-6"}},
	{512, []string{"opus-5", "fable-5"}},
}
