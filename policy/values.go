package policy

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"bursar/pricing"
)

// spot is what every leaf carries: where it stands, and whether it could be read.
type spot struct {
	at place
	ok bool
}

func (s spot) given() bool { return s.at.line > 0 }

// scalar takes the text of a plain value; anything else is a problem.
func (s *spot) scalar(d *decoder, n *yaml.Node, f field, want, hint string) (string, bool) {
	s.at = placeOf(n)
	switch {
	case n.Kind != yaml.ScalarNode || isNull(n):
		d.mismatch(n, f, want, hint)
		return "", false
	case n.Style&yaml.TaggedStyle != 0:
		d.problem(s.at, "remove the tag", "YAML tags are not known here: %s", n.Tag)
		return "", false
	case secretShape.MatchString(n.Value):
		d.hide(n.Value)
		d.problem(s.at, secretHint(f), "%s looks like a secret itself", f.called())
		return "", false
	}
	return strings.TrimSpace(n.Value), true
}

func secretHint(f field) string {
	if f.key == "key" {
		return "write the key's public id, as `bursar keys` lists it"
	}
	if f.key == "sha256" {
		return "run `bursar keys hash`, which reads the key and prints its row; revoke this one if the file has left your machine"
	}
	return "secrets never stand in this file: put it into an environment variable and write the variable's name after key_env"
}

// quoted shows a value in a message, cut if it is long.
func quoted(s string) string {
	const most = 60
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "..."
	}
	return strconv.Quote(s)
}

// text is a word or a sentence. Numbers are taken as they are written: 007 stays 007.
type text struct {
	spot
	value string
}

func (t *text) read(d *decoder, n *yaml.Node, f field) {
	s, ok := t.scalar(d, n, f, "text", example(f))
	if !ok {
		return
	}
	if s == "" {
		d.problem(t.at, example(f), "%s is empty", f.called())
		return
	}
	if i := strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }); i >= 0 {
		d.problem(t.at, "write it on one line", "%s contains a line break or a control character", f.called())
		return
	}
	t.value, t.ok = s, true
}

func example(f field) string {
	if like := f.tag.Get("like"); like != "" {
		return fmt.Sprintf("write it like %s: %s", f.key, like)
	}
	return ""
}

// prose is a text of any number of lines.
type prose struct{ text }

func (p *prose) read(d *decoder, n *yaml.Node, f field) {
	s, ok := p.scalar(d, n, f, "text", example(f))
	if !ok {
		return
	}
	if s == "" {
		d.problem(p.at, example(f), "%s is empty", f.called())
		return
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r == 0x7f }) {
		d.problem(p.at, "take it out", "%s contains a control character", f.called())
		return
	}
	p.value, p.ok = s, true
}

// choice is one of a few words.
type choice struct{ text }

func (c *choice) read(d *decoder, n *yaml.Node, f field) {
	allowed := f.words("one")
	s, ok := c.scalar(d, n, f, "one of "+strings.Join(allowed, ", "), "")
	if !ok {
		return
	}
	if !slices.Contains(allowed, s) {
		hint := "allowed: " + strings.Join(allowed, ", ")
		if near := nearest(s, allowed); near != "" {
			hint = fmt.Sprintf("did you mean %q? %s", near, hint)
		}
		d.problem(c.at, hint, "%s cannot be %s", f.called(), quoted(s))
		return
	}
	c.value, c.ok = s, true
}

// toggle is true or false.
type toggle struct {
	spot
	value bool
}

func (b *toggle) read(d *decoder, n *yaml.Node, f field) {
	s, ok := b.scalar(d, n, f, "true or false", "")
	if !ok {
		return
	}
	if n.Tag != "!!bool" || n.Style != 0 {
		d.problem(b.at, "write true or false, without quotes", "%s cannot be %s", f.called(), quoted(s))
		return
	}
	b.value, b.ok = strings.EqualFold(s, "true"), true
}

// whole is a whole number within the bounds of its field's tags.
type whole struct {
	spot
	value int64
}

