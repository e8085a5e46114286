package proxy

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// TestRefusedWhileSending: a client that sends far more than it may, and reads only when all is sent, still learns why it was refused.
func TestRefusedWhileSending(t *testing.T) {
	h := open(t, plan{options: Options{MaxBody: 10_000}})
	const size = 32 << 20 // more than the kernel's buffers take
	for name, head := range map[string]string{
		"413 ": fmt.Sprintf("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n", h.secret, size),
		"431 ": "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nx-long: ",
	} {
		conn, err := net.Dial("tcp", h.addr)
		must(t, err)
		defer conn.Close()
		must(t, conn.SetDeadline(time.Now().Add(patience)))
		if _, err := io.Copy(conn, io.MultiReader(strings.NewReader(head), strings.NewReader(strings.Repeat("x", size)))); err != nil {
			t.Errorf("%s: while sending: %v", name, err)
		}
		answer, err := io.ReadAll(conn)
		if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 "+name) {
			t.Errorf("%.200q, %v", answer, err)
		}
	}
}
