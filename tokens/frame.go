package tokens

// Frame is what a chat template adds to the texts of a conversation, in tokens.
type Frame struct {
	Base    int64 // once per request: what stands before the first message
	Message int64 // per message, its role included
	Name    int64 // per message that has a name, beside the name's own tokens
	Reply   int64 // once per request: what primes the answer
	Call    int64 // per tool call in the history, beside its name and arguments
	Joined  int64 // less, if there are both tools and a system message: they share a frame
}

// FrameOf returns the frame of family f. OpenAI's are documented (3 tokens and the role per message, 3 for the reply); the others
// are measured or read off the published templates, and lean high.
func FrameOf(f Family) Frame { return f.traits().frame }

// source names the vocabulary that a family is counted with.
type source uint8

const (
	likeO200k source = iota // o200k_base times the family's ratios
	exactO200k
	exactCL100k
)

// traits is all that is known of a family.
type traits struct {
	name       string
	vocabulary source
	ratios     *ratios // of an estimated family
	frame      Frame
	tools      toolFrame
}

func (f Family) traits() *traits {
	if f >= families {
		f = Unknown
	}
	return &familyTraits[f]
}

var familyTraits = [families]traits{
	Unknown: {
		name: "unknown", ratios: &unknownRatios,
		frame: Frame{Base: 31, Message: 6, Name: 2, Reply: 4, Call: 12},
		tools: toolFrame{style: asJSON, first: 250, each: 12},
	},
	O200k: {
		name: "o200k", vocabulary: exactO200k,
		frame: Frame{Message: 4, Name: 1, Reply: 3, Call: 7, Joined: 4},
		tools: toolFrame{style: asNamespace, first: 9},
	},
	GPT5: {
		name: "gpt5", vocabulary: exactO200k,
		frame: Frame{Message: 5, Name: 1, Reply: 3, Call: 7},
		tools: toolFrame{style: asNamespace, first: 17},
	},
	Codex: {
		name: "codex", vocabulary: exactO200k,
		frame: Frame{Message: 5, Name: 1, Reply: 3, Call: 7},
		tools: toolFrame{style: asNamespace, first: 96},
	},
	Harmony: { // its servers put a system message of their own in front
		name: "harmony", vocabulary: exactO200k,
		frame: Frame{Base: 70, Message: 4, Name: 1, Reply: 3, Call: 9},
		tools: toolFrame{style: asNamespace, first: 24},
	},
	CL100k: {
		name: "cl100k", vocabulary: exactCL100k,
		frame: Frame{Message: 4, Name: 1, Reply: 3, Call: 7, Joined: 4},
		tools: toolFrame{style: asNamespace, first: 9},
	},
	Claude: {
		name: "claude", ratios: &claudeRatios,
		frame: Frame{Base: 7, Message: 4, Name: 1, Reply: 3, Call: 30},
		tools: toolFrame{style: asOutline, first: 604, each: 59, description: 6, firstProperty: 15, property: 14, propertyDescription: 6, enum: 10},
	},
	Claude47: {
		name: "claude47", ratios: &claude47Ratios,
		frame: Frame{Base: 10, Message: 5, Name: 2, Reply: 4, Call: 41},
		tools: toolFrame{style: asOutline, first: 816, each: 80, description: 8, firstProperty: 20, property: 18, propertyDescription: 8, enum: 14},
	},
	Gemini: {
		name: "gemini", ratios: &geminiRatios,
		frame: Frame{Message: 1, Name: 1, Call: 4},
		tools: toolFrame{style: asOutline, firstProperty: 4, property: 3},
	},
	Llama: {
		name: "llama", ratios: &llamaRatios,
		frame: Frame{Base: 31, Message: 5, Name: 1, Reply: 4, Call: 12},
		tools: toolFrame{style: asJSON, first: 90, each: 2},
	},
	Qwen: {
		name: "qwen", ratios: &qwenRatios,
		frame: Frame{Base: 21, Message: 5, Name: 1, Reply: 3, Call: 12},
		tools: toolFrame{style: asJSON, first: 150, each: 2},
	},
	DeepSeek: {
		name: "deepseek", ratios: &deepSeekRatios,
		frame: Frame{Base: 7, Message: 4, Name: 1, Reply: 3, Call: 20},
		tools: toolFrame{style: asOutline, first: 143, each: 71, firstProperty: 14, property: 11, propertyDescription: 5, enum: 9},
	},
	Mistral: {
		name: "mistral", ratios: &mistralRatios,
		frame: Frame{Base: 2, Message: 2, Name: 1, Reply: 1, Call: 12},
		tools: toolFrame{style: asOutline, first: 60, each: 57, description: 1, firstProperty: 14, property: 11, propertyDescription: 5, enum: 9},
	},
	Grok: {
		name: "grok", ratios: &unknownRatios,
		frame: Frame{Base: 683, Message: 4, Name: 1, Reply: 3, Call: 12},
		tools: toolFrame{style: asOutline, first: 187, each: 32, description: 3, firstProperty: 9, property: 7, propertyDescription: 3, enum: 6},
	},
	Kimi: {
		name: "kimi", ratios: &unknownRatios,
		frame: Frame{Base: 31, Message: 6, Name: 2, Reply: 4, Call: 12},
		tools: toolFrame{style: asJSON, first: 250, each: 12},
	},
	GLM: {
		name: "glm", ratios: &unknownRatios,
		frame: Frame{Base: 31, Message: 6, Name: 2, Reply: 4, Call: 12},
		tools: toolFrame{style: asJSON, first: 250, each: 12},
	},
}
