package policy

import (
	"fmt"
	"net/url"
	"strings"

	"bursar/pricing"
)

// Events is whom to tell of what happens to the money.
type Events struct {
	Times    int64        // an hour's spend above so many times the usual is told of; at least 2
	Least    pricing.Nano // and above this
	Webhooks []Webhook    // those that can be used, in file order
}

// Webhook is a place that events are sent to.
type Webhook struct {
	Name   string
	URL    string   // never logged
	Secret string   // signs deliveries, "" for none; never logged
	Slack  bool     // the body is Slack's
	Kinds  []string // empty is all
	Teams  []string // empty is all events
}

// What holds if the file does not say.
const (
	timesAnomaly = 3
	leastAnomaly = 5 * pricing.Dollar
)

func (c *compiler) events() {
	out := &c.policy.Events
	out.Times, out.Least = timesAnomaly, leastAnomaly
	file := c.file.Events
	if file == nil {
		return
	}
	if a := file.Anomaly; a != nil {
		if a.Times.ok {
			out.Times = a.Times.value
		}
		if a.LeastUSD.ok {
			out.Least = a.LeastUSD.value
		}
	}
	lines := map[string]int{}
	for i := range file.Webhooks.items {
		hook := &file.Webhooks.items[i]
		if hook.At.line == 0 {
			continue // not even a mapping; told already
		}
		if line := lines[hook.Name.value]; line > 0 && hook.Name.ok {
			c.problem(hook.Name.at, "give each webhook a name of its own", "the webhook on line %d is already called %s", line, quoted(hook.Name.value))
		}
		lines[hook.Name.value] = hook.At.line
		if w, usable := c.webhook(hook); usable {
			out.Webhooks = append(out.Webhooks, w)
		}
	}
}

func (c *compiler) webhook(file *webhookEntry) (w Webhook, usable bool) {
	if file.Name.ok {
		c.checkName("webhook", file.Name.at, file.Name.value)
	}
	w = Webhook{Name: file.Name.value, Slack: file.Format.value == "slack", Teams: file.Teams.values()}
	for _, kind := range file.Kinds.items {
		w.Kinds = append(w.Kinds, kind.value)
	}
	for _, team := range file.Teams.items {
		c.team(team, "events.webhooks.teams")
	}
	why := ""
	if w.URL, why = c.variable(file.URLEnv, "url_env"); why == "" && w.URL != "" {
		why = unfit(w.URL)
	}
	if file.SecretEnv.given() && why == "" {
		w.Secret, why = c.variable(file.SecretEnv, "secret_env")
	}
	if why != "" {
		c.warn(file.At, "nothing is sent to it until that is mended", "webhook %s: %s", quoted(w.Name), why)
	}
	return w, why == "" && w.URL != ""
}

// variable reads the environment variable that a key names, and tells why there is nothing to be had from it.
func (c *compiler) variable(name text, key string) (value, why string) {
	switch {
	case !name.ok:
		return "", ""
	case !variableName.MatchString(name.value):
		c.hide(name.value) // an address or a secret, perhaps
		c.problem(name.at, "put it into an environment variable, and write the variable's name alone: "+key+": FINANCE_WEBHOOK", "%s is not the name of an environment variable", key)
		return "", ""
	}
	if value = strings.TrimSpace(c.env(name.value)); value == "" {
		return "", fmt.Sprintf("environment variable %s is not set", name.value)
	}
	return value, ""
}

// unfit tells what is wrong with a webhook's address, without telling the address.
func unfit(address string) string {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return "its address is not a URL that begins with https://"
	case u.Scheme == "http" && !private(u.Hostname()):
		return "its address begins with http://, so events would cross the network unencrypted; use https://"
	}
	return ""
}
