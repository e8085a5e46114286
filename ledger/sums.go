package ledger

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"bursar/exchange"
	"bursar/pricing"
)

// Sums is what a set of rows adds up to, exactly.
type Sums struct {
	Requests int64 // all requests, refused ones and orphans included
	Refused  int64
	Hits     int64
	Orphans  int64

	PromptTokens     int64 // of the providers' usage, cached ones included
	CachedTokens     int64 // of those, read from the providers' prompt caches
	CompletionTokens int64
	TrimmedTokens    int64

	Spend    pricing.Nano
	Baseline pricing.Nano
	Saved    exchange.Savings
}

// sumColumns name the columns of the rollups that Sums.numbers points to, in the same order.
var sumColumns = [sums]string{
	"requests", "refused", "hits", "orphans", "prompt_tokens", "cached_tokens", "completion_tokens", "trimmed_tokens",
	"spend", "baseline",
	"saved_route", "saved_exact", "saved_semantic", "saved_trim", "saved_cap", "saved_escalate", "saved_prompt_cache",
}

// sumTerms are the same sums as SQL over the table rows.
var sumTerms = [sums]string{
	"kind <> 3", "kind = 1", "cache = 'hit' AND kind <> 3", "kind = 2",
	"input + cache_read + cache_write + cache_write_1h + audio_in + image_in", "cache_read",
	"output + reasoning + audio_out + image_out", "trimmed",
	"cost", "baseline",
	"saved_route", "saved_exact", "saved_semantic", "saved_trim", "saved_cap", "saved_escalate", "saved_prompt_cache",
}

const sums = 10 + exchange.Levers

func (s *Sums) numbers() [sums]*int64 {
	v := &s.Saved
	return [sums]*int64{
		&s.Requests, &s.Refused, &s.Hits, &s.Orphans, &s.PromptTokens, &s.CachedTokens, &s.CompletionTokens, &s.TrimmedTokens,
		(*int64)(&s.Spend), (*int64)(&s.Baseline),
		(*int64)(&v[0]), (*int64)(&v[1]), (*int64)(&v[2]), (*int64)(&v[3]), (*int64)(&v[4]), (*int64)(&v[5]), (*int64)(&v[6]),
	}
}

// add adds a row.
func (s *Sums) add(r *Row) {
	switch r.Kind {
	case KindRefused:
		s.Refused++
	case KindOrphan:
		s.Orphans++
	}
	if r.Kind != KindCorrection {
		s.Requests++
		if r.Cache == CacheHit {
			s.Hits++
		}
	}
	s.PromptTokens += r.Usage.Prompt()
	s.CachedTokens += r.Usage.CacheRead
	s.CompletionTokens += r.Usage.Completion()
	s.TrimmedTokens += r.Trimmed
	s.Spend += r.Cost
	s.Baseline += r.Baseline
	for lever, n := range r.Saved {
		s.Saved[lever] += n
	}
}

// merge adds what another set of rows adds up to.
func (s *Sums) merge(other *Sums) {
	theirs := other.numbers()
	for i, n := range s.numbers() {
		*n += *theirs[i]
	}
}

// rollup is a table of sums, one line for rows that statements and budgets never need to tell apart there. Tags are in none: they may
// be as many as requests, so what asks for a tag reads the rows. Users are in hours only, which has almost as many lines as there
// are rows where a company's users are many; without them days has few.
type rollup struct {
	table, start string // start is the column of its lines' time: their start, Unix nanoseconds
	nanos        int64  // how long a line is
	columns      []string
}

// rollups are the tables of sums, from fine to coarse.
func rollups() [2]rollup {
	return [2]rollup{
		{"hours", "hour", hourNanos, []string{"team", "project", "key", "user", "target", "tier", "rule"}},
		{"days", "day", dayNanos, []string{"team", "project", "key", "target", "tier", "rule"}},
	}
}

// rollupKey is what a rollup has one line for.
type rollupKey struct {
	start int64
	texts [7]string // in the order of its columns; what it has less stays empty
}

func (k rollupKey) compare(other rollupKey) int {
	return cmp.Or(cmp.Compare(k.start, other.start), slices.Compare(k.texts[:], other.texts[:]))
}

func (r *Row) hourKey() rollupKey {
	return rollupKey{floorTo(r.Time, hourNanos), [7]string{r.Team, r.Project, r.Key, r.User, r.Target, r.Tier, r.Rule}}
}

func (r *Row) dayKey() rollupKey {
	return rollupKey{floorTo(r.Time, dayNanos), [7]string{r.Team, r.Project, r.Key, r.Target, r.Tier, r.Rule}}
}

const (
	hourNanos = int64(time.Hour)
	dayNanos  = 24 * hourNanos // of UTC
)

func floorTo(t, nanos int64) int64 { return t - t%nanos }

// sumList writes the sums as SQL result columns: of a rollup, or of rows.
func sumList(ofRows bool) string {
	var list strings.Builder
	for i, column := range sumColumns {
		if ofRows {
			column = sumTerms[i]
		}
		if i > 0 {
			list.WriteString(", ")
		}
		list.WriteString("coalesce(sum(" + column + "), 0)")
	}
	return list.String()
}
