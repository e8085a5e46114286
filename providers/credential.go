package providers

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"sync"
	"time"

	"bursar/dialect"
)

// Key is one credential of a provider.
type Key struct {
	Name   string // how operators know it: its variable or its file
	Value  string // the key itself, or an account (see account); "" if it stands in File
	File   string // where it stands; read when it is first used, and again when the file changes
	Weight int    // its share of the requests, beside the weights of the others; 0 is 1
	Team   string // whose own it is; "" serves all teams that have none of their own
}

// credential is a key in use: what puts it on requests, and whether it rests.
type credential struct {
	Key
	upstream *Upstream

	mu     sync.Mutex
	signer signer // nil: not read yet, or not readable
	file   fileState
	looked time.Time
	rests  map[string]*rest // by target; "" is all of them
	paces  map[string]*pace // by target
}

// signer makes the headers that carry a credential on a request.
type signer interface {
	headers(r outgoing) ([]dialect.Header, error)
}

// outgoing is a request that is about to be sent, as far as a signature covers it.
type outgoing struct {
	scheme, host, uri string
	body              []byte
	now               time.Time
}

// fixed is a key that goes along as it is.
type fixed []dialect.Header

func (f fixed) headers(outgoing) ([]dialect.Header, error) { return f, nil }

// credentials makes the credentials of a provider. One without keys has one that sends none.
func (u *Upstream) credentials() error {
	keys := u.cfg.Keys
	if len(keys) == 0 {
		keys = []Key{{Value: u.cfg.Key}}
	}
	for _, k := range keys {
		c := &credential{Key: k, upstream: u}
		if k.Weight == 0 {
			c.Weight = 1
		}
		if k.File == "" {
			var err error
			if c.signer, err = u.signer(k.Value); err != nil {
				return fmt.Errorf("provider %q: its key %s: %w", u.cfg.Name, k.Name, err)
			}
		}
		u.keys = append(u.keys, c)
	}
	return nil
}

