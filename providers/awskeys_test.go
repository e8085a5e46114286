package providers

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestSignature computes the signature of a request to Bedrock anew, from the words of AWS's specification: the path is encoded once more than it
// is sent, and the session token is signed too.
func TestSignature(t *testing.T) {
	u, err := New(Config{
		Name: "aws", Dialect: "bedrock", BaseURL: "https://bedrock-runtime.us-east-1.amazonaws.com",
		Keys: []Key{{Value: "AKIDEXAMPLE:wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY:session"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	uri := u.path(&Call{Model: "anthropic.claude-v2:1"})
	if uri != "/model/anthropic.claude-v2%3A1/converse" {
		t.Fatalf("path %s", uri)
	}
	got, err := u.keys[0].headers(outgoing{
		scheme: u.scheme, host: u.host, uri: uri, body: []byte(`{"messages":[]}`), now: time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC),
	})
	if err != nil {
		t.Fatal(err)
	}
	digest := func(text string) string { sum := sha256.Sum256([]byte(text)); return hex.EncodeToString(sum[:]) }
	mac := func(key []byte, text string) []byte {
		m := hmac.New(sha256.New, key)
		m.Write([]byte(text))
		return m.Sum(nil)
	}
	names := "content-length;content-type;host;x-amz-date;x-amz-security-token"
	canonical := strings.Join([]string{
		"POST", "/model/anthropic.claude-v2%253A1/converse", "", "content-length:15", "content-type:application/json",
		"host:bedrock-runtime.us-east-1.amazonaws.com", "x-amz-date:20150830T123600Z", "x-amz-security-token:session", "", names, digest(`{"messages":[]}`),
	}, "\n")
	scope := "20150830/us-east-1/bedrock/aws4_request"
	toSign := "AWS4-HMAC-SHA256\n20150830T123600Z\n" + scope + "\n" + digest(canonical)
	key := []byte("AWS4wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
	for _, part := range strings.Split(scope, "/") {
		key = mac(key, part)
	}
	want := "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/" + scope + ", SignedHeaders=" + names + ", Signature=" + hex.EncodeToString(mac(key, toSign))
	if len(got) != 3 || got[0].Value != want || got[1].Value != "20150830T123600Z" || got[2].Value != "session" {
		t.Errorf("headers %v\nwant %s", got, want)
	}
}

func TestAWSKeys(t *testing.T) {
	f := func(secret, id, key, token string) {
		t.Helper()
		k, err := newAWSKeys(secret, "r")
		if id == "" {
			if err == nil {
				t.Errorf("%q: %+v, want an error", secret, k.credentials)
			}
			return
		}
		if err != nil || k.credentials.AccessKeyID != id || k.credentials.SecretAccessKey != key || k.credentials.SessionToken != token {
			t.Errorf("%q: %+v, %v", secret, k, err)
		}
	}
	f("AKIA:s/+", "AKIA", "s/+", "")
	f("AKIA:s:t==", "AKIA", "s", "t==")
	f(`{"Version":1,"AccessKeyId":"A","SecretAccessKey":"S","SessionToken":"T","Expiration":"2026-01-01T00:00:00Z"}`, "A", "S", "T")
	f("[other]\naws_access_key_id = X\naws_secret_access_key = Y\n[default]\naws_access_key_id = A\naws_secret_access_key=S\n", "A", "S", "")
	f("[other]\naws_access_key_id = X\naws_secret_access_key = Y\n", "", "", "")
	f("AKIA:", "", "", "")
	f("{", "", "", "")
	if _, err := newAWSKeys("A:S", ""); err == nil || !strings.Contains(err.Error(), "region") {
		t.Errorf("without a region: %v", err)
	}
	if isAWSKeys("bedrock-api-key-YmVk") || !slices.ContainsFunc([]string{"A:S"}, isAWSKeys) {
		t.Error("an API key is taken for a pair, or a pair for an API key")
	}
}
