package samples

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"bursar/router/certify"

	"pgregory.net/rapid"
)

var (
	noon  = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	terms = certify.Terms{Demand: certify.Demand{Target: 0.98, Confidence: 0.95}, Valid: 30 * 24 * time.Hour}
	of    = Line{"search", "plain"}
)

// sampled is a label of a pair, minutes after noon.
func sampled(n int, same string) *Label {
	id := fmt.Sprintf("req_%05d", n)
	return &Label{ID: PairID(id), At: noon.Add(time.Duration(n) * time.Minute), Team: of.Team, Route: of.Route, Said: Said{Of: id, Source: "shadow", Pair: &Pair{
		Terms: "t", Cheap: 60_000, Checker: 20_000, Paid: 2_000_000, Bytes: 300, Digits: 3, Agree: true, Same: same,
	}}}
}

func scored(answer, source string, score float64, at time.Time) *Label {
	return &Label{ID: ScoreID(answer, source), At: at, Team: of.Team, Route: of.Route, Said: Said{Of: answer, Source: source, Score: &score}}
}

func TestStandingDoesNotHangOnTheOrder(t *testing.T) {
	var all []*Label
	dice := rand.New(rand.NewPCG(1, 1))
	for n := range 700 {
		all = append(all, sampled(n, "same"))
		if n%50 == 0 {
			all = append(all, scored(Twin(all[len(all)-1].Of), "judge", 0.9, noon))
		}
	}
	now := noon.Add(12 * time.Hour)
	var b Book
	for _, l := range all {
		if !b.Add(l, now) || b.Add(l, now) {
			t.Fatalf("%s: new, then known", l.ID)
		}
	}
	want := b.Standing(of, "t", terms, now)
	if !want.Valid() || want.Labels < 250 {
		t.Fatalf("%+v", want)
	}
	dice.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	var other Book
	for _, l := range all {
		other.Add(l, now)
	}
	if got := other.Standing(of, "t", terms, now); got.Certificate != want.Certificate || !got.Until.Equal(want.Until) {
		t.Errorf("%+v, in another order %+v", want, got)
	}
	if s := b.Standing(of, "other models", terms, now); s.Valid() || s.Samples != 0 {
		t.Errorf("pairs of other models count: %+v", s)
	}
	if s := b.Standing(Line{"support", "plain"}, "t", terms, now); s.Valid() {
		t.Errorf("another team's: %+v", s)
	}
	if b.Standing(of, "t", terms, now) == b.Standing(of, "t", certify.Terms{Demand: terms.Demand, Valid: time.Hour}, now) {
		t.Error("other terms, and the same standing")
	}
	if got := b.Lines(); !slices.Equal(got, []Line{of}) {
		t.Errorf("lines %v", got)
	}
}

func TestScores(t *testing.T) {
	f := func(name, same string, failed, cheapServed bool, scores map[string]float64, cheap, other float64, settled bool) {
		t.Helper()
		var b Book
		l := sampled(1, same)
		l.Pair.Failed, l.Pair.Served = failed, cheapServed
		b.Add(l, noon)
		for answer, score := range scores {
			b.Add(scored(answer, "judge", score, noon), noon)
		}
		c, o := b.loose[Twin(l.Of)], b.loose[l.Of]
		if cheapServed {
			c, o = o, c
		}
		gotCheap, gotOther, gotSettled := l.Pair.scores(c, o)
		if gotCheap != cheap || gotOther != other || gotSettled != settled {
			t.Errorf("%s: %v %v %v", name, gotCheap, gotOther, gotSettled)
		}
		if waits := b.Waiting(of, "t", noon) == 1; waits == settled {
			t.Errorf("%s: waits %v", name, waits)
		}
	}
	id := "req_00001"
	f("they agree", "same", false, false, nil, 1, 1, true)
	f("they agree, and are judged", "same", false, true, map[string]float64{id: 0.4}, 0.4, 0.4, true)
	f("they differ", "different", false, false, nil, 0, 1, true)
	f("they differ, and the other one is bad", "different", false, false, map[string]float64{id: 0.2}, 0, 0.2, true)
	f("they differ, and the cheap one is good", "different", false, false, map[string]float64{Twin(id): 0.9}, 0.9, 1, true)
	f("prose", "unclear", false, false, nil, 0, 1, false)
	f("prose, the served one judged", "unclear", false, false, map[string]float64{id: 0.7}, 0, 0.7, false)
	f("prose, both judged", "unclear", false, true, map[string]float64{id: 0.7, Twin(id): 0.8}, 0.7, 0.8, true)
	f("it failed a check", "unclear", true, false, nil, 0, 1, true)
}

func TestPatienceAndHorizon(t *testing.T) {
	var b Book
	for n := range 10 {
		b.Add(sampled(n, "unclear"), noon)
	}
	if s := b.Standing(of, "t", terms, noon.Add(time.Hour)); s.Samples != 0 {
		t.Errorf("prose counts at once: %d", s.Samples)
	}
	if s := b.Standing(of, "t", terms, noon.Add(25*time.Hour)); s.Samples != 10 {
		t.Errorf("after a day %d count", s.Samples)
	}
	late := noon.Add(Horizon + 24*time.Hour)
	if b.Add(sampled(99, "same"), late) {
		t.Error("a label older than the horizon was taken in")
	}
	if s := b.Standing(of, "t", terms, late); s.Samples != 0 || len(b.known) != 0 {
		t.Errorf("after the horizon %d count", s.Samples)
	}
}

func TestSaidComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		score := rapid.Float64Range(0, 1).Draw(t, "score")
		for _, want := range []Said{{Of: "r", Source: rapid.String().Draw(t, "source"), Score: &score}, sampled(3, "same").Said} {
			got, err := ParseSaid(want.Text())
			if err != nil || got.Of != want.Of || (got.Pair == nil) != (want.Pair == nil) || got.Pair != nil && *got.Pair != *want.Pair || got.Score != nil && *got.Score != score {
				t.Fatalf("%s: %+v, %v", want.Text(), got, err)
			}
		}
	})
	for _, bad := range []string{"", "{}", `{"of":"r"}`, `{"of":"r","score":2}`, `{"score":1}`, `{"of":"r","score":1,"pair":{}}`} {
		if _, err := ParseSaid(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

// TestOneTeamLeavesRoomForOthers: scores that one team makes up, however many sources it names, leave room for what others say.
func TestOneTeamLeavesRoomForOthers(t *testing.T) {
	var b Book
	taken := 0
	for n := range 3 * mostScores {
		if b.Add(scored("req_1", fmt.Sprint("source", n), 1, noon), noon) {
			taken++
		}
	}
	if taken != mostScores {
		t.Errorf("%d scores of one answer, want %d", taken, mostScores)
	}
	for n := range mostOfTeam {
		if b.Add(scored(fmt.Sprint("req_of_", n), "source", 1, noon), noon) {
			taken++
		}
	}
	if taken != mostOfTeam {
		t.Errorf("%d labels of one team, want %d", taken, mostOfTeam)
	}
	other := sampled(1, "same")
	if other.Team = "support"; !b.Add(other, noon) {
		t.Error("no room for another team")
	}
	later := noon.Add(Horizon + time.Hour)
	if own := scored("req_2", "source", 1, later); !b.Add(own, later) || b.teams[of.Team] != 1 {
		t.Errorf("when the old ones are gone, %d of the team", b.teams[of.Team])
	}
}
