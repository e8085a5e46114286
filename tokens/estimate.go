package tokens

import "unicode/utf8"

// ratios turn o200k_base's tokens into another tokenizer's, in thousandths, by kind of text. They lean high, because money is held
// by them: each is the worst that was measured in its kind, rounded up.
type ratios struct {
	text  int64 // words, code, symbols and white space that begin in ASCII
	digit int64 // numbers; of tokens, or of digits if the tokenizer takes each digit alone
	cjk   int64 // Chinese and Japanese
	other int64 // other scripts, Korean among them, and emoji

	digitwise bool // every digit is a token; o200k_base has up to three in one
}

// The ratios were measured between public tokenizers and o200k_base on the same texts of 40,000 characters:
//
//	               Llama 3.1  Gemma 3  Qwen 3  DeepSeek V3  Mistral Nemo  Claude 2
//	English        1.01       1.06     1.02    1.02         1.05          1.07
//	chat as JSON   1.00       1.11     1.09    1.05         1.13          1.03
//	Go, Python     1.01       1.22     1.01    1.11         1.07          1.22
//	minified JS    1.00       1.13     1.06    1.04         1.09          1.01
//	JSON           1.00       1.35     1.08    1.09         1.13          1.12
//	German         1.13       1.05     1.13    1.11         1.03          1.26
//	Russian        1.07       1.09     1.15    1.08         1.15          1.52
//	Chinese        1.02       0.95     0.95    0.88         1.25          1.20
//	Japanese       0.94       0.79     0.93    0.95         1.02          1.28
//	hexadecimal    1.00       1.56     1.55    1.01         1.57          1.03
//
// JSON and hexadecimal are dear for those that take digits one by one, which is why digits are counted apart. Claude's vocabulary
// after Claude 2 is not public: reports agree on Claude 2's count plus 10 %, and on up to 35 % more from Opus 4.7 on. Grok, Kimi
// and GLM were not measured: they get the worst of the public ones, and in scripts beyond Latin no less than cl100k_base, the
// oldest vocabulary still on sale (Chinese 1.34, Russian 1.5, Korean and Thai 1.9).
var (
	llamaRatios    = ratios{text: 1130, digit: 1000, cjk: 1050, other: 1100}
	geminiRatios   = ratios{text: 1220, digit: 1000, cjk: 1000, other: 1120, digitwise: true}
	qwenRatios     = ratios{text: 1130, digit: 1000, cjk: 1000, other: 1160, digitwise: true}
	deepSeekRatios = ratios{text: 1130, digit: 1030, cjk: 1000, other: 1100}
	mistralRatios  = ratios{text: 1130, digit: 1000, cjk: 1260, other: 1160, digitwise: true}
	claudeRatios   = ratios{text: 1390, digit: 1240, cjk: 1410, other: 1680}
	claude47Ratios = ratios{text: 1880, digit: 1680, cjk: 1910, other: 2270}
	unknownRatios  = ratios{text: 1220, digit: 1000, cjk: 1400, other: 2000, digitwise: true}
)

// tally is how many tokens of each kind a text is.
type tally struct{ text, digit, digits, cjk, other int64 }

// estimate returns how many tokens the text is to a tokenizer of the given ratios, rounded up.
func (e *encoding) estimate(text []byte, r *ratios) int64 {
	t := e.tally(text)
	numbers := t.digit
	if r.digitwise {
		numbers = t.digits
	}
	sum := t.text*r.text + numbers*r.digit + t.cjk*r.cjk + t.other*r.other
	return (sum + 999) / 1000
}

// tally counts like count, by kind of text. A piece is of one kind: its pattern ends at a change of script between letters and
// digits, and a foreign letter within a word does not make the word foreign.
func (e *encoding) tally(text []byte) tally {
	var t tally
	s := e.scratch()
	for i := 0; i < len(text); {
		end := e.next(e.classes, text, i)
		n := int64(e.countPiece(text, i, end, s))
		lead := text[i]
		if lead < utf8.RuneSelf && i+1 < end && text[i+1] >= utf8.RuneSelf { // a space before a foreign word
			lead = text[i+1]
		}
		switch {
		case lead >= '0' && lead <= '9':
			t.digit += n
			t.digits += int64(end - i)
		case lead < utf8.RuneSelf:
			t.text += n
		case lead >= 0xE3 && lead <= 0xE9: // U+3000 to U+9FFF, as UTF-8
			t.cjk += n
		default:
			t.other += n
		}
		i = end
	}
	e.release(s)
	return t
}
