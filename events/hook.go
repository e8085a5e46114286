package events

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// Format is the form of a webhook's body.
type Format uint8

// Formats.
const (
	JSON  Format = iota
	Slack        // {"text": ...}, as Slack, Mattermost, Rocket.Chat and others take it
)

// Hook is a webhook. Its URL is as much a secret as its secret is, and is never told.
type Hook struct {
	Name   string
	URL    string
	Secret string // signs; "" for none
	Format Format
	Kinds  []Kind   // empty is all
	Teams  []string // empty is all; else only events of these teams
}

// wants tells whether an event is for the hook.
func (h *Hook) wants(e *Event) bool {
	return (len(h.Kinds) == 0 || e.Kind == Test || slices.Contains(h.Kinds, e.Kind)) &&
		(len(h.Teams) == 0 || e.Kind == Test || slices.Contains(h.Teams, e.Team))
}

// Headers of a delivery.
const (
	KindHeader      = "X-Bursar-Event"
	IDHeader        = "X-Bursar-Event-Id"
	TimestampHeader = "X-Bursar-Timestamp" // seconds of Unix time, anew for each try
	SignatureHeader = "X-Bursar-Signature" // v1= and HMAC-SHA256 over timestamp, a dot and the body, in hex
)

// Sign returns the signature of a body that is sent at a time. The time is part of what is signed, so that a receiver can refuse what was
// recorded and is sent again later.
func Sign(secret, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(timestamp))
	mac.Write([]byte{'.'})
	mac.Write(body)
	return "v1=" + hex.EncodeToString(mac.Sum(nil))
}

// refusal is an answer that another try will not change.
type refusal struct{ status int }

func (r refusal) Error() string {
	return fmt.Sprintf("it answered %d; look at its address and its settings", r.status)
}

// later is an answer that says when to try again.
type later struct {
	status int
	after  time.Duration
}

func (l later) Error() string { return fmt.Sprintf("it answered %d", l.status) }

// post delivers an event once. No error tells the URL.
func (h *Hook) post(ctx context.Context, client *http.Client, e *Event, now time.Time) error {
	body, err := e.body(h.Format)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(body))
	if err != nil {
		return errors.New("its address is no URL")
	}
	timestamp := strconv.FormatInt(now.Unix(), 10)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "bursar")
	r.Header.Set(KindHeader, string(e.Kind))
	r.Header.Set(IDHeader, e.ID)
	r.Header.Set(TimestampHeader, timestamp)
	if h.Secret != "" {
		r.Header.Set(SignatureHeader, Sign(h.Secret, timestamp, body))
	}
	resp, err := client.Do(r)
	if err != nil {
		return withoutAddress(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
	switch s := resp.StatusCode; {
	case s >= 200 && s < 300:
		return nil
	case s == http.StatusRequestTimeout || s == http.StatusTooManyRequests || s >= 500:
		seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		return later{s, time.Duration(min(max(0, seconds), 3600)) * time.Second}
	default:
		return refusal{s}
	}
}

// withoutAddress tells what went wrong, and not where: with some services the host itself is the secret.
func withoutAddress(err error) error {
	var quoting *url.Error
	if errors.As(err, &quoting) {
		err = quoting.Err
	}
	var unknown *net.DNSError
	var certificate *tls.CertificateVerificationError
	var network *net.OpError
	switch {
	case errors.As(err, &unknown):
		return errors.New("its host was not found; look at its address, and at the name server of this machine")
	case errors.As(err, &certificate):
		return errors.New("its certificate is not valid for its host, or not trusted here")
	case errors.As(err, &network):
		return fmt.Errorf("%s: %w", network.Op, network.Err)
	}
	return err
}

// newClient makes the client of all webhooks. Redirects are not followed: a signed event goes where the operator said, or nowhere.
func newClient(timeout time.Duration) *http.Client {
	return &http.Client{
		Timeout:       timeout,
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
