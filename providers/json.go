package providers

import "errors"

type span struct{ start, end int }

var errJSON = errors.New("malformed JSON")

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

func skipString(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
	}
	return -1
}

func skipValue(b []byte, i, depth int) int {
	if i >= len(b) || depth > 512 {
		return -1
	}
	switch c := b[i]; {
	case c == '"':
		return skipString(b, i)
	case c == '{' || c == '[':
		i = skipSpace(b, i+1)
		if i < len(b) && b[i] == c+2 {
			return i + 1
		}
		for i < len(b) {
			if c == '{' {
				if b[i] != '"' {
					return -1
				}
				if i = skipString(b, i); i < 0 {
					return -1
				}
				if i = skipSpace(b, i); i >= len(b) || b[i] != ':' {
					return -1
				}
				i = skipSpace(b, i+1)
			}
			if i = skipValue(b, i, depth+1); i < 0 {
				return -1
			}
			i = skipSpace(b, i)
			if i >= len(b) {
				return -1
			}
			if b[i] == c+2 {
				return i + 1
			}
			if b[i] != ',' {
				return -1
			}
			i = skipSpace(b, i+1)
		}
		return -1
	default:
		j := i
		for j < len(b) && (b[j] >= '0' && b[j] <= '9' || b[j] >= 'a' && b[j] <= 'z' || b[j] == '-' || b[j] == '+' || b[j] == '.' || b[j] == 'E') {
			j++
		}
		if j == i {
			return -1
		}
		return j
	}
}

// members visits the members of an object.
func members(b []byte, visit func(key, value []byte) error) error {
	i := skipSpace(b, 0)
	end := skipValue(b, i, 0)
	if end < 0 || b[i] != '{' || skipSpace(b, end) != len(b) {
		return errJSON
	}
	for i = skipSpace(b, i+1); b[i] != '}'; {
		k := skipString(b, i)
		v := skipSpace(b, skipSpace(b, k)+1)
		e := skipValue(b, v, 0)
		if err := visit(b[i+1:k-1], b[v:e]); err != nil {
			return err
		}
		i = skipSpace(b, e)
		if b[i] == ',' {
			i = skipSpace(b, i+1)
		}
	}
	return nil
}

// elements visits the elements of an array.
func elements(b []byte, visit func(value []byte) error) error {
	i := skipSpace(b, 0)
	end := skipValue(b, i, 0)
	if end < 0 || b[i] != '[' || skipSpace(b, end) != len(b) {
		return errJSON
	}
	for i = skipSpace(b, i+1); b[i] != ']'; {
		e := skipValue(b, i, 0)
		if err := visit(b[i:e]); err != nil {
			return err
		}
		i = skipSpace(b, e)
		if b[i] == ',' {
			i = skipSpace(b, i+1)
		}
	}
	return nil
}

// unescape appends what a JSON string says.
func unescape(dst, str []byte) []byte { return append(dst, str[1:len(str)-1]...) }

// spanOf returns where part lies in whole; both share their memory.
func spanOf(whole, part []byte) span {
	start := cap(whole) - cap(part)
	return span{start, start + len(part)}
}
