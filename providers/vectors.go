package providers

import (
	"errors"
	"fmt"

	"bursar/internal/jsonspan"
	"bursar/pricing"
)

var errNoVectors = errors.New("it answered 200 without embeddings")

// readVectors finds in an answer with embeddings what is needed of it: that there are any, and the tokens of the prompt, which are all it bills;
// those that the provider did not tell of are ours, and counted as such.
func (a *Answer) readVectors() error {
	w := jsonspan.Walk(a.Body)
	if !w.Enter(jsonspan.Object) {
		return errNoObject
	}
	count, failed := 0, false
	for w.Member() {
		switch string(w.Key.Of(a.Body)) {
		case "data":
			if w.Enter(jsonspan.Array) {
				for ; w.Element(); count++ {
					w.Value()
				}
			}
		case "usage":
			usage := w.Value().Of(a.Body)
			v, _ := jsonspan.Get(usage, "prompt_tokens")
			_, ours := jsonspan.Get(usage, "estimated")
			if n, ok := v.Int(usage); ok && n > 0 && !ours {
				a.Usage, a.HasUsage = pricing.Usage{Input: n}, true
			}
		case "model":
			if v := w.Value(); v.Kind == jsonspan.String {
				a.Model = v.Text().Of(a.Body)
			}
		case "error":
			failed = truthy(w.Value().Of(a.Body))
		}
	}
	switch {
	case w.End() != nil:
		return fmt.Errorf("it answered 200 with malformed JSON: %w", w.Err())
	case failed:
		return errInOK
	case count == 0:
		return errNoVectors
	}
	a.vectors, a.Choices = true, count
	a.Finish = "stop" // there is no other end that vectors come to
	return nil
}
