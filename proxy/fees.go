package proxy

import (
	"fmt"

	"bursar/dialect"
	"bursar/exchange"
)

// unknownFee refuses what would cost more than any budget bounds: tools that a provider runs by itself and bills by the call.
func unknownFee(t *trip) *exchange.Fault {
	tool := t.envelope.WebSearch()
	if tool == "" {
		tool = dialect.BilledByCall(t.envelope.Tools())
	}
	if tool == "" {
		return nil
	}
	return &exchange.Fault{
		Status: 400, Type: "invalid_request_error", Code: "unknown_price", Param: "tools", Reason: exchange.ReasonUnknownPrice, NoRetry: true,
		Message: fmt.Sprintf("Providers bill %s by the call, which no budget bounds, and the policy denies it.", tool),
		Hint:    "Offer a tool of your own that does it, or have the operator set `prices: per_call_tools: allow`.",
	}
}
