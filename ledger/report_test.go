package ledger

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the property below draws zones that the machine may lack

	"bursar/exchange"
	"bursar/pricing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestStatementGolden(t *testing.T) {
	l := open(t, t.TempDir(), Options{})
	must(t, l.Append(row(1)))
	hit := &Row{ID: "hit", Time: morning.UnixNano(), Team: "search", User: "=cmd|' /C calc'!A0", Status: 200, Cache: CacheHit, Baseline: 123_456, Target: "openai/m1"}
	hit.Saved[exchange.LeverExact] = 123_456
	must(t, l.Append(hit))
	must(t, l.Flush(t.Context()))
	must(t, l.Append(&Row{ID: "no", Kind: KindRefused, Time: morning.UnixNano(), Team: "search", Status: 429}))
	must(t, l.Append(&Row{ID: "big", Time: morning.Add(26 * time.Hour).UnixNano(), Team: "research", User: "tab\tand\x1b[2J", Cost: 9_007_199_254_740_993, Baseline: 9_007_199_254_740_993}))
	s, err := l.Report(t.Context(), Query{By: []string{"day", "team", "user"}})
	must(t, err)
	asJSON, err := s.JSON()
	must(t, err)
	golden(t, "statement.json", string(asJSON)+"\n")
	golden(t, "statement.csv", s.CSV())
	golden(t, "statement.txt", s.Table())
	total, err := l.Report(t.Context(), Query{})
	must(t, err)
	golden(t, "total.txt", total.Table()+"\n"+total.CSV())
}

func golden(t *testing.T, name, have string) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		must(t, os.WriteFile(path, []byte(have), 0o600))
	}
	want, err := os.ReadFile(path)
	must(t, err)
	if diff := cmp.Diff(string(want), have); diff != "" {
		t.Errorf("%s (write it anew with -update): %s", path, diff)
	}
}

// TestStatementJSONIsExact reads money back digit by digit.
func TestStatementJSONIsExact(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var s Statement
		s.By = []string{"team"}
		for range rapid.IntRange(1, 5).Draw(rt, "lines") {
			line := &Line{Group: []string{rapid.String().Draw(rt, "team")}}
			line.Spend = pricing.Nano(rapid.Int64Range(-1e17, 1e17).Draw(rt, "spend"))
			s.Lines = append(s.Lines, line)
			s.merge(&line.Sums)
		}
		text, err := json.Marshal(&s)
		must(t, err)
		var back struct {
			Spend json.Number `json:"spend_usd"`
			Rows  []struct {
				Spend json.Number `json:"spend_usd"`
			}
		}
		must(t, json.Unmarshal(text, &back))
		var sum pricing.Nano
		for _, row := range back.Rows {
			n, err := pricing.ParseDollars(row.Spend.String())
			must(t, err)
			sum += n
		}
		if total, err := pricing.ParseDollars(back.Spend.String()); err != nil || total != sum || total != s.Spend {
			rt.Fatalf("spend_usd %s, lines sum to %d, want %d (%v)", back.Spend, sum, s.Spend, err)
		}
	})
}

// TestReportProperty compares statements with a fold over the rows, for any query, with rows on either side of the commit.
func TestReportProperty(t *testing.T) {
	l := open(t, t.TempDir(), Options{CommitEvery: time.Hour})
	var rows []*Row
	for n := range 600 {
		r := row(n)
		r.Time = morning.Add(time.Duration(n*n%997) * 11 * time.Minute).UnixNano()
		switch n % 10 {
		case 3:
			r.Kind = KindCorrection
		case 4:
			r.Kind = KindRefused
		case 5:
			r.Kind = KindOrphan
		case 6:
			r.Cache = CacheHit
		}
		rows = append(rows, r)
		must(t, l.Append(r))
		if n == 500 {
			must(t, l.Flush(t.Context()))
		}
	}
	if a := verify(t, &l.Reader); a.Pending != 99 || a.Rows != 600 {
		t.Fatalf("%+v", a)
	}
	rapid.Check(t, func(rt *rapid.T) {
		q := drawQuery(rt)
		have, err := l.Report(t.Context(), q)
		must(t, err)
		want := fold(q, rows)
		if diff := cmp.Diff(want, linesOf(have)); diff != "" {
			rt.Fatal(diff)
		}
		spent, err := l.Spent(t.Context(), q.Filter)
		must(t, err)
		if total := totalOf(want); spent != total.Spend || have.Sums != total {
			rt.Fatalf("spent %d and total %+v, want %+v", spent, have.Sums, total)
		}
	})
}

