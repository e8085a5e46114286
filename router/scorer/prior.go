package scorer

import (
	_ "embed"
	"encoding/binary"
	"fmt"
	"math"
	"sync"
)

//go:embed prior.bin
var shipped []byte

// Shipped returns the model that this program carries, learned from public sets by `go run ./router/train`. On a workload that it has no
// labels of it is hardly better than chance: it is where a workload's own training starts, not something to route by.
var Shipped = sync.OnceValue(func() *Model {
	m, err := Decode(shipped)
	if err != nil {
		panic("BUG: the embedded prior: " + err.Error())
	}
	return m
})

// header are the floats before the weights: bias, scale and length of each head.
const header = 3 * Heads * 4

// Encode writes the model: its floats, little-endian, then the weights, bucket by bucket.
func (m *Model) Encode() []byte {
	out := make([]byte, 0, header+Buckets*Heads)
	for _, floats := range [][Heads]float32{m.Bias, m.Scale, m.Length} {
		for _, v := range floats {
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
		}
	}
	for b := range m.Weights {
		for _, w := range m.Weights[b] {
			out = append(out, byte(w))
		}
	}
	return out
}

// Decode reads what Encode wrote.
func Decode(src []byte) (*Model, error) {
	if len(src) != header+Buckets*Heads {
		return nil, fmt.Errorf("scorer: a model has %d bytes, this one %d", header+Buckets*Heads, len(src))
	}
	m := new(Model)
	for i, floats := range []*[Heads]float32{&m.Bias, &m.Scale, &m.Length} {
		for h := range floats {
			v := math.Float32frombits(binary.LittleEndian.Uint32(src[(i*Heads+h)*4:]))
			if v != v || math.IsInf(float64(v), 0) {
				return nil, fmt.Errorf("scorer: a model has a weight that is no number")
			}
			floats[h] = v
		}
	}
	for b := range m.Weights {
		for h := range Heads {
			m.Weights[b][h] = int8(src[header+b*Heads+h])
		}
	}
	return m, nil
}
