package semantic

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"
	"unique"

	"bursar/cache"
	"bursar/cache/embed"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// eachVectorSet runs a test against the real Redises that there are.
func eachVectorSet(t *testing.T, test func(*testing.T, *common)) {
	for name, variable := range map[string]string{"redis": "BURSAR_TEST_REDIS", "cluster": "BURSAR_TEST_REDIS_CLUSTER"} {
		t.Run(name, func(t *testing.T) {
			r := &common{addr: os.Getenv(variable), org: "semantic-" + rand.Text()}
			if r.addr == "" {
				t.Skip("set " + variable + " to run against a real Redis with vector sets")
			}
			if name == "redis" {
				r.db = 9
				t.Cleanup(r.forget)
			}
			if err := ProbeVectorSets(context.Background(), r.client(t)); err != nil {
				t.Skip("have a Redis 8 at " + variable + ": " + err.Error())
			}
			test(t, r)
		})
	}
}

// vectors is a gateway with vector sets, and with memory for so many questions of a context; 0 is for as many as usual.
func (r *common) vectors(t testing.TB, most int, change ...func(*FleetOptions)) *Cache {
	c := r.gateway(t, append(change, func(o *FleetOptions) {
		o.VectorSets = true
		if o.Lookup == 0 {
			o.Lookup = 30 * time.Second
		}
	})...)
	if most > 0 {
		c.options.MaxEntries = most
	}
	return c
}

const renewal = "How do I renew the parking permit?"

// filled has another gateway learn a question that is confirmed, and then so many that p, with memory for 32, lets go of it.
func filled(t testing.TB, r *common, context string, p *Partition, labels ...string) {
	t.Helper()
	gateway := r.vectors(t, 0)
	defer gateway.Close() // so that nobody has the question in memory
	wide := partition(t, gateway, contextOf(context))
	tell(wide, renewal, "On the portal.", 1, labels...)
	tell(wide, strings.ToLower(renewal), "On the portal.", 2, labels...)
	settled(t, wide, 2)
	for i := range 48 {
		tell(wide, fmt.Sprintf("What is the capital city of country number %d in the atlas?", i), fmt.Sprintf("City %d.", i), uint64(i))
	}
	settled(t, wide, 50)
	until(t, "the narrow gateway to have learned all", func() bool { return p.State().Labels == 50 })
	if n := entries(p); n != 32 {
		t.Fatalf("%d questions in memory, want 32", n)
	}
}

// settled waits until a partition's vector set has so many questions, and the partition has learned all that was sent.
func settled(t testing.TB, p *Partition, n int64) {
	t.Helper()
	until(t, "the questions to be in the vector set and in memory", func() bool { return p.shared.idle() && card(t, p) == n })
}

