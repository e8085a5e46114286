package tokens

// part is one part of a long piece while it is merged, in a list linked by positions. It is stored where it begins.
type part struct {
	prev, next int32  // where the parts beside it begin; next of the last one is the piece's length
	rank       uint32 // rank of the token it makes with the next part, or noRank; noRank too once it is part of another
}

// mergeLong merges like merge, but in time n log n, so that no input can pin a core: a heap yields the best pair. The part that
// begins at 0 is the first of the resulting list.
func (v *vocabulary) mergeLong(piece []byte, s *scratch) []part {
	n := len(piece)
	if cap(s.list) < n {
		s.list = make([]part, max(n, 512)) // most pieces are shorter: one allocation does for them
		s.heap = make(rankHeap, 0, max(n, 512))
	}
	list, heap := s.list[:n], s.heap[:0]
	for i := range list {
		rank := uint32(noRank)
		if i+1 < n {
			rank = v.pairs[int(piece[i])<<8|int(piece[i+1])]
		}
		list[i] = part{prev: int32(i - 1), next: int32(i + 1), rank: rank}
		if rank != noRank {
			heap = append(heap, newCandidate(rank, i))
		}
	}
	heap.order()
	for len(heap) > 0 {
		s.steps++
		top := heap.pop()
		at := top.position()
		if list[at].rank != top.rank() { // the pair was merged or grew since
			continue
		}
		gone := list[at].next
		after := list[gone].next
		list[gone].rank = noRank
		list[at].next = after
		if int(after) < n {
			list[after].prev = int32(at)
		}
		v.rerank(piece, list, at, &heap)
		if before := list[at].prev; before >= 0 {
			v.rerank(piece, list, int(before), &heap)
		}
	}
	s.heap = heap
	return list
}

// rerank finds anew what the part at i makes with the next one, and offers it to the heap.
func (v *vocabulary) rerank(piece []byte, list []part, i int, heap *rankHeap) {
	list[i].rank = noRank
	next := int(list[i].next)
	if next == len(piece) {
		return
	}
	if rank := v.rankOfMerge(piece, i, int(list[next].next)); rank != noRank {
		list[i].rank = rank
		heap.push(newCandidate(rank, i))
	}
}

// candidate is a pair that may be merged: its rank in the high half, where its first part begins in the low half, so that order by
// value is order by rank, leftmost first.
type candidate uint64

func newCandidate(rank uint32, position int) candidate {
	return candidate(rank)<<32 | candidate(uint32(position))
}

func (c candidate) rank() uint32  { return uint32(c >> 32) }
func (c candidate) position() int { return int(uint32(c)) }

// rankHeap is a binary heap, the least candidate first. container/heap would allocate per push.
type rankHeap []candidate

func (h rankHeap) order() {
	for i := len(h)/2 - 1; i >= 0; i-- {
		h.sink(i)
	}
}

func (h *rankHeap) push(c candidate) {
	*h = append(*h, c)
	heap := *h
	i := len(heap) - 1
	for i > 0 {
		up := (i - 1) / 2
		if heap[up] <= c {
			break
		}
		heap[i] = heap[up]
		i = up
	}
	heap[i] = c
}

func (h *rankHeap) pop() candidate {
	heap := *h
	top, last := heap[0], len(heap)-1
	heap[0] = heap[last]
	*h = heap[:last]
	h.sink(0)
	return top
}

func (h rankHeap) sink(i int) {
	if i >= len(h) {
		return
	}
	c := h[i]
	for {
		child := 2*i + 1
		if child >= len(h) {
			break
		}
		if child+1 < len(h) && h[child+1] < h[child] {
			child++
		}
		if c <= h[child] {
			break
		}
		h[i] = h[child]
		i = child
	}
	h[i] = c
}
