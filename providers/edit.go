package providers

import (
	"bytes"

	"bursar/internal/jsonspan"
	"bursar/pricing"
)

// StripUsage appends an event as a client gets it that did not ask for usage: we always ask the provider. The chunk that holds
// nothing but usage is left out, since clients that do not expect it fail on its empty choices; of other chunks the member
// usage:null is cut. A usage object beside choices stays: vendors that send it there do so unasked. All other bytes are untouched.
func StripUsage(dst []byte, e *Event) []byte {
	switch {
	case e.Kind == KindUsage:
		return dst
	case e.usage.key == 0 || e.usage.object:
		return append(dst, e.Raw...)
	}
	data := e.Data
	cut := jsonspan.Span{Start: e.usage.key, End: e.usage.value.End}
	before := bytes.TrimRight(data[:cut.Start], " \t\r\n")
	if before[len(before)-1] == ',' {
		cut.Start = len(before) - 1
	} else if after := bytes.TrimLeft(data[cut.End:], " \t\r\n"); after[0] == ',' {
		cut.End = len(data) - len(after) + 1
	}
	return splice(dst, e, cut, "")
}

// AddCost appends an event with what the answer cost, in dollars, as usage.cost. An event without a usage object stays as it is.
func AddCost(dst []byte, e *Event, cost pricing.Nano) []byte {
	if !e.usage.object {
		return append(dst, e.Raw...)
	}
	part, text := costIn(e, cost)
	return splice(dst, e, part, text)
}

// costIn is where the cost goes in the data of an event with a usage object, and how it stands there.
func costIn(e *Event, cost pricing.Nano) (jsonspan.Span, string) {
	object := e.usage.value.Of(e.Data)
	if told, ok := jsonspan.Get(object, "cost"); ok { // the vendor's own idea of it
		at := e.usage.value.Start
		return jsonspan.Span{Start: at + told.Start, End: at + told.End}, cost.Dollars()
	}
	end := e.usage.value.End - 1
	comma := ","
	if len(bytes.TrimSpace(object[1:len(object)-1])) == 0 {
		comma = ""
	}
	return jsonspan.Span{Start: end, End: end}, comma + `"cost":` + cost.Dollars()
}

// splice appends an event with a part of its data replaced.
func splice(dst []byte, e *Event, part jsonspan.Span, text string) []byte {
	if e.at >= 0 {
		dst = append(dst, e.Raw[:e.at+part.Start]...)
		dst = append(dst, text...)
		return append(dst, e.Raw[e.at+part.End:]...)
	}
	// Its data came in several lines. The ends of those lines are whitespace between two tokens of JSON, so one line says the same.
	dst = append(dst, "data: "...)
	from := len(dst)
	dst = append(dst, e.Data[:part.Start]...)
	dst = append(dst, text...)
	dst = append(dst, e.Data[part.End:]...)
	for i := from; i < len(dst); i++ {
		if dst[i] == '\n' {
			dst[i] = ' '
		}
	}
	return append(dst, "\n\n"...)
}

// DataWithCost appends the data of an event, with what the answer cost, in dollars, as usage.cost if it has a usage object.
func DataWithCost(dst []byte, e *Event, cost pricing.Nano) []byte {
	if !e.usage.object {
		return append(dst, e.Data...)
	}
	part, text := costIn(e, cost)
	dst = append(append(dst, e.Data[:part.Start]...), text...)
	return append(dst, e.Data[part.End:]...)
}
