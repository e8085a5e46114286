package proxy

import (
	"net"
	"syscall"
	"testing"
)

// TestLateHangUpSparesTheNextConnection: the kernel gives a descriptor's number away again at once, and the event of a client that
// has left may come after that. It must not cut off the client that has the number now.
func TestLateHangUpSparesTheNextConnection(t *testing.T) {
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	must(t, err)
	defer syscall.Close(epoll)
	w := &watcher{epoll: epoll, conns: map[ticket]*clientConn{}}
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	must(t, err)
	defer syscall.Close(pair[0])
	here, gone := net.Pipe()
	defer gone.Close()
	first, second := &clientConn{Conn: here}, &clientConn{Conn: here}
	w.add(first, int32(pair[0]))
	must(t, syscall.Close(pair[1]))
	events := make([]syscall.EpollEvent, 8)
	n, err := syscall.EpollWait(epoll, events, int(patience.Milliseconds()))
	if err != nil || n != 1 {
		t.Fatalf("%d events, %v", n, err)
	}
	first.onClose()
	w.add(second, int32(pair[0])) // as accept does when it is given the number again
	w.heed(events[0])
	if second.Gone() {
		t.Error("the next connection with the number was cut off")
	}
	w.add(first, int32(pair[0]))
	w.heed(syscall.EpollEvent{Fd: int32(pair[0]), Pad: w.serial})
	if !first.Gone() {
		t.Error("a hang-up was not noticed")
	}
}
