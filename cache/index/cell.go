package index

import "math"

const blockSize = 256 // vectors whose memory is had at once: their sketches fill a page

// cellSize is how many vectors a cell splits at. It grows with the square root of all vectors, so that neither the centres nor the cells
// take long to scan, up to the size from which on larger cells would cost more than they save.
func (x *Index) cellSize() uint32 {
	const smallest, largest = 256, 2048
	return uint32(max(smallest, min(largest, 2*math.Sqrt(float64(int(x.issued)-len(x.free))))))
}

// cell is vectors that lie near each other, in blocks that are all full but the last.
type cell struct {
	blocks []*block
	size   uint32
}

// block has no pointers, so that the garbage collector passes it over.
type block struct {
	sketches [blockSize]sketch
	ids      [blockSize]ID
}

// place is where a vector lies: its number in a cell.
type place struct{ cell, slot uint32 }

const none = 1<<32 - 1 // no cell

var nowhere = place{none, 0}

func (c *cell) at(slot uint32) (*block, uint32) { return c.blocks[slot/blockSize], slot % blockSize }

func (c *cell) id(slot uint32) ID {
	b, i := c.at(slot)
	return b.ids[i]
}

// scan offers the cell's vectors to a shortlist.
func (c *cell) scan(wanted *sketch, found *shortlist) {
	left := int(c.size)
	for _, b := range c.blocks {
		n := min(left, blockSize)
		found.scan(b.sketches[:n], wanted, b.ids[:n])
		left -= n
	}
}

// assign has a vector lie in two cells, in one or in none, and nowhere else.
func (x *Index) assign(id ID, cells [2]uint32) {
	places := x.places(id)
	if places[0].cell == cells[1] || places[1].cell == cells[0] {
		cells[0], cells[1] = cells[1], cells[0]
	}
	for i, to := range cells {
		if places[i].cell == to {
			continue
		}
		if places[i] != nowhere {
			x.take(places[i])
		}
		places[i] = nowhere
		if to != none {
			places[i] = x.put(to, id)
		}
	}
	if places[0] == nowhere { // which tells that there is none
		places[0], places[1] = places[1], places[0]
	}
}

// put appends a vector to a cell, however full that is.
func (x *Index) put(at uint32, id ID) place {
	c := &x.cells[at]
	if c.size == uint32(len(c.blocks))*blockSize {
		c.blocks = append(c.blocks, x.newBlock())
	}
	b, i := c.at(c.size)
	b.sketches[i], b.ids[i] = sketchOf(x.vector(id)), id
	c.size++
	return place{at, c.size - 1}
}

// take closes the gap at a place with the last vector of its cell.
func (x *Index) take(p place) {
	c := &x.cells[p.cell]
	c.size--
	from, last := c.at(c.size)
	if p.slot != c.size {
		to, i := c.at(p.slot)
		to.sketches[i], to.ids[i] = from.sketches[last], from.ids[last]
		x.replace(to.ids[i], place{p.cell, c.size}, p)
	}
	if last == 0 {
		c.blocks = c.blocks[:len(c.blocks)-1]
		x.release(from)
	}
}

// replace notes that a vector has moved from one place to another.
func (x *Index) replace(id ID, from, to place) {
	places := x.places(id)
	if places[0] == from {
		places[0] = to
	} else {
		places[1] = to
	}
}

func (x *Index) newBlock() *block {
	if last := len(x.spare) - 1; last >= 0 {
		b := x.spare[last]
		x.spare = x.spare[:last]
		return b
	}
	x.blocks++
	return new(block)
}

const mostSpare = 16 // blocks, 82 KB

// release keeps a block for later, or leaves it to the garbage collector if enough are kept.
func (x *Index) release(b *block) {
	if len(x.spare) < mostSpare {
		x.spare = append(x.spare, b)
		return
	}
	x.blocks--
}
