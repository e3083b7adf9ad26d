package hmacauth

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// vector is a request that a published SDK signed.
type vector struct {
	Name, AccessKeyBase64, Method, RequestTarget, Body string
	SignedPathAndQuery, StringToSign                   string
	Headers                                            map[string]string
}

func vectors(t testing.TB) (all []vector) {
	t.Helper()
	doc, err := os.ReadFile("testdata/vectors.json")
	if err := errors.Join(err, json.Unmarshal(doc, &all)); err != nil || len(all) != 7 {
		t.Fatalf("%d vectors, %v", len(all), err)
	}
	return all
}

// request is the vector as a server sees it.
func (v vector) request() *http.Request {
	r := httptest.NewRequest(v.Method, "http://placeholder"+v.RequestTarget, strings.NewReader(v.Body))
	r.RequestURI = v.RequestTarget
	for name, value := range v.Headers {
		if name == "host" {
			r.Host = value
			continue
		}
		r.Header.Set(name, value)
	}
	return r
}

func (v vector) key(t testing.TB) []byte {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(v.AccessKeyBase64)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// now is when the vectors were signed.
var now = time.Date(2026, 12, 1, 10, 0, 0, 0, time.UTC)

func TestVectors(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			other := bytes.Repeat([]byte{7}, 32)
			verifier := Verifier{Keys: [][]byte{other, v.key(t)}}
			check := func(what string, want error, change func(r *http.Request, body *[]byte)) {
				t.Helper()
				r, body := v.request(), []byte(v.Body)
				change(r, &body)
				if err := verifier.Verify(r, body, now); !errors.Is(err, want) {
					t.Errorf("%s: %v, want %v", what, err, want)
				}
			}
			check("as it is", nil, func(*http.Request, *[]byte) {})
			check("another body", ErrBody, func(_ *http.Request, b *[]byte) { *b = append(*b, ' ') })
			check("another path", ErrSignature, func(r *http.Request, _ *[]byte) { r.RequestURI = "/x" + r.RequestURI })
			check("another method", ErrSignature, func(r *http.Request, _ *[]byte) { r.Method = http.MethodDelete })
			check("another hash", ErrBody, func(r *http.Request, _ *[]byte) { r.Header.Set(hashHeader, contentHash([]byte("x"))) })
			check("no date", ErrDate, func(r *http.Request, _ *[]byte) { r.Header.Del(dateHeader) })
			check("another date", ErrSignature, func(r *http.Request, _ *[]byte) {
				r.Header.Set(dateHeader, now.Add(time.Second).Format(http.TimeFormat))
			})
			check("no signature", ErrMissing, func(r *http.Request, _ *[]byte) { r.Header.Del("Authorization") })
			verifier.Keys = verifier.Keys[:1]
			check("another key", ErrSignature, func(*http.Request, *[]byte) {})
		})
	}
}

func TestDateTolerance(t *testing.T) {
	v := vectors(t)[0]
	verifier := Verifier{Keys: [][]byte{v.key(t)}}
	for off, want := range map[time.Duration]error{
		15 * time.Minute: nil, -15 * time.Minute: nil,
		15*time.Minute + time.Second: ErrDate, -15*time.Minute - time.Second: ErrDate,
	} {
		if err := verifier.Verify(v.request(), []byte(v.Body), now.Add(off)); !errors.Is(err, want) {
			t.Errorf("%v off: %v, want %v", off, err, want)
		}
	}
}

// Java signs the host without its port, and a proxy may have changed it.
func TestHosts(t *testing.T) {
	key := bytes.Repeat([]byte{1}, 32)
	for _, c := range []struct {
		signed, sent, named string
		want                error
	}{
		{"a.test:8443", "a.test:8443", "", nil},
		{"a.test", "a.test:8443", "", nil},
		{"public.test", "inside:8080", "", nil},
		{"named.test", "inside:8080", "named.test", nil},
		{"evil.test", "inside:8080", "", ErrSignature},
		{"[::1]", "[::1]:80", "", nil},
	} {
		out := httptest.NewRequest(http.MethodGet, "https://"+c.signed+"/p?q=1", nil)
		Sign(out, key, nil, now)
		in := httptest.NewRequest(http.MethodGet, "/p?q=1", nil)
		in.Host, in.Header = c.sent, out.Header
		if c.sent == "a.test:8443" {
			in.RequestURI, in.URL.Host = "http://a.test:8443/p?q=1", c.sent
		}
		if c.named != "" {
			in.Header.Set(hostHeader, c.named)
		}
		err := Verifier{Keys: [][]byte{key}, Authorities: []string{"public.test"}}.Verify(in, nil, now)
		if !errors.Is(err, c.want) {
			t.Errorf("signed for %s, sent to %s: %v", c.signed, c.sent, err)
		}
	}
}

func TestMalformed(t *testing.T) {
	v := vectors(t)[0]
	for _, auth := range []string{
		Scheme, Scheme + " ", Scheme + " Signature=x", Scheme + " SignedHeaders=host&Signature=AAAA",
		Scheme + " SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=%%%",
		Scheme + " SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=AAAA",
		Scheme + " SignedHeaders=x-ms-date;host;x-ms-content-sha256" + strings.Repeat(";a", 99) + "&Signature=AAAA",
	} {
		r := v.request()
		r.Header.Set("Authorization", auth)
		if err := (Verifier{Keys: [][]byte{v.key(t)}}).Verify(r, []byte(v.Body), now); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v", auth, err)
		}
	}
}

func FuzzVerify(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(v.Headers["authorization"], v.RequestTarget, v.Headers["host"], v.Headers["x-ms-date"])
	}
	f.Fuzz(func(t *testing.T, auth, target, host, date string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RequestURI, r.Host = target, host
		r.Header = http.Header{"Authorization": {auth}, dateHeader: {date}, hashHeader: {contentHash(nil)}}
		if err := (Verifier{Keys: [][]byte{[]byte("a key that nobody has")}}).Verify(r, nil, now); err == nil {
			t.Errorf("%q is accepted", auth)
		}
	})
}
