package dialect

import "testing"

// TestPlainGolden: what servers of the openai dialect get of requests in other APIs.
func TestPlainGolden(t *testing.T) {
	golden(t, "testdata/clients/to_openai.txt", func(t *testing.T, s section) string {
		chat, fault := messagesRequest([]byte(s.text), Asked{})
		if fault != nil {
			t.Fatalf("%s: %v", s.name, fault)
		}
		body, dropped, fault := Plain(chat, Options{Drop: len(s.name) > 7 && s.name[len(s.name)-7:] == "dropped", Foreign: true})
		if fault != nil {
			return fault.Code + " " + fault.Param + ": " + fault.Message + "\n"
		}
		return indented(t, body) + list(dropped)
	})
}
