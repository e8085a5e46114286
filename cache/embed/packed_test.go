package embed

import (
	"math/rand/v2"
	"testing"
)

func TestPackedVectorsCompareAsVectors(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 0))
	vectors := []Vector{{}, {0: 127, 127: -127}, {1: -127, 2: 127}, {126: 100, 125: -90}}
	for range 60 {
		var s sum
		for i := range s {
			s[i] = int64(random.NormFloat64() * 1000)
		}
		var v Vector
		s.direction(&v)
		vectors = append(vectors, v)
	}
	for i := range vectors {
		var p Packed
		vectors[i].Pack(&p)
		for j := range vectors {
			var r Reversed
			vectors[j].Reverse(&r)
			want := Dot(&vectors[i], &vectors[j])
			if got := p.Dot(&r); got != want {
				t.Fatalf("packed vectors %d and %d have product %d, want %d", i, j, got, want)
			}
			if got := r.Dot(&vectors[i]); got != want {
				t.Fatalf("vectors %d and %d, one of them packed, have product %d, want %d", i, j, got, want)
			}
		}
	}
}

func BenchmarkDot(b *testing.B) {
	one, other := vector(b, "How do I reset my password?"), vector(b, "I forgot my password, how can I change it?")
	var p Packed
	var r Reversed
	one.Pack(&p)
	other.Reverse(&r)
	var total int32
	b.Run("plain", func(b *testing.B) {
		for b.Loop() {
			total += Dot(&one, &other)
		}
	})
	b.Run("packed", func(b *testing.B) {
		for b.Loop() {
			total += p.Dot(&r)
		}
	})
	b.Run("half-packed", func(b *testing.B) {
		for b.Loop() {
			total += r.Dot(&one)
		}
	})
	b.Run("pack", func(b *testing.B) {
		for b.Loop() {
			one.Pack(&p)
		}
	})
}
