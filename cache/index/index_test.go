package index

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"bursar/cache/embed"

	"pgregory.net/rapid"
)

// cloud makes vectors around so many topics, as texts lie.
func cloud(n, topics int, seed uint64) []embed.Vector {
	random := rand.New(rand.NewPCG(seed, 0))
	middles := make([][embed.Dim]int32, topics)
	for i := range middles {
		for k := range middles[i] {
			middles[i][k] = int32(random.NormFloat64() * 100)
		}
	}
	vectors := make([]embed.Vector, n)
	for i := range vectors {
		sum := middles[random.IntN(topics)]
		for k := range sum {
			sum[k] += int32(random.NormFloat64() * 100)
		}
		vectors[i] = direction(&sum)
	}
	return vectors
}

// near returns a vector whose cosine with v is about 0.9.
func near(v embed.Vector, random *rand.Rand) embed.Vector {
	var sum [embed.Dim]int32
	for k, x := range v {
		sum[k] = int32(x)*100 + int32(random.NormFloat64()*0.48*embed.Scale/11.3*100)
	}
	return direction(&sum)
}

func TestSmallIndexFindsExactlyTheNearest(t *testing.T) {
	var x Index
	vectors := cloud(60, 5, 1)
	for i := range vectors {
		if id := x.Add(&vectors[i]); id != ID(i) {
			t.Fatalf("vector %d has ID %d, want them in sequence", i, id)
		}
	}
	for i := range vectors {
		got := x.Nearest(&vectors[i], make([]Match, 0, 6))
		want := scanned(vectors, &vectors[i])[:6]
		for k := range want {
			if got[k].Cosine != want[k].Cosine {
				t.Fatalf("match %d of vector %d has cosine %v, want %v", k, i, got[k].Cosine, want[k].Cosine)
			}
		}
	}
}

func scanned(vectors []embed.Vector, v *embed.Vector) (all []Match) {
	for i := range vectors {
		all = insert(slices.Grow(all, 1), 0, Match{ID(i), embed.Cosine(v, &vectors[i])})
	}
	return all
}

func TestLargeIndexFindsNearNeighbours(t *testing.T) {
	var x Index
	vectors := cloud(20_000, 200, 2)
	for i := range vectors {
		x.Add(&vectors[i])
	}
	random, missed := rand.New(rand.NewPCG(3, 0)), 0
	const asked = 1000
	for range asked {
		id := random.IntN(len(vectors))
		v := near(vectors[id], random)
		if got := x.Nearest(&v, make([]Match, 0, 6)); !slices.ContainsFunc(got, func(m Match) bool { return m.ID == ID(id) }) {
			missed++
		}
	}
	if missed > asked/100 {
		t.Errorf("%d of %d near neighbours were missed, want at most one in a hundred", missed, asked)
	}
	check(t, &x)
}

func TestMatchesAreInOrderAndDistinct(t *testing.T) {
	var x Index
	vectors := cloud(10_000, 20, 4)
	for i := range vectors {
		x.Add(&vectors[i])
	}
	prefix := []Match{{ID: 7, Cosine: 0.1}}
	got := x.Nearest(&vectors[0], append(make([]Match, 0, 17), prefix...))
	if len(got) != 17 || got[0] != prefix[0] {
		t.Fatalf("%d matches after %v, want 16 after what was there", len(got)-1, got[0])
	}
	seen := map[ID]bool{}
	for i, m := range got[1:] {
		if seen[m.ID] {
			t.Errorf("ID %d is there twice", m.ID)
		}
		seen[m.ID] = true
		if i > 0 && got[i].Cosine < m.Cosine {
			t.Errorf("match %d is nearer than match %d", i, i-1)
		}
	}
	if got[1].ID != 0 {
		t.Errorf("the vector itself is not found first, but %d", got[1].ID)
	}
}

func TestEmptyIndex(t *testing.T) {
	var x Index
	v := cloud(1, 1, 5)[0]
	if got := x.Nearest(&v, make([]Match, 0, 6)); len(got) != 0 {
		t.Errorf("an empty index found %v", got)
	}
	if x.Delete(0) {
		t.Error("an empty index deleted something")
	}
	id := x.Add(&v)
	if got := x.Nearest(&v, nil); len(got) != 0 {
		t.Errorf("no room for matches, and yet %v", got)
	}
	if !x.Delete(id) || x.Delete(id) || x.Len() != 0 {
		t.Error("a vector is deleted once")
	}
	check(t, &x)
}

