package pair

import (
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// depth of every tree. All are complete, so that a pair takes the same few steps in each.
const (
	depth  = 5
	inner  = 1<<depth - 1
	leaves = 1 << depth
)

// tree asks inner questions of the form "is feature f above the threshold" and answers with the leaf it ends in.
type tree struct {
	feature   [inner]uint8
	threshold [inner]float32
	leaf      [leaves]float32
}

// trees are a boosted forest: the log-odds are the sum of what its trees answer.
type trees struct {
	base float32
	all  []tree
}

func (t *trees) probability(f *Features) float32 {
	sum := t.base
	for i := range t.all {
		tree := &t.all[i]
		at := 0
		for range depth {
			next := 2*at + 1
			if f[tree.feature[at]] > tree.threshold[at] {
				next++
			}
			at = next
		}
		sum += tree.leaf[at-inner]
	}
	return float32(1 / (1 + math.Exp(-float64(sum))))
}

//go:embed trees.bin
var shipped []byte

// The file: magic, number of features, number of trees, base; then for each tree its features, thresholds and leaves, little endian.
const magic = "BPT1"

const treeBytes = inner*5 + leaves*4

func parse(file []byte) (*trees, error) {
	if len(file) < 16 || string(file[:4]) != magic {
		return nil, errors.New("not a file of trees")
	}
	features, n := binary.LittleEndian.Uint32(file[4:]), int(binary.LittleEndian.Uint32(file[8:]))
	if features != uint32(Count) {
		return nil, fmt.Errorf("trees for %d features, this verifier has %d: train them again", features, Count)
	}
	if len(file) != 16+n*treeBytes {
		return nil, fmt.Errorf("%d bytes for %d trees", len(file), n)
	}
	t := &trees{base: float(file[12:]), all: make([]tree, n)}
	file = file[16:]
	for i := range t.all {
		tree := &t.all[i]
		for k := range tree.feature {
			if tree.feature[k] = file[k]; int(file[k]) >= Count {
				return nil, fmt.Errorf("tree %d asks for feature %d", i, file[k])
			}
		}
		file = file[inner:]
		for k := range tree.threshold {
			tree.threshold[k] = float(file[4*k:])
		}
		file = file[4*inner:]
		for k := range tree.leaf {
			tree.leaf[k] = float(file[4*k:])
		}
		file = file[4*leaves:]
	}
	return t, nil
}

func float(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) }

// Trained is a forest as a trainer makes it.
type Trained struct {
	Base  float32
	Trees []TrainedTree
}

// TrainedTree is one tree of depth 5: node i asks whether Feature[i] is above Threshold[i] and goes on at 2i+1 if not, at 2i+2 if so.
type TrainedTree struct {
	Feature   [inner]uint8
	Threshold [inner]float32
	Leaf      [leaves]float32
}

// File returns the bytes that the verifier embeds.
func (t *Trained) File() []byte {
	b := append(make([]byte, 0, 16+len(t.Trees)*treeBytes), magic...)
	b = binary.LittleEndian.AppendUint32(b, uint32(Count))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(t.Trees)))
	b = binary.LittleEndian.AppendUint32(b, math.Float32bits(t.Base))
	for i := range t.Trees {
		tree := &t.Trees[i]
		b = append(b, tree.Feature[:]...)
		for _, x := range tree.Threshold {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
		}
		for _, x := range tree.Leaf {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
		}
	}
	return b
}
