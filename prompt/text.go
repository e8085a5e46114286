package prompt

// LastUser appends the text of the last user message to scratch and returns it: unescaped, its text parts joined by newlines.
// It is empty if no user spoke, or spoke in images only.
func (e *Envelope) LastUser(scratch []byte) []byte {
	for i := len(e.messages) - 1; i >= 0; i-- {
		if e.messages[i].role == roleUser {
			return e.appendText(scratch, &e.messages[i])
		}
	}
	return scratch
}

// appendText appends the text of a message's content.
func (e *Envelope) appendText(dst []byte, m *message) []byte {
	first := true
	for i := m.pieces.Start; i < m.pieces.End; i++ {
		p := &e.pieces[i]
		if p.kind != pieceText {
			continue
		}
		if !first {
			dst = append(dst, '\n')
		}
		first = false
		dst = append(dst, e.textOf(p.span, p.escaped)...)
	}
	return dst
}
