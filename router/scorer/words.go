package scorer

// words goes over the words of a text: runs of letters, each digit run as one word whatever its digits, and every other sign by itself. Case does
// not count.
type words struct {
	rest           []byte
	hash, previous uint32
}

const (
	hashSeed  = 2166136261 // FNV-1a
	hashPrime = 16777619
)

// next reads one more word, false at the end.
func (w *words) next() bool {
	text := w.rest
	i := 0
	for i < len(text) && class(text[i]) == blank {
		i++
	}
	if i == len(text) {
		w.rest = nil
		return false
	}
	w.previous, w.hash = w.hash, hashSeed
	switch c := class(text[i]); c {
	case letter:
		for i < len(text) && class(text[i]) == letter {
			b := text[i]
			if b >= 'A' && b <= 'Z' {
				b += 'a' - 'A'
			}
			w.hash = (w.hash ^ uint32(b)) * hashPrime
			i++
		}
	case digit:
		n := 0
		for i < len(text) && class(text[i]) == digit {
			n++
			i++
		}
		w.hash = (w.hash ^ uint32(min(n, 4))) * hashPrime
	default:
		w.hash = (w.hash ^ uint32(text[i])<<8) * hashPrime
		i++
	}
	w.rest = text[i:]
	return true
}

// buckets are the features of the word just read: itself, and the pair with the word before.
func (w *words) buckets() [2]uint32 {
	pair := (w.previous*0x9E3779B1 ^ w.hash) * 0x85EBCA77
	return [2]uint32{fold(w.hash), fold(pair)}
}

func fold(hash uint32) uint32 {
	hash ^= hash >> 16
	hash *= 0x7FEB352D
	return (hash ^ hash>>15) % Buckets
}

type kind uint8

const (
	blank kind = iota
	letter
	digit
	sign
)

func class(b byte) kind { return kinds[b] }

var kinds = func() (k [256]kind) {
	for b := range k {
		switch {
		case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z', b >= 0x80:
			k[b] = letter
		case b >= '0' && b <= '9':
			k[b] = digit
		case b > ' ' && b != 0x7F:
			k[b] = sign
		}
	}
	return k
}()
