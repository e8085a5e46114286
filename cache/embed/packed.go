package embed

// Packed is a vector with three coordinates to a word: x, y, z as x + yB + zB², with B = 2²¹. The product of one word with another whose
// coordinates stand in reverse has the sum of the three products at B². Sums over all words stay apart as long as they are below 2²⁰,
// which those of vectors of length 1 are (Scale² is below 2¹⁷). So a third of the multiplications compares two vectors.
type Packed [44]uint64 // an even number, for 132 coordinates

// Reversed is a vector packed to be compared with Packed ones.
type Reversed [44]uint64

const fieldBits = 21

// Pack writes a vector packed.
func (v *Vector) Pack(p *Packed) {
	for i := range len(p) - 2 {
		x := (*[3]int8)(v[3*i:])
		p[i] = fields(x[0], x[1], x[2])
	}
	p[42], p[43] = fields(v[126], v[127], 0), 0
}

// Reverse writes a vector packed the other way round.
func (v *Vector) Reverse(r *Reversed) {
	for i := range len(r) - 2 {
		x := (*[3]int8)(v[3*i:])
		r[i] = fields(x[2], x[1], x[0])
	}
	r[42], r[43] = fields(0, v[127], v[126]), 0
}

// fields has the first coordinate in the highest field.
func fields(high, middle, low int8) uint64 {
	return uint64(int64(high)<<(2*fieldBits) + int64(middle)<<fieldBits + int64(low))
}

// Dot returns what Dot of the two vectors returns.
func (p *Packed) Dot(r *Reversed) int32 {
	var even, odd uint64
	for i := 0; i < len(p)-1; i += 2 {
		even += p[i] * r[i]
		odd += p[i+1] * r[i+1]
	}
	return middle(even + odd)
}

// Dot returns what Dot of the two vectors returns, for one that is compared only once.
func (r *Reversed) Dot(v *Vector) int32 {
	sum := r[42] * fields(v[126], v[127], 0)
	for i := range len(r) - 2 {
		x := (*[3]int8)(v[3*i:])
		sum += r[i] * fields(x[0], x[1], x[2])
	}
	return middle(sum)
}

// middle is the field at B².
func middle(sum uint64) int32 {
	sum += 1 << (2*fieldBits - 1)                                                // the fields below may be negative
	return int32(uint32(sum>>(2*fieldBits))<<(32-fieldBits)) >> (32 - fieldBits) // and the one above reaches into bit 63
}
