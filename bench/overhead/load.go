package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// payload is one kind of request. Each request asks a new question, so that every cache lookup misses, unless it is a hit payload.
type payload struct {
	name, what string
	bytes      int
	stream     bool
	same       bool // one question over and over: exact hits, after the first
}

func payloads() []payload {
	return []payload{
		{name: "1k", what: "1 KB prompt, plain answer, cache miss", bytes: 1 << 10},
		{name: "8k", what: "8 KB prompt, plain answer, cache miss", bytes: 8 << 10},
		{name: "100k", what: "100 KB prompt, plain answer, cache miss", bytes: 100 << 10},
		{name: "stream", what: fmt.Sprintf("1 KB prompt, stream of %d chunks, cache miss", chunks), bytes: 1 << 10, stream: true},
		{name: "hit", what: "1 KB prompt, exact hit (pass-through and nginx forward as ever)", bytes: 1 << 10, same: true},
	}
}

// story is what prompts are made of: ordinary sentences, since a narrow vocabulary would flatter the token counter.
const story = `A customer wrote on Tuesday that the second parcel of order 48213 never arrived, although the courier's page says it was
handed to a neighbour at 14:35. Please find out which depot scanned it last, whether the insurance covers a loss above 75 euros, and
draft a short, friendly reply that neither promises a date nor blames the driver. If the refund exceeds the limit, escalate it to
finance with the invoice number; otherwise credit the account and mention the voucher SUMMER-10. Our warehouse in Rotterdam ships
until 18:00, the one in Lyon only on weekdays. def total(lines): return sum(l.price * l.quantity for l in lines if not l.cancelled)
Remember that tables are easier to read than long paragraphs, that abbreviations confuse new readers, and that every number needs
its unit. The quarterly review compares churn, margin and response times over five regions, with notes on seasonality. `

// body makes the n-th request of a payload.
func (p payload) body(n uint64) []byte {
	text := strings.ReplaceAll(strings.ReplaceAll(story, "\n", " "), `"`, `'`)
	if p.same {
		n = 0
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"model":"cheap","stream":%t,"max_tokens":128,"messages":[{"role":"system","content":"You answer for a web shop."},`+
		`{"role":"user","content":"Case %d. `, p.stream, n)
	for at := int(n * 7 % uint64(len(text))); b.Len() < p.bytes; at = 0 {
		b.WriteString(text[at:min(len(text), at+p.bytes-b.Len()+1)])
	}
	b.WriteString(`"}]}`)
	return b.Bytes()
}

// drive loads a gateway from the plan's connections, each sending its next request when the answer to the last is read.
func (l *lab) drive(g gateway, p payload, plan plan) (sample, error) {
	var (
		count   atomic.Uint64
		next    atomic.Uint64
		stop    atomic.Bool
		measure atomic.Bool
		mu      sync.Mutex
		times   []time.Duration
		failed  error
		wait    sync.WaitGroup
	)
	next.Store(uint64(time.Now().UnixNano()))
	for range plan.conns {
		wait.Go(func() {
			var mine []time.Duration
			err := worker(g, p, &next, func(took time.Duration) bool {
				if measure.Load() {
					count.Add(1)
					mine = append(mine, took)
				}
				return !stop.Load()
			})
			mu.Lock()
			defer mu.Unlock()
			times = append(times, mine...)
			if err != nil && failed == nil {
				failed = err
			}
		})
	}
	time.Sleep(plan.length / 2) // warm up
	measure.Store(true)
	cpuBefore, begun := cpu(g.pid), time.Now()
	time.Sleep(plan.length)
	used, took := cpu(g.pid)-cpuBefore, time.Since(begun)
	measure.Store(false)
	n := count.Load()
	stop.Store(true)
	wait.Wait()
	if failed != nil || n == 0 {
		return sample{}, fmt.Errorf("%d requests measured; first failure: %w", n, failed)
	}
	slices.Sort(times)
	return sample{
		cpu: used / time.Duration(n), rate: float64(n) / took.Seconds(),
		p50: times[len(times)/2], p99: times[len(times)*99/100],
	}, nil
}

// worker is one connection. It speaks HTTP by hand, so that the generator costs little on its core.
func worker(g gateway, p payload, next *atomic.Uint64, done func(time.Duration) bool) error {
	conn, err := net.Dial("tcp", g.addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	in := bufio.NewReaderSize(conn, 64<<10)
	var out bytes.Buffer
	for {
		body := p.body(next.Add(1))
		out.Reset()
		fmt.Fprintf(&out, "POST /v1/chat/completions HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\nContent-Length: %d\r\n", len(body))
		if g.key != "" {
			fmt.Fprintf(&out, "Authorization: Bearer %s\r\n", g.key)
		}
		out.WriteString("\r\n")
		out.Write(body)
		begun := time.Now()
		if _, err := conn.Write(out.Bytes()); err != nil {
			return err
		}
		if err := skipAnswer(in); err != nil {
			return err
		}
		if !done(time.Since(begun)) {
			return nil
		}
	}
}

// skipAnswer reads one answer and refuses any but a 200.
func skipAnswer(in *bufio.Reader) error {
	status, err := in.ReadString('\n')
	if err != nil {
		return err
	}
	length, chunked := 0, false
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return err
		}
		line = strings.ToLower(strings.TrimSpace(line))
		if line == "" {
			break
		}
		if v, ok := strings.CutPrefix(line, "content-length: "); ok {
			if length, err = strconv.Atoi(v); err != nil {
				return err
			}
		}
		chunked = chunked || line == "transfer-encoding: chunked"
	}
	if !strings.Contains(status, " 200 ") {
		text, _ := io.ReadAll(io.LimitReader(in, int64(length)))
		return fmt.Errorf("%s: %s", strings.TrimSpace(status), text)
	}
	if !chunked {
		_, err = in.Discard(length)
		return err
	}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return err
		}
		size, err := strconv.ParseInt(strings.TrimSpace(line), 16, 32)
		if err != nil {
			return err
		}
		if _, err := in.Discard(int(size) + 2); err != nil {
			return err
		}
		if size == 0 {
			return nil
		}
	}
}
