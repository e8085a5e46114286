package admin

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

// TestProviders: what ops are told of targets and keys; names that are no labels break nothing, and two keys of one variable have series of their own.
func TestProviders(t *testing.T) {
	m := NewMetrics()
	m.Providers(func() []Provider {
		return []Provider{{Name: "p", Targets: []ProviderTarget{
			{Target: "p/a", Breaker: "open", Under: 3, Waiting: 2, Most: 4, Learnt: true, Late: 8 * time.Second, Usual: time.Second, Outlier: true},
			{Target: "p/\xff", Breaker: "closed", Most: 9},
		}, Keys: []ProviderKey{
			{Name: "K", Rests: map[string]time.Duration{"": 90 * time.Second}},
			{Name: "K", Rests: map[string]time.Duration{"p/a": time.Second}, Limits: []ProviderLimit{{"p/a", "tokens", 1000, -20}}},
		}}}
	})
	text := scrape(t, m)
	for _, want := range []string{
		`bursar_provider_key_rests_seconds{key="K",model="",provider="p"} 90`,
		`bursar_provider_key_rests_seconds{key="K#2",model="p/a",provider="p"} 1`,
		`bursar_provider_keys{provider="p",state="ready"} 0`,
		`bursar_provider_keys{provider="p",state="rests"} 1`,
		`bursar_provider_keys{provider="p",state="rests_for_some"} 1`,
		`bursar_provider_limit{key="K#2",model="p/a",provider="p",unit="tokens"} 1000`,
		`bursar_provider_limit_remaining{key="K#2",model="p/a",provider="p",unit="tokens"} -20`,
		`bursar_target_breaker{model="p/?"} 0`,
		`bursar_target_breaker{model="p/a"} 2`,
		`bursar_target_calls{model="p/?"} 0`,
		`bursar_target_calls{model="p/a"} 3`,
		`bursar_target_calls_limit{by="policy",model="p/?"} 9`,
		`bursar_target_calls_limit{by="refusals",model="p/a"} 4`,
		`bursar_target_calls_waiting{model="p/?"} 0`,
		`bursar_target_calls_waiting{model="p/a"} 2`,
		`bursar_target_first_byte_seconds{mean="late",model="p/a"} 8`,
		`bursar_target_first_byte_seconds{mean="usual",model="p/a"} 1`,
		`bursar_target_outlier{model="p/?"} 0`,
		`bursar_target_outlier{model="p/a"} 1`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("without %s", want)
		}
	}
	if problems, err := promlint.New(strings.NewReader(text)).Lint(); err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
	if t.Failed() {
		t.Log(text)
	}
}