func drawQuery(rt *rapid.T) Query {
	some := func(label string, values ...string) string {
		return rapid.SampledFrom(append(values, "", "", "")).Draw(rt, label)
	}
	q := Query{Filter: Filter{
		Team: some("team", "team1", "nobody"), Project: some("project", "project2"), Key: some("key", "key3"), User: some("user", "user1"),
		Model: some("model", "openai/m1", "cheap"),
	}}
	if rapid.IntRange(0, 4).Draw(rt, "tagged") == 0 {
		q.Tag = &exchange.Tag{Name: "feature", Value: rapid.SampledFrom([]string{"a,b", "a"}).Draw(rt, "tag")}
	}
	moment := func(label string) time.Time {
		minutes := rapid.IntRange(-100, 12_000).Draw(rt, label)
		switch rapid.IntRange(0, 3).Draw(rt, label+" kind") {
		case 0:
			return time.Time{}
		case 1:
			return morning.Add(time.Duration(minutes/60) * time.Hour)
		default:
			return morning.Add(time.Duration(minutes) * time.Minute)
		}
	}
	q.From, q.To = moment("from"), moment("to")
	zone := rapid.SampledFrom([]string{"", "UTC", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "America/St_Johns"}).Draw(rt, "zone")
	if zone != "" {
		q.Location, _ = time.LoadLocation(zone)
	}
	calendars := 0
	tags := 0
	for _, by := range rapid.Permutation(append(Dimensions(), TagDimension+"feature", TagDimension+"n", TagDimension+"none")).Draw(rt, "by")[:rapid.IntRange(0, 4).Draw(rt, "dimensions")] {
		if _, calendar := calendarLayouts[by]; calendar {
			if calendars++; calendars > 1 {
				continue
			}
		}
		if strings.HasPrefix(by, TagDimension) {
			if tags++; tags > 1 {
				continue
			}
		}
		q.By = append(q.By, by)
	}
	return q
}

// fold is what a statement means.
func fold(q Query, rows []*Row) map[string]Sums {
	lines := map[string]Sums{}
	location := q.Location
	if location == nil {
		location = time.UTC
	}
	for _, r := range rows {
		at := time.Unix(0, r.Time).In(location)
		if !q.From.IsZero() && at.Before(q.From) || !q.To.IsZero() && !at.Before(q.To) ||
			q.Team != "" && q.Team != r.Team || q.Project != "" && q.Project != r.Project || q.Key != "" && q.Key != r.Key || q.User != "" && q.User != r.User ||
			q.Model != "" && q.Model != r.Target && q.Model != r.Tier ||
			q.Tag != nil && (r.Tags == "" || q.Tag.Value != "a,b") {
			continue
		}
		values := map[string]string{
			"team": r.Team, "project": r.Project, "model": r.Target, "tier": r.Tier, "key": r.Key, "user": r.User, "rule": r.Rule,
			"hour": at.Format("2006-01-02T15:00Z07:00"), "day": at.Format("2006-01-02"), "month": at.Format("2006-01"),
		}
		if _, n, ok := strings.Cut(r.Tags, "n="); ok {
			values["tag:feature"], values["tag:n"] = "a,b", n
		}
		var group []string
		for _, by := range q.By {
			group = append(group, values[by])
		}
		sum := lines[strings.Join(group, "|")]
		sum.add(r)
		lines[strings.Join(group, "|")] = sum
	}
	return lines
}

func linesOf(s *Statement) map[string]Sums {
	lines := map[string]Sums{}
	for _, line := range s.lines() {
		lines[strings.Join(line.Group, "|")] = line.Sums
	}
	if len(s.By) == 0 && s.Sums == (Sums{}) {
		clear(lines)
	}
	return lines
}

func totalOf(lines map[string]Sums) (total Sums) {
	for _, sum := range lines {
		total.merge(&sum)
	}
	return total
}

func TestSumsAddUp(t *testing.T) {
	var s Sums
	for n := range 4 {
		r := row(10)
		r.Kind, r.Cache = Kind(n), CacheHit
		s.add(r)
	}
	want := Sums{
		Requests: 3, Refused: 1, Hits: 3, Orphans: 1,
		PromptTokens: 4 * 25, CachedTokens: 4, CompletionTokens: 4 * 30, TrimmedTokens: 4, Spend: 4 * 10_001, Baseline: 4 * 30_008,
	}
	want.Saved[exchange.LeverRoute], want.Saved[exchange.LeverTrim] = 4*25_000, 4*(30_008-10_001-25_000)
	if diff := cmp.Diff(want, s); diff != "" {
		t.Error(diff)
	}
	if s.SavedTotal() != s.Baseline-s.Spend {
		t.Errorf("saved %d", s.SavedTotal())
	}
}

