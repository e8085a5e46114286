package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"bursar/admin"
	"bursar/cache/semantic"
	"bursar/proxy"
)

// cacheCommand looks at the cache of a running gateway, and takes answers out of it: of the whole fleet, if it is one of a fleet.
func cacheCommand(p *program, args []string) error {
	if len(args) == 0 {
		return usageError{"say stats, why, purge or false-hit"}
	}
	verb, rest := args[0], args[1:]
	if strings.HasPrefix(verb, "-") {
		verb, rest = "purge", args // it has the most flags to tell of
	}
	c := &cacheClient{program: p}
	f := p.flags("cache " + verb)
	at := f.String("admin", "127.0.0.1:9090", "admin address of a running gateway")
	asJSON := f.Bool("json", false, "print JSON")
	labels := map[string]*string{}
	all := new(bool)
	if verb == "purge" {
		for _, l := range purgeable {
			labels[l.flag] = f.String(l.flag, "", l.what)
		}
		f.BoolVar(all, "all", false, "forget every answer")
	}
	names, err := p.parse(f, rest)
	if err != nil {
		return err
	}
	c.url, c.json = adminURL(*at), *asJSON
	switch verb {
	case "stats":
		return c.stats(names)
	case "why":
		return c.why(names)
	case "purge":
		return c.purge(names, labels, *all)
	case "false-hit":
		return c.falseHit(names)
	default:
		return usageError{fmt.Sprintf("there is no cache %s; say stats, why, purge or false-hit", verb)}
	}
}

// purgeable are the flags of purge, each the kind of a label.
var purgeable = []struct{ flag, what string }{
	{"team", "forget the answers that this team's requests have brought"},
	{"route", "forget the answers of this route"},
	{"model", "forget the answers of this model of the policy, or of this provider/model"},
	{"tag", "forget the answers to requests with this tag, as NAME=VALUE"},
	{"namespace", "forget the answers of this x-bursar-cache-namespace"},
}

type cacheClient struct {
	*program
	url  string
	json bool
}

// ask calls the admin address. What it refuses is an error in its own words.
func (c *cacheClient) ask(method, path string, body, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r, err := http.NewRequest(method, c.url+path, bytes.NewReader(text))
	if err != nil {
		return usageError{fmt.Sprintf("-admin: %v", err)}
	}
	client := &http.Client{Timeout: 10 * time.Second}
	resp, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("ask the gateway: %w; is it running, and is -admin its admin address?", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		return fmt.Errorf("read the gateway's answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the gateway says: %s", strings.TrimSpace(string(answer)))
	}
	if c.json {
		_, err = c.out.Write(answer)
		return err
	}
	return json.Unmarshal(answer, into)
}

func (c *cacheClient) stats(names []string) error {
	if len(names) > 0 {
		return usageError{fmt.Sprintf("unexpected argument %q", names[0])}
	}
	var r admin.CacheReport
	if err := c.ask(http.MethodGet, "/admin/cache", nil, &r); err != nil || c.json {
		return err
	}
	t := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "team\troute\trequests\thit rate\texact\tof them shared\tsemantic\tsemantic rate\tchecked\tsaved $\tof it semantic $\t")
	for _, l := range r.Lines {
		rate := func(n int64) string { return fmt.Sprintf("%.1f %%", 100*float64(n)/float64(l.Requests)) }
		fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%d\t%d\t%d\t%s\t%d\t%s\t%s\t\n",
			l.Team, l.Route, l.Requests, rate(l.Exact+l.Semantic), l.Exact, l.Shared, l.Semantic, rate(l.Semantic), l.Checked, l.Saved.Dollars(), l.Meaning.Dollars())
	}
	_ = t.Flush()
	s := &r.Store
	fmt.Fprintf(c.out, "\nin memory: %d answers, %d bytes\nstored %d, refused %d, dropped %d, purges %d\n", s.Entries, s.Bytes, s.Stored, s.Refused, s.Dropped, s.Purges)
	fmt.Fprintf(c.out, "flights: %d led, %d followed, %d taken over\n", s.Led, s.Followed, s.TookOver)
	fmt.Fprintf(c.out, "faults: %d not answered in time, %d damaged, %d of another key", s.Failed, s.Corrupt, s.Mismatched)
	if s.Open {
		fmt.Fprint(c.out, "; Redis does not answer at the moment, so all is a miss")
	}
	fmt.Fprintln(c.out)
	c.semantic(r.Semantic)
	return nil
}

