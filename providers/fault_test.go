package providers

import (
	"encoding/json"
	"strings"
	"testing"

	"bursar/exchange"
)

func TestWriteFault(t *testing.T) {
	f := func(fault exchange.Fault, want string) {
		t.Helper()
		got := WriteFault([]byte("x"), &fault, "req\"1")
		if string(got) != "x"+want {
			t.Errorf("fault is %s, want %s", got[1:], want)
		}
		if !json.Valid(got[1:]) {
			t.Errorf("%s is no JSON", got[1:])
		}
	}
	f(exchange.Fault{Status: 400, Message: "No\tmodel \"x\".\n\x00\xff\u2028", Param: "model", Code: "unknown_model"},
		`{"error":{"message":"No\u0009model \"x\".\n\u0000`+"\ufffd\u2028"+`","type":"invalid_request_error","param":"model","code":"unknown_model"}}`)
	f(exchange.Fault{Status: 429, Type: "insufficient_quota", Message: "Spent.", Hint: "Wait."},
		`{"error":{"message":"Spent. Wait.","type":"insufficient_quota","param":null,"code":null}}`)
	f(exchange.Fault{Status: 502, Message: "Failed.", Code: "c"}, `{"error":{"message":"Failed. (request req\"1)","type":"api_error","param":null,"code":"c"}}`)
	event := string(WriteStreamFault(nil, &exchange.Fault{Status: 502, Message: "a\nb"}, ""))
	if !strings.HasPrefix(event, `data: {"error":{`) || strings.Count(event, "\n") != 2 || !strings.HasSuffix(event, "}}\n\n") {
		t.Errorf("as an event, it is %q", event)
	}
}

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
