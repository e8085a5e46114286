package pair

import "strings"

// lexicon is what the verifier knows of English words by heart: those that turn a meaning round and those that carry none. It is short on
// purpose; what can be learned is learned. Texts in other languages find nothing in it and are judged by the rest.
type lexicon struct {
	words     table[word]     // by hash
	opposites table[[]uint64] // by hash of the stem
}

type word struct {
	stop, negation, question bool
	role                     bool // it matters who or what stands after it
	date, tongue, unit       bool
	same                     uint64 // what the word stands for, so that "jan" is "january"
	asks                     uint64 // what a question that begins with it wants to hear, 0 if that is open
	measure                  bool   // after "how" it asks how much
	idle                     bool   // after a word with a role it says nothing: in detail
	number                   uint64 // hash of the digits that the word spells, 0 if none
}

// table is a map from hashes that takes less time to find that something is not in it, as most words are not. No hash is 0.
type table[T any] struct {
	keys   []uint64
	values []T
}

func newTable[T any](of map[uint64]T) (t table[T]) {
	size := 1
	for size < 4*len(of) {
		size *= 2
	}
	t.keys, t.values = make([]uint64, size), make([]T, size)
	for key, value := range of {
		at := int(key) & (size - 1)
		for t.keys[at] != 0 {
			at = (at + 1) & (size - 1)
		}
		t.keys[at], t.values[at] = key, value
	}
	return t
}

// look returns the value of a key, and the zero value for a key that has none.
func (t *table[T]) look(key uint64) (value T) {
	for at := int(key) & (len(t.keys) - 1); t.keys[at] != 0; at = (at + 1) & (len(t.keys) - 1) {
		if t.keys[at] == key {
			return t.values[at]
		}
	}
	return value
}

func newLexicon() *lexicon {
	words, opposites := map[uint64]word{}, map[uint64][]uint64{}
	each := func(list string, set func(w *word, same uint64)) {
		for _, group := range strings.Fields(list) {
			names := strings.Split(group, "/")
			for _, name := range names {
				h := hashWord(name)
				w := words[h]
				set(&w, hashWord(names[0]))
				words[h] = w
			}
		}
	}
	each(stopWords, func(w *word, _ uint64) { w.stop = true })
	each(roles, func(w *word, _ uint64) { w.role = true })
	each(negations, func(w *word, _ uint64) { w.negation = true })
	each(questionWords, func(w *word, _ uint64) { w.question = true })
	each(wishes, func(w *word, same uint64) { w.asks = same })
	each(measures, func(w *word, _ uint64) { w.measure = true })
	each(idle, func(w *word, _ uint64) { w.idle = true })
	each(dateWords, func(w *word, same uint64) { w.date, w.same = true, same })
	each(tongues, func(w *word, same uint64) { w.tongue, w.same = true, same })
	each(units, func(w *word, same uint64) { w.unit, w.same = true, same })
	for i, names := range strings.Fields(numerals) {
		for name := range strings.SplitSeq(names, "/") {
			w := words[hashWord(name)]
			w.number = hashWord(numeralDigits[i])
			words[hashWord(name)] = w
		}
	}
	for _, pair := range strings.Fields(antonyms) {
		left, right, _ := strings.Cut(pair, "/")
		a, b := stemOfWord(left), stemOfWord(right)
		opposites[a], opposites[b] = append(opposites[a], b), append(opposites[b], a)
	}
	return &lexicon{newTable(words), newTable(opposites)}
}

func stemOfWord(w string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(w) {
		h = (h ^ uint64(w[i])) * 1099511628211
	}
	return stemOf(w, h)
}

const stopWords = `a an the of to in on at for by with from and or is are was were be been am do does did i you he she it we they me my your
his her its our their this that these those there here what which who whom whose when where why how can could should would will shall may might
must have has had as if so than then too very just about into over out up down please any some get us him them i'm i've i'd i'll you're it's
that's what's how's where's who's there's let's also really actually tell know want need like much many
explain wondering`

const negations = `not no never none neither nor without cannot can't don't doesn't didn't isn't aren't wasn't weren't won't wouldn't shouldn't
couldn't haven't hasn't hadn't mustn't needn't dont doesnt didnt isnt arent wasnt werent wont wouldnt shouldnt couldnt havent hasnt cant nobody nothing nowhere
except excluding exclude unless non hardly lacking`

// roles are words after which it matters who or what stands.
const roles = `from to in on at with about through before after than over under into onto by versus vs against between instead for of above below behind
without`

const questionWords = `how what why who when where which whose whom`

// wishes are question words that tell what is asked for. What and which do not, and where to do something is often how to.
const wishes = `how why when who/whom/whose`

const measures = `many much long often far old big large small high low tall wide deep fast slow soon late early likely expensive heavy`

const idle = `order general detail details short total fact particular advance practice person time case way steps`

const dateWords = `january/jan february/feb march/mar april/apr june/jun july/jul august/aug september/sep/sept october/oct november/nov december/dec
monday/mon/mondays tuesday/tue/tues/tuesdays wednesday/wed/wednesdays thursday/thu/thurs/thursdays friday/fri/fridays saturday/sat/saturdays
sunday/sun/sundays today tomorrow yesterday tonight weekend weekends spring summer autumn/fall winter morning afternoon evening midnight noon
quarterly monthly weekly daily yearly/annual/annually hourly`

