//go:build !linux

package proxy

import (
	"net"
	"sync"
	"time"
)

// watch wraps connections only: where there is no epoll, a client that leaves is noticed when a write to it fails.
func watch(ln net.Listener, slow time.Duration) (net.Listener, error) {
	return &plainListener{Listener: ln, slow: slow}, nil
}

type plainListener struct {
	net.Listener
	slow  time.Duration
	close sync.Once
}

// Close stops accepting. A second close does nothing.
func (l *plainListener) Close() (err error) {
	l.close.Do(func() { err = l.Listener.Close() })
	return err
}

func (l *plainListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &clientConn{Conn: conn, slow: l.slow}, nil
}
