package providers

import (
	"strings"
	"testing"
)

func TestFaults(t *testing.T) {
	for cause := range causeCount {
		f := &Failure{Target: "p/m", Cause: cause, Status: 500, Err: ErrStreamBroken}
		fault := f.Fault()
		if fault.Status < 499 || fault.Code == "" || !strings.Contains(fault.Message, "p/m") || cause.String() == "unknown" {
			t.Errorf("%v is %+v", cause, fault)
		}
		if strings.Contains(fault.Message+fault.Hint, ErrStreamBroken.Error()) {
			t.Errorf("%v tells the client its cause: %s", cause, fault.Message)
		}
	}
}
