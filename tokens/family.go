package tokens

import "strings"

// Family is a group of models that count tokens alike. The zero value is Unknown.
type Family uint8

// Families.
const (
	Unknown  Family = iota
	O200k           // gpt-4o, gpt-4.1, gpt-4.5, o1, o3, o4-mini: o200k_base
	GPT5            // gpt-5 and later minor versions: o200k_base, another chat frame
	Codex           // gpt-5 codex models: o200k_base, a larger frame for tools
	Harmony         // gpt-oss: o200k_harmony, which has the ranks and the pattern of o200k_base
	CL100k          // gpt-4, gpt-3.5, text-embedding: cl100k_base
	Claude          // Claude 3 to Opus 4.6
	Claude47        // Claude Opus 4.7 and later, Claude 5: a vocabulary of smaller tokens
	Gemini          // Gemini and Gemma
	Llama           // Llama 3 and later
	Qwen
	DeepSeek
	Mistral
	Grok
	Kimi
	GLM
	families
)

// String returns the family's name in lower case, e.g. o200k.
func (f Family) String() string { return f.traits().name }

// FamilyOf returns the family of a model. Provider is the name or the dialect of who serves it and is only asked when the model's
// own name tells nothing; it may be "". Model is the provider's name for it, with or without a vendor in front (openai/gpt-4o,
// us.anthropic.claude-sonnet-4-20250514-v1:0, ft:gpt-4o-mini:acme::1).
func FamilyOf(provider, model string) Family {
	model = strings.ToLower(model)
	name := strings.TrimPrefix(model[strings.LastIndexByte(model, '/')+1:], "openai.") // Bedrock puts the vendor before a dot
	if f := openAIFamily(strings.TrimPrefix(name, "ft:")); f != Unknown {
		return f
	}
	for _, w := range familyWords {
		if strings.Contains(model, w.word) {
			if w.family == Claude {
				return claudeFamily(model)
			}
			return w.family
		}
	}
	provider = strings.ToLower(provider)
	for _, w := range providerWords {
		if strings.Contains(provider, w.word) {
			return w.family
		}
	}
	return Unknown
}

type familyWord struct {
	word   string
	family Family
}

// openAIFamilies are beginnings of names, the longer before the shorter: gpt-4o is no gpt-4. Fine-tuned models are named after what
// they were tuned from, so ft: is cut off before.
var openAIFamilies = [...]familyWord{
	{"gpt-oss", Harmony},
	{"gpt-5", GPT5},
	{"gpt-4.5", O200k},
	{"gpt-4.1", O200k},
	{"gpt-4o", O200k},
	{"chatgpt-4o", O200k},
	{"codex-mini", O200k},
	{"o1", O200k},
	{"o3", O200k},
	{"o4", O200k},
	{"gpt-4", CL100k},
	{"gpt-3.5", CL100k},
	{"gpt-35", CL100k}, // Azure's spelling
	{"text-embedding-ada-002", CL100k},
	{"text-embedding-3", CL100k},
	{"davinci-002", CL100k},
	{"babbage-002", CL100k},
}

// openAIFamily returns the family of a model of OpenAI's by its own name in lower case, or Unknown.
func openAIFamily(name string) Family {
	for _, w := range openAIFamilies {
		rest, ok := strings.CutPrefix(name, w.word)
		if !ok || !endsName(rest, w.family) {
			continue
		}
		if w.family == GPT5 && strings.Contains(rest, "codex") {
			return Codex
		}
		return w.family
	}
	return Unknown
}

// endsName reports whether a model's name may go on with rest. gpt-4.2 would be none of the known ones, but gpt-5.2 is a gpt-5.
func endsName(rest string, f Family) bool {
	if rest == "" {
		return true
	}
	switch rest[0] {
	case '-', ':', '@', '_':
		return true
	case '.':
		return f == GPT5
	}
	return false
}

// familyWords are parts of names. Distilled models come first as llama or qwen: they keep the tokenizer of what was trained, not of
// who taught it (deepseek-r1-distill-llama-70b).
var familyWords = [...]familyWord{
	{"claude", Claude},
	{"llama", Llama},
	{"qwen", Qwen},
	{"qwq", Qwen},
	{"gemini", Gemini},
	{"gemma", Gemini},
	{"deepseek", DeepSeek},
	{"mistral", Mistral},
	{"mixtral", Mistral},
	{"ministral", Mistral},
	{"magistral", Mistral},
	{"codestral", Mistral},
	{"devstral", Mistral},
	{"pixtral", Mistral},
	{"grok", Grok},
	{"kimi", Kimi},
	{"moonshot", Kimi},
	{"glm-", GLM},
}

var providerWords = [...]familyWord{
	{"anthropic", Claude47}, // of its two, the one that counts more
	{"gemini", Gemini},
	{"deepseek", DeepSeek},
	{"mistral", Mistral},
	{"xai", Grok},
	{"x-ai", Grok},
	{"moonshot", Kimi},
	{"zhipu", GLM},
	{"z-ai", GLM},
}

// claudeFamily tells the vocabularies of Claude apart by version. A name without a known old version is taken for a new one: that
// errs on the side that holds more.
func claudeFamily(model string) Family {
	for _, old := range [...]string{
		"claude-2", "claude-3", "claude-instant", "claude-v2",
		"opus-4-0", "opus-4.0", "opus-4-1", "opus-4.1", "opus-4-2025", "opus-4@", "opus-4-5", "opus-4.5", "opus-4-6", "opus-4.6",
		"sonnet-4", "haiku-4",
	} {
		if strings.Contains(model, old) {
			return Claude
		}
	}
	if strings.HasSuffix(model, "claude-opus-4") {
		return Claude
	}
	return Claude47
}
