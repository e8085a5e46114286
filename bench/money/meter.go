package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// meter adds up what the processes used, over their deaths.
type meter struct {
	mu       sync.Mutex
	counted  map[int]time.Duration // CPU time by process
	redisCPU time.Duration
	reads    int64 // times that Redis read something from a connection: round trips
}

// readGateway notes the CPU time of a gateway's process; after its death nobody knows it.
func (m *meter) readGateway(g *gateway) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.counted == nil {
		m.counted = map[int]time.Duration{}
	}
	pid := g.cmd.Process.Pid
	m.counted[pid] = max(m.counted[pid], cpu(pid))
}

// readRedis adds what Redis has counted since it started.
func (m *meter) readRedis(l *lab) {
	info, err := l.client.Info(context.Background(), "stats", "cpu").Result()
	if err != nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		number, _ := strconv.ParseFloat(value, 64)
		switch name {
		case "total_reads_processed":
			m.reads += int64(number)
		case "used_cpu_sys", "used_cpu_user":
			m.redisCPU += time.Duration(number * float64(time.Second))
		}
	}
}

// gateways is the CPU time of all gateways' processes.
func (m *meter) gateways() (sum time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, used := range m.counted {
		sum += used
	}
	return sum
}

// cpu returns the CPU time that a process has used, 0 where /proc does not tell.
func cpu(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(text), ") ") // the name before it may hold spaces
	fields := strings.Fields(after)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * (time.Second / 100)
}

// tell reports what was used.
func (l *lab) tell(r *result) {
	for _, g := range l.gateways {
		l.meter.readGateway(g)
		r.starts += g.starts
	}
	r.gatewayCPU = l.meter.gateways()
	if !l.embedded {
		l.meter.readRedis(l)
		r.redisCPU, r.roundTrips = l.meter.redisCPU, l.meter.reads-l.looks
	}
}
