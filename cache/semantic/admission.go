package semantic

import "strings"

// Admission tells whether a question may be answered with what another was given, by its words alone. The words are English; what they
// miss is for the labels to find.
type Admission uint8

// Admissions.
const (
	Admitted Admission = iota
	Fresh              // asks for what changes by the hour
	Personal           // asks for what is so for the asker alone
	Action             // asks to do something, not to say something
	Foreign            // not in English: the verifier knows no words of it
)

var admissionNames = [...]string{"admitted", "fresh", "personal", "action", "foreign"}

// String returns the admission's name.
func (a Admission) String() string {
	if int(a) < len(admissionNames) {
		return admissionNames[a]
	}
	return "unknown"
}

// Admit reads a question for words that bind its answer to the moment, the asker or a deed.
func Admit(text string) Admission {
	words := plainWords(text)
	padded := " " + strings.Join(words, " ") + " "
	switch {
	case hasAny(padded, freshPhrases):
		return Fresh
	case hasAny(padded, personalPhrases):
		return Personal
	case ordersDeed(words):
		return Action
	case foreign(text, words):
		return Foreign
	default:
		return Admitted
	}
}

// plainWords are the words in lower case, without marks.
func plainWords(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return r < 0x80 && !('a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '\'')
	})
}

func hasAny(padded string, phrases []string) bool {
	for _, p := range phrases {
		if strings.Contains(padded, p) {
			return true
		}
	}
	return false
}

var freshPhrases = phrases(`now|right now|currently|current|today|today's|tonight|yesterday|tomorrow|this morning|this afternoon|this evening|this week|
this month|this year|so far|as of|at the moment|latest|newest|most recent|recent|recently|up to date|live|still open|just happened|breaking|
last week|last month|last night|next week|next month|in progress|status of|weather|forecast|stock price|exchange rate|score of|what time is it|how long until`)

var personalPhrases = phrases(`do i have|do i owe|did i|have i|had i|am i|was i|i owe|i have left|i spent|i earned|i paid|how much is my|what is my|what's my|whats my|
where is my|where's my|when is my|when's my|when was my|who is my|which of my|show my|show me my|list my|tell me my|give me my|check my|
my balance|my last|my next|my total|my available|my remaining|my password is|my name is|remember me|about me|for me personally`)

// deeds are verbs that, said to somebody, ask for an effect.
var deeds = set(`send transfer pay buy order book reserve cancel delete remove erase lock unlock freeze unfreeze block unblock close open create update change set
schedule reschedule submit file dispute report refund return withdraw deposit move add approve reject sign enroll enrol register subscribe
unsubscribe activate deactivate enable disable turn switch start stop call email mail message text remind post publish deploy restart reboot
revoke grant reset renew upgrade downgrade purchase install uninstall charge ship invite assign apply redeem print upload download save share rename`)

// before may stand in front of a deed.
var before = set(`please kindly can could would will you just hey hi hello now i i'd want need like to would let's let me us go ahead and immediately`)

// ordersDeed tells whether the first word that is not mere courtesy is a deed, or is said as one: a verb at the beginning, and right after it
// what it is to be done to. "How do I cancel" asks to say something, and so does "explain the".
func ordersDeed(words []string) bool {
	for i, w := range words {
		w, _, _ = strings.Cut(w, "'") // what's is what
		if _, polite := before[w]; polite {
			continue
		}
		if _, deed := deeds[w]; deed {
			return true
		}
		if _, asks := sayings[w]; asks || i+1 == len(words) {
			return false
		}
		_, object := objects[words[i+1]]
		return object
	}
	return false
}

// sayings begin what asks to say something.
var sayings = set(`what which who whom whose when where why how is are was were do does did has have had should shall may might must am if in on at
for from with about after before during since under over between the a an my our your his her its their this that these those it there i we you he
she they not no or any some all every each more show tell explain describe define list give write translate summarize summarise compare find
name say spell convert calculate compute count solve prove read rewrite rephrase draft suggest recommend outline generate analyze analyse check
help clarify discuss identify state provide get see know understand looking need wondering using mean means and but so because while as than`)

// objects begin what a deed is done to.
var objects = set(`my the a an this that these those our your his her its their all it them me every both`)

var english = set(`the a an of to in on at for by with from and or is are was were be do does did i you he she it we they my your his her its our their this that
these those there what which who when where why how can could should would will have has had if not no me please get any some about as`)

// foreign tells whether a text that is long enough to tell is not in English.
func foreign(text string, words []string) bool {
	letters := 0
	for _, r := range text {
		if r >= 0x250 {
			letters++
		}
	}
	if 4*letters > len([]rune(text)) {
		return true
	}
	known := 0
	for _, w := range words {
		if _, ok := english[w]; ok {
			known++
		}
	}
	return len(words) >= 5 && known == 0
}

func phrases(list string) []string {
	var all []string
	for p := range strings.SplitSeq(list, "|") {
		all = append(all, " "+strings.TrimSpace(p)+" ")
	}
	return all
}

func set(list string) map[string]struct{} {
	m := map[string]struct{}{}
	for w := range strings.FieldsSeq(list) {
		m[w] = struct{}{}
	}
	return m
}
