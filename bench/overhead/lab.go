package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Cores: what is measured has one for itself.
const (
	gatewayCore = "1"
	otherCore   = "0"
)

const (
	mockAddr        = "127.0.0.1:9710"
	passThroughAddr = "127.0.0.1:9711"
	nginxAddr       = "127.0.0.1:9712"
	bursarAddr      = "127.0.0.1:9713"
	bursarRedisAddr = "127.0.0.1:9714"
)

// gateway is one way to the mock upstream.
type gateway struct {
	name, addr, key string
	pid             int
}

// lab is the processes of one run, in a folder of its own.
type lab struct {
	dir      string
	gateways []gateway
	running  []*exec.Cmd
}

func openLab(p plan) (*lab, error) {
	if runtime.GOOS != "linux" || runtime.NumCPU() < 2 {
		return nil, errors.New("needs Linux with two cores: CPU time is read from /proc and processes are pinned")
	}
	dir, err := os.MkdirTemp("", "bursar-overhead-")
	if err != nil {
		return nil, err
	}
	l := &lab{dir: dir}
	if err := l.start(p); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *lab) start(p plan) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if _, err := l.run(otherCore, mockAddr, self, "-role", "mock", "-addr", mockAddr); err != nil {
		return err
	}
	if err := l.gateway("pass-through", passThroughAddr, "", self, "-role", "pass-through", "-addr", passThroughAddr, "-upstream", mockAddr); err != nil {
		return err
	}
	if nginx, err := exec.LookPath("nginx"); err == nil {
		if err := l.gateway("nginx", nginxAddr, "", nginx, "-p", l.dir, "-e", "stderr", "-c", l.write("nginx.conf", nginxConfig)); err != nil {
			return err
		}
	} else {
		fmt.Println("nginx is not installed: measured without it (apt-get install nginx-light)")
	}
	bin := filepath.Join(l.dir, "bursar")
	if out, err := exec.Command("go", "build", "-o", bin, "./cmd/bursar").CombinedOutput(); err != nil {
		return fmt.Errorf("build bursar (run this from the repository): %w\n%s", err, out)
	}
	if err := l.bursar("bursar", bursarAddr, bin); err != nil {
		return err
	}
	if p.redis != "" {
		return l.bursar("bursar-redis", bursarRedisAddr, bin, "-redis", p.redis)
	}
	return nil
}

// bursar starts a gateway with everything on, and a key for it.
func (l *lab) bursar(name, addr, bin string, more ...string) error {
	data := filepath.Join(l.dir, "data-"+name)
	key, err := exec.Command(bin, "keys", "add", "-team", "bench", "-data", data).Output()
	if err != nil {
		return fmt.Errorf("bursar keys add: %w", err)
	}
	args := append([]string{"serve", "-policies", l.write("policies.yaml", policies), "-listen", addr, "-admin", "127.0.0.1:0", "-data", data}, more...)
	return l.gateway(name, addr, strings.TrimSpace(string(key)), bin, args...)
}

func (l *lab) gateway(name, addr, key, bin string, args ...string) error {
	pid, err := l.run(gatewayCore, addr, bin, args...)
	if err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	l.gateways = append(l.gateways, gateway{name, addr, key, pid})
	return nil
}

// run starts a process on a core and waits until it listens.
func (l *lab) run(core, addr, bin string, args ...string) (pid int, err error) {
	cmd := exec.Command("taskset", append([]string{"-c", core, bin}, args...)...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	log, err := os.Create(filepath.Join(l.dir, filepath.Base(bin)+"-"+strings.ReplaceAll(addr, ":", "-")+".log"))
	if err != nil {
		return 0, err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	l.running = append(l.running, cmd)
	for range 100 {
		if conn, err := net.DialTimeout("tcp", addr, time.Second); err == nil {
			return cmd.Process.Pid, conn.Close()
		}
		time.Sleep(50 * time.Millisecond)
	}
	text, _ := os.ReadFile(log.Name())
	return 0, fmt.Errorf("%s does not listen on %s:\n%s", filepath.Base(bin), addr, text)
}

func (l *lab) write(name, text string) string {
	path := filepath.Join(l.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		panic(err) // a folder we have just made
	}
	return path
}

func (l *lab) close() {
	for _, cmd := range l.running {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	_ = os.RemoveAll(l.dir)
}

// cpu returns the CPU time that a process has used, all threads, in nanoseconds' resolution.
func cpu(pid int) time.Duration {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	var sum time.Duration
	for _, f := range files {
		text, _ := os.ReadFile(f)
		first, _, _ := strings.Cut(string(text), " ")
		ns, _ := strconv.ParseInt(first, 10, 64)
		sum += time.Duration(ns)
	}
	return sum
}

// nginxConfig keeps nginx in the foreground, in one process, with kept-alive connections to the mock, no logs and no buffering.
const nginxConfig = `
daemon off; master_process off; worker_processes 1; pid nginx.pid; error_log stderr crit;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 1000000; client_max_body_size 32m; client_body_buffer_size 256k;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
  upstream mock { server ` + mockAddr + `; keepalive 512; keepalive_requests 1000000; }
  server {
    listen ` + nginxAddr + `;
    location / { proxy_pass http://mock; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; }
  }
}
`

// policies has every feature on: rules to walk, two budgets to hold, the cache to look into.
const policies = `version: 1
timezone: UTC
providers:
  mock: { dialect: openai, base_url: http://` + mockAddr + `/v1 }
models:
  cheap:   { use: [mock/gpt-4o-mini] }
  premium: { use: [mock/gpt-4o] }
prices:
  unknown: deny
  overrides:
    mock/gpt-4o-mini: { input: 0.15, output: 0.60 }
    mock/gpt-4o:      { input: 2.50, output: 10.00 }
baseline: premium
default: cheap
teams:
  bench: { owner: bench@example.com, cost_center: B-1 }
budgets:
  - { team: bench, monthly_usd: 1000000, when_spent: block }
  - { everyone: true, daily_usd: 1000000, when_spent: warn }
routes:
  - { name: protect, when: { team: bench, budget_used: ">= 99%" }, to: cheap }
  - { name: hard, when: { complexity: ">= 0.9" }, to: premium }
  - { name: short, when: { model: auto, prompt_tokens: "< 100" }, to: cheap }
  - { name: rest, to: asked }
cache:
  exact: { ttl: 1h }
trim:   { max_prompt_tokens: 100000, keep_last_turns: 12 }
output: { default_max_tokens: 256, max_tokens: 1024 }
`
