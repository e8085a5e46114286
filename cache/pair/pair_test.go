package pair

import (
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

func judge(t testing.TB, a, b string) Judgement {
	t.Helper()
	var left, right Side
	v := Default()
	v.Read(a, &left)
	v.Read(b, &right)
	return v.Judge(&left, &right)
}

func TestConflicts(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want Conflict
	}{
		{"What does 5 GB cost?", "What does 6 GB cost?", Numbers},
		{"Is 1,000 enough?", "Is 1000 enough?", NoConflict},
		{"How far is 5 km?", "How far is 5 miles?", Numbers},
		{"Can I send $50?", "Can I send €50?", Numbers},
		{"Who has two keys?", "Who has 2 keys?", NoConflict},
		{"Show order D-7781.", "Show order D-7718.", Identifiers},
		{"Show order #D-7781.", "show order D7781", NoConflict},
		{"Can I enable backups?", "Can I disable backups?", Opposites},
		{"Can I lock my screen?", "Can I unlock my screen?", Opposites},
		{"Is it refundable?", "Is it not refundable?", Negation},
		{"Where was Ada Lovelace born?", "Where was Alan Turing born?", Entities},
		{`What does "foo bar" mean?`, `What does "foo baz" mean?`, Quotes},
		{"What does `a+b` do?", "What does `a-b` do?", Code},
		{"Is the office open on Monday?", "Is the office open on Friday?", Dates},
		{"Write a sort in Python", "Write a sort in Java", Languages},
		{"How do I get from Oslo to Rome?", "How do I get from Rome to Oslo?", Roles},
		{"How do I get from Oslo to Rome?", "How do I get to Rome from Oslo?", NoConflict},
		{"How do I print the report?", "Why should I print the report?", Asking},
		{"How come I cannot log in?", "Why can I not log in?", NoConflict},
		{"How often is it cleaned?", "When is it cleaned?", Asking},
		{"What time does it open?", "When does it open?", NoConflict},
		{"How do I renew a permit?", "Where can I renew a permit?", NoConflict},
		{"How do I renew the permit?", "How do I renew the permit for a minor?", Narrowed},
		{"How do I renew the permit?", "What is the way in which to renew the permit?", NoConflict},
		{"Как дела?", "How are you?", Script},
	} {
		if got := judge(t, c.a, c.b).Conflict; got != c.want {
			t.Errorf("%q and %q: %v, want %v", c.a, c.b, got, c.want)
		}
	}
}

func TestEqualQuestionsAreTheSame(t *testing.T) {
	for _, q := range []string{"How do I reset my password?", "Which plan includes phone support?"} {
		if j := judge(t, q, q); j.Conflict != NoConflict || j.Same < 0.5 {
			t.Errorf("%q and itself: %+v", q, j)
		}
	}
}

func TestOrderOfQuestionsDoesNotMatter(t *testing.T) {
	words := []string{"how", "do", "I", "not", "send", "Berlin", "5", "km", "from", "to", "Rome", "D-77", "\"quoted\"", "`x`", "close", "open", "?", "Monday", "日本"}
	rapid.Check(t, func(t *rapid.T) {
		sentence := func(name string) string {
			text := ""
			for _, w := range rapid.SliceOfN(rapid.SampledFrom(words), 0, 12).Draw(t, name) {
				text += w + " "
			}
			return text
		}
		a, b := sentence("a"), sentence("b")
		var left, right Side
		v := Default()
		v.Read(a, &left)
		v.Read(b, &right)
		if one, other := v.Judge(&left, &right), v.Judge(&right, &left); one != other {
			t.Fatalf("%q, %q: %+v one way, %+v the other", a, b, one, other)
		}
	})
}

func TestLongQuestionsHaveNoPair(t *testing.T) {
	text := ""
	for range maxTokens + 1 {
		text += "word "
	}
	if j := judge(t, text, text); j.Conflict != TooLong {
		t.Errorf("%v", j.Conflict)
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{"", "5%", "\xff\xfe", "a`b", "\"", "1,0.0-", "日本語 text", "D-7 €5 5€"} {
		f.Add(s, "How are you?")
	}
	var left, right Side
	f.Fuzz(func(t *testing.T, a, b string) {
		v := Default()
		v.Read(a, &left)
		v.Read(b, &right)
		if j := v.Judge(&left, &right); !(j.Same >= 0 && j.Same <= 1) {
			t.Fatalf("%q, %q: %v", a, b, j)
		}
	})
}

func TestJudgeAllocatesNothing(t *testing.T) {
	var left, right Side
	v := Default()
	read := func() {
		v.Read("How do I reset my password for the admin console?", &left)
		v.Read("What is the way to change the admin password?", &right)
		v.Judge(&left, &right)
	}
	read()
	if n := testing.AllocsPerRun(100, read); n > 0.5 {
		t.Errorf("%v allocations", n)
	}
}

func TestTreesAreChecked(t *testing.T) {
	for name, file := range map[string][]byte{
		"empty": {}, "magic": make([]byte, 64), "cut": shipped[:len(shipped)-1],
	} {
		if _, err := parse(file); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func BenchmarkJudge(b *testing.B) {
	var left, right Side
	v := Default()
	v.Read("How do I reset my password for the admin console?", &left)
	v.Read("What is the way to change the admin password?", &right)
	for b.Loop() {
		v.Judge(&left, &right)
	}
}

func BenchmarkRead(b *testing.B) {
	var s Side
	v := Default()
	texts := []string{"How do I reset my password for the admin console?", "Show order D-7781 of 5 May 2024"}
	for b.Loop() {
		v.Read(texts[rand.IntN(2)], &s)
	}
}
