package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// leaving is where a client hangs up.
type leaving int

const (
	stays leaving = iota
	leavesBefore
	leavesMidway
	leavesAfter
)

// question is one request of a client.
type question struct {
	key       string
	words     int
	maxTokens int
	stream    bool
	leaves    leaving
}

// outcome is what a client saw.
type outcome struct {
	status  int    // 0: none, it left or the gateway died
	refused string // the budget that had no room
	code    string // of another error
}

// conn is one client's connection to one gateway; it is made anew when it breaks.
type conn struct {
	addr string
	rng  *rand.Rand
	conn net.Conn
	in   *bufio.Reader
}

func (c *conn) drop() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

// ask sends a question and reads the answer as far as the client stays.
func (c *conn) ask(q *question) outcome {
	if c.conn == nil {
		made, err := net.DialTimeout("tcp", c.addr, time.Second)
		if err != nil {
			return outcome{}
		}
		c.conn, c.in = made, bufio.NewReaderSize(made, 8<<10)
	}
	body := fmt.Sprintf(`{"model":"small","stream":%t,"max_tokens":%d,"messages":[{"role":"user","content":"%s"}]}`,
		q.stream, q.maxTokens, strings.Repeat("hello ", q.words))
	_ = c.conn.SetDeadline(time.Now().Add(30 * time.Second)) // a failure shows in the write
	if _, err := fmt.Fprintf(c.conn, "POST /v1/chat/completions HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\n"+
		"Authorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s", q.key, len(body), body); err != nil {
		c.drop()
		return outcome{}
	}
	if q.leaves == leavesBefore {
		time.Sleep(time.Duration(c.rng.Int64N(int64(6 * time.Millisecond))))
		c.drop()
		return outcome{}
	}
	out, err := c.read(q)
	if err != nil || q.leaves != stays {
		c.drop()
	}
	return out
}

var errLeft = errors.New("the client left")

func (c *conn) read(q *question) (outcome, error) {
	response, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return outcome{}, err
	}
	defer response.Body.Close()
	out := outcome{status: response.StatusCode}
	if out.status == http.StatusOK {
		if q.leaves == leavesMidway {
			_, _ = io.CopyN(io.Discard, response.Body, c.rng.Int64N(4000)) // it leaves anyway
			return out, errLeft
		}
		_, err = io.Copy(io.Discard, response.Body)
		return out, err
	}
	text, err := io.ReadAll(response.Body)
	if m := refusedFor.FindSubmatch(text); m != nil {
		out.refused = string(m[1])
	} else if m := errorCode.FindSubmatch(text); m != nil {
		out.code = string(m[1])
	}
	return out, err
}

var (
	refusedFor = regexp.MustCompile(`Budget \\"([^"\\]+)\\" (?:of the whole organisation )?has no room`)
	errorCode  = regexp.MustCompile(`"code": ?"([^"]+)"`)
)
