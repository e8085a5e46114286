package semantic

import (
	"crypto/rand"
	"encoding/binary"
	"strconv"
	"strings"
	"time"
	"unique"

	"bursar/cache"
	"bursar/cache/embed"
)

// newcomer is a question with its answer on its way into a partition of a fleet.
type newcomer struct {
	entry  *entry
	said   content
	answer [16]byte // digest of the answer that it was found to say the same as
}

// ref names an entry in the fleet's record.
type ref [12]byte

func newRef() (r ref) {
	_, _ = rand.Read(r[:]) // it does not fail
	return r
}

// An entry is a hash in Redis with these fields. Of the answer itself it has what comparing takes; the answer is in the answer cache.
var entryFields = [...]string{"question", "answer", "says", "like", "asker", "labels", "mark", "until"}

// fields are what the hash of an entry has, in the order of entryFields: the question; the key of its answer; what the answer says, as content is
// written; the digest of the answer that it is like; who asked; labels, one a line; what had been purged; until when it serves, Unix milliseconds.
func (n *newcomer) fields() []any {
	e := n.entry
	values := [len(entryFields)]any{
		e.text, e.key.AppendTo(nil), n.said.append(nil), n.answer[:], strconv.FormatUint(e.asker, 36), e.labels.Value(),
		strconv.FormatUint(e.mark.Epoch, 36) + " " + strconv.FormatUint(e.mark.Purge, 36), strconv.FormatInt(e.expires.UnixMilli(), 10),
	}
	all := make([]any, 0, 2*len(values))
	for i, v := range values {
		all = append(all, entryFields[i], v)
	}
	return all
}

// readNewcomer reads the values of entryFields. It returns nil where the hash has gone or is damaged: such a question is not known.
func readNewcomer(r ref, values []any) *newcomer {
	var text [len(entryFields)]string
	for i := range text {
		if i >= len(values) {
			return nil
		}
		s, ok := values[i].(string)
		if !ok {
			return nil
		}
		text[i] = s
	}
	e := &entry{text: text[0], ref: r, labels: unique.Make(text[5])}
	n := &newcomer{entry: e}
	var ok bool
	if e.key, ok = cache.ReadKey([]byte(text[1])); !ok || !n.said.read([]byte(text[2])) || len(text[3]) != len(n.answer) {
		return nil
	}
	copy(n.answer[:], text[3])
	epoch, purge, _ := strings.Cut(text[6], " ")
	var faults [4]error
	e.asker, faults[0] = strconv.ParseUint(text[4], 36, 64)
	e.mark.Epoch, faults[1] = strconv.ParseUint(epoch, 36, 64)
	e.mark.Purge, faults[2] = strconv.ParseUint(purge, 36, 64)
	until, err := strconv.ParseInt(text[7], 10, 64)
	faults[3] = err
	for _, err := range faults {
		if err != nil {
			return nil
		}
	}
	e.expires, e.admitted = time.UnixMilli(until), Admit(e.text) == Admitted
	embed.Default().Embed(e.text, &e.vector)
	return n
}

// append writes a content: digest, literals, words, sketch, vector, little-endian.
func (c *content) append(dst []byte) []byte {
	dst = append(dst, c.digest[:]...)
	dst = binary.LittleEndian.AppendUint64(dst, c.literals)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(min(c.words, 1<<31)))
	for _, x := range c.sketch {
		dst = binary.LittleEndian.AppendUint32(dst, x)
	}
	for _, x := range c.vector {
		dst = append(dst, byte(x))
	}
	return dst
}

func (c *content) read(src []byte) bool {
	r := reading{src, true}
	copy(c.digest[:], r.bytes(len(c.digest)))
	c.literals, c.words = r.number(8), int(r.number(4))
	for i := range c.sketch {
		c.sketch[i] = uint32(r.number(4))
	}
	for i, b := range r.bytes(len(c.vector)) {
		c.vector[i] = int8(b)
	}
	return r.ok && len(r.left) == 0
}
