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
	"syscall"
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
}

// latencyResult is the last line, as JSON. Times are microseconds of one core.
type latencyResult struct {
	Entries      int     `json:"entries"`
	Questions    int     `json:"questions"`
	EmbedP50     float64 `json:"embed_p50_us"`
	LookupP50    float64 `json:"lookup_p50_us"`
	LookupP99    float64 `json:"lookup_p99_us"`
	VerifyP50    float64 `json:"verify_p50_us"`
	P50          float64 `json:"p50_us"`
	P99          float64 `json:"p99_us"`
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
	found, times, cpu := l.ask(model, f, questions)
	r := latencyResult{Entries: l.entries, Questions: l.asked, Bytes: f.index.Bytes(), CPU: cpu}
	r.InsertMean = micros(f.took) / float64(l.entries)
	r.EmbedP50, _ = percentiles(times[0])
	r.LookupP50, r.LookupP99 = percentiles(times[1])
	r.VerifyP50, _ = percentiles(times[2])
	r.P50, r.P99 = percentiles(times[3])
	r.Allocs = allocations(model, f.index, questions)
	r.FullScan = f.scan(model, questions)
	l.judge(&r, model, questions, f.vectors, found)
	fmt.Printf("embed p50 %.1f us; lookup p50 %.1f, p99 %.1f us; verify p50 %.1f us; all of it p50 %.1f, p99 %.1f us, mean CPU time %.1f us\n",
		r.EmbedP50, r.LookupP50, r.LookupP99, r.VerifyP50, r.P50, r.P99, r.CPU)
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

// ask looks every question up, and returns the matches, the times to embed, to look up, to verify and of all three, and the mean CPU time:
// on a machine that others use too, the last is the steadiest.
func (l latency) ask(model *embed.Model, f filled, questions []string) (found [][]index.Match, times [4][]time.Duration, cpu float64) {
	found = make([][]index.Match, len(questions))
	for i := range found {
		found[i] = make([]index.Match, 0, l.nearest)
	}
	var asked, other pair.Side
	spent := cpuTime()
	for i, q := range questions {
		var v embed.Vector
		began := time.Now()
		model.Embed(q, &v)
		embedded := time.Since(began)
		found[i] = f.index.Nearest(&v, found[i])
		looked := time.Since(began)
		pair.Default().ReadWith(q, &v, &asked)
		for _, m := range found[i] { // as the cache reads them: entries keep their text and vector
			pair.Default().ReadWith(f.texts[m.ID], &f.vectors[m.ID], &other)
			pair.Default().Judge(&asked, &other)
		}
		all := time.Since(began)
		for k, d := range [...]time.Duration{embedded, looked - embedded, all - looked, all} {
			times[k] = append(times[k], d)
		}
	}
	return found, times, micros(cpuTime()-spent) / float64(len(questions))
}

// cpuTime is what the process has used so far.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func allocations(model *embed.Model, x *index.Index, questions []string) float64 {
	var v embed.Vector
	found := make([]index.Match, 0, 16)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, q := range questions {
		model.Embed(q, &v)
		found = x.Nearest(&v, found[:0])
	}
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / float64(len(questions))
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
