package dialect

import (
	"encoding/json"
	"errors"
)

// set takes the members that a translation knows out of rest, each into its place. Null is as if it were not there.
func set(rest map[string]json.RawMessage, places map[string]*json.RawMessage) {
	for name, place := range places {
		*place = given(rest[name])
		delete(rest, name)
	}
}

// why says what is wrong with a member's form, in the API's words.
func why(err error) string {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) && wrong.Field != "" {
		return " whose `" + wrong.Field + "` is no " + wrong.Value
	}
	return ""
}
