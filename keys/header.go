package keys

import "bytes"

// Parse returns the key that a request carries, or nil. Its arguments are the values of the four headers that SDKs use, nil or
// empty if a header is absent: OpenAI's (and most others') Authorization: Bearer, Anthropic's x-api-key, Azure's api-key and
// Google's x-goog-api-key. A Bursar key wins over other values, as some SDKs fill a header that is not used with a dummy; else the
// first value counts. The result is a part of one of the arguments.
func Parse(authorization, xAPIKey, apiKey, xGoogAPIKey []byte) []byte {
	values := [...][]byte{bearer(authorization), bytes.TrimSpace(xAPIKey), bytes.TrimSpace(apiKey), bytes.TrimSpace(xGoogAPIKey)}
	var first []byte
	for _, v := range values {
		if bytes.HasPrefix(v, []byte(prefix)) {
			return v
		}
		if len(first) == 0 {
			first = v
		}
	}
	return first
}

// bearer returns the token of an Authorization header; other schemes carry no key.
func bearer(value []byte) []byte {
	const scheme = "bearer "
	value = bytes.TrimSpace(value)
	if len(value) < len(scheme) || !bytes.EqualFold(value[:len(scheme)], []byte(scheme)) {
		return nil
	}
	return bytes.TrimSpace(value[len(scheme):])
}
