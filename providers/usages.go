package providers

import (
	"strconv"

	"bursar/internal/jsonspan"
)

// appendUsages appends the last of several usage objects, with what was generated added up: llama.cpp tells of each of several choices in
// one of its own, over the one prompt. See Stream.Usage, which adds up the same.
func appendUsages(dst []byte, all [][]byte) []byte {
	last := all[len(all)-1]
	w := jsonspan.Walk(last)
	w.Enter(jsonspan.Object)
	at := 0
	put := func(v jsonspan.Value, n int64) {
		dst = strconv.AppendInt(append(dst, last[at:v.Start]...), n, 10)
		at = v.End
	}
	for w.Member() {
		switch string(w.Key.Of(last)) {
		case "completion_tokens":
			if v := w.Value(); v.Kind == jsonspan.Number {
				put(v, sumOf(all, "completion_tokens"))
			}
		case "total_tokens":
			if v := w.Value(); v.Kind == jsonspan.Number {
				put(v, sumOf(all[len(all)-1:], "total_tokens")+sumOf(all[:len(all)-1], "completion_tokens"))
			}
		case "completion_tokens_details":
			if !w.Enter(jsonspan.Object) {
				continue
			}
			for w.Member() {
				name := string(w.Key.Of(last))
				if v := w.Value(); v.Kind == jsonspan.Number {
					put(v, sumOf(all, "completion_tokens_details", name))
				}
			}
		}
	}
	return append(dst, last[at:]...)
}

// sumOf adds up a count of several usage objects.
func sumOf(all [][]byte, path ...string) int64 {
	var sum int64
	for _, object := range all {
		if v, ok := jsonspan.Get(object, path...); ok {
			var n int64
			text := v.Of(object)
			w := jsonspan.Walk(text)
			takeCount(&w, text, &n)
			sum += n
		}
	}
	return sum
}
