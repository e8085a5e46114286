package index

import (
	"cmp"
	"math"
	"slices"

	"bursar/cache/embed"
)

// neighbours is how many cells the vectors of a cell that splits may move to.
const neighbours = 16

// split moves the vectors of a cell that lie nearer to a second centre into a new cell. Where that would be next to none or nearly all, as
// with equal vectors, it moves half.
func (x *Index) split(at uint32) {
	const rounds = 4
	type member struct {
		id   ID
		lean int32 // how much nearer to the second centre than to the first
	}
	size := int(x.cells[at].size)
	var (
		first, second = *x.vector(x.cells[at].id(0)), *x.vector(x.cells[at].id(uint32(size) / 2))
		members       = make([]member, size)
		asked         embed.Reversed
		cut           int
	)
	for i := range members {
		members[i].id = x.cells[at].id(uint32(i))
	}
	for range rounds {
		one, two := centreOf(&first), centreOf(&second)
		cut = 0
		for i := range members {
			x.vector(members[i].id).Reverse(&asked)
			members[i].lean = two.packed.Dot(&asked) - one.packed.Dot(&asked)
			if members[i].lean <= 0 {
				cut++
			}
		}
		slices.SortFunc(members, func(a, b member) int { return cmp.Or(cmp.Compare(a.lean, b.lean), cmp.Compare(a.id, b.id)) })
		if cut < size/4 || cut > 3*size/4 { // an outlier and the rest, or all equal
			cut = size / 2
		}
		var sums [2][embed.Dim]int32
		for i, m := range members {
			half := &sums[0]
			if i >= cut {
				half = &sums[1]
			}
			for k, y := range x.vector(m.id) {
				half[k] += int32(y)
			}
		}
		first, second = direction(&sums[0]), direction(&sums[1])
	}
	x.centres[at], x.signs[at] = centreOf(&first), sketchOf(&first)
	fresh := x.newCell(&second)
	for _, m := range members[cut:] {
		places := x.places(m.id)
		here := 0
		if places[1].cell == at {
			here = 1
		}
		x.take(places[here])
		places[here] = x.put(fresh, m.id)
	}
	var cells [neighbours]ranked
	near := x.around(&first, cells[:0])
	for _, m := range members {
		x.settle(m.id, near)
	}
}

// settle moves a vector to the cells that are best for it now, of those near and its own. Without it, cells keep the borders of the splits
// of long ago, and lookups look in the wrong ones. Cells that are nearly full take no more, lest one split makes another.
func (x *Index) settle(id ID, near []ranked) {
	var cells [choices]ranked
	own, around := *x.places(id), cells[:0]
	var asked embed.Reversed
	x.vector(id).Reverse(&asked)
	for _, p := range own { // first, so that they win where others are only as near
		if p != nowhere {
			around = rank(around, ranked{x.centres[p.cell].packed.Dot(&asked), p.cell})
		}
	}
	for _, c := range near {
		if c.cell != own[0].cell && c.cell != own[1].cell && x.cells[c.cell].size < x.cellSize()*7/8 {
			around = rank(around, ranked{x.centres[c.cell].packed.Dot(&asked), c.cell})
		}
	}
	x.assign(id, x.choose(around))
}

// dissolve hands the few vectors of a cell to the cells around, and gives its number to the last cell.
func (x *Index) dissolve(at uint32) {
	for x.cells[at].size > 0 {
		id := x.cells[at].id(0)
		var cells [choices + 1]ranked
		around := slices.DeleteFunc(x.around(x.vector(id), cells[:0]), func(c ranked) bool { return c.cell == at })
		if len(around) == 0 {
			return // it is the only cell
		}
		x.assign(id, x.choose(around))
	}
	last := uint32(len(x.cells) - 1)
	for slot := range x.cells[last].size {
		x.replace(x.cells[last].id(slot), place{last, slot}, place{at, slot})
	}
	x.cells[at], x.centres[at], x.signs[at] = x.cells[last], x.centres[last], x.signs[last]
	x.cells[last] = cell{}
	x.cells, x.centres, x.signs = x.cells[:last], x.centres[:last], x.signs[:last]
}

func (x *Index) newCell(v *embed.Vector) uint32 {
	x.cells = append(x.cells, cell{})
	x.centres, x.signs = append(x.centres, centreOf(v)), append(x.signs, sketchOf(v))
	return uint32(len(x.cells) - 1)
}

func direction(sum *[embed.Dim]int32) (v embed.Vector) {
	var square float64
	for _, x := range sum {
		square += float64(x) * float64(x)
	}
	if square == 0 {
		return v
	}
	unit := embed.Scale / math.Sqrt(square)
	for k, x := range sum {
		v[k] = embed.Quantize(float64(x) * unit)
	}
	return v
}