func (w *whole) read(d *decoder, n *yaml.Node, f field) {
	s, ok := w.scalar(d, n, f, "a whole number", "")
	if !ok {
		return
	}
	v, err := parseWhole(s)
	if err != nil {
		d.problem(w.at, cmp.Or(wholeHint(s), example(f), "write digits only, such as 1500"), "%s cannot be %s: %v", f.called(), quoted(s), err)
		return
	}
	least, most := bound(f, "least", 0), bound(f, "most", mostWhole)
	if v < least || v > most {
		d.problem(w.at, fmt.Sprintf("write a number from %d to %d", least, most), "%s cannot be %d", f.called(), v)
		return
	}
	w.value, w.ok = v, true
}

// mostWhole bounds counts so that no sum of them overflows.
const mostWhole = 1_000_000_000_000

func bound(f field, tag string, usual int64) int64 {
	if v, err := strconv.ParseInt(f.tag.Get(tag), 10, 64); err == nil {
		return v
	}
	return usual
}

func parseWhole(s string) (int64, error) {
	digits := strings.ReplaceAll(s, "_", "")
	if digits == "" || strings.Trim(strings.TrimPrefix(digits, "-"), "0123456789") != "" || len(digits) > 1 && digits[0] == '0' {
		return 0, fmt.Errorf("it is not a whole number")
	}
	v, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || v > mostWhole {
		return 0, fmt.Errorf("it is too large")
	}
	return v, nil
}

// wholeHint returns what a number with a unit or with commas should have been, "" if that cannot be told.
func wholeHint(s string) string {
	lower := strings.ToLower(strings.TrimSpace(s))
	for _, unit := range []struct {
		suffix string
		times  float64
	}{{"tokens", 1}, {"token", 1}, {"k", 1000}, {"m", 1_000_000}} {
		if v, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(lower, unit.suffix)), 64); err == nil &&
			strings.HasSuffix(lower, unit.suffix) && v >= 0 && v < 1e6 {
			return "write the number out, without a unit: " + strconv.FormatInt(int64(math.Round(v*unit.times)), 10)
		}
	}
	if v := strings.ReplaceAll(s, ",", ""); v != s && strings.Trim(v, "0123456789") == "" {
		return "write it without commas: " + v
	}
	return ""
}

// span is a positive duration.
type span struct {
	spot
	value time.Duration
}

// longest bounds durations: whatever is meant to last longer than a year is meant for ever, or a slip.
const longest = 366 * 24 * time.Hour

func (s *span) read(d *decoder, n *yaml.Node, f field) {
	const hint = "write a number with a unit: 500ms, 30s, 10m, 24h or 7d"
	text, ok := s.scalar(d, n, f, "a duration", hint)
	if !ok {
		return
	}
	v, err := parseSpan(text)
	switch {
	case err != nil && strings.Trim(text, "0123456789.") == "":
		d.problem(s.at, hint, "%s is %s without a unit", f.called(), quoted(text))
	case err != nil:
		d.problem(s.at, hint, "%s is not a duration: %s", f.called(), quoted(text))
	case v <= 0:
		d.problem(s.at, "write a duration above zero, or leave the key out", "%s must be longer than %s", f.called(), quoted(text))
	case v > longest:
		d.problem(s.at, "the longest duration is 366d", "%s is too long: %s", f.called(), quoted(text))
	default:
		s.value, s.ok = v, true
	}
}

// parseSpan reads Go's durations, and whole days before them: 7d, 1d12h.
func parseSpan(s string) (time.Duration, error) {
	days, rest, found := strings.Cut(s, "d")
	if !found {
		return time.ParseDuration(s)
	}
	n, err := strconv.ParseUint(days, 10, 16)
	if err != nil {
		return 0, err
	}
	v := time.Duration(n) * 24 * time.Hour
	if rest == "" {
		return v, nil
	}
	more, err := time.ParseDuration(rest)
	return v + more, err
}

// dollars is an amount of money, never negative, exact to the nano-dollar.
type dollars struct {
	spot
	value pricing.Nano
}

