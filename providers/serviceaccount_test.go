package providers

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"bursar/dialect"
)

// issuer is a token endpoint: it checks what it is asked with, and gives tokens that last an hour.
type issuer struct {
	url   string
	given atomic.Int64
	down  atomic.Bool
}

func openIssuer(t *testing.T, public *rsa.PublicKey) *issuer {
	t.Helper()
	i := new(issuer)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if i.down.Load() {
			w.WriteHeader(503)
			return
		}
		if err := checkAssertion(r, i.url, public); err != nil {
			t.Error(err)
			w.WriteHeader(400)
			_, _ = fmt.Fprintf(w, `{"error":"invalid_grant","error_description":%q}`, err)
			return
		}
		_, _ = fmt.Fprintf(w, `{"access_token":"token-%d","expires_in":3600,"token_type":"Bearer"}`, i.given.Add(1))
	}))
	t.Cleanup(server.Close)
	i.url = server.URL
	return i
}

func checkAssertion(r *http.Request, audience string, public *rsa.PublicKey) error {
	if r.FormValue("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
		return fmt.Errorf("grant_type %q", r.FormValue("grant_type"))
	}
	parts := strings.Split(r.FormValue("assertion"), ".")
	if len(parts) != 3 {
		return fmt.Errorf("assertion of %d parts", len(parts))
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return err
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err := rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature); err != nil {
		return err
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return err
	}
	var claims struct {
		Iss, Scope, Aud string
		Iat, Exp        int64
	}
	if err := json.Unmarshal(text, &claims); err != nil {
		return err
	}
	if claims.Iss != "robot@example.com" || claims.Aud != audience || claims.Exp-claims.Iat != 3600 || !strings.Contains(claims.Scope, "cloud-platform") {
		return fmt.Errorf("claims %+v", claims)
	}
	return nil
}

// accountFile is the JSON of a service account's key, as Google gives it out.
func accountFile(t *testing.T, key *rsa.PrivateKey, endpoint string) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": "robot@example.com", "private_key_id": "k1", "token_uri": endpoint,
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestServiceAccount trades its key for a token, keeps that, renews it before its end, and outlives an endpoint that is down meanwhile.
func TestServiceAccount(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	endpoint := openIssuer(t, &key.PublicKey)
	u, err := New(Config{Name: "vertex", Dialect: "gemini", BaseURL: "http://127.0.0.1:1/v1/projects/p", Keys: []Key{{Value: accountFile(t, key, endpoint.url)}}})
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	begun := time.Now()
	f := func(after time.Duration, want string) {
		t.Helper()
		got, err := u.keys[0].headers(outgoing{now: begun.Add(after)})
		if want == "" {
			if err == nil || !strings.Contains(err.Error(), "gives robot@example.com no token") {
				t.Errorf("after %v: %v, %v", after, got, err)
			}
			return
		}
		if err != nil || len(got) != 1 || got[0] != (dialect.Header{Name: "Authorization", Value: "Bearer " + want}) {
			t.Errorf("after %v: %v, %v, want %s", after, got, err, want)
		}
	}
	f(0, "token-1")
	f(54*time.Minute, "token-1")
	endpoint.down.Store(true)
	f(56*time.Minute, "token-1") // it still works
	f(61*time.Minute, "")
	endpoint.down.Store(false)
	f(61*time.Minute+askAgain, "token-2")
	f(62*time.Minute, "token-2")
	if n := endpoint.given.Load(); n != 2 {
		t.Errorf("%d tokens were given", n)
	}
}

func TestServiceAccountThatIsNone(t *testing.T) {
	f := func(secret, want string) {
		t.Helper()
		_, err := New(Config{Name: "vertex", Dialect: "gemini", BaseURL: "http://127.0.0.1:1", Keys: []Key{{Name: "GCP", Value: secret}}})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "GCP") {
			t.Errorf("%s: %v, want %s", secret, err, want)
		}
	}
	f(`{"type":"service_account"}`, "client_email")
	f(`{"type":"service_account","client_email":"a","private_key":"x"}`, "PEM")
	f(`{"type":"service_account","client_email":"a","private_key":"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"}`, "PKCS #8")
	f(`{"type":"service_account"`, "JSON")
}
