package exchange

// Period is the length of a budget's window, on the calendar of the policy's time zone.
type Period uint8

// Periods.
const (
	PeriodDaily  Period = iota
	PeriodWeekly        // Monday to Sunday
	PeriodMonthly
	PeriodQuarterly
	PeriodYearly
	PeriodTotal // never renews
	periodCount
)

var periodNames = [periodCount]string{"daily", "weekly", "monthly", "quarterly", "yearly", "total"}

// String returns the period's name.
func (p Period) String() string {
	if p < periodCount {
		return periodNames[p]
	}
	return "unknown"
}
