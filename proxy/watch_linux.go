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
	conns  map[int32]*clientConn
	closed bool
}

// watch wraps a listener. slow bounds each write to a client.
func watch(ln net.Listener, slow time.Duration) (net.Listener, error) {
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	w := &watcher{Listener: ln, epoll: epoll, slow: slow, conns: map[int32]*clientConn{}}
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
	w.conns[fd] = c
	w.mu.Unlock()
	c.onClose = func() { w.forget(c, fd) }
	event := syscall.EpollEvent{Events: syscall.EPOLLRDHUP | syscall.EPOLLHUP | syscall.EPOLLERR | uint32(edgeTriggered), Fd: fd}
	_ = syscall.EpollCtl(w.epoll, syscall.EPOLL_CTL_ADD, int(fd), &event)
}

// edgeTriggered is EPOLLET, which package syscall has as a negative number.
const edgeTriggered = 1 << 31

// forget runs before the descriptor is closed, so that a new connection with the same number is never taken for the old one.
// Closing the descriptor takes it out of the epoll set.
func (w *watcher) forget(c *clientConn, fd int32) {
	w.mu.Lock()
	if w.conns[fd] == c {
		delete(w.conns, fd)
	}
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
			w.mu.Lock()
			c := w.conns[event.Fd]
			w.mu.Unlock()
			if c != nil {
				c.hangUp()
			}
		}
	}
	_ = syscall.Close(w.epoll)
}

func (w *watcher) finished() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.closed && len(w.conns) == 0
}

// Close stops accepting.
func (w *watcher) Close() error {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	return w.Listener.Close()
}
