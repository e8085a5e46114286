package verify

import "strings"

// refuses tells whether a text declines to answer, by how it begins. Long texts that begin so go on to answer all the same.
func refuses(text string) bool {
	const longest = 2000
	if len(text) > longest {
		return false
	}
	head := strings.TrimLeft(text[:min(len(text), 160)], " \t\r\n*_>\"'")
	head = straight.Replace(strings.ToLower(head))
	for _, opening := range refusals {
		if strings.HasPrefix(head, opening) {
			return true
		}
	}
	return false
}

var straight = strings.NewReplacer("’", "'", "`", "'")

// refusals are how texts begin that decline to answer, in lower case.
var refusals = []string{
	"i can't help", "i cannot help", "i can't assist", "i cannot assist", "i can't provide", "i cannot provide", "i can't comply", "i cannot comply",
	"i can't fulfill", "i cannot fulfill", "i can't answer", "i cannot answer", "i can't do that", "i cannot do that", "i can't generate", "i cannot generate",
	"i can't create", "i cannot create", "i can't write", "i cannot write", "i won't", "i will not",
	"i'm sorry, but i", "i am sorry, but i", "i'm sorry, i can", "i'm sorry. i can", "i am sorry, i can", "sorry, but i", "sorry, i can", "i apologize, but i", "my apologies, but i",
	"i'm unable to", "i am unable to", "i'm not able to", "i am not able to", "unfortunately, i can", "unfortunately, i am unable", "unfortunately, i'm unable",
	"as an ai", "as a language model", "as a large language model", "i don't have access to", "i do not have access to", "i don't have the ability", "i must decline", "i have to decline",
	"es tut mir leid, aber ich", "tut mir leid, aber ich", "ich kann dabei nicht", "ich kann ihnen dabei nicht", "leider kann ich",
	"je suis désolé, mais je", "désolé, mais je", "je ne peux pas",
	"lo siento, pero no", "no puedo ayudar", "lamento, mas não", "sinto muito, mas não", "mi dispiace, ma non",
	"很抱歉", "抱歉，我", "对不起，我", "申し訳ありません", "申し訳ございません",
}