// A hostile caller can make many equal vectors. They must neither stall an index nor grow it beyond measure.
func TestEqualVectors(t *testing.T) {
	var x Index
	vectors := cloud(2, 2, 6)
	for range 5_000 {
		x.Add(&vectors[0])
	}
	other := x.Add(&vectors[1])
	if got := x.Nearest(&vectors[1], make([]Match, 0, 1)); len(got) != 1 || got[0].ID != other {
		t.Errorf("among equal vectors the one that differs is not found: %v", got)
	}
	if most := 250; len(x.cells) > most {
		t.Errorf("%d cells for 5,000 equal vectors, want at most %d", len(x.cells), most)
	}
	check(t, &x)
}

// What was deleted is never found, what was added can be, and the cells agree with the places, whatever the order of things.
func TestAddAndDelete(t *testing.T) {
	pool := cloud(2000, 10, 7)
	rapid.Check(t, func(t *rapid.T) {
		var x Index
		alive := map[ID]int{}
		for range rapid.IntRange(1, 6).Draw(t, "phases") {
			if rapid.Bool().Draw(t, "adds") {
				from := rapid.IntRange(0, len(pool)-1).Draw(t, "from")
				for i := from; i < min(len(pool), from+1000); i++ {
					id := x.Add(&pool[i])
					if _, taken := alive[id]; taken {
						t.Fatalf("ID %d was given out twice", id)
					}
					alive[id] = i
				}
				continue
			}
			share := rapid.IntRange(1, 10).Draw(t, "share")
			for id := range alive {
				if int(id)*7%10 < share {
					if !x.Delete(id) {
						t.Fatalf("ID %d cannot be deleted", id)
					}
					delete(alive, id)
				}
			}
		}
		check(t, &x)
		if x.Len() != len(alive) {
			t.Fatalf("%d vectors, want %d", x.Len(), len(alive))
		}
		missed := 0
		for id, i := range alive {
			if i%16 != 0 { // to look all of them up takes long
				continue
			}
			got := x.Nearest(&pool[i], make([]Match, 0, 4))
			if len(got) == 0 || got[0].Cosine < 0.97 {
				missed++
			}
			for _, m := range got {
				if _, there := alive[m.ID]; !there {
					t.Fatalf("deleted vector %d is found by %d", m.ID, id)
				}
			}
		}
		if missed > len(alive)/16/50+1 {
			t.Fatalf("%d of some %d vectors do not find themselves", missed, len(alive)/16)
		}
	})
}

// check compares cells and places.
func check(t interface{ Fatalf(string, ...any) }, x *Index) {
	entries := 0
	for at := range x.cells {
		c := &x.cells[at]
		entries += int(c.size)
		for slot := range c.size {
			id := c.id(slot)
			if places := x.places(id); places[0] != (place{uint32(at), slot}) && places[1] != (place{uint32(at), slot}) {
				t.Fatalf("vector %d lies in cell %d at %d, and its places are %v", id, at, slot, places)
			}
		}
	}
	placed := 0
	for id := range x.issued {
		places := x.places(id)
		if places[0] == nowhere && places[1] != nowhere || places[0] != nowhere && places[0].cell == places[1].cell {
			t.Fatalf("vector %d has places %v", id, places)
		}
		for _, p := range places {
			if p != nowhere {
				placed++
			}
		}
	}
	if placed != entries {
		t.Fatalf("%d places for %d entries in cells", placed, entries)
	}
}

func TestConcurrentUse(t *testing.T) {
	var x Index
	vectors := cloud(8000, 10, 8)
	var workers sync.WaitGroup
	for w := range 4 {
		workers.Go(func() {
			found := make([]Match, 0, 6)
			for i := w; i < len(vectors); i += 4 {
				id := x.Add(&vectors[i])
				found = x.Nearest(&vectors[i], found[:0])
				if i%3 == 0 {
					x.Delete(id)
				}
			}
		})
	}
	workers.Wait()
	check(t, &x)
}

func TestLookupAllocatesNothing(t *testing.T) {
	var x Index
	vectors := cloud(5000, 10, 9)
	for i := range vectors {
		x.Add(&vectors[i])
	}
	found := make([]Match, 0, 16)
	if n := testing.AllocsPerRun(100, func() { found = x.Nearest(&vectors[1], found[:0]) }); n != 0 {
		t.Errorf("a lookup allocates %v times, want 0", n)
	}
}

func BenchmarkNearest(b *testing.B) {
	for _, n := range []int{100, 10_000, 200_000} {
		b.Run(map[int]string{100: "100", 10_000: "10k", 200_000: "200k"}[n], func(b *testing.B) {
			var x Index
			vectors := cloud(n, n/100, 12)
			for i := range vectors {
				x.Add(&vectors[i])
			}
			found := make([]Match, 0, 6)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				found = x.Nearest(&vectors[i%n], found[:0])
				i += 7919
			}
		})
	}
}

func BenchmarkAdd(b *testing.B) {
	var x Index
	vectors := cloud(100_000, 1000, 13)
	i := 0
	for b.Loop() {
		x.Add(&vectors[i%len(vectors)])
		i++
	}
}
