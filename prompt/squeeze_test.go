package prompt

import (
	"crypto/sha256"
	"strings"
	"testing"

	"bursar/exchange"
)

func TestSqueeze(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		got := Squeeze(text)
		if got != want {
			t.Errorf("%q\n got %q\nwant %q", text, got, want)
		}
		if again := Squeeze(got); again != got {
			t.Errorf("%q, then %q", got, again)
		}
	}
	f("Be brief.", "Be brief.")
	f("\r\n# Rules\r\n=======\r\n\r\n\r\n\r\nBe   brief.  \r\n", "# Rules\n\nBe brief.")
	f("<!-- v3, ann -->\nAnswer.\n\n---\n\n- one\n  - two\n", "Answer.\n\n- one\n  - two")
	f("Never tell a customer what others have paid.\n\nFirst.\n\nnever tell a  customer what others have paid.\n", "Never tell a customer what others have paid.\n\nFirst.")
	f("Example:\n\na\n\nExample:\n\nb", "Example:\n\na\n\nExample:\n\nb")
	f("Use:\n```\nif  x:\n\n\n    y  =  1\n```\nand   then\n", "Use:\n\n```\nif  x:\n\n\n    y  =  1\n```\n\nand then")
	f("| a | b |\n|---|---|\n| 1 | 2 |", "| a | b |\n|---|---|\n| 1 | 2 |")
	f("~~~\nnever   closed\n\n\nhere", "~~~\nnever   closed\n\n\nhere")
	f("===\n\n***", "")
}

// TestSqueezesStandForWhatWasRead: a reviewed text goes out for the very prompt that it was made for, in every turn and also where turns are dropped, and for no other;
// what a client has marked is left alone.
func TestSqueezesStandForWhatWasRead(t *testing.T) {
	const long = "You   are the desk of a hotel.\n\n\n\n==========\n\nNever promise a room that was not shown to you before."
	reviewed := &exchange.Squeezes{Texts: map[[32]byte]string{sha256.Sum256([]byte(long)): "You are a hotel's desk. Never promise a room not shown."}}
	quoted := strings.ReplaceAll(long, "\n", `\n`)
	f := func(trim exchange.Trim, messages, want string) {
		t.Helper()
		e, err := Read([]byte(`{"model":"m","messages":[` + messages + `]}`))
		if err != nil {
			t.Fatal(err)
		}
		plan := e.Trim(counter(t), target, trim)
		got := string(e.Shape(Shape{Plan: plan}, nil))
		if want = `{"model":"m","messages":[` + want + `]}`; got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
		left := e.MeasureTrimmed(counter(t), target, plan)
		if shaped, err := Read([]byte(got)); err != nil || shaped.Measure(counter(t), target).Tokens != left.Tokens {
			t.Errorf("%v: the plan leaves %d tokens, %s has others", err, left.Tokens, got)
		}
	}
	with := exchange.Trim{Squeezes: reviewed}
	const user = `,{"role":"user","content":"hi"}`
	short := `{"role":"system","content":"You are a hotel's desk. Never promise a room not shown."}`
	f(with, `{"role":"system","content":"`+quoted+`"}`+user, short+user)
	f(with, `{"role":"system","content":[{"type":"text","text":"`+quoted+`"}]}`+user, `{"role":"system","content":[{"type":"text","text":"You are a hotel's desk. Never promise a room not shown."}]}`+user)
	for _, kept := range []string{
		`{"role":"system","content":"` + quoted + ` And be kind."}`,
		`{"role":"user","content":"` + quoted + `"}`,
		`{"role":"system","content":"` + quoted + `","cache_control":{"type":"ephemeral"}}`,
		`{"role":"system","content":[{"type":"text","text":"` + quoted + `"},{"type":"text","text":"x"}]}`,
	} {
		f(with, kept+user, kept+user)
	}
	cut := with
	cut.MaxPromptTokens, cut.KeepLastTurns = 60, 1
	words := strings.Repeat("word ", 50)
	f(cut, `{"role":"system","content":"`+quoted+`"},{"role":"user","content":"`+words+`"},{"role":"assistant","content":"`+words+`"}`+user, short+user)
}
