package dialect

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"strings"
)

// geminiClientAnswer carries a whole answer back.
func geminiClientAnswer(chat []byte, r Reply) ([]byte, error) {
	in, err := readWhole(chat)
	if err != nil {
		return nil, err
	}
	out := googleAnswer{Model: in.modelOr(r.Model), ID: responsesID("resp", r.ID), Usage: googleUsageOf(in.Usage, in.ServiceTier)}
	shown := showsThoughts(r.Request)
	for i := range in.Choices {
		c := &in.Choices[i]
		said := c.said()
		cand := googleCandidate{Index: c.Index, FinishReason: googleFinish(c.FinishReason), Content: googleSaid{Role: "model"}}
		if cand.native(c.Native) {
			out.Candidates = append(out.Candidates, cand)
			continue
		}
		thought := googleThought{keep: sealed{ThinkingBlocks: said.ThinkingBlocks, Reasoning: said.reasoning()}, extra: given(said.Extra)}
		if shown && said.reasoning() != "" {
			cand.add(googleWord{Text: orNull(said.reasoning()), Thought: true})
		}
		text := said.text() + said.Refusal
		if all := googleCitationsOf(said.annotations(), text); all != nil {
			cand.Citations = all
		}
		if text != "" {
			word := googleWord{Text: &text}
			if len(said.ToolCalls) == 0 {
				word.Signature = thought.signature(nil)
			}
			cand.add(word)
		}
		for i := range said.Images {
			cand.add(said.Images[i].google())
		}
		for _, call := range said.ToolCalls {
			cand.call(&call, &thought)
		}
		if said.Refusal != "" {
			cand.FinishReason = "SAFETY"
		}
		cand.end(&thought)
		if c.LogProbs != nil {
			cand.logProbs(c.LogProbs.Content)
		}
		out.Candidates = append(out.Candidates, cand)
	}
	return encode(nil, &out), nil
}

// showsThoughts tells whether the client wants to see thoughts.
func showsThoughts(request []byte) bool {
	var asked struct {
		Config struct {
			Thinking struct {
				Include bool `json:"includeThoughts"`
			} `json:"thinkingConfig"`
		} `json:"generationConfig"`
	}
	return json.Unmarshal(camelCased(request), &asked) == nil && asked.Config.Thinking.Include
}

// googleThought is what was thought, to come back with the conversation in the thoughtSignature of the first part that follows it.
type googleThought struct {
	keep  sealed
	extra json.RawMessage // Google's own signature of the message's text
}

// signature is what the next part carries: Google's own signature as it came, else all that was thought, sealed. It is told once.
func (t *googleThought) signature(extra json.RawMessage) string {
	if own := ownSignature(extra); own != "" {
		t.keep = sealed{} // it tells Google all
		return own
	}
	own, keep := ownSignature(t.extra), t.keep
	*t = googleThought{}
	switch {
	case own != "":
		return own
	case len(keep.ThinkingBlocks) > 0:
		keep.Reasoning = "" // they hold it
	case keep.Reasoning == "":
		return ""
	}
	return base64.StdEncoding.EncodeToString([]byte(*keep.seal())) // clients read it as bytes
}

// ownSignature reads Google's signature.
func ownSignature(extra json.RawMessage) string {
	var e struct {
		Google struct {
			Signature string `json:"thought_signature"`
		} `json:"google"`
	}
	if len(extra) == 0 || json.Unmarshal(extra, &e) != nil {
		return ""
	}
	return e.Google.Signature
}

// google is an image as a part: its data, or where it is.
func (i *image) google() googleWord {
	if from, ok := dataSource(i.URL.URL); ok {
		return googleWord{Inline: &googleBlob{MimeType: from.MediaType, Data: from.Data}}
	}
	return googleWord{Text: &i.URL.URL}
}

// native makes a candidate of what it was at Google, if only Google's API has words for all of it.
func (c *googleCandidate) native(n *native) bool {
	if n == nil || n.Dialect != "gemini" || len(n.Content)+len(n.Members) == 0 {
		return false
	}
	c.extra = n.Members
	for _, part := range n.Content {
		c.Content.Parts = append(c.Content.Parts, part)
	}
	return true
}

func (c *googleCandidate) add(word googleWord) { c.Content.Parts = append(c.Content.Parts, word) }

// call adds a call. Arguments that are no object are none in Google's API, which says so in its own way.
func (c *googleCandidate) call(call *hubCalled, thought *googleThought) {
	args := json.RawMessage(strings.TrimSpace(call.Function.Arguments))
	if len(args) == 0 {
		args = json.RawMessage("{}")
	}
	if args[0] != '{' || !json.Valid(args) {
		c.FinishReason, c.Message = "MALFORMED_FUNCTION_CALL", "Malformed function call: "+call.Function.Name+"("+call.Function.Arguments+")"
		return
	}
	c.add(googleWord{Call: &googleCall{ID: call.ID, Name: call.Function.Name, Args: args}, Signature: thought.signature(given(call.Extra))})
}

// end makes sure that there is a part, as clients ask for: an empty text that carries what nothing else has.
func (c *googleCandidate) end(thought *googleThought) {
	signature := ""
	if c.FinishReason != "MALFORMED_FUNCTION_CALL" {
		signature = thought.signature(nil)
	}
	if len(c.Content.Parts) == 0 || signature != "" {
		c.add(googleWord{Text: new(string), Signature: signature})
	}
}

// logProbs adds log probabilities.
func (c *googleCandidate) logProbs(all []json.RawMessage) {
	type probable struct {
		Token   string      `json:"token"`
		LogProb json.Number `json:"logprob"`
	}
	out := &googleLogProbs{Top: []googleTop{}, Chosen: []googleLogProb{}}
	sum := 0.0
	for _, raw := range all {
		var p struct {
			probable
			Top []probable `json:"top_logprobs"`
		}
		if json.Unmarshal(raw, &p) != nil {
			return
		}
		out.Chosen = append(out.Chosen, googleLogProb(p.probable))
		top := googleTop{[]googleLogProb{}}
		for _, alternative := range p.Top {
			top.Candidates = append(top.Candidates, googleLogProb(alternative))
		}
		out.Top = append(out.Top, top)
		likely, _ := p.LogProb.Float64()
		sum += likely
	}
	if len(out.Chosen) == 0 {
		return
	}
	c.LogProbs = out
	if mean := sum / float64(len(out.Chosen)); !math.IsInf(mean, 0) && !math.IsNaN(mean) { // JSON has no word for them
		c.AvgLogProbs = &mean
	}
}
