package dialect

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// BilledByCall names the first of a chat completion's tools that its provider runs by itself and bills by the call, beside the tokens; "" if there is
// none. What such calls cost is in no usage that is priced here, so no budget bounds them.
func BilledByCall(tools []byte) string {
	if !bytes.Contains(tools, []byte(`"`+nativeType+`"`)) {
		return ""
	}
	var all []native
	if json.Unmarshal(tools, &all) != nil {
		return ""
	}
	for _, n := range all {
		if n.Type != nativeType {
			continue
		}
		kind := kindOf(n.Tool)
		if slices.ContainsFunc(billedByCall, func(of string) bool { return strings.HasPrefix(kind, of) }) {
			return kind
		}
	}
	return ""
}

// billedByCall begin the names of such tools: Anthropic dates theirs.
var billedByCall = []string{
	"web_search", "code_execution", // Anthropic
	"file_search", "code_interpreter", "image_generation", // OpenAI, and its web_search
	"googleSearch", "google_search", "googleMaps", "google_maps", "enterpriseWebSearch", "enterprise_web_search", // Google
}
