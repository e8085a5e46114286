package admin

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Provider is how a provider stands with this gateway.
type Provider struct {
	Name    string
	Targets []ProviderTarget
	Keys    []ProviderKey
}

// ProviderTarget is how one model of a provider stands.
type ProviderTarget struct {
	Target         string // provider/model
	Breaker        string // closed, half_open or open
	Under, Waiting int    // calls under way, and those that wait for a place
	Most           int    // calls that may be under way at once; 0 is no bound
	Learnt         bool   // the bound is no policy's: the target has refused more
	Late, Usual    time.Duration
	Outlier        bool
}

// ProviderKey is how one key of a provider stands. It is known by its variable or its file; the secret itself is nowhere here.
type ProviderKey struct {
	Name   string
	Rests  map[string]time.Duration // for how long yet, by target; "" is for all
	Limits []ProviderLimit
}

// ProviderLimit is what a provider's headers have told of a limit of a key.
type ProviderLimit struct {
	Target, Unit string // requests or tokens
	Limit, Left  float64
}

// Providers adds the metrics of how providers stand, which are read when they are asked for.
func (m *Metrics) Providers(read func() []Provider) {
	m.registry.MustRegister(&providerCollector{read: read, known: func(target string) bool { _, known := m.models.Load(target); return known }})
}

type providerCollector struct {
	read  func() []Provider
	known func(target string) bool // it has series already
}

func providerDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("bursar_"+name, help, labels, nil)
}

var (
	targetBreaker = providerDesc("target_breaker", "0: calls pass; 1: one probes; 2: none do.", "model")
	targetUnder   = providerDesc("target_calls", "Calls to a target that are under way.", "model")
	targetWaiting = providerDesc("target_calls_waiting", "Calls that wait for a place at a target.", "model")
	targetMost    = providerDesc("target_calls_limit", "Calls to a target that may be under way at once: by the policy, or as its refusals have taught.", "model", "by")
	targetOutlier = providerDesc("target_outlier", "1 if most streams pass a target over, since its first bytes take far longer than usual.", "model")
	targetFirst   = providerDesc("target_first_byte_seconds", "Mean time to the first byte of a target's streams: of the last ten or so, and as usual.", "model", "mean")
	keyRests      = providerDesc("provider_key_rests_seconds", "For how long yet a key rests after a limit or a refusal: for one model, or for all of the provider (model is empty).", "provider", "key", "model")
	keysReady     = providerDesc("provider_keys", "Keys of a provider, by whether they serve all its models, rest for some, or rest for all.", "provider", "state")
	keyLimit      = providerDesc("provider_limit", "What a provider's headers have told of a key's limit.", "provider", "key", "model", "unit")
	keyLimitLeft  = providerDesc("provider_limit_remaining", "What is left of it by now, as fast as it fills and less what is under way.", "provider", "key", "model", "unit")
)

// Describe lists the metrics.
func (c *providerCollector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{targetBreaker, targetUnder, targetWaiting, targetMost, targetOutlier, targetFirst, keyRests, keysReady, keyLimit, keyLimitLeft} {
		to <- d
	}
}

// Collect tells how the providers stand.
func (c *providerCollector) Collect(to chan<- prometheus.Metric) {
	targets := 0
	for _, p := range c.read() {
		for i := range p.Targets {
			if t := &p.Targets[i]; c.known(t.Target) || targets < mostModels { // clients can make up names
				targets++
				t.collect(to)
			}
		}
		p.collectKeys(to)
	}
}

// gauge sends one value. What is no UTF-8 is no label.
func gauge(to chan<- prometheus.Metric, d *prometheus.Desc, n float64, labels ...string) {
	for i := range labels {
		labels[i] = strings.ToValidUTF8(labels[i], "?")
	}
	to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, n, labels...)
}

func (t *ProviderTarget) collect(to chan<- prometheus.Metric) {
	gauge(to, targetBreaker, float64(max(0, slices.Index([]string{"closed", "half_open", "open"}, t.Breaker))), t.Target)
	gauge(to, targetUnder, float64(t.Under), t.Target)
	gauge(to, targetWaiting, float64(t.Waiting), t.Target)
	if t.Most > 0 {
		by := "policy"
		if t.Learnt {
			by = "refusals"
		}
		gauge(to, targetMost, float64(t.Most), t.Target, by)
	}
	outlier := 0.0
	if t.Outlier {
		outlier = 1
	}
	gauge(to, targetOutlier, outlier, t.Target)
	if t.Usual > 0 {
		gauge(to, targetFirst, t.Late.Seconds(), t.Target, "late")
		gauge(to, targetFirst, t.Usual.Seconds(), t.Target, "usual")
	}
}

func (p *Provider) collectKeys(to chan<- prometheus.Metric) {
	states, named := map[string]int{"ready": 0, "rests_for_some": 0, "rests": 0}, map[string]int{}
	for i := range p.Keys {
		k := &p.Keys[i]
		name := k.Name
		if named[name]++; named[name] > 1 { // of one variable or file: each has series of its own
			name = fmt.Sprintf("%s#%d", name, named[name])
		}
		_, altogether := k.Rests[""]
		switch {
		case altogether:
			states["rests"]++
		case len(k.Rests) > 0:
			states["rests_for_some"]++
		default:
			states["ready"]++
		}
		for target, left := range k.Rests {
			gauge(to, keyRests, left.Seconds(), p.Name, name, target)
		}
		for _, l := range k.Limits {
			gauge(to, keyLimit, l.Limit, p.Name, name, l.Target, l.Unit)
			gauge(to, keyLimitLeft, l.Left, p.Name, name, l.Target, l.Unit)
		}
	}
	for state, n := range states {
		gauge(to, keysReady, float64(n), p.Name, state)
	}
}
