package providers

import (
	"net/http"
	"unicode/utf8"

	"bursar/exchange"
)

// WriteFault appends a fault as OpenAI's error JSON, with all four members that SDKs expect. The request id is told for faults
// that are ours, so that a client can name it to whoever runs the gateway.
func WriteFault(dst []byte, f *exchange.Fault, requestID string) []byte {
	dst = append(dst, `{"error":{"message":"`...)
	dst = appendEscaped(dst, f.Message)
	if f.Hint != "" {
		dst = appendEscaped(append(dst, ' '), f.Hint)
	}
	if f.Status >= http.StatusInternalServerError && requestID != "" {
		dst = append(dst, " (request "...)
		dst = append(appendEscaped(dst, requestID), ')')
	}
	dst = append(dst, `","type":`...)
	dst = appendText(dst, faultType(f))
	dst = append(dst, `,"param":`...)
	dst = appendText(dst, f.Param)
	dst = append(dst, `,"code":`...)
	dst = appendText(dst, f.Code)
	return append(dst, "}}"...)
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
