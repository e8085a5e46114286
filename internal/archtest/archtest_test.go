// Package archtest holds the import table of docs/architecture.md as a test: an import that the table does not allow fails the build.
package archtest

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// room is what one package may import: rooms of ours, and modules of others by path prefix. The standard library is free.
type room struct{ ours, others []string }

var table = map[string]room{
	"pricing":           {},
	"pricing/facts":     {ours: []string{"pricing"}},
	"exchange":          {ours: []string{"pricing"}},
	"internal/jsonspan": {},
	"internal/runaway":  {},
	"tokens":            {others: []string{"github.com/pkoukk/tiktoken-go"}},
	"prompt":            {ours: []string{"exchange", "tokens", "internal/jsonspan"}},
	"policy":            {ours: []string{"exchange", "pricing"}, others: []string{"go.yaml.in/yaml/v4", "github.com/fsnotify/fsnotify"}},
	"router":            {ours: []string{"exchange", "policy", "pricing"}},
	"router/certify":    {ours: []string{"pricing"}},
	"router/scorer":     {},
	"router/verify":     {ours: []string{"internal/jsonspan"}},
	"router/samples":    {ours: []string{"pricing", "router/certify", "router/verify"}},
	"keys":              {ours: []string{"exchange"}, others: []string{"github.com/redis/go-redis/v9"}},
	"cache":             {ours: []string{"exchange", "internal/jsonspan"}, others: []string{"github.com/redis/go-redis/v9", "github.com/maypok86/otter/v2", "github.com/klauspost/compress"}},
	"cache/embed":       {},
	"cache/opinion":     {},
	"cache/index":       {ours: []string{"cache/embed"}},
	"cache/pair":        {ours: []string{"cache/embed"}},
	"cache/semantic":    {ours: []string{"cache", "cache/embed", "cache/index", "cache/pair"}, others: []string{"github.com/redis/go-redis/v9"}},
	"budget":            {ours: []string{"exchange", "pricing"}, others: []string{"github.com/redis/go-redis/v9"}},
	"ledger":            {ours: []string{"exchange", "pricing"}, others: []string{"modernc.org/sqlite", "github.com/jackc/pgx/v5"}},
	"events":            {ours: []string{"pricing"}, others: []string{"github.com/redis/go-redis/v9"}},
	"replay":            {ours: []string{"exchange", "pricing", "policy", "router", "router/certify", "router/samples", "budget", "ledger"}},
	"dialect":           {ours: []string{"exchange"}},
	"providers":         {ours: []string{"exchange", "pricing", "internal/jsonspan", "dialect"}, others: []string{"github.com/valyala/fasthttp", "github.com/aws/aws-sdk-go-v2/aws"}},
	"proxy":             {ours: []string{"internal/runaway", "exchange", "pricing", "tokens", "prompt", "policy", "router", "router/certify", "router/samples", "router/verify", "keys", "cache", "cache/embed", "cache/opinion", "cache/semantic", "budget", "ledger", "dialect", "providers", "proxy/origin"}, others: []string{"github.com/valyala/fasthttp"}},
	"proxy/origin":      {},
	"admin":             {ours: []string{"exchange", "pricing", "policy", "budget", "ledger", "cache", "cache/semantic", "router"}, others: []string{"github.com/prometheus/client_golang"}},
	"internal/testkit":  {ours: []string{"exchange", "pricing"}},
	"internal/archtest": {},
}

// free are the packages that may import everything: the program, and what builds or measures it.
var free = []string{"cmd/", "bench/", "internal/simulate"}

type listed struct {
	ImportPath, Name string
	Imports          []string
}

func TestImportTable(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, "bursar/")
		if slices.ContainsFunc(free, func(f string) bool { return strings.HasPrefix(name, f) || name == strings.TrimSuffix(f, "/") }) {
			continue
		}
		allowed, known := table[name]
		if !known {
			if p.Name == "main" { // generators and trainers inside a room
				continue
			}
			t.Errorf("package %s is not in the import table: add it to docs/architecture.md and to this test, or move its code into a room that is", name)
			continue
		}
		for _, imp := range p.Imports {
			if !allowed.allows(imp) {
				t.Errorf("%s imports %s, which the table of docs/architecture.md does not allow", name, imp)
			}
		}
	}
}

func (r room) allows(imp string) bool {
	if ours, ok := strings.CutPrefix(imp, "bursar/"); ok {
		return slices.Contains(r.ours, ours)
	}
	if first, _, _ := strings.Cut(imp, "/"); !strings.Contains(first, ".") {
		return true // standard library
	}
	return slices.ContainsFunc(r.others, func(o string) bool { return imp == o || strings.HasPrefix(imp, o+"/") })
}

// packages lists the module's packages without their tests: tests may import what they need.
func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Name,Imports", "bursar/...")
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("decode go list: %v", err)
		}
		all = append(all, p)
	}
}
