package prompt

import (
	"strings"
	"testing"
	"unicode/utf8"

	"bursar/exchange"
)

func TestPage(t *testing.T) {
	f := func(page, want string) {
		t.Helper()
		if got := string(appendPage(nil, []byte(page))); got != want {
			t.Errorf("%s\n got %q\nwant %q", page, got, want)
		}
	}
	f(`<!DOCTYPE html><html><head><title>Rates &amp; fees</title><style>p{color:red}</style><script>if (a < b) { document.write("</p>") }</script></head>`+
		`<body><h1>Rates</h1><p>From  <b>1 May</b>
		on, see <a href="/fees?x=1&amp;y=2" class="l">the fees</a>.<!-- old: 3 % --></p><ul><li>one<li>two</ul></body></html>`,
		"Rates & fees\nRates\nFrom 1 May on, see the fees </fees?x=1&y=2>.\none\ntwo")
	f(`<html><table><tr><th>day<th>high</tr><tr><td>Mon</td><td>21&deg;</td></tr></table>`, "day high\nMon 21°")
	f("<html><pre>  a\n    b</pre>after", "  a\n    b\nafter")
	f(`<html>1 < 2 and <a href="#top">top</a> <a href='javascript:x()'>x</a> <img src=x alt="a cat">`, "1 < 2 and top x a cat")
	f(`<html><p title="a > b">text</p>`, "text")
	f(`<html><script>never closed`, "")
	f(`<html><p>cut in the mid`+`<a href="x`, "cut in the mid")
	f(`<html>W<b>or</b>d, and <i>two</i> words`, "Word, and two words")
}

// TestHTMLToolResults: a page becomes its text when it is first seen, the rest of the prompt is untouched, and what only mentions HTML stays.
func TestHTMLToolResults(t *testing.T) {
	page := `<!doctype html><html><body>` + strings.Repeat(`<div class=\"row\"><span>word</span></div>`, 40) + `</body></html>`
	body := `{"model":"m","messages":[{"role":"tool","tool_call_id":"1","content":"` + page + `"},{"role":"tool","tool_call_id":"2","content":"use <html> as <b>this</b>"},{"role":"user","content":"` + page + `"}]}`
	e, err := Read([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	plan := e.Trim(counter(t), target, exchange.Trim{StripHTML: true})
	got := string(e.Shape(Shape{Plan: plan}, nil))
	if want := strings.Replace(body, page, strings.TrimSuffix(strings.Repeat(`word\n`, 40), `\n`), 1); got != want || plan.Edited != 1 || plan.Removed <= 0 {
		t.Errorf("%+v: %s", plan, got)
	}
}

// FuzzPage: no page takes a byte out of range or makes bad UTF-8 of good, and a text without markup is its words.
func FuzzPage(f *testing.F) {
	f.Add(`<html><a href="x">y</a><script>z</script>&lt;<pre> a </pre><td>b`)
	f.Add(`<!--<<a<'"=>`)
	f.Fuzz(func(t *testing.T, page string) {
		got := string(appendPage(nil, []byte(page)))
		if utf8.ValidString(page) && !utf8.ValidString(got) {
			t.Fatalf("%q became %q", page, got)
		}
		if !strings.ContainsAny(page, "<&") && strings.Join(strings.Fields(page), " ") != got {
			t.Fatalf("%q became %q", page, got)
		}
	})
}