// TestUsageBesideCountsOnce: a request that was answered with what a call beside it had brought has that usage too, and the tokens are counted once,
// whether sums are read from the rollups or from the rows.
func TestUsageBesideCountsOnce(t *testing.T) {
	l := open(t, t.TempDir(), Options{})
	try, given := row(2), row(2)
	try.ID, try.Kind, try.Baseline, try.Saved = TryID(given.ID, 1), KindAside, 0, exchange.Savings{exchange.LeverEscalate: -try.Cost}
	given.UsageMethod = exchange.MethodBeside.String()
	given.Saved[exchange.LeverEscalate], given.Cost = given.Cost, 0
	must(t, l.Append(try))
	must(t, l.Append(given))
	for range 2 {
		for _, by := range [][]string{{"team"}, {"user", "rule", "hour"}} {
			s, err := l.Report(t.Context(), Query{By: by})
			must(t, err)
			if s.Requests != 1 || s.PromptTokens != try.Usage.Prompt() || s.CachedTokens != 1 || s.CompletionTokens != try.Usage.Completion() || s.Spend != try.Cost || s.Saved[exchange.LeverEscalate] != 0 {
				t.Errorf("by %v: %+v", by, s.Sums)
			}
		}
		must(t, l.Flush(t.Context()))
	}
	verify(t, &l.Reader)
}

func TestQueriesThatMakeNoSense(t *testing.T) {
	l := open(t, t.TempDir(), Options{})
	f := func(want string, by ...string) {
		t.Helper()
		if _, err := l.Report(t.Context(), Query{By: by}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("by %v: %v", by, err)
		}
	}
	f(`cannot be grouped by "colour": choose of team, project, model`, "colour")
	f("twice", "team", "team")
	f("by day and month at once", "day", "month")
	f("by two tags, a and b", "tag:a", "tag:b")
	f(`cannot be grouped by "tag:"`, "tag:")
}

func TestVerifyFindsEditedBooks(t *testing.T) {
	f := func(want, edit string) {
		t.Helper()
		l := open(t, t.TempDir(), Options{})
		for n := range 50 {
			must(t, l.Append(row(n)))
		}
		must(t, l.Flush(t.Context()))
		verify(t, &l.Reader)
		_, err := l.committer.store.db.Exec(edit)
		must(t, err)
		if _, err := l.Verify(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("after %s: %v", edit, err)
		}
	}
	f("the table days has", "UPDATE rows SET cost = cost - 1 WHERE id = '"+row(7).ID+"'")
	f("the table days has", "DELETE FROM rows WHERE id = '"+row(7).ID+"'")
	f("the table hours has", "DELETE FROM hours WHERE team = 'team1'")
	f("the table rows 0 and", "INSERT INTO hours SELECT hour + 36000000000000, team, target, tier, rule, "+strings.Join(sumColumns[:], ", ")+" FROM hours LIMIT 1")
	f("line of 2026-11-23T00:00:00Z: the table days has", "UPDATE days SET spend = spend + 1 WHERE team = 'team1'")
	f("the table days has", "DELETE FROM days WHERE team = 'team2'")
	f("the table user_days has", "UPDATE user_days SET requests = requests + 1 WHERE team = 'team1'")
	f("the table key_hours has", "DELETE FROM key_hours WHERE team = 'team0'")
	f("the table days has", "INSERT INTO removed SELECT day, team, project, key, '', target, tier, rule, '', "+strings.Join(sumColumns[:], ", ")+" FROM days WHERE team = 'team2' LIMIT 1")
	var all []string // the rollups follow the row, so that only its savings are wrong
	for i := range rollups {
		u := &rollups[i]
		if !u.tagged {
			all = append(all, "DELETE FROM "+u.table, fmt.Sprintf("INSERT INTO %s SELECT time - time %% %d, %s, %s FROM rows GROUP BY 1, %s",
				u.table, u.nanos, idents(u.columns, ""), sumList(true), idents(u.columns, "")))
		}
	}
	f("row "+row(7).ID+" saves $", "UPDATE rows SET saved_cap = 5 WHERE id = '"+row(7).ID+"'; "+strings.Join(all, "; "))
}

func TestTagText(t *testing.T) {
	have := TagText([]exchange.Tag{{Name: "a", Value: "1,2"}, {Name: "b", Value: "50%"}})
	if want := "a=1%2C2,b=50%25"; have != want {
		t.Errorf("%q, want %q", have, want)
	}
	if TagText(nil) != "" {
		t.Error("no tags have a text")
	}
	if back := ParseTags(have); len(back) != 2 || back[0].Value != "1,2" || back[1].Value != "50%" || ParseTags("") != nil {
		t.Errorf("read back: %v", back)
	}
}

func TestEveryColumnHasAField(t *testing.T) {
	r := row(1)
	seen := map[string]bool{}
	for _, name := range slices.Concat(textColumns[:], numberColumns[:], sumColumns[:0]) {
		if name == "" || seen[name] {
			t.Errorf("column %q is named twice or not at all", name)
		}
		seen[name] = true
	}
	for lever := range exchange.Levers {
		name := fmt.Sprintf("saved_%s", exchange.Lever(lever))
		r.Saved = exchange.Savings{}
		r.Saved[lever] = 99
		var stream int64
		fields := r.numbers(&stream)
		if *fields[slices.Index(numberColumns[:], name)] != 99 {
			t.Errorf("column %s holds another lever", name)
		}
	}
}
