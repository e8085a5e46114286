package dialect

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
)

// spliced is an object in which some members have other values; every other byte is its own. Of a member that stays, edit returns nil.
func spliced(object []byte, edit func(name string, value json.RawMessage) (other []byte)) ([]byte, bool) {
	decoder := json.NewDecoder(bytes.NewReader(object))
	if begin, err := decoder.Token(); err != nil || begin != json.Delim('{') {
		return nil, false
	}
	out, at := make([]byte, 0, len(object)+64), 0
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, false
		}
		var value json.RawMessage
		if decoder.Decode(&value) != nil {
			return nil, false
		}
		end := int(decoder.InputOffset())
		if other := edit(name.(string), value); other != nil { // no other token stands before a value
			out = append(append(out, object[at:end-len(value)]...), other...)
			at = end
		}
	}
	return append(out, object[at:]...), true
}

// unsignedThought is thinking that another provider's model has done: Anthropic's API refuses a signature that is none.
var unsignedThought = regexp.MustCompile(`"signature"\s*:\s*""`)

// messagesSplice is a client's own request with the model and a cap that is not above the client's. It is not made where the cap leaves no room
// for the thinking that was asked for, nor of what holds thinking that is not Anthropic's.
func messagesSplice(body []byte, model string, most int64) ([]byte, bool) {
	if unsignedThought.Match(body) || sealedWithin(body) {
		return nil, false
	}
	fits := true
	out, ok := spliced(body, func(name string, value json.RawMessage) []byte {
		switch name {
		case "model":
			return encode(nil, model)
		case "max_tokens":
			if asked, err := strconv.ParseInt(string(value), 10, 64); most > 0 && (err != nil || asked > most) {
				return strconv.AppendInt(nil, most, 10)
			}
		case "thinking":
			var think thinking
			fits = json.Unmarshal(value, &think) == nil && (most <= 0 || think.Budget < most)
		}
		return nil
	})
	return out, ok && fits
}

// Wraps tells whether a chat completion holds what only targets of the client's own dialect can be given.
func Wraps(chat []byte) bool {
	return bytes.Contains(chat, []byte(`"type":"native"`)) || bytes.Contains(chat, []byte(`","members":{`)) && bytes.Contains(chat, []byte(`"native":{"dialect":"`))
}
