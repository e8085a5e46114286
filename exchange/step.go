package exchange

// Step is one of the nine steps of a request. Its name is the same in logs, metrics, `explain` and the docs.
type Step uint8

// The steps, in order.
const (
	StepIdentify Step = iota
	StepRead
	StepMeasure
	StepDecide
	StepLookup
	StepReserve
	StepShape
	StepForward
	StepSettle
	stepCount
)

// Steps is how many steps there are.
const Steps = int(stepCount)

var stepNames = [Steps]string{"identify", "read", "measure", "decide", "lookup", "reserve", "shape", "forward", "settle"}

// String returns the step's name.
func (s Step) String() string {
	if int(s) < len(stepNames) {
		return stepNames[s]
	}
	return "unknown"
}
