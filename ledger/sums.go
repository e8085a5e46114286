package ledger

import (
	"strings"

	"bursar/exchange"
	"bursar/pricing"
)

// Sums is what a set of rows adds up to, exactly.
type Sums struct {
	Requests int64 // all requests, refused ones and orphans included
	Refused  int64
	Hits     int64
	Orphans  int64

	PromptTokens     int64 // of the rows' usage, cached ones included
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
	"CASE WHEN kind < 3 THEN 1 ELSE 0 END", "CASE WHEN kind = 1 THEN 1 ELSE 0 END",
	"CASE WHEN cache IN ('hit', 'semantic') AND kind < 3 THEN 1 ELSE 0 END", "CASE WHEN kind = 2 THEN 1 ELSE 0 END",
	ownUsage("input + cache_read + cache_write + cache_write_1h + audio_in + image_in"), ownUsage("cache_read"),
	ownUsage("output + reasoning + audio_out + image_out"), "trimmed",
	"cost", "baseline",
	"saved_route", "saved_exact", "saved_semantic", "saved_trim", "saved_cap", "saved_escalate", "saved_prompt_cache",
}

// ownUsage leaves out usage that the row of a call beside the request has, too.
func ownUsage(term string) string {
	return "CASE WHEN usage_method = '" + exchange.MethodBeside.String() + "' THEN 0 ELSE " + term + " END"
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
	if r.Kind.counts() {
		s.Requests++
		if r.Cache == CacheHit || r.Cache == CacheSemantic {
			s.Hits++
		}
	}
	if r.UsageMethod != exchange.MethodBeside.String() {
		s.PromptTokens += r.Usage.Prompt()
		s.CachedTokens += r.Usage.CacheRead
		s.CompletionTokens += r.Usage.Completion()
	}
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

// negate turns every sum into what takes it back.
func (s *Sums) negate() {
	for _, n := range s.numbers() {
		*n = -*n
	}
}

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
		list.WriteString("CAST(coalesce(sum(" + column + "), 0) AS BIGINT)") // Postgres sums to a wider type
	}
	return list.String()
}