// signer reads a secret: an account's JSON of Google's, a pair of keys of Amazon's, which sign for its own dialect, else a key that goes along as it is.
func (u *Upstream) signer(secret string) (signer, error) {
	secret = strings.TrimSpace(secret)
	switch {
	case strings.HasPrefix(secret, "{") && strings.Contains(secret, `"service_account"`):
		return newServiceAccount([]byte(secret), u.plainHeaders(""), u.cfg.TLS)
	case u.cfg.Dialect == "bedrock" && isAWSKeys(secret):
		return newAWSKeys(secret, u.cfg.Region)
	case strings.ContainsFunc(secret, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return nil, errors.New("it holds a space or a character that no header may hold")
	}
	return fixed(u.plainHeaders(secret)), nil
}

// plainHeaders carry a key as the provider's API wants it, with what else it wants.
func (u *Upstream) plainHeaders(key string) []dialect.Header {
	switch {
	case u.dialect != nil && u.dialect.Auth != nil:
		return u.dialect.Auth(key)
	case key == "":
		return nil
	case u.azure && strings.HasPrefix(key, "eyJ"): // a token of Entra's
		return []dialect.Header{{Name: "Authorization", Value: "Bearer " + key}}
	case u.azure: // it takes bearer tokens for users only, and keys in a header of its own
		return []dialect.Header{{Name: "api-key", Value: key}}
	}
	return []dialect.Header{{Name: "Authorization", Value: "Bearer " + key}}
}

// fileState is how a file looked when it was read.
type fileState struct {
	changed time.Time
	size    int64
}

// lookEvery is how often a key's file is looked at for a change.
const lookEvery = 2 * time.Second

// headers makes the headers of a request, from the file as it is now.
func (c *credential) headers(r outgoing) ([]dialect.Header, error) {
	s, err := c.current(r.now)
	if err != nil {
		return nil, err
	}
	return s.headers(r)
}

func (c *credential) current(now time.Time) (signer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.File == "" || c.signer != nil && now.Sub(c.looked) < lookEvery {
		return c.signer, nil
	}
	c.looked = now
	info, err := os.Stat(c.File)
	if err == nil {
		if state := (fileState{info.ModTime(), info.Size()}); c.signer == nil || state != c.file {
			err = c.read(state)
		}
	}
	if err != nil && c.signer == nil { // one that was read stays in use while its file is being replaced
		return nil, fmt.Errorf("its key_file: %w", err)
	}
	return c.signer, nil
}

// read reads the file. Another secret than before does not rest.
func (c *credential) read(state fileState) error {
	text, err := os.ReadFile(c.File)
	if err != nil {
		return err
	}
	if strings.TrimSpace(string(text)) == "" {
		return errors.New("it is empty")
	}
	s, err := c.upstream.signer(string(text))
	if err != nil {
		return err
	}
	c.signer, c.file, c.rests, c.paces = s, state, nil, nil
	return nil
}

// rest is a pause that a credential takes.
type rest struct {
	until   time.Time
	strikes int // times in a row
}

const (
	shortRest   = time.Second // of a key that met a limit without a word on how long; it doubles
	longestRest = 5 * time.Minute
	refusedRest = time.Minute // of a key that was refused, or whose quota is used up
)

// restsUntil tells until when the credential rests for a target; zero if it does not.
func (c *credential) restsUntil(target string, now time.Time) (until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, of := range [...]string{"", target} {
		if r := c.rests[of]; r != nil && r.until.After(now) && r.until.After(until) {
			until = r.until
		}
	}
	return until
}

// note takes down what a call came to. A key that met a limit rests for that target, one that was refused rests altogether. The only key of a
// provider rests no longer than the provider asks for: there is nothing else to try, and the breaker watches the target.
func (c *credential) note(target string, failure *Failure, alone bool, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if failure == nil {
		delete(c.rests, target)
		delete(c.rests, "")
		return
	}
	of, wait := target, failure.RetryAfter
	switch {
	case failure.Cause == CauseLimited && (failure.retry || wait > 0):
	case failure.Cause == CauseLimited || failure.Cause == CauseCredential && failure.Status != 403: // what 403 says may be about the model or the prompt
		of, wait = "", refusedRest
		if c.File != "" {
			c.looked = time.Time{} // it may have been replaced just now
		}
		if alone {
			return
		}
	default:
		return
	}
	if c.rests == nil || len(c.rests) > maxBreakers {
		c.rests = map[string]*rest{}
	}
	r := c.rests[of]
	if r == nil {
		r = &rest{}
		c.rests[of] = r
	}
	if wait == 0 && !alone {
		wait = shortRest
	}
	if of == "" || failure.RetryAfter == 0 {
		wait <<= min(r.strikes, 10)
	}
	if wait = min(wait, longestRest); wait > 0 {
		r.until = now.Add(wait)
		r.strikes++
	}
}

// ring lists the credentials that serve a team: its own, if it has any, else the ones of all.
func (u *Upstream) ring(team string) []*credential {
	if len(u.keys) == 1 && u.keys[0].Team == "" {
		return u.keys
	}
	var own, shared []*credential
	for _, c := range u.keys {
		switch c.Team {
		case "":
			shared = append(shared, c)
		case team:
			own = append(own, c)
		}
	}
	if len(own) > 0 {
		return own
	}
	return shared
}

// pick picks a credential among those that do not rest and were not tried: by weight, and the same for all of a conversation, whose prompt cache
// and whose signed thoughts belong to one account. None: wait is how long until one is rested, 0 if all were tried.
func (u *Upstream) pick(ring []*credential, c *Call, tried []*credential) (best *credential, wait time.Duration) {
	seed := c.Conversation
	if seed == 0 {
		seed = u.turn.Add(1)
	}
	now := u.cfg.Now()
	most := math.Inf(-1)
	for i, k := range ring {
		if contains(tried, k) {
			continue
		}
		left := k.paceWait(c.Target, c.Tokens, now)
		if until := k.restsUntil(c.Target, now); !until.IsZero() {
			left = max(left, until.Sub(now))
		}
		if left > 0 {
			if wait == 0 || left < wait {
				wait = left
			}
			continue
		}
		if score := float64(k.Weight) / -math.Log(unit(seed, uint64(i))); score > most {
			best, most = k, score
		}
	}
	if best != nil {
		wait = 0
	}
	return best, wait
}

func contains(all []*credential, k *credential) bool {
	for _, c := range all {
		if c == k {
			return true
		}
	}
	return false
}

// unit is a number between 0 and 1 that two numbers come to, as if by chance: splitmix64.
func unit(a, b uint64) float64 {
	x := a*0x9e3779b97f4a7c15 + (b+1)*0xbf58476d1ce4e5b9
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	x ^= x >> 31
	return (float64(x>>11) + 0.5) / (1 << 53)
}