func (m *dollars) read(d *decoder, n *yaml.Node, f field) {
	text, ok := m.scalar(d, n, f, "an amount of dollars", "write a number, such as 1500 or 0.50")
	if !ok {
		return
	}
	v, err := pricing.ParseDollars(strings.ReplaceAll(text, "_", ""))
	switch {
	case err != nil:
		d.problem(m.at, moneyHint(text), "%s is not an amount of dollars: %v", f.called(), err)
	case v < 0:
		d.problem(m.at, "write the amount as a positive number", "%s is negative: %s", f.called(), text)
	case v > mostDollars:
		d.problem(m.at, "the most is 8 billion dollars", "%s is too much: %s", f.called(), text)
	default:
		m.value, m.ok = v, true
	}
}

// rate is a price in dollars per million tokens.
type rate struct {
	spot
	value pricing.Pico
}

// dearest bounds rates, so that the worst case of a request still fits: a thousand dollars per token.
const dearest = pricing.Pico(1_000_000_000_000_000)

func (r *rate) read(d *decoder, n *yaml.Node, f field) {
	text, ok := r.scalar(d, n, f, "a price in dollars per million tokens", "write a number, such as 1.25")
	if !ok {
		return
	}
	v, err := pricing.PerMillion(strings.ReplaceAll(text, "_", ""))
	switch {
	case err != nil:
		d.problem(r.at, moneyHint(text), "%s is not a price: %v", f.called(), err)
	case v > dearest:
		d.problem(r.at, "prices are per million tokens", "%s is too dear: %s", f.called(), text)
	default:
		r.value, r.ok = v, true
	}
}

func moneyHint(s string) string {
	plain := strings.TrimSpace(strings.NewReplacer("$", "", ",", "", "_", "", "USD", "", "usd", "").Replace(s))
	if _, err := pricing.ParseDollars(plain); err == nil && plain != s {
		return "write the number alone: " + plain
	}
	if strings.HasPrefix(plain, "-") {
		return "write the amount as a positive number"
	}
	if v, err := strconv.ParseFloat(strings.TrimRight(plain, "kK"), 64); err == nil && v > 0 && v < 1e6 && strings.ContainsAny(plain, "kK") {
		return "write the number out: " + strconv.FormatFloat(v*1000, 'f', -1, 64)
	}
	if strings.Count(plain, ".") == 1 && len(plain)-strings.IndexByte(plain, '.') > 7 {
		return "money is exact to a nano-dollar (9 decimals), prices per million tokens to 6 decimals"
	}
	return "write plain dollars, such as 1500 or 0.50"
}

// share is a part of a whole above 0 and up to 1, written 80% or 0.8.
type share struct {
	spot
	value float64
}

func (s *share) read(d *decoder, n *yaml.Node, f field) {
	text, ok := s.scalar(d, n, f, "a share", "write a percentage, such as 80%")
	if !ok {
		return
	}
	v, err := parseShare(text)
	switch {
	case err != nil:
		d.problem(s.at, "write a percentage, such as 80%", "%s is not a share: %s", f.called(), quoted(text))
	case v <= 0 || v > 1:
		hint := "write a share above 0% and up to 100%"
		if v > 1 && v <= 100 && !strings.HasSuffix(text, "%") {
			hint = fmt.Sprintf("write %s%%", text)
		}
		d.problem(s.at, hint, "%s cannot be %s", f.called(), text)
	default:
		s.value, s.ok = v, true
	}
}

func parseShare(s string) (float64, error) {
	number, percent := strings.CutSuffix(s, "%")
	v, err := parseNumber(strings.TrimSpace(number))
	if percent {
		v /= 100
	}
	return v, err
}

// parseNumber reads a plain decimal: no exponent, no infinity, no hexadecimals.
func parseNumber(s string) (float64, error) {
	if s == "" || strings.Trim(strings.TrimPrefix(s, "-"), "0123456789.") != "" {
		return 0, fmt.Errorf("not a number")
	}
	return strconv.ParseFloat(s, 64)
}
