package policy

import (
	"cmp"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// Provider is a place that requests can go to.
type Provider struct {
	Name        string
	Dialect     string       // openai, responses, anthropic, gemini, bedrock or azure
	BaseURL     string       // without a slash at the end
	Keys        []Credential // none if the provider needs none
	Region      string       // what Amazon's signatures are for, "" for that of the host
	APIVersion  string       // sent as the api-version query parameter, "" for none
	OutputField string       // max_tokens or max_completion_tokens: how the output cap is sent
	Timeouts    Timeouts
	Quirks      Quirks
	Concurrent  int    // calls to one target at once, 0 for no bound
	Retries     int    // further attempts on the same target before the first byte of an answer
	Drop        bool   // drop what its dialect cannot carry, and say so; else such a request is refused
	Unavailable string // why it cannot serve, "" if it can

	// MarksPrompts tells whether beginnings of prompts are marked, where that pays, for the provider to keep in its cache.
	MarksPrompts bool

	host string // of BaseURL, with its port
}

// Timeouts bound the phases of one upstream call. None is zero.
type Timeouts struct {
	Connect   time.Duration // until the connection stands, TLS included
	FirstByte time.Duration // from the request's last byte to the answer's first
	Idle      time.Duration // between two bytes of an answer
	Total     time.Duration // the whole call
}

// What holds if a provider does not say.
const (
	usualConnect   = 5 * time.Second
	usualFirstByte = 2 * time.Minute
	usualIdle      = time.Minute
	usualTotal     = 10 * time.Minute
	usualRetries   = 1
)

func (c *compiler) providers() {
	file := &c.file.Providers
	if file.ok && len(file.rows) == 0 {
		c.problem(file.at, "add one, such as openai: { dialect: openai, base_url: https://api.openai.com/v1, key_env: OPENAI_API_KEY }", "there is no provider")
	}
	c.policy.Providers = make(map[string]*Provider, len(file.rows))
	for i := range file.rows {
		row := &file.rows[i]
		c.checkName("provider", row.at, row.name)
		c.policy.Providers[row.name] = c.provider(row.name, &row.value)
	}
}

func (c *compiler) provider(name string, file *providerEntry) *Provider {
	p := &Provider{
		Name: name, Dialect: file.Dialect.value, BaseURL: strings.TrimRight(file.BaseURL.value, "/"),
		Region: file.Region.value, Concurrent: int(file.MaxConcurrent.value), APIVersion: file.APIVersion.value, OutputField: file.MaxTokensField.value,
		Timeouts: c.timeouts(name, file.Timeouts), Retries: usualRetries,
	}
	p.Drop = file.Unsupported.value == "drop"
	marked := p.Dialect == "anthropic" || p.Dialect == "bedrock"
	p.MarksPrompts = marked && file.PromptCache.value != "off"
	if file.PromptCache.ok && !marked {
		c.warn(file.PromptCache.at, "remove it", "provider %q: prompt_cache does nothing here: what the %s dialect keeps in its cache, the provider decides", name, p.Dialect)
	}
	if file.Retries.ok {
		p.Retries = int(file.Retries.value)
	}
	if file.BaseURL.ok {
		p.host = c.baseURL(file)
	}
	if p.OutputField == "" {
		p.OutputField = outputField(p.Dialect, p.host)
	}
	c.credentials(p, file)
	c.quirks(p, file.Quirks)
	return p
}

// outputField is how a host wants the output cap. OpenAI's reasoning models refuse max_tokens; most others know nothing else.
func outputField(dialect, host string) string {
	name, _, _ := strings.Cut(strings.ToLower(host), ":")
	if dialect == "azure" || name == "api.openai.com" || strings.HasSuffix(name, ".openai.azure.com") {
		return "max_completion_tokens"
	}
	return "max_tokens"
}

func (c *compiler) timeouts(name string, file *timeoutsEntry) Timeouts {
	if file == nil {
		file = &timeoutsEntry{}
	}
	t := Timeouts{
		Connect:   cmp.Or(file.Connect.value, usualConnect),
		FirstByte: cmp.Or(file.FirstByte.value, usualFirstByte),
		Idle:      cmp.Or(file.Idle.value, usualIdle),
		Total:     cmp.Or(file.Total.value, usualTotal),
	}
	for _, part := range []struct {
		key  string
		span span
	}{{"connect", file.Connect}, {"first_byte", file.FirstByte}, {"idle", file.Idle}} {
		if part.span.value > t.Total {
			c.warn(part.span.at, "raise total, or lower it", "provider %q: timeout %s is longer than total, which is %s", name, part.key, t.Total)
		}
	}
	return t
}

// baseURL checks the root of a provider's API and returns its host.
func (c *compiler) baseURL(file *providerEntry) (host string) {
	text := file.BaseURL
	u, err := url.Parse(text.value)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		c.problem(text.at, "write it whole: https://api.openai.com/v1", "base_url %s is not the address of an API", quoted(text.value))
		return ""
	}
	switch {
	case u.User != nil:
		c.hide(u.User.String())
		c.problem(text.at, "name the variable that holds the key in key_env", "base_url has a user name or a secret in it")
	case u.RawQuery != "" || u.Fragment != "":
		c.problem(text.at, "write the address without ? and #; api_version has a key of its own", "base_url has a query or a fragment")
	case strings.HasSuffix(strings.TrimRight(u.Path, "/"), "/chat/completions"):
		c.problem(text.at, "write it without /chat/completions", "base_url is the root of the API, not one of its calls")
	case u.Scheme == "http" && (file.KeyEnv.ok || file.KeyFile.ok || file.Keys.ok) && !private(u.Hostname()):
		c.warn(text.at, "write https://", "base_url sends the key over the network unencrypted")
	}
	return u.Host
}

// private tells whether a host is surely not across the internet: loopback, a private address, or a name without a dot.
func private(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast()
	}
	return !strings.Contains(host, ".") || strings.HasSuffix(host, ".local") || strings.HasSuffix(host, ".internal")
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
