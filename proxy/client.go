package proxy

import (
	"io"
	"net"
	"sync"
	"time"
)

// clientConn is a client's connection. It knows the upstream connection of the request in flight, so that the upstream can be
// closed the moment the client leaves, and it bounds each write, so that a client that stops reading cannot hold a stream for ever.
type clientConn struct {
	net.Conn
	slow    time.Duration // bound of one write; 0 is none
	onClose func()

	mu       sync.Mutex
	upstream io.Closer
	gone     bool
	unread   bool // the client may still be sending what it was refused for
}

// Attach publishes the upstream connection of the request in flight. False means that the client is already gone: the caller
// closes the connection itself.
func (c *clientConn) Attach(upstream io.Closer) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return false
	}
	c.upstream = upstream
	return true
}

// Detach forgets the upstream connection: it goes back to its pool and must not be closed any more.
func (c *clientConn) Detach() {
	c.mu.Lock()
	c.upstream = nil
	c.mu.Unlock()
}

// Gone tells whether the client has hung up.
func (c *clientConn) Gone() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gone
}

// dropUpstream closes the upstream connection of the request in flight, if there is one.
func (c *clientConn) dropUpstream() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.upstream != nil {
		_ = c.upstream.Close()
		c.upstream = nil
	}
}

// hangUp notes that the client has left and closes the upstream connection of its request.
func (c *clientConn) hangUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = true
	if c.upstream != nil {
		_ = c.upstream.Close()
		c.upstream = nil
	}
}

// Write writes within the slow-client bound. The deadline is renewed for each write: fasthttp's own WriteTimeout is set once per
// answer and would cut long streams.
func (c *clientConn) Write(p []byte) (int, error) {
	if c.slow > 0 {
		if err := c.SetWriteDeadline(time.Now().Add(c.slow)); err != nil {
			return 0, err
		}
	}
	n, err := c.Conn.Write(p)
	if err != nil {
		c.hangUp()
	}
	return n, err
}

// Close closes the connection. Where the client may still be sending what it was refused for, only our half is closed at first: a close
// with bytes unread resets the connection, and the client would never see why it was refused.
func (c *clientConn) Close() error {
	if c.onClose != nil {
		c.onClose()
	}
	c.hangUp()
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok && c.unread && half.CloseWrite() == nil && c.SetReadDeadline(time.Now().Add(lingers)) == nil {
		_, _ = io.Copy(io.Discard, c.Conn)
	}
	return c.Conn.Close()
}

// lingers is how long a client may take to see that it has been refused.
const lingers = 5 * time.Second
