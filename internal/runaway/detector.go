// Package runaway tells when a text only repeats itself. It is separate because it is pure: bytes in, a verdict out, so that what it takes for
// degenerate can be read and tested by itself.
//
// A model that has lost its thread writes the same piece over and over until its cap ends it: a word, a paragraph, spaces without end in JSON. Such a
// tail is periodic byte for byte. What only resembles itself, as a list that counts up, is not taken for one.
package runaway

const (
	// Most is the longest piece that is found, in bytes: about a page.
	Most = 4096
	// Least is how many bytes a repetition has at least before it counts: a line of dashes, or a table of a few zeros, is none.
	Least = 2048

	window = 2 * Most // power of two
	gram   = 8        // bytes by which an earlier place is found again
	slots  = 2048     // power of two
)

// Detector looks for the period of a text that comes in pieces. The zero value is ready. It allocates nothing, looks at every byte once, and takes
// some 40 KB.
type Detector struct {
	ring   [window]byte // the last bytes
	last   uint64       // the last eight bytes
	at     int          // bytes so far
	period int          // the tail repeats what stood so many bytes before; 0 if that is not known
	run    int          // how many bytes it has repeated so
	seen   [slots]place // where eight bytes stood last, by their hash
}

type place struct {
	text uint64
	at   int // the byte after them; 0 for none
}

// Reset makes the detector ready for another text.
func (d *Detector) Reset() { *d = Detector{} }

// Feed takes the next piece of the text. It is true once the text's end is one piece that has come more than so many times in a row, whatever comes
// after: from then on the rest is not looked at.
func (d *Detector) Feed(text []byte, times int) bool {
	for _, c := range text {
		if d.take(c); d.run >= Least && d.run >= times*d.period {
			return true
		}
	}
	return false
}

// Period returns the length of the piece that repeats, in bytes, 0 if none does; and how many times it has come.
func (d *Detector) Period() (bytes, times int) {
	if d.period == 0 {
		return 0, 0
	}
	return d.period, d.run/d.period + 1
}

func (d *Detector) take(c byte) {
	if d.period > 0 {
		if d.ring[(d.at-d.period)%window] == c {
			d.run++
		} else {
			d.period, d.run = 0, 0
		}
	}
	d.ring[d.at%window] = c
	d.last = d.last<<8 | uint64(c)
	d.at++
	if d.at < gram {
		return
	}
	p := &d.seen[(d.last*0x9e3779b97f4a7c15)>>(64-11)]
	if d.period == 0 && p.at > 0 && p.text == d.last && d.at-p.at <= Most {
		d.period, d.run = d.at-p.at, gram
	}
	p.text, p.at = d.last, d.at
}
