package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"

	"bursar/cache/embed"
	"bursar/cache/index"
	"bursar/cache/pair"
)

// latency measures embedding, looking up and verifying in one scope of so many entries: real sentences of the text, and variants of them as people
// would retype them. Questions are variants of entries, so that many have a true neighbour; what that is, a full scan tells.
type latency struct {
	text    string // file of paragraphs, one a line
	entries int
	asked   int
	nearest int // matches wanted of each lookup
	judged  int // of them, that the verifier is asked about
}

// latencyResult is the last line, as JSON. Times are microseconds of one core: on the clock, and of the processor, which on a machine that others use
// too are the steadier ones.
type latencyResult struct {
	Entries      int     `json:"entries"`
	Questions    int     `json:"questions"`
	EmbedP50     float64 `json:"embed_p50_us"`
	LookupP50    float64 `json:"lookup_p50_us"`
	LookupP99    float64 `json:"lookup_p99_us"`
	VerifyP50    float64 `json:"verify_p50_us"`
	P50          float64 `json:"p50_us"`
	P99          float64 `json:"p99_us"`
	CPU50        float64 `json:"cpu_p50_us"`
	CPU99        float64 `json:"cpu_p99_us"`
	CPU          float64 `json:"cpu_mean_us"`
	InsertMean   float64 `json:"insert_mean_us"`
	FullScan     float64 `json:"full_scan_us"`
	WithNear     int     `json:"with_neighbour_085"`
	Recall       float64 `json:"recall_085"`
	RecallNearer float64 `json:"recall_090"`
	RecallWider  float64 `json:"recall_080"`
	Bytes        int     `json:"index_bytes"`
	Allocs       float64 `json:"allocs_per_lookup"`
}

func (l latency) run() error {
	if l.entries < 1 || l.asked < 1 || l.text == "" {
		return fmt.Errorf("-latency of %d entries and %d questions of -text %q: want a text, and one of each at least", l.entries, l.asked, l.text)
	}
	sentences, err := readSentences(l.text)
	if err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(4, 1))
	random.Shuffle(len(sentences), func(i, j int) { sentences[i], sentences[j] = sentences[j], sentences[i] })
	if l.asked >= len(sentences) {
		return fmt.Errorf("%s has %d sentences: too few for %d questions", l.text, len(sentences), l.asked)
	}
	fmt.Printf("%d different sentences; %d entries\n", len(sentences), l.entries)
	model := embed.Default()
	f := l.fill(model, sentences, random)
	questions := make([]string, l.asked)
	for i := range questions {
		questions[i] = sentences[random.IntN(min(len(sentences), l.entries))]
		for range 1 + i%3 {
			questions[i] = retyped(questions[i], random)
		}
	}
	runtime.GC()
	found, times := l.ask(f, questions)
	r := latencyResult{Entries: l.entries, Questions: l.asked, Bytes: f.index.Bytes()}
	r.InsertMean = micros(f.took) / float64(l.entries)
	r.EmbedP50, _ = percentiles(times[0])
	r.LookupP50, r.LookupP99 = percentiles(times[1])
	r.VerifyP50, _ = percentiles(times[2])
	r.P50, r.P99 = percentiles(times[3])
	var spent []time.Duration
	spent, r.CPU, r.Allocs = l.spend(f, questions)
	r.CPU50, r.CPU99 = percentiles(spent)
	r.FullScan = f.scan(model, questions)
	l.judge(&r, model, questions, f.vectors, found)
	fmt.Printf("embed p50 %.1f us; lookup p50 %.1f, p99 %.1f us; verify p50 %.1f us; all of it p50 %.1f, p99 %.1f us; of the processor p50 %.1f, p99 %.1f, mean %.1f us; %.2f allocations\n",
		r.EmbedP50, r.LookupP50, r.LookupP99, r.VerifyP50, r.P50, r.P99, r.CPU50, r.CPU99, r.CPU, r.Allocs)
	fmt.Printf("recall of the nearest neighbour: %.4f where its cosine is at least 0.85 (%d questions), %.4f at 0.90, %.4f at 0.80\n",
		r.Recall, r.WithNear, r.RecallNearer, r.RecallWider)
	fmt.Printf("index %.1f MB; insert %.1f us; comparing with every entry in turn takes %.0f us, %.0f times a lookup\n",
		float64(r.Bytes)/1e6, r.InsertMean, r.FullScan, r.FullScan/r.LookupP50)
	return json.NewEncoder(os.Stdout).Encode(r)
}

// filled is an index with what is in it, by ID.
type filled struct {
	index   *index.Index
	texts   []string
	vectors []embed.Vector
	took    time.Duration // to add them all
}

