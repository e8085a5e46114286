package prompt_test

import "testing"

func TestConversation(t *testing.T) {
	of := func(seed, messages string) uint64 {
		t.Helper()
		return mustRead(t, `{"model":"m","messages":[`+messages+`]}`).Conversation(seed)
	}
	const first = `{"role":"system","content":"Be brief."},{"role":"user","content":"Who are you?"}`
	want := of("key1", first)
	same := func(messages string) {
		t.Helper()
		if got := of("key1", messages); got != want {
			t.Errorf("%s: got %x, want %x", messages, got, want)
		}
	}
	same(first + `,{"role":"assistant","content":"Bursar."},{"role":"user","content":"Why?"}`)
	same(`{"content":"Be\u0020brief.","role":"system"},{"role":"user","content":[{"type":"text","text":"Who are you?"}]}`)
	same(`{"role":"developer","content":"Be brief."},{"role":"assistant","content":"Hi!"},{"role":"user","content":"Who are you?"}`)

	other := func(seed, messages string) {
		t.Helper()
		if got := of(seed, messages); got == want || got == 0 {
			t.Errorf("%s: got %x", messages, got)
		}
	}
	other("key2", first)
	other("key1", `{"role":"user","content":"Who are you?"}`)
	other("key1", `{"role":"system","content":"Be brief.W"},{"role":"user","content":"ho are you?"}`)
	other("key1", `{"role":"user","content":"Be brief."},{"role":"user","content":"Who are you?"}`)
	other("key1", `{"role":"system","content":"Be brief"},{"role":"user","content":"Who are you?"}`)

	if got := of("key1", `{"role":"system","content":"Be brief."}`); got != 0 {
		t.Errorf("without a user: %x", got)
	}
	// Gateways of different builds must agree: this number may only change with a note in the changelog.
	if want != 0xb5f784dad160438d {
		t.Errorf("the fingerprint changed to %#x: conversations under way lose their model", want)
	}
}
