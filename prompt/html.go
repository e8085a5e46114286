package prompt

import (
	"bytes"
	"html"
	"slices"
	"strings"
)

// isHTML tells whether a text is a page of HTML: it says so at its beginning.
func isHTML(text []byte) bool {
	head := bytes.ToLower(bytes.TrimLeft(text[:min(len(text), 256)], " \t\r\n\ufeff"))
	return bytes.HasPrefix(head, []byte("<!doctype html")) || bytes.HasPrefix(head, []byte("<html"))
}

// appendPage appends what a page of HTML says: its text, line by line as blocks have it, the addresses of its links and what stands for its images.
// Scripts, styles, comments and all markup are left out.
func appendPage(dst, page []byte) []byte {
	w := pageWriter{out: dst, from: len(dst)}
	for len(page) > 0 {
		at := bytes.IndexByte(page, '<')
		if at < 0 {
			at = len(page)
		}
		w.text(page[:at])
		if page = page[at:]; len(page) == 0 {
			break
		}
		tag, rest, ok := cutTag(page)
		if !ok { // a < that begins nothing
			w.text(page[:1])
			page = page[1:]
			continue
		}
		page = w.tag(tag, rest)
	}
	return bytes.TrimRight(w.out, " \n")
}

// pageWriter writes a page's text with single spaces, and no more than one empty line in a row.
type pageWriter struct {
	out   []byte
	from  int
	pre   int    // depth of elements whose white space counts
	link  string // the address of the link under way
	space bool   // white space is due
}

func (w *pageWriter) text(raw []byte) {
	if len(raw) == 0 {
		return
	}
	text := html.UnescapeString(string(raw))
	if w.pre > 0 {
		w.out = append(w.out, text...)
		return
	}
	for i, word := range strings.Fields(text) {
		if i > 0 || w.space || strings.IndexAny(text, " \t\r\n") == 0 {
			w.blank()
		}
		w.out = append(w.out, word...)
		w.space = false
	}
	w.space = w.space || strings.ContainsAny(text[len(text)-1:], " \t\r\n")
}

// blank puts a space between two words of a line.
func (w *pageWriter) blank() {
	if n := len(w.out); n > w.from && w.out[n-1] != '\n' && w.out[n-1] != ' ' {
		w.out = append(w.out, ' ')
	}
}

// line begins a line.
func (w *pageWriter) line() {
	w.space = false
	w.out = bytes.TrimRight(w.out, " ")
	if n := len(w.out); n > w.from && !bytes.HasSuffix(w.out[w.from:], []byte("\n\n")) && w.out[n-1] != '\n' {
		w.out = append(w.out, '\n')
	}
}

// tag takes a tag, and returns what of the page is left: behind the whole element, if that is no text.
func (w *pageWriter) tag(tag, rest []byte) []byte {
	name, closes := tagName(tag)
	switch {
	case slices.Contains(unread, name) && !closes:
		return afterElement(rest, name)
	case name == "pre" && closes:
		w.pre = max(0, w.pre-1)
		w.line()
	case name == "pre":
		w.line()
		w.pre++
	case name == "a":
		if closes && w.link != "" {
			w.out = append(append(append(w.out, " <"...), w.link...), '>')
		}
		if w.link = ""; !closes {
			w.link = linkOf(attribute(tag, "href"))
		}
	case name == "img":
		if alt := attribute(tag, "alt"); alt != "" {
			w.space = true
			w.text([]byte(alt))
		}
	case name == "td" || name == "th":
		w.space = true
	case slices.Contains(blocks, name):
		w.line()
	}
	return rest
}

// unread are elements that are no text of the page.
var unread = []string{"script", "style", "noscript", "svg", "template", "iframe", "object", "canvas"}

// blocks are elements that begin a line.
var blocks = []string{
	"p", "div", "br", "hr", "li", "ul", "ol", "dl", "dt", "dd", "tr", "table", "thead", "tbody", "caption", "h1", "h2", "h3", "h4", "h5", "h6", "section", "article", "header", "footer", "nav",
	"main", "aside", "blockquote", "figure", "figcaption", "form", "fieldset", "option", "title", "body", "details", "summary", "address",
}

// cutTag cuts a tag, comment or declaration off the beginning of a page. It is false if there is none. One without an end ends with the page.
func cutTag(page []byte) (tag, rest []byte, ok bool) {
	if bytes.HasPrefix(page, []byte("<!--")) {
		if end := bytes.Index(page[4:], []byte("-->")); end >= 0 {
			return page[:1], page[4+end+3:], true
		}
		return page[:1], nil, true
	}
	if len(page) < 2 || !(page[1] == '/' || page[1] == '!' || page[1] == '?' || page[1]|0x20 >= 'a' && page[1]|0x20 <= 'z') {
		return nil, nil, false
	}
	quote := byte(0)
	for i := 1; i < len(page); i++ {
		switch c := page[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case (c == '"' || c == '\'') && page[i-1] == '=':
			quote = c
		case c == '>':
			return page[1:i], page[i+1:], true
		}
	}
	return page[1:], nil, true
}

// tagName returns the name of a tag in lower case, and whether it closes its element.
func tagName(tag []byte) (name string, closes bool) {
	tag, closes = bytes.CutPrefix(tag, []byte{'/'})
	end := bytes.IndexFunc(tag, func(r rune) bool { return r <= ' ' || r == '/' })
	if end < 0 {
		end = len(tag)
	}
	return string(bytes.ToLower(tag[:min(end, 16)])), closes
}

// afterElement returns what follows the end of an element.
func afterElement(page []byte, name string) []byte {
	for {
		at := bytes.Index(page, []byte("</"))
		if at < 0 {
			return nil
		}
		page = page[at+2:]
		if len(page) < len(name) || !bytes.EqualFold(page[:len(name)], []byte(name)) {
			continue
		}
		end := bytes.IndexByte(page, '>')
		if end < 0 {
			return nil
		}
		return page[end+1:]
	}
}

// attribute returns an attribute's value in quotes, "" if there is none.
func attribute(tag []byte, name string) string {
	for {
		at := bytes.IndexByte(tag, '=')
		if at < 0 || at+1 >= len(tag) {
			return ""
		}
		key, value := bytes.TrimSpace(tag[:at]), tag[at+1:]
		quote := value[0]
		if quote != '"' && quote != '\'' {
			tag = value
			continue
		}
		end := bytes.IndexByte(value[1:], quote)
		if end < 0 {
			return ""
		}
		if space := bytes.LastIndexAny(key, " \t\r\n"); strings.EqualFold(string(key[space+1:]), name) {
			return string(value[1 : 1+end])
		}
		tag = value[1+end+1:]
	}
}

// linkOf returns the address of a link that leads somewhere.
func linkOf(href string) string {
	href = html.UnescapeString(strings.TrimSpace(href))
	if href == "" || href[0] == '#' || strings.HasPrefix(strings.ToLower(href), "javascript:") {
		return ""
	}
	return href
}