// semantic prints how the semantic cache stands.
func (c *cacheClient) semantic(r *admin.SemanticReport) {
	if r == nil || r.Partitions == 0 {
		fmt.Fprintln(c.out, "semantic: nothing was compared")
		return
	}
	fmt.Fprintf(c.out, "\nsemantic: %d questions of %d answers in %d contexts, %d bytes; half the lookups within %s, 99 of 100 within %s\n",
		r.Entries, r.Answers, r.Partitions, r.Bytes, r.Half, r.Most)
	fmt.Fprint(c.out, "lookups by what came of them:")
	for _, v := range semantic.Verdicts() {
		if n := r.Verdicts[v.String()]; n > 0 {
			fmt.Fprintf(c.out, " %s %d", v, n)
		}
	}
	fmt.Fprintf(c.out, "\nchecks: %d answered, %d of them wrong; %d answers were reported\n\n", r.Checked, r.CheckedWrong, r.Condemned)
	t := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "context\tlookups\tserved\tquestions\tanswers\tsamples\ttarget\testimate\tbound\t")
	for _, l := range r.Busiest {
		estimate, bound := "none yet", "none yet"
		if l.Certified {
			estimate, bound = fmt.Sprintf("%.2f %%", 100*l.Estimate), fmt.Sprintf("%.2f %%", 100*l.Bound)
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\t%.2f %%\t%s\t%s\t\n", l.Name, l.Lookups, l.Served, l.Entries, l.Answers, l.Samples, 100*l.Target, estimate, bound)
	}
	_ = t.Flush()
}

func (c *cacheClient) why(names []string) error {
	if len(names) != 1 {
		return usageError{"name one request by its x-bursar-request-id"}
	}
	var w proxy.Why
	if err := c.ask(http.MethodGet, "/admin/cache/why?id="+url.QueryEscape(names[0]), nil, &w); err != nil || c.json {
		return err
	}
	fmt.Fprintf(c.out, "%s of team %s at %s: %s\n%s\n", w.ID, w.Team, w.At.UTC().Format(time.RFC3339), w.Cache, w.Because)
	if w.Nearest != "" {
		fmt.Fprintf(c.out, "compared with %s\n", w.Nearest)
	}
	if s := w.Semantic; s != nil {
		fmt.Fprintf(c.out, "semantic: %s: %s\n", s.Verdict, s.Because)
		fmt.Fprintf(c.out, "nearest cosine %.3f, verifier %.3f, conflict %s, words %s, confirmed %t, risk %.4f of at most %.4f, certified %t, checked with chance %.3f, max_false_hits %.3g, samples %d\n",
			s.Nearest, s.Verifier, s.Conflict, s.Admission, s.Confirmed, s.Risk, s.Limit, s.Certified, s.Checked, s.Target, s.Samples)
		if s.SecondOpinion != nil {
			fmt.Fprintf(c.out, "second opinion: cosine %.3f\n", *s.SecondOpinion)
		}
	}
	return nil
}

func (c *cacheClient) purge(names []string, labels map[string]*string, all bool) error {
	var given []string
	for _, l := range purgeable {
		if value := *labels[l.flag]; value != "" {
			given = append(given, l.flag+"="+value)
		}
	}
	if len(names) > 0 || (len(given) == 1) == all || len(given) > 1 {
		return usageError{"give one of -team, -route, -model, -tag, -namespace and -all; two would leave open whether either or both are meant"}
	}
	order := map[string]any{"all": true}
	if !all {
		order = map[string]any{"label": given[0]}
	}
	if err := c.ask(http.MethodPost, "/admin/cache/purge", order, new(any)); err != nil || c.json {
		return err
	}
	fmt.Fprintln(c.out, "purged; every gateway of the fleet knows within about a second")
	return nil
}

func (c *cacheClient) falseHit(names []string) error {
	if len(names) != 1 {
		return usageError{"name one answer, by the x-bursar-request-id or the x-bursar-cache-key that it came with"}
	}
	order := map[string]string{"request_id": names[0]}
	if len(names[0]) == 64 {
		order = map[string]string{"cache_key": names[0]}
	}
	if err := c.ask(http.MethodPost, "/admin/cache/false-hit", order, new(any)); err != nil || c.json {
		return err
	}
	fmt.Fprintln(c.out, "evicted; every gateway of the fleet knows within about a second")
	return nil
}
