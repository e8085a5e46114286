package main

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"bursar/cache/embed"
)

// files writes text and pairs of an invented language: words of a topic keep company, and pairs that are the same share a topic.
func files(t *testing.T) settings {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 1))
	sentence := func(topic int) string {
		words := make([]string, 8)
		for i := range words {
			words[i] = fmt.Sprintf("w%c%c", 'a'+topic, 'a'+int(26*random.Float64()*random.Float64()))
		}
		return strings.Join(words, " ")
	}
	var text, pairs strings.Builder
	for i := range 2000 {
		text.WriteString(sentence(i%20) + ", " + sentence(i%20) + "\n")
	}
	for i := range 600 {
		fmt.Fprintf(&pairs, `{"a":%q,"b":%q,"label":%d,"kind":"k","source":%q}`+"\n", sentence(i%20), sentence((i+i%3/2)%20), 1-i%3/2, []string{"x", "y"}[i%2])
	}
	dir := t.TempDir()
	s := settings{pairs: filepath.Join(dir, "pairs.jsonl"), text: filepath.Join(dir, "text.txt"), out: dir, without: "y"}
	for path, content := range map[string]string{s.pairs: pairs.String(), s.text: text.String()} {
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestTheSameModelOnAnyNumberOfCores(t *testing.T) {
	s := files(t)
	var models [2][]byte
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for i, cores := range []int{1, 5} {
		runtime.GOMAXPROCS(cores)
		if err := train(s); err != nil {
			t.Fatal(err)
		}
		var err error
		if models[i], err = os.ReadFile(filepath.Join(s.out, modelName)); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(models[0], models[1]) {
		t.Error("one core and five give different models")
	}
	m, err := embed.Open(models[0])
	if err != nil {
		t.Fatal(err)
	}
	same, other := cosine(m, "waa wab wac", "wad wae waf"), cosine(m, "waa wab wac", "wga wgb wgc")
	if same < 0.5 || other > 0.3 {
		t.Errorf("texts of one topic have cosine %.2f, of two %.2f: nothing was learned", same, other)
	}
}

func cosine(m *embed.Model, a, b string) float32 {
	var x, y embed.Vector
	m.Embed(a, &x)
	m.Embed(b, &y)
	return embed.Cosine(&x, &y)
}

func TestInputsThatCannotBe(t *testing.T) {
	good := files(t)
	write := func(content string) string {
		path := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for want, change := range map[string]func(*settings){
		"no such file": func(s *settings) { s.pairs = "missing.jsonl" },
		":2: want an":  func(s *settings) { s.pairs = write(`{"a":"x","b":"y","label":1}` + "\n{") },
		"has no pairs": func(s *settings) { s.pairs = write("") },
		"has no text":  func(s *settings) { s.text = write("") },
		"want 288":     func(s *settings) { s.text, s.pairs = write("few words"), write(`{"a":"x","b":"y","label":1}`) },
	} {
		s := good
		change(&s)
		if err := train(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want one with %q", err, want)
		}
	}
}

// The slopes that move the rows are those of the loss.
func TestSlopes(t *testing.T) {
	list := strings.Fields("alpha beta gamma delta epsilon zeta")
	v, err := embed.NewVocabulary(list, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := newBag(v, list)
	random := rand.New(rand.NewPCG(2, 2))
	for i := range b.rows {
		for k := range b.rows[i] {
			b.rows[i][k] = float32(random.NormFloat64())
		}
	}
	for k := range b.rows[5] { // a pair that is not the same, and lies within the margin
		b.rows[5][k] = b.rows[4][k] + float32(0.3*random.NormFloat64())
	}
	examples := []example{{a: []int32{0, 1}, b: []int32{1, 2}, same: true}, {a: []int32{3}, b: []int32{2, 0}, same: true}, {a: []int32{4}, b: []int32{5}}}
	s := schedule{temperature: 0.5, margin: 0.6, traps: 0.3}
	loss := func() (float64, []side) {
		left, right := make([]side, 3), make([]side, 3)
		for i, e := range examples {
			for side, ids := range map[*side][]int32{&left[i]: e.a, &right[i]: e.b} {
				side.features = b.features(nil, ids, nil)
				side.length = b.vector(&side.vector, side.features)
			}
		}
		total := slopes(examples, []int{0, 1, 2}, left, right, s)
		return total, append(left, right...)
	}
	_, sides := loss()
	for row := range list {
		for k := 0; k < embed.Dim; k += 31 {
			var want float64
			for _, side := range sides {
				for _, f := range side.features {
					if int(f.Row) == row {
						want += float64(side.slope[k])
					}
				}
			}
			const step = 1e-2
			x := b.rows[row][k]
			b.rows[row][k] = x + step
			above, _ := loss()
			b.rows[row][k] = x - step
			below, _ := loss()
			b.rows[row][k] = x
			if got := (above - below) / (2 * step); math.Abs(got-want) > 2e-5+0.02*math.Abs(want) {
				t.Errorf("loss changes by %.6f with coordinate %d of %q, and the slope is %.6f", got, k, list[row], want)
			}
		}
	}
}

func TestEigen(t *testing.T) {
	const n = 12
	random := rand.New(rand.NewPCG(3, 3))
	a := make([]float64, n*n)
	for i := range n {
		for j := range i + 1 {
			a[i*n+j] = random.NormFloat64()
			a[j*n+i] = a[i*n+j]
		}
	}
	values, vectors := eigen(append([]float64(nil), a...), n)
	for e := range n {
		for i := range n {
			var got float64
			for j := range n {
				got += a[i*n+j] * vectors[j*n+e]
			}
			if math.Abs(got-values[e]*vectors[i*n+e]) > 1e-9 {
				t.Fatalf("eigenvector %d is none", e)
			}
		}
	}
}

func TestArea(t *testing.T) {
	if got := area([]float64{0.1, 0.4, 0.35, 0.8}, []bool{false, false, true, true}); got != 0.75 {
		t.Errorf("area is %v, want 0.75", got)
	}
	if got := area([]float64{1, 1, 1}, []bool{true, false, true}); got != 0.5 {
		t.Errorf("area of equal scores is %v, want 0.5", got)
	}
}
