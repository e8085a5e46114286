package dialect

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
)

var (
	calledFunction = regexp.MustCompile(`"function(?:C|_c)all"\s*:`)
	signedByGoogle = regexp.MustCompile(`"thought(?:S|_s)ignature"\s*:`)
)

// geminiSplice is a client's own request with a cap that is not above the client's; the model is in the URL. It is not made of what holds thoughts
// that we have sealed or calls that no Gemini model has signed, as those of another provider are, or the same thing in both spellings that Google
// takes.
func geminiSplice(body []byte, _ string, most int64) ([]byte, bool) {
	if sealedWithin(body) || calledFunction.Match(body) && !signedByGoogle.Match(body) {
		return nil, false
	}
	configs, fits := 0, true
	var seen spellings
	out, ok := spliced(body, func(name string, value json.RawMessage) []byte {
		if fits = fits && seen.first(name); name != "generationConfig" && name != "generation_config" {
			return nil
		}
		configs++
		capped, ok := cappedConfig(value, most)
		fits = fits && ok
		return capped
	})
	if ok && configs == 0 && most > 0 {
		out, ok = withLast(out, `"generationConfig":{"maxOutputTokens":`+strconv.FormatInt(most, 10)+`}`)
	}
	return out, ok && fits
}

// spellings are the names of an object's members, each as Google reads it.
type spellings map[string]bool

// first tells whether a member is there for the first time, in either spelling.
func (s *spellings) first(name string) bool {
	if *s == nil {
		*s = spellings{}
	}
	name = strings.ToLower(strings.ReplaceAll(name, "_", ""))
	known := (*s)[name]
	(*s)[name] = true
	return !known
}

// cappedConfig is a generationConfig with a cap that is not above most.
func cappedConfig(config json.RawMessage, most int64) ([]byte, bool) {
	caps, fits := 0, true
	var seen spellings
	out, ok := spliced(config, func(name string, value json.RawMessage) []byte {
		if fits = fits && seen.first(name); name != "maxOutputTokens" && name != "max_output_tokens" {
			return nil
		}
		caps++
		if asked, err := strconv.ParseInt(string(bytes.Trim(value, `"`)), 10, 64); most > 0 && (err != nil || asked <= 0 || asked > most) {
			return strconv.AppendInt(nil, most, 10)
		}
		return nil
	})
	if ok && caps == 0 && most > 0 {
		out, ok = withLast(out, `"maxOutputTokens":`+strconv.FormatInt(most, 10))
	}
	return out, ok && fits
}

// withLast is an object with one more member at its end.
func withLast(object []byte, member string) ([]byte, bool) {
	inside, ok := bytes.CutSuffix(bytes.TrimSpace(object), []byte("}"))
	if !ok {
		return nil, false
	}
	if inside = bytes.TrimRight(inside, " \t\r\n"); !bytes.HasSuffix(inside, []byte("{")) {
		member = "," + member
	}
	return append(append(bytes.Clone(inside), member...), '}'), true
}
