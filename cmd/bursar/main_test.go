package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// asProgram makes the test binary be bursar itself, for the tests that need a real process.
const asProgram = "BURSAR_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// world is a command's world in a test: an environment and standard input.
type world struct {
	env map[string]string
	in  string
}

// outcome is what a command printed and how it ended.
type outcome struct {
	code     int
	out, err string
}

func (w world) run(args ...string) outcome {
	var out, err bytes.Buffer
	p := program{in: strings.NewReader(w.in), out: &out, err: &err, env: func(name string) string { return w.env[name] }}
	code := p.run(args)
	return outcome{code, out.String(), err.String()}
}

// done runs a command that must succeed, and returns what it printed.
func done(t *testing.T, args ...string) string {
	t.Helper()
	got := world{}.run(args...)
	if got.code != 0 {
		t.Fatalf("bursar %s: exit status %d\n%s%s", strings.Join(args, " "), got.code, got.out, got.err)
	}
	return got.out
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t testing.TB, path, text string) string {
	t.Helper()
	must(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// TestUsage: a command line that is not understood exits with 2 and says how to use the command; nothing goes to standard output.
func TestUsage(t *testing.T) {
	f := func(want string, args ...string) {
		t.Helper()
		got := world{}.run(args...)
		if got.code != 2 || got.out != "" || !strings.Contains(got.err, want) || !strings.Contains(got.err, "bursar "+first(args)) {
			t.Errorf("bursar %s: exit status %d, standard output %q, standard error without %q:\n%s", strings.Join(args, " "), got.code, got.out, want, got.err)
		}
		if strings.Count(got.err, "usage: ") > 1 || strings.Count(got.err, "not defined") > 1 {
			t.Errorf("bursar %s: says it twice:\n%s", strings.Join(args, " "), got.err)
		}
	}
	f("see it work in a minute")
	f(`no command "sevre"`, "sevre")
	for _, c := range commands() {
		args := []string{c.name}
		switch c.name {
		case "keys", "prices":
			args = append(args, "list")
		case "events":
			args = append(args, "test")
		case "ledger":
			args = append(args, "export")
		}
		f("flag provided but not defined: -bogus", append(args, "-bogus")...)
	}
	f("say test", "events")
	f(`no "-bogus": say test`, "events", "-bogus")
	f("say export, import or prune", "ledger")
	f(`no "-bogus": say export, import or prune`, "ledger", "-bogus")
	f("flag provided but not defined: -bogus", "ledger", "import", "-bogus")
	f("flag provided but not defined: -bogus", "ledger", "prune", "-bogus")
	f("name one policy file", "check")
	f("name one policy file", "check", "a.yaml", "b.yaml")
	f("name a model and one file", "count", "x.txt")
	f("name a model and one file", "count", "-model", "gpt-5")
	f("name a model and one file", "count", "-model", "gpt-5", "a", "b")
	f("-team and -body are needed", "explain", "-team", "search")
	f("-team and -body are needed", "explain", "-body", "x.json")
	f(`unexpected argument "x"`, "explain", "-team", "search", "-body", "x.json", "x")
	f("not NAME=VALUE", "explain", "-team", "search", "-body", "x.json", "-tag", "alone")
	f("-budget-used 1.5", "explain", "-team", "search", "-body", "x.json", "-budget-used", "1.5")
	f("-budget-used NaN", "explain", "-team", "search", "-body", "x.json", "-budget-used", "NaN")
	f("say one of add, copy, edit", "keys")
	f(`no "ad"`, "keys", "ad", "-team", "search")
	f("-team is missing", "keys", "add")
	f(`unexpected argument "search"`, "keys", "add", "-team", "x", "search")
	f(`unexpected argument "x"`, "keys", "list", "x")
	f("-days must not be negative", "keys", "add", "-team", "search", "-days", "-1")
	f("name one key", "keys", "revoke")
	f("name one key", "keys", "revoke", "k-000000000000", "k-000000000001")
	f(`unexpected argument "x"`, "report", "x")
	f(`"yesterday" is not a day`, "report", "-from", "yesterday")
	f(`"2026-13-01" is not a day`, "report", "-to", "2026-13-01")
	f("-to 2026-11-01 is before -from 2026-11-02", "report", "-from", "2026-11-02", "-to", "2026-11-01")
	f(`-format "xml": choose of table, csv, json, focus`, "report", "-data", t.TempDir(), "-format", "xml")
	f(`-by "colour": choose of team, `, "report", "-data", t.TempDir(), "-by", "colour")
	f("say list, diff or import", "prices")
	f("-from is missing", "reprice")
	f("-to 2026-11-01 is before -from 2026-11-02", "reprice", "-from", "2026-11-02", "-to", "2026-11-01")
	f(`no "show"`, "prices", "show")
	f("syntax error in pattern", "prices", "list", "-model", "[")
	f(`"soon" is not a day`, "prices", "list", "-at", "soon")
	f("name one file", "prices", "diff")
	f("-out FILE", "prices", "import", "x.json")
	f("-by names team twice", "report", "-data", t.TempDir(), "-by", "team,team")
	f("-by cost_center needs -policies", "report", "-data", t.TempDir(), "-by", "cost_center")
	f("leave out -by and -forecast", "report", "-data", t.TempDir(), "-format", "focus", "-by", "team")
	f("leave out -from and -to", "report", "-data", t.TempDir(), "-forecast", "-from", "2026-11-01")
	f("so not -by day", "report", "-data", t.TempDir(), "-forecast", "-by", "team,day")
	f(`unexpected argument "x"`, "demo", "x")
	f(`unexpected argument "x"`, "serve", "x")
	f(`unexpected argument "x"`, "version", "x")
	f("-hold-lease 1ms", "serve", "-hold-lease", "1ms")
	f("choose memory or redis", "serve", "-semantic-index", "disk")
	f("give -redis too", "serve", "-semantic-index", "redis")
	f("invalid value", "serve", "-drain", "soon")
}

func first(args []string) string {
	if len(args) == 0 || args[0] == "sevre" {
		return "serve"
	}
	return args[0]
}

// TestHelp: whoever asks for help gets it, and no failure.
func TestHelp(t *testing.T) {
	f := func(want string, args ...string) {
		t.Helper()
		if got := (world{}).run(args...); got.code != 0 || !strings.Contains(got.out+got.err, want) {
			t.Errorf("bursar %s: exit status %d without %q:\n%s%s", strings.Join(args, " "), got.code, want, got.out, got.err)
		}
	}
	for _, ask := range []string{"help", "-h", "--help"} {
		for _, c := range commands() {
			f("bursar "+c.name, ask)
		}
	}
	for _, c := range commands() {
		f("bursar "+c.name+" "+c.args, c.name, "-h")
	}
	f("keep it private", "serve", "-h")
	f("team that pays", "keys", "add", "-h")
}

func TestVersion(t *testing.T) {
	if out := done(t, "version"); !strings.HasPrefix(out, "bursar ") || strings.Count(out, "\n") != 1 || len(strings.Fields(out)) != 2 {
		t.Errorf("version printed %q", out)
	}
}

// TestEnvironment: each flag reads BURSAR_NAME, and the flag wins over it.
func TestEnvironment(t *testing.T) {
	there, elsewhere := t.TempDir(), t.TempDir()
	done(t, "keys", "add", "-team", "there", "-data", there)
	done(t, "keys", "add", "-team", "elsewhere", "-data", elsewhere)
	w := world{env: map[string]string{"BURSAR_DATA": there}}
	if got := w.run("keys", "list"); !strings.Contains(got.out, " there ") {
		t.Errorf("BURSAR_DATA was not read: %+v", got)
	}
	if got := w.run("keys", "list", "-data", elsewhere); !strings.Contains(got.out, " elsewhere ") || strings.Contains(got.out, " there ") {
		t.Errorf("-data did not win over BURSAR_DATA: %+v", got)
	}
	w.env["BURSAR_BUDGET_USED"] = "much"
	if got := w.run("explain", "-team", "x", "-body", "x"); got.code != 2 || !strings.Contains(got.err, `BURSAR_BUDGET_USED="much"`) {
		t.Errorf("a wrong value of the environment: %+v", got)
	}
	for name, want := range map[string]string{"data": "BURSAR_DATA", "slow-client": "BURSAR_SLOW_CLIENT", "budget-used": "BURSAR_BUDGET_USED"} {
		if got := envName(name); got != want {
			t.Errorf("envName(%q) = %s, want %s", name, got, want)
		}
	}
}

// TestMissing: what is not there, or cannot be read, is named, with what to do; the exit status is 1.
func TestMissing(t *testing.T) {
	dir := t.TempDir()
	gone := dir + "/gone"
	file := write(t, dir+"/file", "x")
	f := func(wants []string, args ...string) {
		t.Helper()
		got := world{}.run(args...)
		if got.code != 1 || got.out != "" {
			t.Errorf("bursar %s: exit status %d, standard output %q", strings.Join(args, " "), got.code, got.out)
		}
		for _, want := range append(wants, "bursar "+args[0]) {
			if !strings.Contains(got.err, want) {
				t.Errorf("bursar %s: without %q:\n%s", strings.Join(args, " "), want, got.err)
			}
		}
	}
	f([]string{gone, "no such file"}, "check", gone)
	f([]string{gone, "no such file"}, "count", "-model", "gpt-5", gone)
	f([]string{dir, "is a directory"}, "count", "-model", "gpt-5", dir)
	f([]string{gone, "no such file", "-policies"}, "explain", "-policies", gone, "-team", "x", "-body", file)
	f([]string{gone, "no such file"}, "explain", "-policies", "../../policies.yaml", "-team", "x", "-body", gone)
	f([]string{file, "JSON"}, "explain", "-policies", "../../policies.yaml", "-team", "x", "-body", file)
	f([]string{gone, "-data"}, "report", "-data", gone)
	f([]string{file, "-data"}, "report", "-data", file)
	f([]string{file}, "keys", "add", "-team", "x", "-data", file)
	f([]string{file}, "keys", "list", "-data", file)
	f([]string{gone, "no such file"}, "keys", "revoke", "-data", gone, "k-0123456789ab")
	f([]string{dir, "no such key", "keys list"}, "keys", "revoke", "-data", dir, "k-0123456789ab")
	f([]string{gone, "no such file", "-policies"}, "serve", "-policies", gone, "-data", dir+"/data")
	f([]string{file, "-data"}, "serve", "-policies", "../../policies.yaml", "-data", file)
	f([]string{"-redis", "redis://HOST:PORT/DB"}, "serve", "-policies", "../../policies.yaml", "-data", dir+"/data", "-redis", "localhost:6379")
	if got := (world{}).run("serve", "-policies", "../../policies.yaml", "-data", dir+"/data", "-redis", "redis://:hunter2@a b"); got.code != 1 || strings.Contains(got.err, "hunter2") {
		t.Errorf("a password is printed: %s", got.err)
	}
	if _, err := os.Stat(gone); err == nil {
		t.Error("a command that only looks made the folder")
	}
}
