package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

// gateway is one `bursar serve`. Its addresses and its data folder outlive its process.
type gateway struct {
	lab         *lab
	name        string
	addr, admin string // HOST:PORT, http://HOST:PORT
	data        string
	cmd         *exec.Cmd
	exited      chan struct{}
	up          atomic.Bool
	starts      int
}

func (l *lab) newGateway(i int) (*gateway, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	admin, err := freePort()
	if err != nil {
		return nil, err
	}
	return &gateway{lab: l, name: "gateway" + strconv.Itoa(i), addr: "127.0.0.1:" + port, admin: "http://127.0.0.1:" + admin, data: l.data(i)}, nil
}

// start starts the process and waits until it is ready. While Redis is down it may end instead, as a supervisor would see it, and is
// started again.
func (g *gateway) start() error {
	for range 50 {
		if err := g.launch(); err != nil {
			return err
		}
		for range 1500 {
			select {
			case <-g.exited:
			default:
				if g.ready(context.Background()) == nil {
					g.up.Store(true)
					return nil
				}
				time.Sleep(20 * time.Millisecond)
				continue
			}
			break
		}
		g.kill()
		time.Sleep(200 * time.Millisecond)
	}
	return fmt.Errorf("%s does not start", g.name)
}

func (g *gateway) launch() error {
	args := []string{
		"serve", "-policies", g.lab.policy, "-listen", g.addr, "-admin", g.admin[len("http://"):], "-data", g.data,
		"-hold-lease", g.lab.lease.String(),
	}
	if !g.lab.embedded {
		args = append(args, "-redis", "redis://"+g.lab.redis.addr()+"/0", "-org", org, "-budget-mode", g.lab.mode)
	}
	log, err := os.OpenFile(filepath.Join(g.lab.dir, g.name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(g.lab.bin, args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	g.starts++
	exited := make(chan struct{})
	g.cmd, g.exited = cmd, exited
	go func() {
		_ = cmd.Wait() // it is killed
		close(exited)
	}()
	return nil
}

// kill is kill -9.
func (g *gateway) kill() {
	g.up.Store(false)
	if g.cmd == nil {
		return
	}
	g.lab.meter.readGateway(g)
	_ = g.cmd.Process.Kill() // it may have ended
	<-g.exited
}

func (g *gateway) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, g.admin+"/readyz", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s is not ready: %s", g.name, response.Status)
	}
	return nil
}

// freeze stops the process for a while, as a machine that swaps or is moved does. It does not know that it was away.
func (g *gateway) freeze(d time.Duration) error {
	g.up.Store(false)
	if err := g.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	time.Sleep(d)
	g.up.Store(true)
	return g.cmd.Process.Signal(syscall.SIGCONT)
}
