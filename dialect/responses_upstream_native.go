package dialect

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"bursar/exchange"
)

// leastOutput is the smallest cap that OpenAI takes.
const leastOutput = 16

// responsesSplice is a client's own request with the model and a cap that is not above the client's. It is not made of what holds thoughts that we
// have sealed, which no provider can read, nor with a cap that OpenAI would refuse.
func responsesSplice(body []byte, model string, most int64) ([]byte, bool) {
	if sealedWithin(body) || most > 0 && most < leastOutput {
		return nil, false
	}
	capped := most <= 0
	out, ok := spliced(body, func(name string, value json.RawMessage) []byte {
		switch name {
		case "model":
			return encode(nil, model)
		case "max_output_tokens":
			if asked, err := strconv.ParseInt(string(value), 10, 64); !capped && (err != nil || asked > most) {
				capped = true
				return strconv.AppendInt(nil, most, 10)
			}
			capped = true
		}
		return nil
	})
	if ok && !capped {
		out, ok = withLast(out, `"max_output_tokens":`+strconv.FormatInt(most, 10))
	}
	return out, ok
}

// responsesWritten are members that are written here: said twice, a model or a cap would get past the policy.
var responsesWritten = []string{"model", "input", "instructions", "max_output_tokens", "store", "stream", "tools"}

// unwrap puts members back that were wrapped.
func (t *responsesUpstreamTranslation) unwrap() *exchange.Fault {
	n := t.in.Native
	switch {
	case n == nil:
		return nil
	case n.Dialect != responsesName:
		t.losses.loseNative(n)
		return nil
	}
	t.extra = members{}
	maps.Copy(t.extra, n.Also)
	maps.Copy(t.extra, n.Members)
	for name := range t.extra {
		if slices.Contains(responsesWritten, strings.ToLower(name)) {
			return malformed("native."+name, "left out: it is a member of the request itself")
		}
	}
	return nil
}
