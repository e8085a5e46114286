package providers

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/valyala/fasthttp"

	"bursar/dialect"
)

// attempt makes one request on one connection, as fasthttp's own transport does, but with the connection attached to the caller
// for as long as the call lives on it, and with a deadline for each phase.
//
// Of a stream, writing the request and waiting for the head may take FirstByte each, and what follows has a bound of its own for
// each read. A plain answer has Total for everything: providers send its head only when all of it is generated, and a model that
// reasons may need minutes.
func (u *Upstream) attempt(c *Call, key *credential, deadline time.Time) (*Answer, *Failure) {
	uri := u.path(c)
	auth, err := key.headers(outgoing{scheme: u.scheme, host: u.host, uri: uri, body: c.Body, now: u.cfg.Now()})
	if err != nil {
		return nil, &Failure{Cause: CauseCredential, Err: err}
	}
	line, failure := u.acquire(c.Caller)
	if failure != nil {
		return nil, failure
	}
	if err := line.conn.SetDeadline(u.headDeadline(c, deadline)); err != nil {
		return nil, line.failed(err, false)
	}
	sent := u.send(line.conn, c, uri, auth)
	line.sentAt = time.Now()
	patience := u.headDeadline(c, deadline)
	if sent != nil {
		// A provider that refuses a request early may answer and close before it has read all of it: look for that answer, but
		// not for long.
		patience = line.sentAt.Add(100 * time.Millisecond)
	}
	_ = line.conn.SetReadDeadline(patience) // fails on a connection that is closed, as reading from it does
	line.reader = u.pool.AcquireReader(line.conn)
	_, err = line.reader.Peek(1)
	if err != nil && c.Stream && sent == nil && line.conn.left.Load() && line.conn.lookOnce() {
		// The client left just as the stream began: its first events may be here, and are billed. They are read as those of a stream
		// whose client leaves later.
		_, err = line.reader.Peek(1)
	}
	if err != nil {
		if sent != nil {
			err = sent
		}
		return nil, line.failed(err, sent == nil)
	}
	answer := acquireAnswer()
	answer.started = time.Now()
	answer.waited = answer.started.Sub(line.sentAt)
	answer.resp.SkipBody = true // its head only, for now
	if err := answer.resp.ReadLimitBody(line.reader, u.cfg.MaxAnswer); err != nil {
		answer.Release()
		return nil, line.broke(err)
	}
	answer.resp.SkipBody = false
	key.learn(c.Target, &answer.resp.Header, u.cfg.Now())
	if !c.Stream {
		_ = line.conn.SetReadDeadline(deadline)
	}
	return u.receive(c, line, answer)
}

// headDeadline is until when the phase that begins now may last, on the way to the head of an answer.
func (u *Upstream) headDeadline(c *Call, deadline time.Time) time.Time {
	if c.Stream {
		return time.Now().Add(u.cfg.FirstByte)
	}
	return deadline
}

// acquire takes a connection from the pool, or makes one, and attaches it to the caller.
func (u *Upstream) acquire(caller Caller) (*line, *Failure) {
	pooled, err := u.pool.AcquireConn(0, false)
	if err != nil {
		if errors.Is(err, fasthttp.ErrNoFreeConns) {
			return nil, &Failure{Cause: CausePool, Err: fmt.Errorf("all %d connections are in use", u.cfg.MaxConns)}
		}
		return nil, &Failure{Cause: CauseConnect, Err: err, retry: true}
	}
	l := &line{upstream: u, conn: pooled.Conn().(*conn), caller: caller}
	l.conn.calls++
	l.giveBack = func(reuse bool) {
		if reuse {
			u.pool.ReleaseConn(pooled)
		} else {
			u.pool.CloseConn(pooled)
		}
	}
	if caller != nil && !caller.Attach(leaving{l.conn}) {
		l.caller = nil
		l.end(true)
		return nil, &Failure{Cause: CauseClientGone, Err: ErrClientGone}
	}
	return l, nil
}

// send writes the request.
func (u *Upstream) send(conn *conn, c *Call, uri string, auth []dialect.Header) error {
	req := fasthttp.AcquireRequest()
	defer fasthttp.ReleaseRequest(req)
	h := &req.Header
	h.SetMethod(cmp.Or(c.Method, fasthttp.MethodPost))
	h.SetRequestURI(uri)
	h.SetHost(u.host)
	h.SetUserAgent("bursar")
	if len(c.Body) > 0 {
		h.SetContentType("application/json")
	}
	switch {
	case c.Stream && u.dialect != nil && u.dialect.Frames:
		h.Set("Accept", framesType)
	case c.Stream:
		h.Set("Accept", "text/event-stream")
	default:
		h.Set("Accept", "application/json")
	}
	for _, extra := range c.Headers {
		h.Set(extra.Name, extra.Value)
	}
	for _, a := range auth {
		if a.Name == "anthropic-version" && len(h.Peek(a.Name)) > 0 {
			continue // the client says which version of the API it speaks
		}
		h.Set(a.Name, a.Value)
	}
	if c.RequestID != "" {
		h.Set("X-Client-Request-Id", c.RequestID)
	}
	req.SetBodyRaw(c.Body)
	w := u.pool.AcquireWriter(conn)
	defer u.pool.ReleaseWriter(w)
	if err := req.Write(w); err != nil {
		return err
	}
	return w.Flush()
}

