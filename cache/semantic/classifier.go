package semantic

import (
	"math"

	"bursar/cache/embed"
)

// classifier tells which of the answers that were given often a question asks for: multinomial logistic regression, learned online
// with AdaGrad steps. Its matrix has one row per mark and one column per class, so that a question reads whole rows.
type classifier struct {
	classes int
	width   int       // columns that the matrix has room for
	weights []float32 // rows x width
	energy  []float32 // rows x width: sums of squared gradients
	bias    []float32
	known   []uint32 // per hashed mark: how often it was learned
	free    []int    // columns of classes that are gone
}

const (
	mostClasses  = 512 // 34 MB
	learningRate = 0.3
	ignorable    = 0.004 // a gradient this small is not worth a walk over the rows
)

// grow makes room for a class and returns its column, or 0 if there is no more. Column 0 is for questions whose answer is given once only.
func (c *classifier) grow() int {
	if n := len(c.free); n > 0 {
		column := c.free[n-1]
		c.free = c.free[:n-1]
		return column
	}
	if c.classes == mostClasses {
		return 0
	}
	if c.width == 0 {
		c.widen(16)
		c.classes = 1
	} else if c.classes == c.width {
		c.widen(2 * c.width)
	}
	c.classes++
	return c.classes - 1
}

// forget clears a column for another class.
func (c *classifier) forget(column int) {
	for row := range rows {
		c.weights[row*c.width+column], c.energy[row*c.width+column] = 0, 0
	}
	c.bias[column] = 0
	c.free = append(c.free, column)
}

func (c *classifier) widen(width int) {
	weights, energy := make([]float32, rows*width), make([]float32, rows*width)
	for row := range rows {
		copy(weights[row*width:], c.weights[row*c.width:(row+1)*c.width])
		copy(energy[row*width:], c.energy[row*c.width:(row+1)*c.width])
	}
	bias := make([]float32, width)
	copy(bias, c.bias)
	c.weights, c.energy, c.bias, c.width = weights, energy, bias, width
	if c.known == nil {
		c.known = make([]uint32, hashedRows)
	}
}

// probabilities appends the probability of each class.
func (c *classifier) probabilities(x *marks, into []float32) []float32 {
	into = append(into[:0], c.bias[:c.classes]...)
	if c.classes == 0 {
		return into
	}
	for f := range families {
		value := x.value(f)
		for _, id := range x.family(f) {
			axpy(into, c.row(int(id)), value)
		}
	}
	for i, value := range x.vector {
		axpy(into, c.row(hashedRows+i), float32(value)/embed.Scale)
	}
	softmax(into)
	return into
}

func (c *classifier) row(i int) []float32 { return c.weights[i*c.width : i*c.width+c.classes] }

func axpy(sum, row []float32, x float32) {
	row = row[:len(sum)]
	for i := range sum {
		sum[i] += x * row[i]
	}
}

// learn takes one step towards the class that a question turned out to be of. scratch is overwritten and returned.
func (c *classifier) learn(x *marks, class int, scratch []float32) []float32 {
	if c.classes == 0 {
		return scratch
	}
	p := c.probabilities(x, scratch)
	p[class]--
	for k, gradient := range p {
		if gradient < ignorable && gradient > -ignorable {
			continue
		}
		for f := range families {
			value := gradient * x.value(f)
			for _, id := range x.family(f) {
				c.step(int(id)*c.width+k, value)
			}
		}
		for i, value := range x.vector {
			c.step((hashedRows+i)*c.width+k, gradient*float32(value)/embed.Scale)
		}
		c.bias[k] -= 0.05 * gradient
	}
	return p
}

func (c *classifier) step(i int, gradient float32) {
	c.energy[i] += gradient * gradient
	c.weights[i] -= learningRate * gradient / (sqrt(c.energy[i]) + 1e-4)
}

// notice counts the marks of a new example, so that novelty can tell what was never learned.
func (c *classifier) notice(x *marks) {
	if c.known == nil {
		return
	}
	for _, id := range x.ids {
		c.known[id]++
	}
}

// novelty is the share of a question's words and parts that the classifier has seen at most once.
func (c *classifier) novelty(x *marks) float32 {
	if c.known == nil || len(x.ids) == 0 {
		return 1
	}
	novel := 0
	for _, id := range x.ids {
		if c.known[id] <= 1 {
			novel++
		}
	}
	return float32(novel) / float32(len(x.ids))
}

func softmax(z []float32) {
	if len(z) == 0 {
		return
	}
	top := z[0]
	for _, x := range z {
		top = max(top, x)
	}
	var sum float64
	for i, x := range z {
		e := math.Exp(float64(x - top))
		z[i] = float32(e)
		sum += e
	}
	for i := range z {
		z[i] = float32(float64(z[i]) / sum)
	}
}

func sqrt(x float32) float32 { return float32(math.Sqrt(float64(x))) }
