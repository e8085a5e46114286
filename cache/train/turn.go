package main

import (
	"math/rand/v2"

	"bursar/cache/embed"
)

// turn rotates all rows at random. Cosines stay as they are, and what the vectors have to tell is spread over all coordinates evenly: so
// fewer are cut off when they are rounded to bytes, and each sign tells as much as any other to the index, which compares signs.
func (b *bag) turn(random *rand.Rand) {
	axes := newMatrix(embed.Dim, embed.Dim)
	for i := range axes.cells {
		axes.cells[i] = float32(random.NormFloat64())
	}
	orthonormalise(axes)
	parallel(len(b.rows), 256, func(i int) {
		before := b.rows[i]
		b.rows[i] = [embed.Dim]float32{}
		for k, x := range before {
			axpy(b.rows[i][:], x, axes.row(k))
		}
	})
}
