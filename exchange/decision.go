package exchange

import (
	"time"

	"bursar/pricing"
)

// Decision is what the router chose. It points into the immutable policy it was made with.
type Decision struct {
	Rule       string       // name of the route that decided
	Reason     Reason       // why it decided so
	Model      string       // the policy model (tier) or provider/model decided for; part of the cache key
	Candidates []*Candidate // targets in the order to try; available ones first, at least one unless Reason refuses
	Baseline   *Candidate   // what savings are measured against; nil if its price is unknown
	MaxOutput  int64        // output cap in tokens: min(asked or default, policy, model); > 0
	Cache      CacheMode
	CacheTTL   time.Duration // how long the answer may be given again, if Cache allows it
	Trim       Trim
	// StopRepeats is after how many repetitions of one piece a streamed answer is ended; 0 is never.
	StopRepeats int
	Cascade     *Cascade // how the answer is checked; nil if it is not
	Instead     Instead  // who answers instead of one that fails its checks
	Observed    []string // names of routes in mode observe that would have decided
	Switch      Switch   // what it would cost to leave the model that served the conversation's last turn; the zero value if that was not weighed
}

// Switch weighs a move of a conversation to a cheaper model that a route names: what this turn and those ahead are expected to cost where it stays,
// and where it moves and nothing of its prompt is in the provider's cache yet.
type Switch struct {
	To           string     // the model that the route names
	Target       *Candidate // that would serve there
	Stays, Moves pricing.Nano
}

// Kept tells whether the conversation stays, as moving costs more than it saves.
func (s *Switch) Kept() bool { return s.Target != nil && s.Moves >= s.Stays }

// Candidate is one provider/model that can serve a request. Candidates are made when a policy loads and never change.
type Candidate struct {
	Provider    string // name of the provider in the policy
	Model       string // the provider's own name for the model
	Target      string // Provider + "/" + Model
	Tier        string // the policy model it stands in, "" for a provider/model asked by name
	Price       *pricing.Price
	MaxOutput   int64  // the model's own output limit in tokens, 0 if unknown
	Context     int64  // the model's context window in tokens, 0 if unknown
	Region      string // that the provider's address names, "" if none; prices may differ by it
	Unavailable string // why it cannot serve (its key is missing, ...), "" if it can
}

// CacheMode says what the cache may do for a request.
type CacheMode uint8

// Cache modes.
const (
	CacheOff     CacheMode = iota
	CacheOn                // look up and store
	CacheRefresh           // do not look up, but store (Cache-Control: no-cache)
	CacheRead              // look up, do not store
)

var cacheModeNames = [...]string{"off", "on", "refresh", "read"}

// String returns the mode's name.
func (m CacheMode) String() string {
	if int(m) < len(cacheModeNames) {
		return cacheModeNames[m]
	}
	return "unknown"
}
