// Package exchange names all that is known of one request: who asks, what was measured, what was decided, what came of it.
// It is separate so that every room can speak of a request without knowing the rooms that fill it in.
package exchange

import "time"

// Exchange is one request on its way through the nine steps. It is made when the request arrives, filled from top to bottom,
// and read for the ledger row, the headers, the metrics and the log line. One goroutine owns it.
type Exchange struct {
	ID       string    // request id, as returned in x-bursar-request-id
	Start    time.Time // when the request arrived; prices and budget windows are picked by it
	Step     Step      // the step being carried out, for logs and faults
	Identity Identity  // who asks
	Facts    Facts     // what was measured
	Decision Decision  // what was decided
	Outcome  Outcome   // what came of it
	Aside    Aside     // what it is if it is a call of the house's own
}

// Identity is who asks, as the key tells. Strings are never empty for an identified caller, but Project and User may be.
type Identity struct {
	KeyID   string // public id of the key, safe to log; never the key itself
	Team    string
	Project string
	User    string    // end user, from the body's `user` field or the key
	Scope   *KeyScope // what the key may use; nil is everything
}
