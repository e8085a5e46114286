package providers

import (
	"context"
	"crypto/tls"
	"net"
	"net/url"
	"sync/atomic"
	"time"
)

// conn is one connection to a provider, through its whole life in the pool.
type conn struct {
	net.Conn               // what is read and written: the TCP connection, or TLS over it
	raw      net.Conn      // the TCP connection
	idle     time.Duration // when not 0, each Read may wait this long; set for the length of a stream
	calls    int           // calls begun on it: more than one means that the provider may have closed it meanwhile
	closed   atomic.Bool
	left     atomic.Bool // the client has left: what has arrived is still read, and then it is closed
}

// Read reads within the idle bound. The deadline is renewed for each read: one set once would cut long streams.
func (c *conn) Read(p []byte) (int, error) {
	if c.idle > 0 {
		if err := c.SetReadDeadline(time.Now().Add(c.idle)); err != nil {
			return 0, err
		}
	}
	return c.Conn.Read(p)
}

// SetReadDeadline bounds reads. It cannot prolong them once the client has left.
func (c *conn) SetReadDeadline(t time.Time) error {
	err := c.Conn.SetReadDeadline(t)
	if c.left.Load() {
		return c.Conn.SetReadDeadline(longAgo)
	}
	return err
}

// SetDeadline bounds reads and writes. It cannot prolong them once the client has left.
func (c *conn) SetDeadline(t time.Time) error {
	err := c.Conn.SetDeadline(t)
	if c.left.Load() {
		return c.Conn.SetDeadline(longAgo)
	}
	return err
}

var longAgo = time.Unix(1, 0)

const (
	closeWithin = 500 * time.Millisecond // after the client has left, in case that whoever uses the connection is busy elsewhere
	lastLook    = 100 * time.Millisecond // for what is on its way when the client leaves; a provider that is near ends it sooner
)

// leaving is a connection as a Caller gets it: closed when the client leaves.
type leaving struct{ *conn }

// Close tells the provider at once that nobody listens any more, and wakes whoever waits for it. The connection itself is closed by
// its user, who first takes down what the provider has generated until then, since that is billed; or else a moment later.
func (l leaving) Close() error {
	l.left.Store(true)
	if half, ok := l.raw.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	time.AfterFunc(closeWithin, func() { _ = l.conn.Close() })
	return l.raw.SetDeadline(longAgo)
}

// lookOnce lets reads go on for a moment although the client has left; false if the connection is closed.
func (c *conn) lookOnce() bool {
	c.idle = 0
	return !c.closed.Load() && c.Conn.SetReadDeadline(time.Now().Add(lastLook)) == nil
}

// Close closes the TCP connection at once. It skips TLS's farewell, which may block on a full socket.
func (c *conn) Close() error {
	c.closed.Store(true)
	return c.raw.Close()
}

// dialer makes connections to one provider. TLS is done here, not in fasthttp, so that what the pool hands out is always a *conn.
type dialer struct {
	addr    string
	tls     *tls.Config // nil for plain HTTP
	timeout time.Duration
}

func newDialer(base *url.URL, private *tls.Config, timeout time.Duration) *dialer {
	d := &dialer{timeout: timeout}
	port := base.Port()
	if base.Scheme == "https" {
		if port == "" {
			port = "443"
		}
		d.tls = private.Clone() // a nil one stays nil
		if d.tls == nil {
			d.tls = &tls.Config{}
		}
		if d.tls.ServerName == "" {
			d.tls.ServerName = base.Hostname()
		}
		d.tls.NextProtos = []string{"http/1.1"}
		if d.tls.ClientSessionCache == nil {
			d.tls.ClientSessionCache = tls.NewLRUClientSessionCache(64)
		}
	}
	if port == "" {
		port = "80"
	}
	d.addr = net.JoinHostPort(base.Hostname(), port)
	return d
}

// dial connects within the timeout, handshake included.
func (d *dialer) dial(string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), d.timeout)
	defer cancel()
	var plain net.Dialer
	raw, err := plain.DialContext(ctx, "tcp", d.addr)
	if err != nil {
		return nil, err
	}
	if d.tls == nil {
		return &conn{Conn: raw, raw: raw}, nil
	}
	secure := tls.Client(raw, d.tls)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, err
	}
	return &conn{Conn: secure, raw: raw}, nil
}
