package ledger

import (
	"testing"
	"time"
)

// BenchmarkAppend is what a request pays to be safe from a kill: encode and one write(2). SQLite is kept out of it.
func BenchmarkAppend(b *testing.B) {
	quiet := Options{CommitEvery: time.Hour, Warn: func(string, error) {}}
	b.Run("row", func(b *testing.B) {
		l := open(b, b.TempDir(), quiet)
		r := row(1)
		b.ReportAllocs()
		for b.Loop() {
			if err := l.Append(r); err != nil {
				b.Fatal(err)
			}
		}
		b.StopTimer()
		l.abandon()
	})
	b.Run("hold and row", func(b *testing.B) {
		l := open(b, b.TempDir(), quiet)
		r := row(1)
		seed := r.Encode(nil)
		b.ReportAllocs()
		for b.Loop() {
			if err := l.Hold(r.ID, r.Held, seed); err != nil {
				b.Fatal(err)
			}
			if err := l.Append(r); err != nil {
				b.Fatal(err)
			}
		}
		b.StopTimer()
		l.abandon()
	})
	b.Run("rows of 64 goroutines", func(b *testing.B) {
		l := open(b, b.TempDir(), quiet)
		b.ReportAllocs()
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			r := row(1)
			for pb.Next() {
				if err := l.Append(r); err != nil {
					b.Error(err)
					return
				}
			}
		})
		b.StopTimer()
		l.abandon()
	})
}

// BenchmarkCommit is how fast rows reach SQLite, on the disk; what comes faster than that waits in the journal.
func BenchmarkCommit(b *testing.B) {
	l := open(b, b.TempDir(), Options{})
	const batch = 20_480
	n := 0
	for b.Loop() {
		for range batch {
			if err := l.Append(row(n)); err != nil {
				b.Fatal(err)
			}
			n++
		}
		if err := l.Flush(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkReport reads statements over 200,000 rows of four weeks.
func BenchmarkReport(b *testing.B) {
	l := open(b, b.TempDir(), Options{})
	const rows = 200_000
	for n := range rows {
		r := row(n)
		r.Time = morning.UnixNano() + int64(n)*int64(28*24*time.Hour)/rows
		if err := l.Append(r); err != nil {
			b.Fatal(err)
		}
	}
	if err := l.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	var hours int
	if err := l.db.QueryRow("SELECT count(*) FROM hours").Scan(&hours); err != nil {
		b.Fatal(err)
	}
	f := func(name string, q Query) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := l.Report(b.Context(), q); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(hours), "hour-lines")
		})
	}
	f("total", Query{})
	f("by team", Query{By: []string{"team"}})
	f("by day and team", Query{By: []string{"day", "team"}})
	f("a team's half-hour window", Query{Filter: Filter{Team: "team1", From: morning.Add(90 * time.Minute), To: morning.Add(10 * 24 * time.Hour)}})
	b.Run("verify", func(b *testing.B) {
		for b.Loop() {
			if _, err := l.Verify(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkShip is how fast rows reach a Postgres on the same machine, from SQLite.
func BenchmarkShip(b *testing.B) {
	url := newFleet(b)
	dir := b.TempDir()
	const batch = 20_000
	for n := 0; b.Loop(); n++ {
		b.StopTimer()
		if err := Import(dir, func(yield func(*Row) bool) {
			for i := range batch {
				if !yield(row(n*batch + i)) {
					return
				}
			}
		}); err != nil {
			b.Fatal(err)
		}
		l := open(b, dir, Options{})
		b.StartTimer()
		s, err := l.Ship(ShipOptions{URL: url, Gateway: "one"})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := l.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(b.N)*batch/b.Elapsed().Seconds(), "rows/s")
}
