package ledger

import (
	"strconv"
	"strings"
	"time"

	"bursar/exchange"
	"bursar/pricing"
)

// Row is one request as the ledger keeps it. It is flat: what finance asks for is a column. Texts longer than 4 KiB are cut.
//
// For every row the savings add up: Saved.Sum() == Baseline - Cost. Statements rely on it and Verify checks it.
type Row struct {
	ID   string // request id; (ID, Kind) is unique, a second row of the same is ignored
	Kind Kind

	Time      int64 // start of the request, Unix nanoseconds; budget windows and statements go by it
	Duration  time.Duration
	FirstByte time.Duration

	Team, Project, Key, User string // who; Key is the public key id
	Tags                     string // TagText of the tags

	Asked    string // model the client asked for
	Rule     string // route that decided
	Decision string // exchange.Reason of the decision
	Reason   string // exchange.Reason of the outcome
	Status   int64  // HTTP status the client got
	Target   string // provider/model that answered, "" if none did
	Tier     string // policy model it stands in
	Attempts int64  // upstream calls made
	Stream   bool

	PromptTokens int64  // counted before the call
	PromptMethod string // exchange.Method of that count
	Usage        pricing.Usage
	UsageMethod  string // exchange.Method of the usage. "beside": a call beside the request brought it, whose row has the same and its cost
	Finish       string // finish reason
	MaxOutput    int64  // output cap sent upstream, 0 if none
	Trimmed      int64  // prompt tokens removed
	Cache        string // hit, miss, off, ...

	Cost     pricing.Nano // of a correction: what it adds to the costs booked before, negative if they were too high
	Baseline pricing.Nano // what the same answer would have cost on the baseline
	Saved    exchange.Savings
	Held     pricing.Nano // what was held for it
	Policy   string       // prefix of the policy's hash
	Facts    string       // exchange.Recorded: what the decision went by beside the columns above; empty in rows of earlier versions
}

// The Row.Cache of requests answered from the cache. Statements count hits by them.
const (
	CacheHit      = "hit"
	CacheSemantic = "semantic" // with the answer to a question that means the same
)

// Kind is what a row books.
type Kind int64

// Kinds. Their numbers are stored.
const (
	KindRequest    Kind = iota // a request that was served or failed
	KindRefused                // a request refused before any call, at no cost
	KindOrphan                 // a request whose gateway died: its hold, as spend
	KindCorrection             // a difference to the amounts booked before under the same id; counts as no request
	KindAside                  // a call that was paid for beside the one that answered a request; counts as none
	KindLabel                  // a judgement of a request's answer, at no cost; counts as none
	kindCount
)

var kindNames = [kindCount]string{"request", "refused", "orphan", "correction", "aside", "label"}

// counts tells whether a row of the kind is a request.
func (k Kind) counts() bool { return k < KindCorrection }

// TryID is the Row.ID of what a request has paid under one of its holds and has then gone on from: the n-th, from 1.
func TryID(request string, n int) string { return request + tryMark + strconv.Itoa(n) }

const tryMark = "-try"

// tryOf returns the request that a row is a try of. A hold of the request that is open when such a row is entered ends with it; the next one is
// entered later.
func (r *Row) tryOf() (request string, ok bool) {
	if r.Kind != KindAside {
		return "", false
	}
	at := strings.LastIndex(r.ID, tryMark)
	if at < 0 {
		return "", false
	}
	_, err := strconv.ParseUint(r.ID[at+len(tryMark):], 10, 31)
	return r.ID[:at], err == nil
}

// String returns the kind's name.
func (k Kind) String() string {
	if k >= 0 && k < kindCount {
		return kindNames[k]
	}
	return "unknown"
}

// TagText returns tags as a Row keeps them: "name=value,name=value", with '%' and ',' inside a value written %25 and %2C.
func TagText(tags []exchange.Tag) string {
	if len(tags) == 0 {
		return ""
	}
	var text strings.Builder
	for i, t := range tags {
		if i > 0 {
			text.WriteByte(',')
		}
		text.WriteString(t.Name)
		text.WriteByte('=')
		_, _ = tagEscapes.WriteString(&text, t.Value) // a Builder never fails
	}
	return text.String()
}

// ParseTags reads what TagText wrote.
func ParseTags(text string) []exchange.Tag {
	var tags []exchange.Tag
	for _, tag := range splitTags(text) {
		name, value, _ := strings.Cut(tag, "=")
		tags = append(tags, exchange.Tag{Name: name, Value: tagReverse.Replace(value)})
	}
	return tags
}

var tagEscapes = strings.NewReplacer("%", "%25", ",", "%2C")

// textColumns and numberColumns name the columns that texts and numbers point to, in the same order. The journal writes the
// fields in this order too: a new one goes to the end, where records of older versions simply lack it.
var (
	textColumns = [texts]string{
		"id", "team", "project", "key", "user", "tags", "asked", "rule", "decision", "reason", "target", "tier",
		"prompt_method", "usage_method", "usage_tier", "usage_region", "finish", "cache", "policy", "facts",
	}
	numberColumns = [numbers]string{
		"kind", "time", "duration", "first_byte", "status", "attempts", "prompt_tokens", "max_output", "trimmed",
		"input", "cache_read", "cache_write", "cache_write_1h", "audio_in", "image_in", "output", "reasoning", "audio_out", "image_out",
		"cost", "baseline", "held",
		"saved_route", "saved_exact", "saved_semantic", "saved_trim", "saved_cap", "saved_escalate", "saved_prompt_cache",
		"stream",
	}
)

const (
	texts   = 20
	numbers = 23 + exchange.Levers // the last one, stream, is a bool in Row
)

func (r *Row) texts() [texts]*string {
	return [texts]*string{
		&r.ID, &r.Team, &r.Project, &r.Key, &r.User, &r.Tags, &r.Asked, &r.Rule, &r.Decision, &r.Reason, &r.Target, &r.Tier,
		&r.PromptMethod, &r.UsageMethod, &r.Usage.Tier, &r.Usage.Region, &r.Finish, &r.Cache, &r.Policy, &r.Facts,
	}
}

// numbers points to the number fields; stream stands in for the one that is a bool.
func (r *Row) numbers(stream *int64) [numbers]*int64 {
	u, s := &r.Usage, &r.Saved
	return [numbers]*int64{
		(*int64)(&r.Kind), &r.Time, (*int64)(&r.Duration), (*int64)(&r.FirstByte), &r.Status, &r.Attempts,
		&r.PromptTokens, &r.MaxOutput, &r.Trimmed,
		&u.Input, &u.CacheRead, &u.CacheWrite, &u.CacheWrite1h, &u.AudioIn, &u.ImageIn, &u.Output, &u.Reasoning, &u.AudioOut, &u.ImageOut,
		(*int64)(&r.Cost), (*int64)(&r.Baseline), (*int64)(&r.Held),
		(*int64)(&s[0]), (*int64)(&s[1]), (*int64)(&s[2]), (*int64)(&s[3]), (*int64)(&s[4]), (*int64)(&s[5]), (*int64)(&s[6]),
		stream,
	}
}

func (r *Row) streamNumber() int64 {
	if r.Stream {
		return 1
	}
	return 0
}
