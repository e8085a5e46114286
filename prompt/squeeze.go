package prompt

import (
	"bytes"
	"regexp"
	"strings"
)

// Squeeze proposes a shorter text for a system prompt, for a person to read: what is left out means nothing to most models, but only most. Lines of
// decoration go, comments, white space that nobody needs, and paragraphs that were there already. What stands in fences of code stays as it is.
func Squeeze(text string) string {
	var out []string
	seen := map[string]bool{}
	for _, part := range paragraphs(comments.ReplaceAllString(strings.ReplaceAll(text, "\r\n", "\n"), "")) {
		if part.fenced {
			out = append(out, part.text)
			continue
		}
		var lines []string
		for line := range strings.SplitSeq(part.text, "\n") {
			if line = squeezeLine(line); line != "" && !decoration.MatchString(line) {
				lines = append(lines, line)
			}
		}
		squeezed := strings.Join(lines, "\n")
		key := strings.ToLower(strings.Join(strings.Fields(squeezed), " "))
		if squeezed == "" || len(key) >= leastRepeated && seen[key] {
			continue
		}
		seen[key] = true
		out = append(out, squeezed)
	}
	return strings.TrimSpace(strings.Join(out, "\n\n"))
}

// leastRepeated is the shortest paragraph, in bytes, that is left out where it comes again: "Example:" may stand before each of several.
const leastRepeated = 40

var (
	comments   = regexp.MustCompile(`(?s)<!--.*?-->\n?`)
	decoration = regexp.MustCompile(`^[-=*_#~+─━═•·\s]{3,}$`)
	spaces     = regexp.MustCompile(`[ \t]{2,}`)
)

// squeezeLine takes the white space that nobody needs out of a line. Its indentation means something.
func squeezeLine(line string) string {
	line = strings.TrimRight(line, " \t")
	body := strings.TrimLeft(line, " \t")
	return line[:len(line)-len(body)] + spaces.ReplaceAllString(body, " ")
}

type paragraph struct {
	text   string
	fenced bool
}

// paragraphs cuts a text at empty lines, and around fences of code.
func paragraphs(text string) (all []paragraph) {
	var now []string
	end := func(fenced bool) {
		if len(now) > 0 {
			all = append(all, paragraph{strings.Join(now, "\n"), fenced})
		}
		now = nil
	}
	fence := ""
	for line := range strings.SplitSeq(text, "\n") {
		mark := fenceOf(line)
		switch {
		case fence != "":
			if now = append(now, line); mark == fence {
				end(true)
				fence = ""
			}
		case mark != "":
			end(false)
			fence = mark
			now = append(now, line)
		case strings.TrimSpace(line) == "":
			end(false)
		default:
			now = append(now, line)
		}
	}
	end(fence != "")
	return all
}

// fenceOf returns the marks that begin or end a fence of code, "" if the line does neither.
func fenceOf(line string) string {
	body := strings.TrimLeft(line, " \t")
	for _, mark := range []string{"```", "~~~"} {
		if strings.HasPrefix(body, mark) {
			return mark
		}
	}
	return ""
}

// SystemPrompt returns the text of the n-th message of the system that a reviewed text could stand for: one that is made of one text and carries no mark. It is
// false if there is none.
func (e *Envelope) SystemPrompt(n int) (text string, ok bool) {
	for i := range e.messages {
		m := &e.messages[i]
		if m.role != roleSystem || m.sealed || m.pieces.End-m.pieces.Start != 1 || e.pieces[m.pieces.Start].kind != pieceText {
			continue
		}
		if n == 0 {
			p := &e.pieces[m.pieces.Start]
			return string(bytes.Clone(e.textOf(p.span, p.escaped))), true
		}
		n--
	}
	return "", false
}
