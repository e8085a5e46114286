package main

import (
	"math"
	"math/rand/v2"
	"slices"

	"bursar/cache/embed"
)

// matrix is dense, by rows.
type matrix struct {
	width int
	cells []float32
}

func newMatrix(rows, width int) *matrix { return &matrix{width, make([]float32, rows*width)} }

func (m *matrix) rows() int           { return len(m.cells) / m.width }
func (m *matrix) row(i int) []float32 { return m.cells[i*m.width : (i+1)*m.width : (i+1)*m.width] }

const (
	spare  = 16 // columns beyond those wanted, which make the wanted ones good
	rounds = 4

	fewestWords = 2 * (embed.Dim + spare) // that have so many directions among them

	strength = 0.25 // power of its eigenvalue that an eigenvector is multiplied with; 0.5 would give the matrix back, and finds less
)

// factor returns vectors of words whose products come close to a symmetric matrix: its leading eigenvectors, found by a subspace iteration from a random start.
func factor(m *sparse, random *rand.Rand) [][embed.Dim]float32 {
	width := embed.Dim + spare
	space := newMatrix(m.size(), width)
	for i := range space.cells {
		space.cells[i] = float32(random.NormFloat64())
	}
	orthonormalise(space)
	for range rounds {
		space = m.times(space)
		orthonormalise(space)
	}
	values, vectors := eigen(product(space, m.times(space)), width)
	order := make([]int, width)
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		if math.Abs(values[a]) > math.Abs(values[b]) {
			return -1
		}
		return 1
	})
	words := make([][embed.Dim]float32, m.size())
	parallel(len(words), 64, func(i int) {
		row := space.row(i)
		for k := range embed.Dim {
			var x float64
			for j, y := range row {
				x += float64(float64(y) * vectors[j*width+order[k]])
			}
			words[i][k] = float32(x * math.Pow(math.Abs(values[order[k]]), strength))
		}
	})
	return words
}

// times returns m times a matrix.
func (m *sparse) times(b *matrix) *matrix {
	out := newMatrix(m.size(), b.width)
	parallel(m.size(), 64, func(i int) {
		sum := out.row(i)
		for k := m.starts[i]; k < m.starts[i+1]; k++ {
			axpy(sum, m.values[k], b.row(int(m.columns[k])))
		}
	})
	return out
}

// orthonormalise makes the columns of a matrix orthogonal and of length 1, spanning what they span: twice over its Cholesky factor, since
// once leaves rounding errors where columns are nearly parallel.
func orthonormalise(m *matrix) {
	for range 2 {
		lower := cholesky(product(m, m), m.width)
		parallel(m.rows(), 64, func(i int) {
			row := m.row(i)
			for j := range row {
				x := float64(row[j])
				for k := range j {
					x -= float64(lower[j*m.width+k] * float64(row[k]))
				}
				row[j] = float32(x / lower[j*m.width+j])
			}
		})
	}
}

// product returns the transpose of a times b, of equal shape.
func product(a, b *matrix) []float64 {
	cuts := blocks(a.rows())
	parts := make([][]float64, len(cuts))
	parallel(len(cuts), 1, func(i int) {
		part := make([]float64, a.width*b.width)
		for r := cuts[i][0]; r < cuts[i][1]; r++ {
			other := b.row(r)
			for j, x := range a.row(r) {
				sums := part[j*b.width : (j+1)*b.width]
				for k, y := range other {
					sums[k] += float64(float64(x) * float64(y))
				}
			}
		}
		parts[i] = part
	})
	for _, part := range parts[1:] {
		for i, x := range part {
			parts[0][i] += x
		}
	}
	return parts[0]
}

// cholesky returns the lower triangle L with L times its transpose = a.
func cholesky(a []float64, n int) []float64 {
	lower := make([]float64, n*n)
	for i := range n {
		for j := range i + 1 {
			x := a[i*n+j]
			for k := range j {
				x -= float64(lower[i*n+k] * lower[j*n+k])
			}
			if i == j {
				lower[i*n+i] = math.Sqrt(max(x, 1e-12))
			} else {
				lower[i*n+j] = x / lower[j*n+j]
			}
		}
	}
	return lower
}

// eigen returns the eigenvalues of a symmetric matrix and, in columns, its eigenvectors, by Jacobi's rotations.
func eigen(a []float64, n int) (values, vectors []float64) {
	vectors = make([]float64, n*n)
	for i := range n {
		vectors[i*n+i] = 1
	}
	for range 12 {
		for p := range n {
			for q := p + 1; q < n; q++ {
				if math.Abs(a[p*n+q]) < 1e-12 {
					continue
				}
				theta := (a[q*n+q] - a[p*n+p]) / (2 * a[p*n+q])
				t := 1 / (math.Abs(theta) + math.Sqrt(theta*theta+1))
				if theta < 0 {
					t = -t
				}
				c := 1 / math.Sqrt(t*t+1)
				rotate(a, vectors, n, p, q, c, t*c)
			}
		}
	}
	values = make([]float64, n)
	for i := range n {
		values[i] = a[i*n+i]
	}
	return values, vectors
}

func rotate(a, vectors []float64, n, p, q int, c, s float64) {
	for k := range n {
		x, y := a[k*n+p], a[k*n+q]
		a[k*n+p], a[k*n+q] = float64(c*x)-float64(s*y), float64(s*x)+float64(c*y)
	}
	for k := range n {
		x, y := a[p*n+k], a[q*n+k]
		a[p*n+k], a[q*n+k] = float64(c*x)-float64(s*y), float64(s*x)+float64(c*y)
	}
	for k := range n {
		x, y := vectors[k*n+p], vectors[k*n+q]
		vectors[k*n+p], vectors[k*n+q] = float64(c*x)-float64(s*y), float64(s*x)+float64(c*y)
	}
}

// axpy adds a times x to y. The conversions keep processors that fuse multiply and add from rounding differently.
func axpy(y []float32, a float32, x []float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] += float32(a * x[i])
	}
}

func dot(x, y []float32) float32 {
	y = y[:len(x)]
	var s0, s1, s2, s3 float32
	for i := 0; i+3 < len(x); i += 4 {
		s0 += float32(x[i] * y[i])
		s1 += float32(x[i+1] * y[i+1])
		s2 += float32(x[i+2] * y[i+2])
		s3 += float32(x[i+3] * y[i+3])
	}
	return s0 + s1 + s2 + s3
}
