package providers

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// desk is a provider that knows keys: what each of them gets is a status, 200 if none is set.
type desk struct {
	*Upstream
	mu    sync.Mutex
	says  map[string]int    // by key
	after map[string]string // retry-after, by key
	seen  []string          // keys, in the order they came
	now   time.Time
}

func openDesk(t *testing.T, keys ...Key) *desk {
	t.Helper()
	d := &desk{says: map[string]int{}, after: map[string]string{}, now: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		key := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		d.mu.Lock()
		defer d.mu.Unlock()
		d.seen = append(d.seen, key)
		if status := d.says[key]; status != 0 {
			if after := d.after[key]; after != "" {
				w.Header().Set("Retry-After", after)
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, `{"error":{"message":"no","type":"t","param":null,"code":null}}`)
			return
		}
		_, _ = io.WriteString(w, `{"choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}`)
	}))
	t.Cleanup(server.Close)
	var err error
	d.Upstream, err = New(Config{
		Name: "desk", BaseURL: server.URL, Keys: keys, Rand: func() float64 { return 0 },
		Now: func() time.Time { d.mu.Lock(); defer d.mu.Unlock(); return d.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// ask makes a request, and returns the keys that it was sent with and why it failed.
func (d *desk) ask(t *testing.T, team string, conversation uint64) (string, error) {
	t.Helper()
	d.mu.Lock()
	d.seen = nil
	d.mu.Unlock()
	c := chat("m", false)
	c.Team, c.Conversation = team, conversation
	answer, err := d.Call(c)
	if err == nil {
		answer.Release()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.seen, " "), err
}

func (d *desk) pass(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now = d.now.Add(by)
}

// TestKeysShareByWeight: requests without a conversation take turns, those of one stay with one key.
func TestKeysShareByWeight(t *testing.T) {
	d := openDesk(t, Key{Value: "a", Weight: 3}, Key{Value: "b"})
	got := map[string]int{}
	for range 400 {
		key, _ := d.pick(d.ring(""), &Call{Target: "m"}, nil)
		got[key.Value]++
	}
	if got["a"] < 260 || got["a"] > 340 {
		t.Errorf("of 400 requests %v, want about 300 and 100", got)
	}
	moved := 0
	for conversation := uint64(1); conversation <= 50; conversation++ {
		first, _ := d.pick(d.ring(""), &Call{Target: "m", Conversation: conversation}, nil)
		if again, _ := d.pick(d.ring(""), &Call{Target: "m", Conversation: conversation}, nil); again != first {
			moved++
		}
	}
	if moved > 0 {
		t.Errorf("%d of 50 conversations changed their key", moved)
	}
}

// TestKeyRests: a key that meets a limit or is refused is passed over at once, and comes back when it has rested.
func TestKeyRests(t *testing.T) {
	for _, status := range []int{429, 401, 402} {
		d := openDesk(t, Key{Value: "a"}, Key{Value: "b"})
		var of uint64 = 1 // a conversation that goes to a
		for key, _ := d.ask(t, "", of); key != "a"; key, _ = d.ask(t, "", of) {
			of++
		}
		d.says["a"], d.after["a"] = status, "20"
		if keys, err := d.ask(t, "", of); err != nil || keys != "a b" {
			t.Errorf("%d: sent with %q, %v: want the other key at once", status, keys, err)
		}
		if keys, err := d.ask(t, "", of); err != nil || keys != "b" {
			t.Errorf("%d: sent with %q, %v: want a to rest", status, keys, err)
		}
		if d.State("fake/m") != BreakerClosed {
			t.Errorf("%d: one key's trouble opened the breaker", status)
		}
		d.says["a"] = 0
		d.pass(61 * time.Second)
		if keys, err := d.ask(t, "", of); err != nil || keys != "a" {
			t.Errorf("%d: sent with %q, %v: want a to be back", status, keys, err)
		}
	}
}

// TestAllKeysRest: then nothing is sent, and the failure says for how long.
func TestAllKeysRest(t *testing.T) {
	d := openDesk(t, Key{Value: "a"}, Key{Value: "b"})
	d.says = map[string]int{"a": 429, "b": 429}
	d.after = map[string]string{"a": "30", "b": "20"}
	if keys, err := d.ask(t, "", 0); err == nil || len(keys) != 3 {
		t.Fatalf("sent with %q, %v", keys, err)
	}
	keys, err := d.ask(t, "", 0)
	var failure *Failure
	if !errors.As(err, &failure) || keys != "" || failure.Cause != CauseLimited || failure.RetryAfter != 20*time.Second || failure.Attempts != 0 {
		t.Errorf("sent with %q, %v, to wait %v", keys, err, failure)
	}
	d.pass(25 * time.Second)
	d.says["b"] = 0
	if keys, err := d.ask(t, "", 0); err != nil || keys != "b" {
		t.Errorf("sent with %q, %v", keys, err)
	}
}

// TestLoneKeyWaitsAsAsked: the only key is left alone until the provider said to come again, and not longer.
func TestLoneKeyWaitsAsAsked(t *testing.T) {
	d := openDesk(t, Key{Value: "a"})
	d.says["a"], d.after["a"] = 429, "30"
	if keys, err := d.ask(t, "", 0); err == nil || keys != "a" {
		t.Fatalf("sent with %q, %v", keys, err)
	}
	if keys, err := d.ask(t, "", 0); err == nil || keys != "" {
		t.Errorf("sent with %q, %v: want it to rest", keys, err)
	}
	d.says["a"] = 0
	d.pass(30 * time.Second)
	if keys, err := d.ask(t, "", 0); err != nil || keys != "a" {
		t.Errorf("sent with %q, %v", keys, err)
	}
}

// TestTeamsOwnKeys: a team with keys of its own uses them alone, whatever becomes of them, and nobody else does.
func TestTeamsOwnKeys(t *testing.T) {
	d := openDesk(t, Key{Value: "all"}, Key{Value: "own", Team: "search"})
	if keys, err := d.ask(t, "search", 0); err != nil || keys != "own" {
		t.Errorf("search: %q, %v", keys, err)
	}
	if keys, err := d.ask(t, "shop", 0); err != nil || keys != "all" {
		t.Errorf("shop: %q, %v", keys, err)
	}
	d.says["own"] = 429
	if keys, err := d.ask(t, "search", 0); err == nil || keys != "own" {
		t.Errorf("search at its limit: %q, %v", keys, err)
	}
	d = openDesk(t, Key{Value: "own", Team: "search"})
	if keys, err := d.ask(t, "shop", 0); err == nil || keys != "" || !strings.Contains(err.Error(), "no key of its own") {
		t.Errorf("shop without any: %q, %v", keys, err)
	}
}

// TestKeyFileIsReadAgain when it changes, at once when its key was refused; while it is gone the last one holds.
func TestKeyFileIsReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	d := openDesk(t, Key{Value: "spare", Weight: 1}, Key{File: path, Name: path, Weight: 1000, Team: "search"})
	if keys, err := d.ask(t, "search", 1); err == nil || keys != "" || !strings.Contains(err.Error(), "key_file") {
		t.Errorf("without its file: %q, %v", keys, err)
	}
	write := func(key string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(key+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := func(what, want string) {
		t.Helper()
		d.pass(lookEvery)
		if keys, err := d.ask(t, "search", 1); err != nil || keys != want {
			t.Errorf("%s: %q, %v, want %q", what, keys, err, want)
		}
	}
	write("one")
	f("there", "one")
	write("two-longer")
	f("changed", "two-longer")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	f("gone", "two-longer")
	write("")
	f("empty", "two-longer")
	write("a b")
	f("no key", "two-longer")
	write("three")
	f("back", "three")
}

// TestOthersAreNotKeptWaiting: where another target could answer, a provider that asks to come again later is left at once.
func TestOthersAreNotKeptWaiting(t *testing.T) {
	d := openDesk(t, Key{Value: "a"})
	d.cfg.Retries = 3
	d.says["a"], d.after["a"] = 429, "1"
	c := chat("m", false)
	c.Others = true
	var failure *Failure
	for range 2 { // asked, and not even asked
		if _, err := d.Call(c); !errors.As(err, &failure) || failure.Cause != CauseLimited || failure.RetryAfter != time.Second {
			t.Errorf("%v", err)
		}
	}
	if len(d.seen) != 1 {
		t.Errorf("it was asked %d times", len(d.seen))
	}
}
