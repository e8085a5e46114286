package verify

// loops tells whether a text ends in a loop: the same piece over and over, as models fall into. Only the end is looked at, as no loop ends
// by itself, and only pieces with a letter, so that rules, empty rows and lists of zeros are none.
func loops(text string) bool {
	const window, rounds, least = 4096, 6, 400
	tail := text[max(0, len(text)-window):]
	n := len(tail)
	if n < least {
		return false
	}
	// The failure function of the text read backwards: for each length of its end, the longest part that both begins and ends it.
	border := make([]int16, n+1)
	at := func(i int) byte { return tail[n-1-i] }
	for i, k := 1, 0; i < n; i++ {
		for k > 0 && at(i) != at(k) {
			k = int(border[k])
		}
		if at(i) == at(k) {
			k++
		}
		border[i+1] = int16(k)
		size := i + 1
		period := size - k
		if size >= least && size >= rounds*period && hasLetter(tail[n-period:]) {
			return true
		}
	}
	return false
}

func hasLetter(piece string) bool {
	for i := range len(piece) {
		if c := piece[i] | 0x20; c >= 'a' && c <= 'z' || piece[i] >= 0x80 {
			return true
		}
	}
	return false
}
