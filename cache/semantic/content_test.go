package semantic

import "testing"

func TestAnswersThatSayTheSame(t *testing.T) {
	const long = "You can renew the permit on the staff portal under Settings, then Permits; it takes two working days to arrive."
	f := func(a, b string, want bool) {
		t.Helper()
		left, right := newContent(a), newContent(b)
		if got := left.same(&right); got != want {
			t.Errorf("%q and %q: %v", a, b, got)
		}
		if got := right.same(&left); got != want {
			t.Errorf("%q and %q: not symmetric", a, b)
		}
	}
	f("Yes.", "yes", true)
	f("Yes", "No", false)
	f("card_arrival", "card_payment", false)
	f(`{"a":1,"b":[2, 3]}`, `{ "b":[2,3], "a":1 }`, true)
	f(`{"a":1}`, `{"a":2}`, false)
	f("It costs $5 per month for the whole team of the office.", "It costs $6 per month for the whole team of the office.", false)
	f("You don't need to do anything at all about that in the portal.", "You do need to do anything at all about that in the portal.", false)
	f(long, "You can renew the permit on the staff portal, under Settings, then Permits. It takes two working days to arrive!", true)
	f(long, "Ask the front desk of your building for a new badge, and bring a photo.", false)
	f(long, "", false)
	f("", "", true)
}

func TestAdmission(t *testing.T) {
	f := func(text string, want Admission) {
		t.Helper()
		if got := Admit(text); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	f("How do I cancel a booking?", Admitted)
	f("What does the premium plan cost?", Admitted)
	f("What's the warranty of the pump?", Admitted)
	f("Cancel my booking", Action)
	f("Paint the wall, please", Action)
	f("Could you please send the report to Ann?", Action)
	f("What is the latest release?", Fresh)
	f("Is the office open today?", Fresh)
	f("How many days of leave do I have?", Personal)
	f("Where is my parcel?", Personal)
	f("Wie kann ich mein Passwort zurücksetzen?", Foreign)
	f("パスワードを変更するには", Foreign)
	f("", Admitted)
}
