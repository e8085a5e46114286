package providers

import "bytes"

// reasons holds how each choice of an answer ended, by index.
type reasons struct {
	by  []string // "" for a choice that has not ended
	was []bool   // the choice was seen
}

// mostChoices bounds the choices watched one by one; OpenAI allows 128. Those beyond share a place.
const mostChoices = 1024

// note takes down a choice and its finish_reason as JSON: null, or nothing, says that it goes on.
func (r *reasons) note(choice int64, value []byte) {
	index := int(min(choice, mostChoices))
	for len(r.by) <= index {
		r.by, r.was = append(r.by, ""), append(r.was, false)
	}
	r.was[index] = true
	if len(value) > 2 && value[0] == '"' {
		r.by[index] = finishName(value[1 : len(value)-1])
	}
}

// finishName returns the reason without allocating for those that are usual.
func finishName(raw []byte) string {
	switch string(raw) {
	case "stop":
		return "stop"
	case "length":
		return "length"
	case "tool_calls":
		return "tool_calls"
	case "function_call":
		return "function_call"
	case "content_filter":
		return "content_filter"
	}
	return string(bytes.ToValidUTF8(raw, []byte("?")))
}

// seen returns how many choices were seen.
func (r *reasons) seen() int {
	n := 0
	for _, was := range r.was {
		if was {
			n++
		}
	}
	return n
}

// ended tells whether at least n choices were seen and each of them has ended, in whatever way.
func (r *reasons) ended(n int) bool {
	for i, was := range r.was {
		if was && r.by[i] == "" {
			return false
		}
	}
	return r.seen() >= n
}

// complete tells whether at least n choices were seen and each of them ended by itself.
func (r *reasons) complete(n int) bool { return r.ended(n) && badness(r.worst(n)) == 0 }

// worst returns the worst reason: none at all, then anything unusual (content_filter and the like), then length, then those of
// complete answers.
func (r *reasons) worst(n int) string {
	if r.seen() < n {
		return ""
	}
	worst := ""
	most := -1
	for i, was := range r.was {
		if bad := badness(r.by[i]); was && bad > most {
			worst, most = r.by[i], bad
		}
	}
	return worst
}

func badness(reason string) int {
	switch reason {
	case "stop", "tool_calls", "function_call":
		return 0
	case "length":
		return 1
	case "":
		return 3
	default:
		return 2
	}
}

// reset forgets all, on the memory of old.
func (r *reasons) reset(old reasons) { r.by, r.was = old.by[:0], old.was[:0] }
