package exchange

// Reason is why something was decided or came out as it did: one vocabulary for logs, metrics, headers, ledger and `explain`.
// Its numbers are not stored; its names are.
type Reason uint8

// Reasons of a decision.
const (
	ReasonNone            Reason = iota
	ReasonRule                   // a route matched
	ReasonAsked                  // the client named the model and the route honours it
	ReasonDefault                // auto, and no route said more
	ReasonPinned                 // x-bursar-pin
	ReasonSticky                 // the conversation stays where it is
	ReasonSwitchCost             // it stays, as moving costs more than it saves
	ReasonStored                 // it goes on from a response that only this target's provider has
	ReasonUncertified            // the route's cheap answers are not certified, so it stays with the model that it would escalate to
	ReasonAside                  // a call of the house's own
	ReasonUnknownModel           // no such model: 404
	ReasonNoCandidate            // every target of the model is unavailable: 503
	ReasonUnknownPrice           // no price, and the policy denies unknown prices
	ReasonDowngraded             // a spent budget sends the request to a cheaper model
	ReasonBudgetSpent            // no room in a budget: 429
	ReasonRateLimited            // no room within a limit: 429
	ReasonBudgetStore            // the budget store is down and the policy denies
	ReasonCapShrunk              // the output cap was lowered to what a budget affords, or a limit of tokens ever lets pass
	ReasonExactHit               // answered from the exact cache
	ReasonSemanticHit            // answered with the answer to a question that means the same
	ReasonSharedHit              // got the answer to an equal request that was under way
	ReasonNotCached              // the client wants a cached answer or none, and there is none: 504
	ReasonAnswered               // a provider answered
	ReasonFallback               // a later candidate answered
	ReasonEscalated              // the cheap answer failed its checks, and another model answered
	ReasonProviderFailed         // every candidate failed
	ReasonProviderRefused        // the provider answered with a client error, passed on
	ReasonClientGone             // the client left before the end
	ReasonStreamBroken           // the provider's stream ended early
	ReasonRepetition             // a stream that only repeated itself was ended
	ReasonBadRequest             // the body or a header cannot be understood
	ReasonUnauthorized           // no key, or not a known one
	ReasonNotAllowed             // the key may not use what was asked for
	ReasonBodyTooLarge
	ReasonContextTooLong // the prompt fits no candidate's context window
	ReasonOrphaned       // the gateway died; the hold expired into spend
	ReasonInternal
	reasonCount
)

var reasonNames = [reasonCount]string{
	"none", "rule", "asked", "default", "pinned", "sticky", "switch_cost", "stored", "uncertified", "aside", "unknown_model", "no_candidate", "unknown_price", "downgraded",
	"budget_spent", "rate_limited", "budget_store_down", "cap_shrunk", "exact_hit", "semantic_hit", "shared_hit", "not_cached", "answered", "fallback", "escalated", "provider_failed",
	"provider_refused", "client_gone", "stream_broken", "repetition", "bad_request", "unauthorized", "not_allowed", "body_too_large", "context_too_long",
	"orphaned", "internal",
}

// String returns the reason's name.
func (r Reason) String() string {
	if r < reasonCount {
		return reasonNames[r]
	}
	return "unknown"
}

// Reasons returns every reason, for tests and docs.
func Reasons() []Reason {
	all := make([]Reason, reasonCount)
	for i := range all {
		all[i] = Reason(i)
	}
	return all
}
