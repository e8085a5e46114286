package proxy

import (
	"errors"
	"net"
	"sync"
	"syscall"
	"time"
)

// watcher tells when a client hangs up. fasthttp does not look at the client's socket while a handler runs, and its
// RequestCtx.Done closes only at shutdown, so a client that leaves would go unnoticed until a write fails, while the provider
// goes on generating and billing. The watcher puts each accepted connection into one more epoll set, once: edge triggered,
// hang-up only. That costs no system call per request.
type watcher struct {
	net.Listener
	epoll  int
	slow   time.Duration
	mu     sync.Mutex
	conns  map[ticket]*clientConn
	serial int32
	closed bool
}

// ticket names a connection in the epoll set. The descriptor alone would not do: an event may still be on its way when its
// connection has been closed, and the next connection been accepted under the same number.
type ticket struct{ fd, serial int32 }

// watch wraps a listener. slow bounds each write to a client.
func watch(ln net.Listener, slow time.Duration) (net.Listener, error) {
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	w := &watcher{Listener: ln, epoll: epoll, slow: slow, conns: map[ticket]*clientConn{}}
	go w.loop()
	return w, nil
}

// Accept returns the next connection, watched. One that cannot be watched is served all the same: a write error tells then.
func (w *watcher) Accept() (net.Conn, error) {
	conn, err := w.Listener.Accept()
	if err != nil {
		return nil, err
	}
	client := &clientConn{Conn: conn, slow: w.slow}
	if sc, ok := conn.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) { w.add(client, int32(fd)) })
		}
	}
	return client, nil
}

func (w *watcher) add(c *clientConn, fd int32) {
	w.mu.Lock()
	w.serial++
	key := ticket{fd, w.serial}
	w.conns[key] = c
	w.mu.Unlock()
	c.onClose = func() { w.forget(key) }
	event := syscall.EpollEvent{
		Events: syscall.EPOLLRDHUP | syscall.EPOLLHUP | syscall.EPOLLERR | uint32(edgeTriggered), Fd: key.fd, Pad: key.serial,
	}
	_ = syscall.EpollCtl(w.epoll, syscall.EPOLL_CTL_ADD, int(fd), &event)
}

// edgeTriggered is EPOLLET, which package syscall has as a negative number.
const edgeTriggered = 1 << 31

// forget runs before the descriptor is closed. Closing it takes it out of the epoll set.
func (w *watcher) forget(key ticket) {
	w.mu.Lock()
	delete(w.conns, key)
	w.mu.Unlock()
}

// loop ends when the listener is closed and the last connection with it: while the gateway drains, clients still may leave.
func (w *watcher) loop() {
	events := make([]syscall.EpollEvent, 128)
	for !w.finished() {
		// With a timeout, since closing the listener does not wake a waiter.
		n, err := syscall.EpollWait(w.epoll, events, 1000)
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return
		}
		for _, event := range events[:max(0, n)] {
			w.heed(event)
		}
	}
	_ = syscall.Close(w.epoll)
}

// heed tells the connection that an event is of, if it still is one.
func (w *watcher) heed(event syscall.EpollEvent) {
	w.mu.Lock()
	c := w.conns[ticket{event.Fd, event.Pad}]
	w.mu.Unlock()
	if c != nil {
		c.hangUp()
	}
}

func (w *watcher) finished() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.closed && len(w.conns) == 0
}

// Close stops accepting. A second close does nothing.
func (w *watcher) Close() error {
	w.mu.Lock()
	again := w.closed
	w.closed = true
	w.mu.Unlock()
	if again {
		return nil
	}
	return w.Listener.Close()
}