const tongues = `english french german spanish italian portuguese dutch danish swedish norwegian finnish polish czech slovak hungarian romanian
bulgarian greek turkish russian ukrainian arabic hebrew hindi bengali urdu tamil thai vietnamese chinese/mandarin cantonese japanese korean indonesian
malay latin persian/farsi swahili catalan croatian serbian lithuanian latvian estonian
python/python3 java javascript/js typescript/ts golang rust ruby perl php kotlin scala haskell swift fortran cobol matlab bash powershell sql
html css xml json yaml toml csv markdown latex pdf
dollar/dollars/usd euro/euros/eur pound/pounds/gbp yen/jpy yuan/cny rupee/rupees/inr franc/francs/chf bitcoin/btc ethereum/eth
windows macos linux ubuntu debian android ios iphone ipad
mysql postgres/postgresql sqlite mongodb redis aws azure gcp`

const units = `km/kilometers/kilometres/kilometer/kilometre m/meters/metres/meter/metre cm/centimeters/centimetres mm/millimeters/millimetres mile/miles/mi
foot/feet/ft inch/inches yard/yards/yd kg/kilograms/kilogram/kilo/kilos g/grams/gram mg/milligrams lb/lbs ounce/ounces/oz ton/tons/tonnes
l/liter/liters/litre/litres ml/milliliters/millilitres gallon/gallons pint/pints cup/cups tablespoon/tablespoons/tbsp teaspoon/teaspoons/tsp
second/seconds/sec/secs minute/minutes/min/mins hour/hours/hr/hrs/h day/days week/weeks month/months year/years/yr/yrs decade/decades century/centuries
ms/milliseconds/millisecond kb/kilobytes mb/megabytes/megabyte gb/gigabytes/gigabyte tb/terabytes/terabyte pb/petabytes byte/bytes bit/bits
percent/pct degree/degrees celsius fahrenheit kelvin watt/watts/w kw/kilowatts kwh volt/volts amp/amps hz/hertz mhz ghz
thousand/k million/mn billion/bn trillion dozen/dozens am/a.m pm/p.m cents/cent`

const numerals = `zero - two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen
twenty thirty forty/fourty fifty sixty seventy eighty ninety -
- - third fourth fifth sixth seventh eighth ninth tenth`

var numeralDigits = strings.Fields(`0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 30 40 50 60 70 80 90 100 1st 2nd 3rd 4th 5th 6th 7th 8th 9th 10th`)

const antonyms = `enable/disable activate/deactivate increase/decrease raise/lower add/remove add/delete create/delete create/destroy insert/delete start/stop
begin/end open/close lock/unlock install/uninstall upgrade/downgrade connect/disconnect login/logout subscribe/unsubscribe follow/unfollow buy/sell
deposit/withdraw deposit/withdrawal send/receive push/pull upload/download import/export encrypt/decrypt encode/decode compress/decompress zip/unzip mount/unmount
allow/deny allow/forbid allow/block grant/revoke accept/reject accept/decline approve/reject approve/decline permit/prohibit show/hide expand/collapse
maximum/minimum max/min maximize/minimize most/least more/less more/fewer highest/lowest high/low higher/lower best/worst better/worse good/bad
fast/slow faster/slower fastest/slowest hot/cold warm/cold warm/cool big/small large/small larger/smaller bigger/smaller largest/smallest biggest/smallest
long/short longer/shorter longest/shortest early/late earlier/later earliest/latest first/last old/new older/newer oldest/newest young/old younger/older
cheap/expensive cheaper/dearer cheapest/dearest before/after above/below over/under inside/outside inner/outer up/down left/right north/south east/west
top/bottom front/back upper/lower forward/backward ascending/descending arrive/depart arrival/departure enter/exit entrance/exit entry/exit
win/lose gain/lose gain/loss profit/loss success/failure succeed/fail pass/fail true/false yes/no on/off positive/negative plus/minus multiply/divide
include/exclude inclusive/exclusive internal/external public/private male/female men/women man/woman boy/girl boys/girls mother/father son/daughter
husband/wife brother/sister king/queen love/hate like/dislike advantage/disadvantage advantages/disadvantages pros/cons strength/weakness benefit/drawback
legal/illegal safe/unsafe safe/dangerous secure/insecure valid/invalid possible/impossible visible/invisible read/write input/output source/target
source/destination client/server parent/child borrow/lend credit/debit income/expense import/export domestic/international single/double odd/even
full/empty heavy/light hard/soft hard/easy difficult/easy strong/weak deep/shallow wide/narrow thick/thin wet/dry clean/dirty bright/dark
sweet/sour loud/quiet rich/poor tall/short dead/alive birth/death born/die healthy/sick healthy/unhealthy common/rare always/never
lead/follow teach/learn ask/answer question/answer cause/effect cause/prevent cause/cure attack/defend hire/fire employ/dismiss employer/employee
join/leave join/split merge/split attach/detach bind/unbind wrap/unwrap lift/drop rise/fall grow/shrink inflate/deflate freeze/unfreeze freeze/thaw
mute/unmute archive/unarchive archive/restore pause/resume save/discard keep/discard hide/reveal block/unblock pin/unpin reserve/cancel book/cancel
schedule/cancel confirm/cancel renew/cancel prepaid/postpaid fixed/variable gross/net simple/complex simple/compound active/inactive active/passive
online/offline wired/wireless manual/automatic temporary/permanent primary/secondary major/minor absolute/relative local/remote local/global
synchronous/asynchronous horizontal/vertical serial/parallel static/dynamic mutable/immutable abstract/concrete legacy/modern ancient/modern
victory/defeat war/peace friend/enemy ally/enemy heaven/hell day/night sunrise/sunset morning/evening summer/winter spring/autumn`
