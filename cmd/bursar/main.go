// Command bursar is the gateway and its tools.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	_ "time/tzdata" // budgets end by the calendar of a named zone, also on images without zoneinfo
)

func main() {
	p := program{in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.Getenv}
	os.Exit(p.run(os.Args[1:]))
}

// program is what a command may touch of the world, so that tests can run it in process.
type program struct {
	in       io.Reader
	out, err io.Writer
	env      func(string) string
	now      func() time.Time // nil is time.Now
}

// clock returns the time, in UTC.
func (p *program) clock() time.Time {
	if p.now != nil {
		return p.now()
	}
	return time.Now().UTC()
}

// command is one subcommand. Its run returns nil, a usageError, or a failure to print.
type command struct {
	name, args, what string
	run              func(p *program, args []string) error
}

func commands() []command {
	return []command{
		{"serve", "-policies F -listen ADDR -admin ADDR -data DIR [-redis URL] [-postgres URL]", "run the gateway", serve},
		{"demo", "[-json]", "see it work in a minute: no key, no network", demo},
		{"check", "FILE", "check a policy file; every problem with line, column and hint", check},
		{"explain", "-policies F -team T -body FILE [-json]", "tell where a request would go, and why", explain},
		{"diff", "OLD NEW", "what two policies mean differently, and decide otherwise", diffCommand},
		{"test", "FILE ... [-policies F] [-junit FILE]", "run the tests of a policy", testCommand},
		{"replay", "-policies F -from DATA_DIR|FILE [-against F] [-since 7d] [-what-if price.TARGET=+20%] [-json]", "decide past requests again under another policy", replayCommand},
		{"count", "-model M FILE", "count a file's tokens as the model does", count},
		{"trim", "-policies F -model M [-route R] [-json] FILE", "tell what the policy's trims would do to a chat request, and to its cost", trim},
		{"squeeze", "-policies F -model M [-to FILE] [-json] FILE", "propose shorter system prompts, for a person to review", squeeze},
		{"cache", "stats | why REQUEST_ID | purge -team T|-route R|-model M|-tag N=V|-namespace N|-all | false-hit REQUEST_ID|CACHE_KEY [-admin ADDR] [-json]", "look at the answer cache of a running gateway; take answers out of it", cacheCommand},
		{"certificates", "[-admin ADDR] [-json]", "which routes' cheap answers are certified, for which teams, until when", certificatesCommand},
		{"keys", "add|list|edit|move|rotate|revoke|hash|copy [ID] -data DIR | -redis URL ...", "issue, bound, rotate and revoke keys", keysCommand},
		{"events", "test -policies F", "send a test event to the policy's webhooks", eventsCommand},
		{"report", "-data DIR|-postgres URL [-by DIMENSIONS] [-format table|csv|json|focus] [-forecast] [-budgets] [-baselines] [-policies F]", "the statement: spend, baseline, savings; how budgets will end", report},
		{"audit", "[-data DIR ...] [-postgres URL] [-admin URL] [-json]", "check that journal, rows, sums, counters and Postgres agree", auditCommand},
		{"ledger", "export -data DIR|-postgres URL -out FILE [-from DAY] [-to DAY] | import -data DIR FILE... | prune -data DIR -before DAY -exported FILE|-postgres URL", "take rows out, bring them back, remove old ones that are safe elsewhere", ledgerCommand},
		{"prices", "list [-provider P] [-model GLOB] [-at DATE] | diff FILE | import FILE -out FILE", "the built-in prices, and how others differ", pricesCommand},
		{"reprice", "-data DIR -from DATE [-to DATE] -policies F [-dry-run]", "correct what past requests cost, by today's knowledge of prices", reprice},
		{"version", "", "print the version", version},
	}
}

// errFailed ends a command with exit status 1 when all there is to say has been printed.
var errFailed = errors.New("failed")

// usageError is a mistake on the command line: exit status 2.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

// run carries out a command line and returns the exit status: 0 done, 1 failed, 2 not understood.
func (p *program) run(args []string) int {
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		p.usage()
		if len(args) == 0 {
			return 2
		}
		return 0
	}
	for _, c := range commands() {
		if c.name != args[0] {
			continue
		}
		err := c.run(p, args[1:])
		var usage usageError
		switch {
		case err == nil, errors.Is(err, flag.ErrHelp):
			return 0
		case errors.Is(err, errFailed):
			return 1
		case errors.As(err, &usage):
			fmt.Fprintf(p.err, "bursar %s: %v\nusage: bursar %s %s\n", c.name, err, c.name, c.args)
			return 2
		default:
			fmt.Fprintf(p.err, "bursar %s: %v\n", c.name, err)
			return 1
		}
	}
	fmt.Fprintf(p.err, "bursar: no command %q\n", args[0])
	p.usage()
	return 2
}

func (p *program) usage() {
	fmt.Fprintln(p.err, "bursar: a gateway that makes each LLM call as cheap as it can be without making it worse")
	fmt.Fprintln(p.err)
	for _, c := range commands() {
		fmt.Fprintf(p.err, "  %-8s %s\n           bursar %s %s\n", c.name, c.what, c.name, c.args)
	}
}

// flags makes a flag set whose flags also read BURSAR_NAME from the environment: the flag wins.
func (p *program) flags(name string) *flag.FlagSet {
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.SetOutput(io.Discard) // run tells what is wrong, once
	return f
}

// parse reads the environment, then the command line. Positional arguments may stand between flags.
func (p *program) parse(f *flag.FlagSet, args []string) ([]string, error) {
	var failed error
	f.VisitAll(func(fl *flag.Flag) {
		name := envName(fl.Name)
		if v := p.env(name); v != "" {
			if err := f.Set(fl.Name, v); err != nil {
				failed = usageError{fmt.Sprintf("%s=%q: %v", name, v, err)}
			}
		}
	})
	if failed != nil {
		return nil, failed
	}
	var rest []string
	for {
		if err := f.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				p.help(f)
				return nil, err
			}
			return nil, usageError{err.Error()}
		}
		if f.NArg() == 0 {
			return rest, nil
		}
		rest, args = append(rest, f.Arg(0)), f.Args()[1:]
	}
}

// parseAll is parse for commands that take flags only.
func (p *program) parseAll(f *flag.FlagSet, args []string) error {
	rest, err := p.parse(f, args)
	if err == nil && len(rest) > 0 {
		err = usageError{fmt.Sprintf("unexpected argument %q", rest[0])}
	}
	return err
}

// help describes a command and its flags.
func (p *program) help(f *flag.FlagSet) {
	name, _, _ := strings.Cut(f.Name(), " ")
	for _, c := range commands() {
		if c.name == name {
			fmt.Fprintf(p.err, "%s\nusage: bursar %s %s\n", c.what, c.name, c.args)
		}
	}
	f.SetOutput(p.err)
	f.PrintDefaults()
}

// envName is the environment's name of a flag: -data is BURSAR_DATA.
func envName(flag string) string {
	name := []byte("BURSAR_" + flag)
	for i := 7; i < len(name); i++ {
		switch c := name[i]; {
		case c == '-':
			name[i] = '_'
		case c >= 'a' && c <= 'z':
			name[i] = c - 'a' + 'A'
		}
	}
	return string(name)
}
