package dialect

import (
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"bursar/exchange"
)

// WriteFault appends a fault as OpenAI's error JSON, with all four members that SDKs expect. The request id is told for faults
// that are ours, so that a client can name it to whoever runs the gateway.
func WriteFault(dst []byte, f *exchange.Fault, requestID string) []byte {
	dst = append(dst, `{"error":{"message":"`...)
	dst = appendEscaped(dst, faultText(f, requestID))
	dst = append(dst, `","type":`...)
	dst = appendText(dst, faultType(f))
	dst = append(dst, `,"param":`...)
	dst = appendText(dst, f.Param)
	dst = append(dst, `,"code":`...)
	dst = appendText(dst, f.Code)
	dst = appendShortage(dst, f)
	return append(dst, "}}"...)
}

// faultText is the whole sentence: what failed, what to do, and for faults that are ours the request's id.
func faultText(f *exchange.Fault, requestID string) string {
	text := f.Message
	if f.Hint != "" {
		text += " " + f.Hint
	}
	if f.Status >= http.StatusInternalServerError && requestID != "" {
		text += " (request " + requestID + ")"
	}
	return text
}

// appendShortage appends what programs may want to know of a refusal, as further members of the error: SDKs keep what they do not know. Money
// is in dollars, as exact decimals.
func appendShortage(dst []byte, f *exchange.Fault) []byte {
	text := func(name, value string) {
		dst = append(append(append(dst, `,"`...), name...), `":`...)
		dst = appendText(dst, value)
	}
	number := func(name string, value int64) {
		dst = append(append(append(dst, `,"`...), name...), `":`...)
		dst = strconv.AppendInt(dst, value, 10)
	}
	if b := f.Budget; b != nil {
		dst = append(dst, `,"budget":{"name":`...)
		dst = appendText(dst, b.Name)
		text("period", b.Period.String())
		text("needed_usd", b.Needed.Dollars())
		if !b.Secret {
			text("spent_usd", b.Spent.Dollars())
			text("held_usd", b.Held.Dollars())
			text("limit_usd", b.Limit.Dollars())
			if b.Raised != "" {
				text("raised", b.Raised)
			}
		}
		if !b.Renews.IsZero() {
			text("renews", b.Renews.Format(time.RFC3339))
		}
		dst = append(dst, '}')
	}
	if l := f.Limit; l != nil {
		dst = append(dst, `,"limit":{"name":`...)
		dst = appendText(dst, l.Name)
		text("unit", l.Unit)
		number("limit", l.Limit)
		if !l.Secret {
			number("used", l.Used)
		}
		number("needed", l.Needed)
		if l.RetryAfter > 0 {
			number("retry_after_ms", l.RetryAfter.Milliseconds())
		}
		dst = append(dst, '}')
	}
	return dst
}

// WriteStreamFault appends a fault as the last event of a stream whose status has been sent already. No [DONE] may follow it: the
// SDKs would take the stream for complete.
func WriteStreamFault(dst []byte, f *exchange.Fault, requestID string) []byte {
	dst = append(dst, "data: "...)
	dst = WriteFault(dst, f, requestID)
	return append(dst, "\n\n"...)
}

func faultType(f *exchange.Fault) string {
	switch {
	case f.Type != "":
		return f.Type
	case f.Status >= http.StatusInternalServerError:
		return "api_error"
	default:
		return "invalid_request_error"
	}
}

// appendText appends a JSON string, null if it is empty.
func appendText(dst []byte, text string) []byte {
	if text == "" {
		return append(dst, "null"...)
	}
	dst = append(dst, '"')
	dst = appendEscaped(dst, text)
	return append(dst, '"')
}

// appendEscaped appends the inside of a JSON string. Bytes that are no UTF-8 become the replacement character.
func appendEscaped(dst []byte, text string) []byte {
	const hex = "0123456789abcdef"
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, `\n`...)
		case r < ' ' || r == 0x7f:
			dst = append(dst, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return dst
}
