package providers

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"bursar/dialect"
)

// serviceAccount signs in to Google Cloud: it trades assertions that are signed with its private key for access tokens, keeps each, and gets the next
// one before it ends.
type serviceAccount struct {
	email, keyID, endpoint string
	private                *rsa.PrivateKey
	extra                  []dialect.Header // what the dialect wants with every request
	client                 *http.Client

	mu    sync.Mutex
	token string
	ends  time.Time
	asked time.Time // when a token was last asked for in vain
	err   error
}

const (
	tokenScope   = "https://www.googleapis.com/auth/cloud-platform"
	renewBefore  = 5 * time.Minute // before its end a token is renewed while it still works
	tokenWithin  = 10 * time.Second
	askAgain     = 2 * time.Second // after a token was not given
	assertionFor = time.Hour
)

// newServiceAccount reads the JSON of a service account's key.
func newServiceAccount(text []byte, extra []dialect.Header, private *tls.Config) (*serviceAccount, error) {
	var file struct {
		Email    string `json:"client_email"`
		KeyID    string `json:"private_key_id"`
		Key      string `json:"private_key"`
		Endpoint string `json:"token_uri"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, errors.New("it is no JSON of a service account")
	}
	if file.Email == "" || file.Key == "" {
		return nil, errors.New("its JSON lacks client_email or private_key")
	}
	if file.Endpoint == "" {
		file.Endpoint = "https://oauth2.googleapis.com/token"
	}
	block, _ := pem.Decode([]byte(file.Key))
	if block == nil {
		return nil, errors.New("its private_key is no PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("its private_key is no PKCS #8")
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("its private_key is none of RSA")
	}
	return &serviceAccount{
		email: file.Email, keyID: file.KeyID, endpoint: file.Endpoint, private: key, extra: extra,
		client: &http.Client{Timeout: tokenWithin, Transport: &http.Transport{TLSClientConfig: private, Proxy: http.ProxyFromEnvironment}},
	}, nil
}

// headers carries the token. One request at a time gets a new one; while the old one works, the others do not wait for it.
func (a *serviceAccount) headers(r outgoing) ([]dialect.Header, error) {
	token, err := a.current(r.now)
	if err != nil {
		return nil, err
	}
	return append([]dialect.Header{{Name: "Authorization", Value: "Bearer " + token}}, a.extra...), nil
}

func (a *serviceAccount) current(now time.Time) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.token != "" && now.Before(a.ends.Add(-renewBefore)) {
		return a.token, nil
	}
	if a.err != nil && now.Sub(a.asked) < askAgain {
		return a.old(now)
	}
	token, life, err := a.get(now)
	if err != nil {
		a.asked, a.err = now, err
		return a.old(now)
	}
	a.token, a.ends, a.err = token, now.Add(life), nil
	return token, nil
}

// old returns the last token while it works, else why there is no other.
func (a *serviceAccount) old(now time.Time) (string, error) {
	if a.token != "" && now.Before(a.ends) {
		return a.token, nil
	}
	return "", a.err
}

// get gets a token.
func (a *serviceAccount) get(now time.Time) (token string, life time.Duration, err error) {
	assertion, err := a.assertion(now)
	if err != nil {
		return "", 0, err
	}
	form := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {assertion}}
	ctx, cancel := context.WithTimeout(context.Background(), tokenWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return "", 0, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := a.client.Do(req)
	if err != nil {
		return "", 0, fmt.Errorf("ask %s for a token: %w", a.endpoint, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return "", 0, fmt.Errorf("ask %s for a token: %w", a.endpoint, err)
	}
	var given struct {
		Token   string `json:"access_token"`
		Expires int64  `json:"expires_in"`
		Error   string `json:"error"`
		Why     string `json:"error_description"`
	}
	_ = json.Unmarshal(body, &given) // what is no JSON has no token
	if resp.StatusCode != http.StatusOK || given.Token == "" {
		return "", 0, fmt.Errorf("%s gives %s no token: status %d %s %s", a.endpoint, a.email, resp.StatusCode, given.Error, given.Why)
	}
	return given.Token, time.Duration(given.Expires) * time.Second, nil
}

// assertion is a JWT that says who asks, signed with RS256.
func (a *serviceAccount) assertion(now time.Time) (string, error) {
	head, _ := json.Marshal(struct { // of strings alone
		Alg string `json:"alg"`
		Typ string `json:"typ"`
		Kid string `json:"kid,omitempty"`
	}{"RS256", "JWT", a.keyID})
	claims, _ := json.Marshal(struct { // and numbers
		Iss   string `json:"iss"`
		Scope string `json:"scope"`
		Aud   string `json:"aud"`
		Iat   int64  `json:"iat"`
		Exp   int64  `json:"exp"`
	}{a.email, tokenScope, a.endpoint, now.Unix(), now.Add(assertionFor).Unix()})
	var text bytes.Buffer
	text.WriteString(base64.RawURLEncoding.EncodeToString(head))
	text.WriteByte('.')
	text.WriteString(base64.RawURLEncoding.EncodeToString(claims))
	digest := sha256.Sum256(text.Bytes())
	signature, err := rsa.SignPKCS1v15(rand.Reader, a.private, crypto.SHA256, digest[:])
	if err != nil {
		return "", fmt.Errorf("sign the assertion of %s: %w", a.email, err)
	}
	return text.String() + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}
