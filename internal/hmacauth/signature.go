package hmacauth

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// maxSigned bounds the headers that a signature may name.
const maxSigned = 8

// signature is what the header Authorization says.
type signature struct {
	headers []string // in the order in which they are signed, in lower case
	mac     []byte
}

// parse reads "HMAC-SHA256 SignedHeaders=a;b;c&Signature=base64".
func parse(authorization string) (s signature, err error) {
	scheme, rest, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, Scheme) {
		return s, ErrMissing
	}
	names, encoded, ok := strings.Cut(strings.TrimSpace(rest), "&Signature=")
	names, hasNames := strings.CutPrefix(names, "SignedHeaders=")
	if !ok || !hasNames {
		return s, fmt.Errorf("%w: it has not both SignedHeaders and Signature", ErrMalformed)
	}
	s.headers = strings.Split(strings.ToLower(names), ";")
	if err := checkSigned(s.headers); err != nil {
		return s, err
	}
	if s.mac, err = base64.StdEncoding.DecodeString(encoded); err != nil || len(s.mac) != sha256.Size {
		return s, fmt.Errorf("%w: not Base64 of a SHA-256 hash", ErrMalformed)
	}
	return s, nil
}

// checkSigned makes sure that what counts is signed, and nothing that the text
// could be confused by.
func checkSigned(headers []string) error {
	if len(headers) > maxSigned {
		return fmt.Errorf("%w: %d signed headers", ErrMalformed, len(headers))
	}
	has := func(name string) bool { return slices.Contains(headers, name) }
	if !has("host") || !has(strings.ToLower(hashHeader)) || !has(strings.ToLower(dateHeader)) && !has("date") {
		return fmt.Errorf("%w: date, host and hash of the content must be signed", ErrMalformed)
	}
	return nil
}

// text is what was signed, if the client meant that path and that host.
func (s signature) text(r *http.Request, target, host string) string {
	values := make([]string, len(s.headers))
	for i, name := range s.headers {
		values[i] = r.Header.Get(name)
		if name == "host" {
			values[i] = host
		}
	}
	return r.Method + "\n" + target + "\n" + strings.Join(values, ";")
}

// asForm writes a query anew as a form (application/x-www-form-urlencoded), in
// the same order, as the URL class of browsers and Node does.
func asForm(query string) string {
	parts := strings.Split(query, "&")
	for i, p := range parts {
		name, value, has := strings.Cut(p, "=")
		n, err1 := url.QueryUnescape(name)
		v, err2 := url.QueryUnescape(value)
		if err1 != nil || err2 != nil {
			return query
		}
		if parts[i] = url.QueryEscape(n); has || n != "" {
			parts[i] += "=" + url.QueryEscape(v)
		}
	}
	return strings.Join(parts, "&")
}

// Sign signs a request that is about to be sent with that body at now.
func Sign(r *http.Request, key, body []byte, now time.Time) {
	host := r.Host
	if host == "" {
		host = r.URL.Host
	}
	r.Header.Set(dateHeader, now.UTC().Format(http.TimeFormat))
	r.Header.Set(hashHeader, contentHash(body))
	s := signature{headers: []string{strings.ToLower(dateHeader), "host", strings.ToLower(hashHeader)}}
	sum := mac(key, []byte(s.text(r, r.URL.RequestURI(), host)))
	r.Header.Set("Authorization", Scheme+" SignedHeaders="+strings.Join(s.headers, ";")+"&Signature="+base64.StdEncoding.EncodeToString(sum))
}
