package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"time"
)

// redisServer is a Redis of the run's own. Its port and its data outlive its process.
type redisServer struct {
	port, dir, fsync string
	cmd              *exec.Cmd // of a redis-server in PATH; nil for one of scripts/redis, which is found by its port
}

// openRedis starts one.
func openRedis(dir, fsync string) (*redisServer, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	r := &redisServer{port: port, dir: dir, fsync: fsync}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return r, r.start()
}

func (r *redisServer) addr() string { return "127.0.0.1:" + r.port }

// start starts it on the data it left: that of scripts/redis, or the one in PATH where that cannot be had.
func (r *redisServer) start() error {
	args := []string{"--dir", r.dir, "--appendonly", "yes", "--appendfsync", r.fsync}
	out, err := exec.Command("scripts/redis", append([]string{"start", r.port}, args...)...).CombinedOutput()
	if err == nil {
		return nil
	}
	path, missing := exec.LookPath("redis-server")
	if missing != nil {
		return fmt.Errorf("no Redis: scripts/redis start: %w: %s; and redis-server is not in PATH", err, strings.TrimSpace(string(out)))
	}
	r.cmd = exec.Command(path, append([]string{"--port", r.port, "--bind", "127.0.0.1", "--save", "", "--logfile", r.dir + "/log"}, args...)...)
	if err := r.cmd.Start(); err != nil {
		return err
	}
	for range 100 {
		if conn, err := net.DialTimeout("tcp", r.addr(), time.Second); err == nil {
			return conn.Close()
		}
		time.Sleep(50 * time.Millisecond)
	}
	return errors.New("redis-server does not listen; see " + r.dir + "/log")
}

// kill is kill -9.
func (r *redisServer) kill() {
	if r.cmd == nil {
		_ = exec.Command("scripts/redis", "kill", r.port).Run() // it may be dead
		return
	}
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait() // it was killed
}
