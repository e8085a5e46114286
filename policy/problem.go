package policy

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Problems is everything that keeps a file from loading, in file order. It is the error of Parse.
type Problems struct {
	File    string
	List    []Problem // the first 100
	Further int       // how many more were found
}

// Error lists every problem with its line, a caret and a hint.
func (p *Problems) Error() string {
	var b strings.Builder
	for i := range p.List {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(p.List[i].Render(p.File))
	}
	if p.Further > 0 {
		fmt.Fprintf(&b, "\n%s: and %d more problems\n", p.File, p.Further)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// Problem is one thing wrong in a file, or worth a look.
type Problem struct {
	Line, Column int    // from 1; columns count characters
	Source       string // the line's text, secrets masked; cut around the column if it is very long
	Message      string // what is wrong, on what
	Hint         string // what to do, "" if the message says it

	caret int // the column within Source, from 0
}

// Warning is a problem that does not keep the file from loading.
type Warning = Problem

// Render writes the problem as compilers do, ending in a line break: the place, the line with a caret, the hint.
func (p *Problem) Render(file string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d:%d: %s\n", file, p.Line, p.Column, p.Message)
	gutter := fmt.Sprintf("%5d | ", p.Line)
	if strings.TrimSpace(p.Source) != "" {
		fmt.Fprintf(&b, "%s%s\n%s| %s^\n", gutter, p.Source, strings.Repeat(" ", len(gutter)-2), strings.Repeat(" ", p.caret))
	}
	if p.Hint != "" {
		fmt.Fprintf(&b, "%s= %s\n", strings.Repeat(" ", len(gutter)-2), p.Hint)
	}
	return b.String()
}

// mostProblems bounds what is listed: nobody reads more, and a hostile file must not cost more.
const mostProblems = 100

// notes collects problems and warnings while a file is read, and writes the source lines to them at the end, when all secrets in
// the file are known.
type notes struct {
	file     string
	lines    []string
	problems []Problem
	further  int
	warnings []Warning
	secrets  []string
}

// problem notes what is wrong at a place.
func (n *notes) problem(at place, hint, format string, args ...any) {
	if len(n.problems) >= mostProblems {
		n.further++
		return
	}
	n.problems = append(n.problems, Problem{Line: at.line, Column: at.column, Message: fmt.Sprintf(format, args...), Hint: hint})
}

// warn notes what is worth a look at a place.
func (n *notes) warn(at place, hint, format string, args ...any) {
	if len(n.warnings) < mostProblems {
		n.warnings = append(n.warnings, Warning{Line: at.line, Column: at.column, Message: fmt.Sprintf(format, args...), Hint: hint})
	}
}

// full tells that no further problem will be listed, so that nobody need look for a hint.
func (n *notes) full() bool { return len(n.problems) >= mostProblems }

// hide keeps a value out of everything that is printed.
func (n *notes) hide(secret string) {
	if len(secret) >= 4 && len(n.secrets) < mostProblems {
		n.secrets = append(n.secrets, secret)
	}
}

// err returns everything noted as an error, nil if there is no problem.
func (n *notes) err() error {
	if len(n.problems) == 0 {
		return nil
	}
	return &Problems{File: n.file, List: n.illustrated(n.problems), Further: n.further}
}

// illustrated sorts notes by place and gives each its source line.
func (n *notes) illustrated(list []Problem) []Problem {
	slices.SortStableFunc(list, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	masked, number := "", 0 // of the last line, which may be long and have many problems
	for i := range list {
		p := &list[i]
		p.Message, p.Hint = n.mask(p.Message), n.mask(p.Hint)
		if p.Line < 1 || p.Line > len(n.lines) {
			continue
		}
		if p.Line != number {
			masked, number = n.mask(n.lines[p.Line-1]), p.Line
		}
		p.Source, p.caret = excerpt(masked, p.Column-1)
	}
	return list
}

// mask hides secrets, keeping every character's column.
func (n *notes) mask(text string) string {
	for _, s := range n.secrets {
		text = strings.ReplaceAll(text, s, stars(s))
	}
	return secretShape.ReplaceAllStringFunc(text, stars)
}

// secretShape is what keys of providers, and our own, look like.
var secretShape = regexp.MustCompile(`\b(?:sk-|sk_|AIza|xai-|gsk_|AKIA|hf_|ghp_|eyJ)[A-Za-z0-9_\-.]{12,}`)

func stars(s string) string {
	shown := 0
	if len(s) >= 12 && s[2] < utf8.RuneSelf {
		shown = 3
	}
	return s[:shown] + strings.Repeat("*", utf8.RuneCountInString(s[shown:]))
}

// widest is the longest source line that is shown whole.
const widest = 160

// excerpt cuts a line around a column, counted in characters from 0. Tabs become spaces, so that a caret stands right, and so do
// all control characters: a file must not steer the terminal that its problems are shown on.
func excerpt(line string, column int) (text string, caret int) {
	line = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, line)
	runes := []rune(line)
	column = max(0, min(column, len(runes)))
	if len(runes) <= widest {
		return line, column
	}
	from := max(0, column-widest/2)
	to := min(len(runes), from+widest)
	text, caret = string(runes[from:to]), column-from
	if from > 0 {
		text, caret = "..."+text, caret+3
	}
	if to < len(runes) {
		text += "..."
	}
	return text, caret
}
