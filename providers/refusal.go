package providers

import "bytes"

// Refusal is why a provider found fault with a request, as far as another target might take it.
type Refusal uint8

// Refusals.
const (
	RefusalOther   Refusal = iota // of the request itself: every target would refuse it
	RefusalContext                // the prompt, or the prompt and the answer asked for, are longer than the model's context
	RefusalContent                // the provider's filter objects to what the prompt says
)

// refusalWords are in the bodies of refusals, whatever the dialect: codes first, then sentences of those that have no code.
var refusalWords = [...]struct {
	refusal Refusal
	words   string
}{
	{RefusalContext, "context_length_exceeded"},                        // OpenAI, Azure, Groq
	{RefusalContext, "exceed_context_size_error"},                      // llama.cpp
	{RefusalContext, "maximum context length"},                         // vLLM, Mistral, DeepSeek
	{RefusalContext, "prompt is too long"},                             // Anthropic
	{RefusalContext, "exceed context limit"},                           // Anthropic, of prompt and cap together
	{RefusalContext, "exceeds the maximum number of tokens allowed"},   // Google
	{RefusalContext, "Input is too long for requested model"},          // Bedrock
	{RefusalContext, "too many input tokens"},                          // Cohere, Bedrock
	{RefusalContent, `"content_filter"`},                               // Azure
	{RefusalContent, "content_policy_violation"},                       // OpenAI
	{RefusalContent, "ResponsibleAIPolicyViolation"},                   // Azure
	{RefusalContent, "content filtering policy"},                       // Anthropic
	{RefusalContent, "blocked by content filters"},                     // Bedrock
	{RefusalContent, "data_inspection_failed"},                         // Alibaba
	{RefusalContent, "Content Exists Risk"},                            // DeepSeek
	{RefusalContent, "The prompt could not be submitted. This prompt"}, // Vertex AI
}

// refusalOf reads a provider's refusal. Only the head of it is looked at: some quote the request behind it.
func refusalOf(body []byte) Refusal {
	head := body[:min(len(body), 2048)]
	for _, r := range refusalWords {
		if bytes.Contains(head, []byte(r.words)) {
			return r.refusal
		}
	}
	return RefusalOther
}
