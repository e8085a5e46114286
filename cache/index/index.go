// Package index finds the nearest of a million vectors in some ten microseconds, on one core and without a server.
//
// Vectors lie in cells, each with a centre. A cell that outgrows its size splits in two, so that an index of a hundred vectors is one
// short scan, and one of a million is a scan of the centres and then of the few cells around the question. Every vector lies in two
// cells, the second chosen so that a question which misses the first comes by it. Scans compare sketches, the 128 signs of a vector, by
// counting the bits that differ; only the best of them are compared in full. What is scanned lies in sequence in memory, which is what
// makes it fast: hash tables over the same sketches spend their time waiting for memory.
//
// It stands apart from the cache because it knows nothing of answers, scopes or time: one Index serves one partition, and whoever owns
// it deletes what has expired.
package index

import (
	"sync"
	"unsafe"

	"bursar/cache/embed"
)

// Index holds vectors. The zero Index is empty and ready. It is safe for concurrent use; lookups do not wait for each other.
type Index struct {
	lock    sync.RWMutex
	pages   []*page // of vectors, by ID
	issued  ID      // IDs below it were given out
	free    []ID    // of them, to be given out again
	cells   []cell
	centres []centre // of the cells, apart from them so that they lie in sequence
	signs   []sketch // of the centres
	spare   []*block
	blocks  int // in cells and spare
}

// ID names a vector in its index. IDs are small: 0, 1, 2 and so on, and those of deleted vectors are given out again, so that an owner
// keeps what belongs to a vector in a slice.
type ID uint32

// Match is a vector found, and how alike it is to the one asked for.
type Match struct {
	ID     ID
	Cosine float32
}

// page is the memory of pageSize vectors, and where each lies in the cells.
type page struct {
	vectors [pageSize]embed.Vector
	places  [pageSize][2]place
}

const pageSize = 64

func (x *Index) vector(id ID) *embed.Vector { return &x.pages[id/pageSize].vectors[id%pageSize] }
func (x *Index) places(id ID) *[2]place     { return &x.pages[id/pageSize].places[id%pageSize] }

const (
	leastProbes = 4    // cells that a lookup scans, if there are so many
	mostProbes  = 12   // and at most
	slack       = 0.12 // by which the cosines of their centres may then be below that of the nearest
)

// Nearest appends to dst the vectors nearest to v that it has room for (its capacity less its length), nearest first. It allocates
// nothing. Vectors with a cosine of 0.85 and more are found but for fewer than one in a hundred; the further away, the more are missed.
func (x *Index) Nearest(v *embed.Vector, dst []Match) []Match {
	x.lock.RLock()
	defer x.lock.RUnlock()
	if len(x.cells) == 0 || cap(dst) == len(dst) {
		return dst
	}
	var (
		cells  [mostProbes]ranked
		wanted = sketchOf(v)
		found  = shortlist{keep: shortList, limit: farthest}
	)
	around := x.around(v, cells[:0])
	for i, c := range around {
		if i >= leastProbes && float32(around[0].dot-c.dot) > slack*embed.Scale*embed.Scale {
			break
		}
		x.cells[c.cell].scan(&wanted, &found)
	}
	return x.compare(v, found.best(), dst)
}

// compare appends the nearest of those that were found by their sketches.
func (x *Index) compare(v *embed.Vector, found []hit, dst []Match) []Match {
	var (
		asked  embed.Reversed
		copies [16]embed.Vector
		first  = len(dst)
	)
	v.Reverse(&asked)
	found = distinct(found)
	for len(found) > 0 {
		some := found[:min(len(found), len(copies))]
		found = found[len(some):]
		for i, h := range some { // vectors lie anywhere in memory: so it is waited for once, not for each
			copies[i] = *x.vector(h.id)
		}
		for i, h := range some {
			dst = insert(dst, first, Match{h.id, float32(asked.Dot(&copies[i])) / (embed.Scale * embed.Scale)})
		}
	}
	return dst
}

// distinct drops what was found twice, as most are, in both of their cells.
func distinct(found []hit) []hit {
	var seen [256]ID // IDs + 1, by their low bits
	kept := found[:0]
	for _, h := range found {
		at := h.id % ID(len(seen))
		for seen[at] != 0 && seen[at] != h.id+1 {
			at = (at + 1) % ID(len(seen))
		}
		if seen[at] == 0 {
			seen[at] = h.id + 1
			kept = append(kept, h)
		}
	}
	return kept
}

// insert puts a match in its order into dst[first:], unless it is there already or dst is full of better ones.
func insert(dst []Match, first int, m Match) []Match {
	if len(dst) == cap(dst) && dst[len(dst)-1].Cosine >= m.Cosine {
		return dst
	}
	for i := range dst[first:] {
		if dst[first+i].ID == m.ID {
			return dst
		}
	}
	if len(dst) == cap(dst) {
		dst = dst[:len(dst)-1]
	}
	dst = append(dst, m)
	for i := len(dst) - 1; i > first && dst[i-1].Cosine < m.Cosine; i-- {
		dst[i-1], dst[i] = dst[i], dst[i-1]
	}
	return dst
}

// Add puts a vector in.
func (x *Index) Add(v *embed.Vector) ID {
	x.lock.Lock()
	defer x.lock.Unlock()
	id := x.issued
	if last := len(x.free) - 1; last >= 0 {
		id, x.free = x.free[last], x.free[:last]
	} else {
		if id%pageSize == 0 {
			x.pages = append(x.pages, new(page))
		}
		x.issued++
	}
	*x.vector(id), *x.places(id) = *v, [2]place{nowhere, nowhere}
	if len(x.cells) == 0 {
		x.newCell(v)
	}
	var cells [choices]ranked
	x.assign(id, x.choose(x.around(v, cells[:0])))
	for _, p := range *x.places(id) {
		if p != nowhere && x.cells[p.cell].size >= x.cellSize() {
			x.split(p.cell)
		}
	}
	return id
}

// Delete takes a vector out, and reports whether there was one.
func (x *Index) Delete(id ID) bool {
	x.lock.Lock()
	defer x.lock.Unlock()
	if id >= x.issued || x.places(id)[0] == nowhere {
		return false
	}
	left := *x.places(id)
	x.assign(id, [2]uint32{none, none})
	x.free = append(x.free, id)
	for i := range left {
		// The first cell to go gives its number to the last one; the second is then looked at under its own or not at all.
		if at := left[i].cell; at < uint32(len(x.cells)) && x.cells[at].size < x.cellSize()/16 {
			x.dissolve(at)
		}
	}
	return true
}

// Len returns how many vectors there are.
func (x *Index) Len() int {
	x.lock.RLock()
	defer x.lock.RUnlock()
	return int(x.issued) - len(x.free)
}

// Bytes returns how much memory the index holds, without the garbage collector's slack.
func (x *Index) Bytes() int {
	x.lock.RLock()
	defer x.lock.RUnlock()
	pointers := cap(x.pages) + cap(x.spare)
	for i := range x.cells {
		pointers += cap(x.cells[i].blocks)
	}
	return len(x.pages)*int(unsafe.Sizeof(page{})) + x.blocks*int(unsafe.Sizeof(block{})) + pointers*int(unsafe.Sizeof(uintptr(0))) +
		cap(x.free)*int(unsafe.Sizeof(ID(0))) + cap(x.signs)*int(unsafe.Sizeof(sketch{})) + cap(x.cells)*int(unsafe.Sizeof(cell{})) + cap(x.centres)*int(unsafe.Sizeof(centre{}))
}
