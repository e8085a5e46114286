package main

import (
	"bufio"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed references.mjs
var references []byte

//go:embed references.json
var packages []byte

// node is a Node process with the reference tokenizers. It is asked with a line of JSON and answers with one.
type node struct {
	cmd     *exec.Cmd
	ask     *json.Encoder
	answers *bufio.Scanner
	dir     string
}

// openNode installs the references, once, and starts them.
func openNode() (*node, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	home := filepath.Join(cache, "bursar-servers", "tokenizers")
	if err := os.MkdirAll(home, 0o755); err != nil {
		return nil, err
	}
	for name, body := range map[string][]byte{"references.mjs": references, "package.json": packages} {
		if err := os.WriteFile(filepath.Join(home, name), body, 0o644); err != nil {
			return nil, err
		}
	}
	install := exec.Command("npm", "install", "--silent", "--no-audit", "--no-fund")
	install.Dir = home
	if out, err := install.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("npm install in %s: %w %s", home, err, strings.TrimSpace(string(out)))
	}
	n := &node{cmd: exec.Command("node", "references.mjs")}
	n.cmd.Dir, n.cmd.Stderr = home, os.Stderr
	in, err := n.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if n.dir, err = os.MkdirTemp("", "bursar-tokens-"); err != nil {
		return nil, err
	}
	n.ask, n.answers = json.NewEncoder(in), bufio.NewScanner(out)
	if err := n.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start node: %w", err)
	}
	return n, nil
}

func (n *node) close() {
	_ = n.cmd.Process.Kill()
	_ = n.cmd.Wait()
	_ = os.RemoveAll(n.dir)
}

// speeds returns the MB per second of CPU of each reference for o200k_base.
func (n *node) speeds(text []byte) (map[string]float64, error) {
	var speeds map[string]float64
	return speeds, n.call(map[string]string{"want": "speeds"}, text, &speeds)
}

// digest returns the digest of the ids that OpenAI's tiktoken makes.
func (n *node) digest(encoding string, text []byte) (string, error) {
	var sum string
	return sum, n.call(map[string]string{"want": "digest", "encoding": encoding}, text, &sum)
}

func (n *node) call(request map[string]string, text []byte, answer any) error {
	request["file"] = filepath.Join(n.dir, "text")
	if err := os.WriteFile(request["file"], text, 0o600); err != nil {
		return err
	}
	if err := n.ask.Encode(request); err != nil {
		return fmt.Errorf("ask node: %w", err)
	}
	if !n.answers.Scan() {
		return fmt.Errorf("node ended: %w", n.answers.Err())
	}
	if err := json.Unmarshal(n.answers.Bytes(), answer); err != nil {
		return fmt.Errorf("node answered %s: %w", n.answers.Bytes(), err)
	}
	return nil
}
