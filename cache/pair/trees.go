package pair

import (
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
)

// depth of every tree. All are complete, so that a pair takes the same few steps in each.
const (
	depth  = 5
	inner  = 1<<depth - 1
	leaves = 1 << depth
)

// trees are a boosted forest: the log-odds are the sum of what its trees answer.
//
// They are laid out for speed. A feature is compared with its thresholds once for all trees, which gives its rank: how many of them it is above.
// A tree then compares ranks, and where it goes on is arithmetic: a branch that is taken half of the time would cost more than all else.
type trees struct {
	base       float32
	thresholds [Count][]uint32 // of each feature: what the trees compare it with, distinct, ascending, as ordered says
	all        []tree
}

// tree asks inner questions of the form "is a feature above a threshold" and answers with the leaf it ends in. Question i goes on at 2i+1 if not, at
// 2i+2 if so.
type tree struct {
	questions [inner + 1]question // the last is none
	leaf      [leaves]float32
}

// question is a feature in the low byte, and above it the rank of the threshold.
type question uint32

func (t *trees) probability(f *Features) float32 {
	var ranks [256]uint32 // more than there are features, so that any byte is one
	for i, above := range &t.thresholds {
		ranks[i] = rank(f[i], above)
	}
	sum := t.base
	for i := range t.all {
		tree := &t.all[i]
		at := uint32(0)
		for range depth {
			q := tree.questions[at%(inner+1)]
			at = 2*at + 1 + (uint32(q>>8)-ranks[q&0xff])>>31
		}
		sum += tree.leaf[(at-inner)%leaves]
	}
	return float32(1 / (1 + math.Exp(-float64(sum))))
}

// rank is how many of the thresholds a number is above.
func rank(x float32, thresholds []uint32) uint32 {
	if x != x {
		return 0
	}
	key, from, n := int64(ordered(x)), 0, len(thresholds)
	for n > 0 {
		half := (n + 1) / 2
		below := int64(thresholds[from+half-1]) - key
		from += half & int(below>>63)
		n -= half
	}
	return uint32(from)
}

// ordered maps numbers to integers in the same order.
func ordered(x float32) uint32 {
	b := math.Float32bits(x + 0) // there is one zero only
	return b ^ (uint32(int32(b)>>31) | 1<<31)
}

//go:embed trees.bin
var shipped []byte

// The file: magic, number of features, number of trees, base; then for each tree its features, thresholds and leaves, little endian.
const magic = "BPT1"

const treeBytes = inner*5 + leaves*4

func parse(file []byte) (*Trained, error) {
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
	t := &Trained{Base: float(file[12:]), Trees: make([]TrainedTree, n)}
	file = file[16:]
	for i := range t.Trees {
		tree := &t.Trees[i]
		for k := range tree.Feature {
			if tree.Feature[k] = file[k]; int(file[k]) >= Count {
				return nil, fmt.Errorf("tree %d asks for feature %d", i, file[k])
			}
		}
		file = file[inner:]
		for k := range tree.Threshold {
			tree.Threshold[k] = float(file[4*k:])
		}
		file = file[4*inner:]
		for k := range tree.Leaf {
			tree.Leaf[k] = float(file[4*k:])
		}
		file = file[4*leaves:]
	}
	return t, nil
}

// laidOut has the trees as they are asked.
func (t *Trained) laidOut() *trees {
	l := &trees{base: t.Base, all: make([]tree, len(t.Trees))}
	for i := range t.Trees {
		for k, x := range t.Trees[i].Threshold {
			f := t.Trees[i].Feature[k]
			l.thresholds[f] = append(l.thresholds[f], ordered(x))
		}
	}
	for f := range l.thresholds {
		slices.Sort(l.thresholds[f])
		l.thresholds[f] = slices.Compact(l.thresholds[f])
	}
	for i := range t.Trees {
		l.all[i].leaf = t.Trees[i].Leaf
		for k, x := range t.Trees[i].Threshold {
			f := t.Trees[i].Feature[k]
			rank, _ := slices.BinarySearch(l.thresholds[f], ordered(x))
			l.all[i].questions[k] = question(rank)<<8 | question(f)
		}
	}
	return l
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
