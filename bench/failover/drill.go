package main

import (
	"net"
	"time"
)

// drill is one way in which the first provider fails; the second one is well unless it says otherwise.
type drill struct {
	name  string
	fault fault // of the first provider
	other fault // of the second

	keys int    // keys of the first provider; 0 is one
	base string // address of the first provider in place of the mock's, with PORT for one that nobody listens on
}

// fault decides what becomes of a request: chance is between 0 and 1, made of the request and the seed; key is the credential it came with.
type fault func(chance float64, key string) deed

// deed is what a provider does with a request.
type deed uint8

const (
	answers  deed = iota
	limits        // 429, come again in two seconds
	breaks        // 500
	unwell        // 503
	overload      // 529
	dawdles       // the first byte after four seconds
	cuts          // the connection breaks in the middle of the answer
	swallows      // never answers
	hangsUp       // closes the connection without a byte
)

func some(share float64, d deed) fault {
	return func(chance float64, _ string) deed {
		if chance < share {
			return d
		}
		return answers
	}
}

func storm(share float64) fault {
	return func(chance float64, _ string) deed {
		if chance >= share {
			return answers
		}
		return [...]deed{breaks, unwell, overload}[int(chance*1e6)%3]
	}
}

// oneKey limits the requests of the first key alone.
func oneKey(_ float64, key string) deed {
	if key == "key-0" {
		return limits
	}
	return answers
}

var drills = []drill{
	{name: "calm"},
	{name: "429 storm, all of them", fault: some(1, limits)},
	{name: "429 storm, half of them", fault: some(0.5, limits)},
	{name: "429 of one of two keys", fault: oneKey, keys: 2},
	{name: "30% 5xx", fault: storm(0.3)},
	{name: "30% 5xx of both", fault: storm(0.3), other: storm(0.3)},
	{name: "30% slow first byte", fault: some(0.3, dawdles)},
	{name: "30% cut streams", fault: some(0.3, cuts)},
	{name: "30% closed without a byte", fault: some(0.3, hangsUp)},
	{name: "black hole: connects, never answers", fault: some(1, swallows)},
	{name: "nobody listens", base: "http://127.0.0.1:PORT/v1"},
	{name: "DNS failure", base: "http://no-such-host.invalid/v1"},
}

// closedPort is a port that nobody listens on.
func closedPort() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	_, port, err := net.SplitHostPort(ln.Addr().String())
	return port, err
}

const slow = 4 * time.Second