func card(t testing.TB, p *Partition) int64 {
	n, err := p.shared.fleet.client.VCard(context.Background(), p.shared.vectorSet()).Result()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// ask asks without learning.
func ask(p *Partition, text string) *Question {
	q := new(Question)
	q.Reset(text, 99, time.Now())
	p.Find(q)
	return q
}

func TestVectorSetsFindWhatMemoryHasNoRoomFor(t *testing.T) {
	eachVectorSet(t, func(t *testing.T, r *common) {
		p := partition(t, r.vectors(t, 32), contextOf("x"))
		filled(t, r, "x", p)
		q := ask(p, renewal)
		if q.Verdict != Served && q.Verdict != Shadowed {
			t.Errorf("a confirmed question that only Redis has: %v", q.Verdict)
		}
		if q.entry == nil || !strings.EqualFold(q.entry.text, renewal) {
			t.Errorf("its candidate is not the question itself: %+v", q.entry)
		}
		if c := p.State().Counts; c.Recalls != 1 || c.Recalled < 2 || c.RecallsFailed != 0 {
			t.Errorf("%d lookups asked Redis, %d failed, %d questions were taken in again; want 1, 0 and 2 at least", c.Recalls, c.RecallsFailed, c.Recalled)
		}
		if n := entries(p); n != 32 {
			t.Errorf("%d questions in memory afterwards, want 32", n)
		}
		late := partition(t, r.vectors(t, 32), contextOf("x")) // it reads the newest questions when it loads
		if v := ask(late, renewal).Verdict; v != Served && v != Shadowed {
			t.Errorf("on a gateway that came later: %v", v)
		}
		other := partition(t, r.vectors(t, 32), contextOf("y"))
		other.shared.beyond.Store(true) // or it would not ask
		if q := ask(other, renewal); q.Verdict != Empty || other.State().Recalls != 1 {
			t.Errorf("in another context: %v after %d searches, want empty after 1", q.Verdict, other.State().Recalls)
		}
	})
}

func TestVectorSetsForgetWhatIsPurgedReportedOrGone(t *testing.T) {
	eachVectorSet(t, func(t *testing.T, r *common) {
		for name, take := range map[string]func(*Cache, *Partition){
			"purged": func(*Cache, *Partition) {
				r.mu.Lock()
				defer r.mu.Unlock()
				r.purges, r.purged = 1, []string{"team=purged"}
			},
			"reported": func(c *Cache, p *Partition) {
				c.Condemn(cache.NewKey("team=a").Part("On the portal.").Key(), nil)
				until(t, "the report to be in Redis", func() bool {
					n, err := p.shared.fleet.client.SCard(context.Background(), p.shared.condemned()).Result()
					return err == nil && n > 0
				})
			},
			"gone": func(_ *Cache, p *Partition) {
				client := p.shared.fleet.client
				for keys := client.Scan(context.Background(), 0, p.shared.name+":q:*", 1000).Iterator(); keys.Next(context.Background()); {
					if text, _ := client.HGet(context.Background(), keys.Val(), "question").Result(); strings.EqualFold(text, renewal) {
						client.Del(context.Background(), keys.Val())
					}
				}
			},
		} {
			t.Run(name, func(t *testing.T) {
				if name == "gone" && strings.Contains(r.addr, ",") {
					return // SCAN asks one node of a cluster only
				}
				c := r.vectors(t, 32)
				p := partition(t, c, contextOf(name))
				filled(t, r, name, p, "team="+name)
				take(c, p)
				if q := ask(p, renewal); q.entry != nil && strings.EqualFold(q.entry.text, renewal) {
					t.Errorf("it is found all the same: %v", q.Verdict)
				}
				settled(t, p, 48)
			})
		}
	})
}

// A Redis that does not answer in time makes no lookup fail, and after some of them is not asked at all for a while.
func TestLookupsDoWithoutAVectorSet(t *testing.T) {
	eachVectorSet(t, func(t *testing.T, r *common) {
		p := partition(t, r.vectors(t, 32, func(o *FleetOptions) { o.Lookup = time.Nanosecond }), contextOf("x"))
		filled(t, r, "x", p)
		for range 3 * mostFailures {
			if v := ask(p, renewal).Verdict; v == Served || v == Shadowed || v == Empty {
				t.Fatalf("verdict %v", v)
			}
		}
		if c := p.State().Counts; c.Recalls < mostFailures || c.Recalls != c.RecallsFailed || c.Recalls == 3*mostFailures {
			t.Errorf("%d lookups asked, %d failed", c.Recalls, c.RecallsFailed)
		}
	})
}

func TestRespite(t *testing.T) {
	var b respite
	now := time.Unix(1000, 0)
	for range mostFailures {
		if !b.may(now) {
			t.Fatal("it rests before the last failure")
		}
		b.tell(false, now)
	}
	if b.may(now) || !b.may(now.Add(rests)) || b.may(now.Add(rests)) {
		t.Error("want none at once, and then one each second")
	}
	b.tell(true, now.Add(rests))
	if !b.may(now.Add(rests)) {
		t.Error("it rests although Redis has answered")
	}
}

func TestProbeSaysWhatIsMissing(t *testing.T) {
	old := &common{addr: miniredis.RunT(t).Addr()}
	if err := ProbeVectorSets(context.Background(), old.client(t)); err == nil || !strings.Contains(err.Error(), "Redis 8") {
		t.Errorf("a Redis without vector sets: %v", err)
	}
}

// saying is a question as Redis has it, with an answer of its own that says the same as others.
func saying(text, answer, said string) *newcomer {
	e := &entry{text: text, key: cache.NewKey("team=a").Part(answer).Key(), ref: newRef(), expires: time.Now().Add(time.Hour), labels: unique.Make("")}
	c := newContent(said)
	return &newcomer{entry: e, said: c, answer: c.digest}
}

// All questions that say what a reported answer says are kept out of memory, in whatever order they are found.
func TestWhatSaysTheSameAsAReportedAnswerStaysOut(t *testing.T) {
	r := &common{addr: miniredis.RunT(t).Addr(), org: rand.Text()}
	p := partition(t, r.vectors(t, 32), contextOf("x"))
	first, reported, other := saying("one", "1", "On the portal."), saying("two", "2", "On the portal."), saying("three", "3", "By post.")
	left := p.shared.spared([]*newcomer{first, reported, other}, map[string]bool{string(reported.entry.key.AppendTo(nil)): true})
	if len(left) != 1 || left[0] != other {
		t.Errorf("%d questions are left of three, want that one alone that says something else", len(left))
	}
}

// A question that a lookup has taken in from the vector set before its message is read is one question all the same.
func TestAQuestionThatWasRecalledIsNotEnteredTwice(t *testing.T) {
	r := &common{addr: miniredis.RunT(t).Addr(), org: rand.Text()}
	p := partition(t, r.vectors(t, 32), contextOf("x"))
	recalled := saying(renewal, "1", "On the portal.")
	read := *recalled
	again := *recalled.entry
	read.entry = &again
	p.mu.Lock()
	p.shared.readmit(recalled)
	p.mu.Unlock()
	p.shared.enter(&read)
	if s := p.State(); s.Entries != 1 || s.Labels != 1 || recalled.entry.class.members != 1 {
		t.Errorf("%d entries, %d learned, an answer with %d questions; want 1 of each", s.Entries, s.Labels, recalled.entry.class.members)
	}
}

// While Redis fails over, what is to be removed from it waits.
func TestWhatIsErasedWaitsForAReplicaToTakeOver(t *testing.T) {
	server := miniredis.RunT(t)
	r := &common{addr: server.Addr(), org: rand.Text()}
	f := r.vectors(t, 0).fleet // it has not begun to write
	s := &shared{fleet: f, name: f.prefix + "x"}
	f.erased, f.condemning = []indexed{{of: s, ref: newRef()}}, nil
	for _, why := range []string{"READONLY You can't write against a read only replica.", "LOADING Redis is loading the dataset in memory"} {
		server.SetError(why)
		if err := f.sendErased(context.Background()); err == nil || len(f.erased) != 1 {
			t.Errorf("%s: error %v, and %d questions wait, want 1", why, err, len(f.erased))
		}
		if err := ProbeVectorSets(context.Background(), f.client); err == nil || errors.Is(err, ErrNoVectorSets) {
			t.Errorf("%s: asked for vector sets: %v", why, err)
		}
	}
	server.SetError("")
}

// BenchmarkVectorSet tells what a search takes among 10,000 questions, what Redis keeps for each, and how often it finds the nearest.
func BenchmarkVectorSet(b *testing.B) {
	r := &common{addr: os.Getenv("BURSAR_TEST_REDIS"), db: 9, org: "semantic-" + rand.Text()}
	if r.addr == "" {
		b.Skip("set BURSAR_TEST_REDIS to run against a real Redis with vector sets")
	}
	b.Cleanup(r.forget)
	c := r.vectors(b, 0, func(o *FleetOptions) { o.Save = time.Hour }) // these vectors have no questions: they would be tidied away
	p := partition(b, c, contextOf("x"))
	vectors := make([]embed.Vector, 10_000)
	words, random := strings.Fields(stopless), mathrand.New(mathrand.NewPCG(1, 0))
	for i := range vectors {
		text := ""
		for range 6 {
			text += words[random.IntN(len(words))] + " "
		}
		embed.Default().Embed(text, &vectors[i])
		p.shared.of.mu.Lock()
		c.fleet.index(p.shared, &parcel{newcomers: []*newcomer{{entry: &entry{ref: newRef(), vector: vectors[i]}}}})
		p.shared.of.mu.Unlock()
	}
	c.fleet.rouse()
	until(b, "the vectors to be in Redis", func() bool { return card(b, p) == int64(len(vectors)) })
	bytes, err := c.fleet.client.MemoryUsage(context.Background(), p.shared.vectorSet()).Result()
	if err != nil {
		b.Fatal(err)
	}
	found, asked := 0, 0
	for b.Loop() {
		v := &vectors[asked%len(vectors)]
		near, err := c.fleet.client.VSimWithArgsWithScores(context.Background(), p.shared.vectorSet(), &redis.VectorFP32{Val: floats32(v)}, &redis.VSimArgs{Count: reach, EF: searched}).Result()
		if err != nil {
			b.Fatal(err)
		}
		if asked++; len(near) > 0 && near[0].Score > 0.99 {
			found++
		}
	}
	b.ReportMetric(float64(bytes)/float64(len(vectors)), "bytes/question")
	b.ReportMetric(float64(found)/float64(asked), "found")
}

const stopless = `account card transfer money pin password reset balance payment refund cancel order delivery address change email phone login support
invoice contract loan interest rate mortgage branch office hours holiday travel insurance claim policy damage car house water battery charger screen
printer network wifi cable router speed download backup cloud storage photo video music ticket concert train flight hotel booking visa passport`
