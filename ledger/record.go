package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"

	"bursar/pricing"
)

// A record is one entry of the journal: a kind byte, then
//
//	open    'o'  id, held, time taken, seed
//	row     'r'  the row
//	forget  'f'  id
//
// A row is the number of its texts, the texts, the number of its numbers, the numbers. Texts are a length and bytes, lengths are
// uvarints, numbers are varints. A reader fills fields that an older writer did not know with zeros, and refuses a record with
// more fields than it knows, because dropping them would lose money.
const (
	recordOpen   = 'o'
	recordRow    = 'r'
	recordForget = 'f'
)

// OpenHold is a hold that was taken and has no row yet.
type OpenHold struct {
	ID   string
	Held pricing.Nano
	Time int64  // when the hold was entered, Unix nanoseconds
	Seed []byte // what the caller gave, by custom an encoded partial Row
}

// maxText is how much of one text a record keeps, in bytes.
const maxText = 4096

// Encode appends the row in the journal's form to dst and returns it: the seed for Hold, from which a row can be made should
// the request never settle.
func (r *Row) Encode(dst []byte) []byte {
	dst = append(dst, texts)
	for _, text := range r.texts() {
		dst = appendText(dst, *text)
	}
	stream := r.streamNumber()
	dst = append(dst, byte(numbers))
	for _, n := range r.numbers(&stream) {
		dst = binary.AppendVarint(dst, *n)
	}
	return dst
}

// DecodeRow reads what Encode wrote. It copies what it keeps.
func DecodeRow(src []byte) (Row, error) {
	var r Row
	d := decoder{rest: src}
	count := d.uvarint()
	if count > texts {
		return Row{}, fmt.Errorf("ledger: a row has %d texts where this version of Bursar knows %d: use the version that wrote it", count, texts)
	}
	textFields := r.texts()
	for _, text := range textFields[:count] {
		*text = d.text()
	}
	count = d.uvarint()
	if count > uint64(numbers) {
		return Row{}, fmt.Errorf("ledger: a row has %d numbers where this version of Bursar knows %d: use the version that wrote it", count, numbers)
	}
	var stream int64
	numberFields := r.numbers(&stream)
	for _, n := range numberFields[:count] {
		*n = d.varint()
	}
	r.Stream = stream != 0
	return r, d.done("row")
}

func appendOpen(dst []byte, o *OpenHold) []byte {
	dst = append(dst, recordOpen)
	dst = appendText(dst, o.ID)
	dst = binary.AppendVarint(dst, int64(o.Held))
	dst = binary.AppendVarint(dst, o.Time)
	dst = binary.AppendUvarint(dst, uint64(len(o.Seed)))
	return append(dst, o.Seed...)
}

func appendForget(dst []byte, id string) []byte { return appendText(append(dst, recordForget), id) }

func appendRow(dst []byte, r *Row) []byte { return r.Encode(append(dst, recordRow)) }

// record is a decoded record; Kind says which of the others is meant.
type record struct {
	kind byte
	open OpenHold
	row  Row
	id   string // of a forget
}

func decodeRecord(src []byte) (rec record, err error) {
	if len(src) == 0 {
		return record{}, errors.New("ledger: an empty record")
	}
	rec.kind = src[0]
	d := decoder{rest: src[1:]}
	switch rec.kind {
	case recordRow:
		rec.row, err = DecodeRow(d.rest)
		return rec, err
	case recordOpen:
		rec.open = OpenHold{ID: d.text(), Held: pricing.Nano(d.varint()), Time: d.varint(), Seed: []byte(d.text())}
		return rec, d.done("open")
	case recordForget:
		rec.id = d.text()
		return rec, d.done("forget")
	default:
		return record{}, fmt.Errorf("ledger: a record of kind %q is unknown to this version of Bursar: use the version that wrote it", rec.kind)
	}
}

// appendText writes a text, cut at maxText bytes but never inside a rune.
func appendText(dst []byte, text string) []byte {
	if len(text) > maxText {
		cut := maxText
		for cut > maxText-utf8.UTFMax && !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = text[:cut]
	}
	dst = binary.AppendUvarint(dst, uint64(len(text)))
	return append(dst, text...)
}

// decoder reads a record from left to right. After a failure everything it returns is zero, and done tells.
type decoder struct {
	rest   []byte
	failed bool
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.rest)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) text() string {
	size := d.uvarint()
	if size > uint64(len(d.rest)) {
		d.fail()
		return ""
	}
	text := string(d.rest[:size])
	d.rest = d.rest[size:]
	return text
}

func (d *decoder) fail() { d.failed, d.rest = true, nil }

func (d *decoder) done(what string) error {
	if d.failed {
		return fmt.Errorf("ledger: a record of kind %s ends too early", what)
	}
	if len(d.rest) > 0 {
		return fmt.Errorf("ledger: a record of kind %s has %d bytes too many", what, len(d.rest))
	}
	return nil
}