// receive reads what follows the head of an answer.
func (u *Upstream) receive(c *Call, l *line, answer *Answer) (*Answer, *Failure) {
	resp := answer.resp
	status := resp.StatusCode()
	if encoding := resp.Header.ContentEncoding(); len(encoding) > 0 && !bytes.EqualFold(encoding, []byte("identity")) {
		failure := l.unusable(status, fmt.Errorf("it answered with content-encoding %q, though none was asked for", encoding))
		answer.Release()
		return nil, failure
	}
	if c.Stream && status == http.StatusOK && u.isStream(resp.Header.ContentType()) {
		return u.receiveStream(c, l, answer)
	}
	if l.conn.left.Load() { // a provider that was told to stop may still end its answer, with nothing in it
		answer.Release()
		return nil, l.broke(ErrClientGone)
	}
	if c.Stream {
		_ = l.conn.SetDeadline(time.Now().Add(u.cfg.Idle)) // an error, most likely: short, and all there
	}
	if err := readPlain(resp, l.reader, u.cfg.MaxAnswer); err != nil {
		answer.Release()
		return nil, l.broke(err)
	}
	l.end(!resp.ConnectionClose() && l.reader.Buffered() == 0)
	answer.readHead()
	failure := answer.judge(c, u.dialect, u.cfg.Now())
	if failure != nil {
		failure.Sent = true
		answer.Release()
		return nil, failure
	}
	return answer, nil
}

// isStream tells whether a content type is that of a stream, as the provider's dialect has it.
func (u *Upstream) isStream(contentType []byte) bool {
	want := "event-stream"
	if u.dialect != nil && u.dialect.Frames {
		want = framesType
	}
	return bytes.Contains(contentType, []byte(want))
}

// readPlain reads a body to its end, trailer included.
func readPlain(resp *fasthttp.Response, r *bufio.Reader, most int) error {
	if status := resp.StatusCode(); status == http.StatusNoContent || status == http.StatusNotModified {
		return nil
	}
	if err := resp.ReadBody(r, most); err != nil {
		return err
	}
	if resp.Header.ContentLength() == -1 {
		return resp.Header.ReadTrailer(r)
	}
	return nil
}

// line is a connection for the length of one call.
type line struct {
	upstream *Upstream
	conn     *conn
	reader   *bufio.Reader
	caller   Caller
	sentAt   time.Time // when the request was written, or failed to be
	giveBack func(reuse bool)
}

// end detaches the connection from the caller and gives it back to the pool, or closes it. It may be called twice.
func (l *line) end(reuse bool) {
	if l.giveBack == nil {
		return
	}
	if l.caller != nil {
		l.caller.Detach() // from here on nobody else closes it
	}
	if l.reader != nil {
		reuse = reuse && l.reader.Buffered() == 0
		l.upstream.pool.ReleaseReader(l.reader)
		l.reader = nil
	}
	l.conn.idle = 0
	l.giveBack(reuse && !l.conn.closed.Load() && !l.conn.left.Load() && !l.upstream.isClosed())
	l.giveBack = nil
}

// failed ends a call on which no byte of an answer arrived.
//
// A request that went out whole may be worked on, and billed: it is sent again only if the provider cannot have seen it, since it
// had closed the connection while that lay in the pool. That shows at once, after one round trip; a used connection that breaks
// later broke under the request. A request that did not go out whole was never one.
func (l *line) failed(err error, sent bool) *Failure {
	failure := l.cause(err)
	failure.Sent = sent
	if failure.Cause == CauseLost {
		failure.stale = l.conn.calls > 1 && time.Since(l.sentAt) < l.upstream.staleWithin
		failure.retry = !sent || failure.stale
	}
	l.end(false)
	return failure
}

// broke ends a call on which an answer had begun: it is not made again.
func (l *line) broke(err error) *Failure {
	failure := l.cause(withoutText(err))
	failure.Sent = true
	l.end(false)
	return failure
}

// unusable ends a call on which an answer came that cannot be used.
func (l *line) unusable(status int, err error) *Failure {
	l.end(false)
	return &Failure{Cause: CauseAnswer, Status: status, Sent: true, Err: err}
}

var errMalformed = errors.New("its answer is no proper HTTP")

// withoutText returns what is at the root of an error of fasthttp, whose own words quote what was read: logs must not hold that.
func withoutText(err error) error {
	for _, root := range [...]error{fasthttp.ErrBodyTooLarge, os.ErrDeadlineExceeded, io.ErrUnexpectedEOF, io.EOF} {
		if errors.Is(err, root) {
			return root
		}
	}
	var network *net.OpError
	if errors.As(err, &network) {
		return network
	}
	return errMalformed
}

func (l *line) cause(err error) *Failure {
	var network net.Error
	switch {
	case l.gone():
		return &Failure{Cause: CauseClientGone, Err: ErrClientGone}
	case errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &network) && network.Timeout():
		return &Failure{Cause: CauseTimeout, Err: err}
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		return &Failure{Cause: CauseAnswer, Err: fmt.Errorf("its answer is longer than %d bytes", l.upstream.cfg.MaxAnswer)}
	default:
		return &Failure{Cause: CauseLost, Err: err}
	}
}

// gone tells whether the client has left: its Caller closed the connection, or is about to.
func (l *line) gone() bool {
	return l.conn.closed.Load() || l.conn.left.Load() || l.caller != nil && l.caller.Gone()
}
