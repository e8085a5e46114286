package dialect

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

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
	short := exchange.BudgetShort{
		Name: "a \"b\"", Period: exchange.PeriodMonthly, Needed: 20_000_000, Spent: 4_000_000_000_001, Held: 0, Limit: 4_000_010_000_000,
		Renews: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC),
	}
	f(exchange.Fault{Status: 429, Type: "insufficient_quota", Message: "Spent.", Code: "budget_exceeded", Budget: &short},
		`{"error":{"message":"Spent.","type":"insufficient_quota","param":null,"code":"budget_exceeded","budget":{"name":"a \"b\"","period":"monthly","needed_usd":"0.02",`+
			`"spent_usd":"4000.000000001","held_usd":"0.00","limit_usd":"4000.01","renews":"2026-12-01T00:00:00Z"}}}`)
	short.Secret, short.Renews = true, time.Time{}
	f(exchange.Fault{Status: 429, Message: "Spent.", Budget: &short},
		`{"error":{"message":"Spent.","type":"invalid_request_error","param":null,"code":null,"budget":{"name":"a \"b\"","period":"monthly","needed_usd":"0.02"}}}`)
	full := exchange.LimitFull{Name: "team=search", Unit: "tokens", Limit: 200_000, Used: 199_000, Needed: 2_000, RetryAfter: 1500 * time.Millisecond}
	f(exchange.Fault{Status: 429, Type: "tokens", Message: "Full.", Code: "rate_limit_exceeded", Limit: &full},
		`{"error":{"message":"Full.","type":"tokens","param":null,"code":"rate_limit_exceeded","limit":{"name":"team=search","unit":"tokens","limit":200000,"used":199000,"needed":2000,"retry_after_ms":1500}}}`)
	full.Secret, full.RetryAfter = true, 0
	f(exchange.Fault{Status: 429, Message: "Full.", Limit: &full},
		`{"error":{"message":"Full.","type":"invalid_request_error","param":null,"code":null,"limit":{"name":"team=search","unit":"tokens","limit":200000,"needed":2000}}}`)
	event := string(WriteStreamFault(nil, &exchange.Fault{Status: 502, Message: "a\nb"}, ""))
	if !strings.HasPrefix(event, `data: {"error":{`) || strings.Count(event, "\n") != 2 || !strings.HasSuffix(event, "}}\n\n") {
		t.Errorf("as an event, it is %q", event)
	}
}
