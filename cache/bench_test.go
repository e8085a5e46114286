package cache

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/klauspost/compress/zstd"
)

func BenchmarkKey(b *testing.B) {
	for _, size := range []int{1 << 10, 8 << 10} {
		b.Run(fmt.Sprintf("%dKB", size>>10), func(b *testing.B) {
			request := make([]byte, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				k := NewKey("team=search").Part("gpt-5").Part("stream")
				_, _ = k.Request().Write(request)
				_ = k.Key()
			}
		})
	}
}

// typical is a streamed answer of about 4 KB.
func typical() *Answer {
	const chunk = `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","model":"gpt-5","choices":[{"index":0,"delta":{"content":" word%d"}}]}` + "\n\n"
	var body strings.Builder
	for i := range 32 {
		fmt.Fprintf(&body, chunk, i)
	}
	return answerOf(body.String())
}

func BenchmarkMemoryGet(b *testing.B) {
	m := newMemory(b, MemoryOptions{})
	keys := make([]Key, 1000)
	for i := range keys {
		keys[i] = keyOf("a", fmt.Sprint(i))
		m.Put(b.Context(), keys[i], typical(), time.Hour)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, ok := m.Get(b.Context(), keys[i%len(keys)]); !ok {
			b.Fatal("miss")
		}
	}
}

func BenchmarkRedisGet(b *testing.B) {
	run := func(b *testing.B, r *Redis, near bool) {
		var s store = r
		if near {
			s = NewTiered(newMemory(b, MemoryOptions{}), r, 0)
		}
		key := keyOf("a", "b")
		s.Put(b.Context(), key, typical(), time.Hour)
		flush(b, s)
		b.ReportAllocs()
		for b.Loop() {
			if _, ok := s.Get(b.Context(), key); !ok {
				b.Fatal("miss")
			}
		}
	}
	for _, near := range []bool{false, true} {
		name := map[bool]string{false: "far", true: "tiered"}[near]
		b.Run("miniredis/"+name, func(b *testing.B) {
			run(b, newRedis(b, clientOf(b, miniredis.RunT(b).Addr(), 0), "acme", patient(nil)), near)
		})
		b.Run("real/"+name, func(b *testing.B) {
			c, org := realRedis(b)
			run(b, newRedis(b, c, org, patient(nil)), near)
		})
	}
}

func BenchmarkFrame(b *testing.B) {
	key, a := keyOf("a"), typical()
	frame := frameOf(key, a, time.Now())
	b.Run("append", func(b *testing.B) {
		b.SetBytes(int64(len(a.Body)))
		b.ReportAllocs()
		for b.Loop() {
			_ = appendFrame(frame[:0], key, a, time.Now())
		}
	})
	b.Run("read", func(b *testing.B) {
		b.SetBytes(int64(len(a.Body)))
		b.ReportAllocs()
		for b.Loop() {
			if _, _, v := readFrame(frame, key, 1<<20); v != sound {
				b.Fatal(v)
			}
		}
	})
	b.ReportMetric(float64(len(frame))/float64(len(a.Body)), "size/body")
}

// BenchmarkExpand compares what could compress a kept answer: how long a hit takes to expand it, and how small it was.
func BenchmarkExpand(b *testing.B) {
	body := typical().Body
	f := func(name string, packed []byte, expand func() ([]byte, error)) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if got, err := expand(); err != nil || len(got) != len(body) {
					b.Fatalf("%d bytes of %d, %v", len(got), len(body), err)
				}
			}
			b.ReportMetric(float64(len(packed))/float64(len(body)), "size/body")
		})
	}
	packed := compress(body)
	f("s2", packed, func() ([]byte, error) { return expand(packed, len(body)), nil })

	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	must(b, err)
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	must(b, err)
	defer decoder.Close()
	zstandard := encoder.EncodeAll(body, nil)
	f("zstd", zstandard, func() ([]byte, error) { return decoder.DecodeAll(zstandard, make([]byte, 0, len(body))) })

	var deflated bytes.Buffer
	w, err := flate.NewWriter(&deflated, flate.DefaultCompression)
	must(b, err)
	_, err = w.Write(body)
	must(b, err)
	must(b, w.Close())
	f("deflate", deflated.Bytes(), func() ([]byte, error) { return io.ReadAll(flate.NewReader(bytes.NewReader(deflated.Bytes()))) })
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func BenchmarkFlight(b *testing.B) {
	var f Flight
	ask := &Ask{Key: keyOf("a")}
	hidden := new(purges)
	b.ReportAllocs()
	for b.Loop() {
		f.join(ask, Mark{}, hidden).Leave(false)
	}
}

// BenchmarkDown tells how long a lookup that may lead a flight takes when Redis accepts and says nothing, and when it is slow: until the breaker
// opens, and after.
func BenchmarkDown(b *testing.B) {
	run := func(name string, addr string) {
		b.Run(name, func(b *testing.B) {
			var first, after time.Duration
			for b.Loop() {
				r := newRedis(b, clientOf(b, addr, 0), "acme", RedisOptions{})
				s := NewTiered(newMemory(b, MemoryOptions{}), r, 0)
				for i := range 105 {
					begun := time.Now()
					if a, seat := s.Join(b.Context(), &Ask{Key: keyOf("a", fmt.Sprint(i))}); a != nil || !seat.Leads() {
						b.Fatal("no miss")
					}
					if took := time.Since(begun); i < 5 {
						first = max(first, took)
					} else {
						after = max(after, took)
					}
				}
				s.Close()
			}
			b.ReportMetric(float64(first.Microseconds())/1000, "max-ms/first-five")
			b.ReportMetric(float64(after.Microseconds())/1000, "max-ms/next-hundred")
		})
	}
	silent := newGate(b, miniredis.RunT(b).Addr())
	silent.set(true)
	run("black-hole", silent.ln.Addr().String())
	run("refused", "127.0.0.1:1")
}
