package providers

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"bursar/dialect"
)

// awsKeys signs requests with Signature Version 4.
type awsKeys struct {
	credentials aws.Credentials
	region      string
	signer      *v4.Signer
}

// bedrockService is what the signature names the service; it is that of Bedrock's control plane too.
const bedrockService = "bedrock"

// isAWSKeys tells whether a secret is a pair of keys, rather than an API key of Bedrock's, which is sent as it is.
func isAWSKeys(secret string) bool {
	return strings.HasPrefix(secret, "[") || strings.HasPrefix(secret, "{") || strings.Contains(secret, ":") || strings.Contains(secret, "aws_access_key_id")
}

var errNoAWSKeys = errors.New("it is neither ACCESS_KEY_ID:SECRET_ACCESS_KEY[:SESSION_TOKEN], nor AWS's JSON of credentials, nor a credentials file with a default profile")

// newAWSKeys reads a pair of keys: access key id, secret and session token with colons between them, the JSON that credential processes print, or a
// credentials file's default profile.
func newAWSKeys(secret, region string) (*awsKeys, error) {
	if region == "" {
		return nil, errors.New("the region that its signatures are for is not known: write region at the provider")
	}
	var c aws.Credentials
	switch {
	case strings.HasPrefix(secret, "{"):
		var file struct{ AccessKeyId, SecretAccessKey, SessionToken, Token string } //nolint:revive // AWS's names
		if json.Unmarshal([]byte(secret), &file) != nil {
			return nil, errNoAWSKeys
		}
		c = aws.Credentials{AccessKeyID: file.AccessKeyId, SecretAccessKey: file.SecretAccessKey, SessionToken: file.SessionToken + file.Token}
	case strings.Contains(secret, "aws_access_key_id"):
		c = defaultProfile(secret)
	default:
		id, rest, _ := strings.Cut(secret, ":")
		key, token, _ := strings.Cut(rest, ":")
		c = aws.Credentials{AccessKeyID: id, SecretAccessKey: key, SessionToken: token}
	}
	if c.AccessKeyID == "" || c.SecretAccessKey == "" {
		return nil, errNoAWSKeys
	}
	return &awsKeys{credentials: c, region: region, signer: v4.NewSigner()}, nil
}

// defaultProfile reads the default profile of a credentials file, or what stands in none.
func defaultProfile(text string) (c aws.Credentials) {
	in := true
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if name, ok := strings.CutPrefix(line, "["); ok {
			in = strings.TrimSpace(strings.TrimSuffix(name, "]")) == "default"
			continue
		}
		name, value, _ := strings.Cut(line, "=")
		if value = strings.TrimSpace(value); !in {
			continue
		}
		switch strings.TrimSpace(name) {
		case "aws_access_key_id":
			c.AccessKeyID = value
		case "aws_secret_access_key":
			c.SecretAccessKey = value
		case "aws_session_token":
			c.SessionToken = value
		}
	}
	return c
}

// signed are the headers that a signature brings along.
var signed = [...]string{"Authorization", "X-Amz-Date", "X-Amz-Security-Token"}

func (k *awsKeys) headers(r outgoing) ([]dialect.Header, error) {
	target, err := url.Parse(r.scheme + "://" + r.host + r.uri)
	if err != nil {
		return nil, err
	}
	req := &http.Request{Method: http.MethodPost, URL: target, Host: r.host, Header: http.Header{"Content-Type": {"application/json"}}, ContentLength: int64(len(r.body))}
	digest := sha256.Sum256(r.body)
	if err := k.signer.SignHTTP(context.Background(), k.credentials, req, hex.EncodeToString(digest[:]), bedrockService, k.region, r.now); err != nil {
		return nil, err
	}
	var all []dialect.Header
	for _, name := range signed {
		if value := req.Header.Get(name); value != "" {
			all = append(all, dialect.Header{Name: name, Value: value})
		}
	}
	return all, nil
}
