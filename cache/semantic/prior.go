package semantic

// prior are the weights that a new partition starts with, as cache/semantic/train learned them.
var prior = [evidenceCount]float64{
	4.480,
	-2.061,
	0.221,
	-2.400,
	0.484,
	-3.638,
	0.358,
	0.337,
	0.063,
	-0.573,
	0.471,
	-1.968,
	0.776,
	0.034,
	-1.107,
	-1.242,
	-1.356,
	-1.560,
	2.181,
}