// fill makes the entries: all sentences, and then variants of them.
func (l latency) fill(model *embed.Model, sentences []string, random *rand.Rand) filled {
	f := filled{new(index.Index), make([]string, l.entries), make([]embed.Vector, l.entries), 0}
	for i := range f.texts {
		f.texts[i] = sentences[i%len(sentences)]
		for range i / len(sentences) {
			f.texts[i] = retyped(f.texts[i], random)
		}
		model.Embed(f.texts[i], &f.vectors[i])
		began := time.Now()
		f.index.Add(&f.vectors[i])
		f.took += time.Since(began)
	}
	return f
}

// scan returns the median time to compare a question with all entries, one after the other.
func (f filled) scan(model *embed.Model, questions []string) float64 {
	var times []time.Duration
	for _, q := range questions[:min(5, len(questions))] {
		var v embed.Vector
		model.Embed(q, &v)
		began, best := time.Now(), int32(0)
		for i := range f.vectors {
			best = max(best, embed.Dot(&v, &f.vectors[i]))
		}
		times = append(times, time.Since(began))
	}
	median, _ := percentiles(times)
	return median
}

// ask looks every question up, and returns the matches, and the times to embed, to look up, to verify and of all three.
func (l latency) ask(f filled, questions []string) (found [][]index.Match, times [4][]time.Duration) {
	found = make([][]index.Match, len(questions))
	for i := range found {
		found[i] = make([]index.Match, 0, l.nearest)
	}
	var r asking
	for i, q := range questions {
		began := time.Now()
		r.embed(q)
		embedded := time.Since(began)
		found[i] = f.index.Nearest(&r.vector, found[i])
		looked := time.Since(began)
		r.verify(f, q, found[i][:min(l.judged, len(found[i]))])
		all := time.Since(began)
		for k, d := range [...]time.Duration{embedded, looked - embedded, all - looked, all} {
			times[k] = append(times[k], d)
		}
	}
	return found, times
}

// asking is what a lookup works with.
type asking struct {
	vector       embed.Vector
	asked, other pair.Side
}

func (r *asking) embed(question string) { embed.Default().Embed(question, &r.vector) }

// verify has the verifier judge matches, as the cache has it judge the nearest question with the candidate's answer and the nearest with another one;
// entries keep their text and vector.
func (r *asking) verify(f filled, question string, matches []index.Match) {
	pair.Default().ReadWith(question, &r.vector, &r.asked)
	for _, m := range matches {
		pair.Default().ReadWith(f.texts[m.ID], &f.vectors[m.ID], &r.other)
		pair.Default().Judge(&r.asked, &r.other)
	}
}

// spend looks every question up once more, and returns the processor's time for each, its mean without the clock's own, and the allocations.
func (l latency) spend(f filled, questions []string) (times []time.Duration, mean, allocations float64) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var r asking
	room := make([]index.Match, 0, l.nearest)
	look := func(q string) {
		r.embed(q)
		found := f.index.Nearest(&r.vector, room)
		r.verify(f, q, found[:min(l.judged, len(found))])
	}
	for _, q := range questions {
		began := threadTime()
		look(q)
		times = append(times, threadTime()-began)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := threadTime()
	for _, q := range questions {
		look(q)
	}
	mean = micros(threadTime()-began) / float64(len(questions))
	runtime.ReadMemStats(&after)
	return times, mean, float64(after.Mallocs-before.Mallocs) / float64(len(questions))
}

// judge compares what was found with a full scan.
func (l latency) judge(r *latencyResult, model *embed.Model, questions []string, vectors []embed.Vector, found [][]index.Match) {
	best := make([]int32, len(questions))
	var workers sync.WaitGroup
	for w := range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := w; i < len(questions); i += runtime.GOMAXPROCS(0) {
				var v embed.Vector
				model.Embed(questions[i], &v)
				for j := range vectors {
					best[i] = max(best[i], embed.Dot(&v, &vectors[j]))
				}
			}
		})
	}
	workers.Wait()
	var near, hits [3]int
	for i, dot := range best {
		cosine := float32(dot) / (embed.Scale * embed.Scale)
		for k, level := range [...]float32{0.80, 0.85, 0.90} {
			if cosine >= level {
				near[k]++
				if len(found[i]) > 0 && found[i][0].Cosine >= cosine {
					hits[k]++
				}
			}
		}
	}
	share := func(k int) float64 { return float64(hits[k]) / float64(max(1, near[k])) }
	r.WithNear, r.RecallWider, r.Recall, r.RecallNearer = near[1], share(0), share(1), share(2)
}

func percentiles(times []time.Duration) (p50, p99 float64) {
	slices.SortFunc(times, func(a, b time.Duration) int { return cmp.Compare(a, b) })
	return micros(times[len(times)/2]), micros(times[len(times)*99/100])
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
