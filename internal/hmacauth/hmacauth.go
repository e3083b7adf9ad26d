// Package hmacauth signs and checks requests in the way of Azure Communication
// Services: the header Authorization holds an HMAC-SHA256 over method, path,
// date, host and a hash of the body, made with an access key. It knows nothing
// of tokens, nor of what a request is allowed to do.
package hmacauth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Scheme begins the header Authorization of a signed request.
const Scheme = "HMAC-SHA256"

// DefaultTolerance is how far a request's date may be from the server's time.
const DefaultTolerance = 15 * time.Minute

// The headers that a signature covers, and one that says for which host it was made.
const (
	dateHeader = "X-Ms-Date"
	hashHeader = "X-Ms-Content-Sha256"
	hostHeader = "X-Ms-Host"
)

// What can be wrong with a request. The texts are for a log, not for the client.
var (
	ErrMissing   = errors.New("hmacauth: the request is not signed")
	ErrMalformed = errors.New("hmacauth: malformed signature")
	ErrDate      = errors.New("hmacauth: the date is missing, or too far from the server's")
	ErrBody      = errors.New("hmacauth: the body is not the one that was signed")
	ErrSignature = errors.New("hmacauth: the signature is not of this request and any of the keys")
)

// Verifier checks requests. Keys must be set.
type Verifier struct {
	// Keys are the access keys; each is as good, so that one can be changed
	// while the other is in use.
	Keys [][]byte
	// Authorities are hosts, with a port unless it is the scheme's usual one, by
	// which clients may call the server besides that of the request itself.
	Authorities []string
	// Tolerance is how far the date may be off. Zero means DefaultTolerance.
	Tolerance time.Duration
}

// Verify checks a request that came at now with that body. It takes the same
// time for any wrong signature. The errors are those of the package.
//
// Clients differ in what they sign, and all of these are accepted, as each
// still covers what counts: as the path the request's target as it was sent,
// its query written anew as a form, or none; as the host that of the request,
// that without its port, the one in x-ms-host, or one of Authorities.
func (v Verifier) Verify(r *http.Request, body []byte, now time.Time) error {
	sig, err := parse(r.Header.Get("Authorization"))
	if err != nil {
		return err
	}
	if err := v.checkDate(r, sig, now); err != nil {
		return err
	}
	if r.Header.Get(hashHeader) != contentHash(body) {
		return ErrBody
	}
	good := 0
	for _, target := range targets(r) {
		for _, host := range v.hosts(r) {
			text := []byte(sig.text(r, target, host))
			for _, key := range v.Keys {
				if hmac.Equal(mac(key, text), sig.mac) {
					good++
				}
			}
		}
	}
	if good == 0 {
		return ErrSignature
	}
	return nil
}

func (v Verifier) checkDate(r *http.Request, sig signature, now time.Time) error {
	name := dateHeader
	if !slices.Contains(sig.headers, strings.ToLower(name)) {
		name = "Date"
	}
	date, err := http.ParseTime(r.Header.Get(name))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDate, err)
	}
	tolerance := v.Tolerance
	if tolerance == 0 {
		tolerance = DefaultTolerance
	}
	if off := now.Sub(date); off > tolerance || off < -tolerance {
		return fmt.Errorf("%w: by %v", ErrDate, off.Round(time.Second))
	}
	return nil
}

// hosts are those that a client may have signed.
func (v Verifier) hosts(r *http.Request) []string {
	hosts := []string{r.Host}
	if name := withoutPort(r.Host); name != r.Host {
		hosts = append(hosts, name)
	}
	if named := r.Header.Get(hostHeader); named != "" {
		hosts = append(hosts, named)
	}
	for _, a := range v.Authorities {
		if !slices.Contains(hosts, a) {
			hosts = append(hosts, a)
		}
	}
	return hosts
}

func withoutPort(host string) string {
	i := strings.LastIndexByte(host, ':')
	if i < 0 || strings.HasSuffix(host, "]") {
		return host
	}
	return host[:i]
}

// targets are the paths that a client may have signed.
func targets(r *http.Request) []string {
	sent := r.RequestURI
	if _, rest, absolute := strings.Cut(sent, "://"); absolute && !strings.HasPrefix(sent, "/") { // as to a proxy
		sent = rest[max(0, strings.IndexByte(rest, '/')):]
	}
	path, query, has := strings.Cut(sent, "?")
	if !has {
		return []string{path}
	}
	out := []string{sent, path}
	if form := asForm(query); form != query {
		out = append(out, path+"?"+form)
	}
	return out
}

func mac(key, text []byte) []byte {
	h := hmac.New(sha256.New, key)
	_, _ = h.Write(text) // never fails
	return h.Sum(nil)
}

// contentHash is the value of x-ms-content-sha256.
func contentHash(body []byte) string {
	sum := sha256.Sum256(body)
	return base64.StdEncoding.EncodeToString(sum[:])
}
