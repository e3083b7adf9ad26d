package token_test

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/callreel/callreel/internal/token"
	"github.com/golang-jwt/jwt/v5"
)

var (
	epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	key   = bytes.Repeat([]byte{1}, 32)
	old   = bytes.Repeat([]byte{2}, 32)
)

func at(t time.Time) func() time.Time { return func() time.Time { return t } }

func ann() token.Claims {
	return token.Claims{
		Scopes:       []token.Scope{token.Publish, token.Read},
		Conversation: "room/1",
		Participant:  "ann",
		Name:         "Ann Ä.",
		Role:         token.Screen,
		Expires:      epoch.Add(time.Minute),
	}
}

func TestSignAndVerify(t *testing.T) {
	s := token.Signer{Keys: [][]byte{key, old}, Now: at(epoch)}
	tok, err := s.Sign(ann())
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Verify(tok)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, ann()) {
		t.Errorf("got %+v, want %+v", got, ann())
	}
}

func TestDefaultLifetime(t *testing.T) {
	s := token.Signer{Keys: [][]byte{key}, Now: at(epoch)}
	tok, err := s.Sign(token.Claims{Scopes: []token.Scope{token.Control}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Verify(tok)
	if err != nil || !got.Expires.Equal(epoch.Add(token.DefaultLifetime)) {
		t.Errorf("expires %v, %v", got.Expires, err)
	}
}

func TestRotation(t *testing.T) {
	tok, err := token.Signer{Keys: [][]byte{old}, Now: at(epoch)}.Sign(ann())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (token.Signer{Keys: [][]byte{key, old}, Now: at(epoch)}).Verify(tok); err != nil {
		t.Errorf("with the old key second: %v", err)
	}
	if _, err := (token.Signer{Keys: [][]byte{key}, Now: at(epoch)}).Verify(tok); !errors.Is(err, token.ErrSignature) {
		t.Errorf("without the old key: %v", err)
	}
}

// forge signs claims that Sign would not.
func forge(t *testing.T, m jwt.SigningMethod, k any, header map[string]any, claims jwt.MapClaims) string {
	t.Helper()
	tok := jwt.NewWithClaims(m, claims)
	for name, v := range header {
		tok.Header[name] = v
	}
	s, err := tok.SignedString(k)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func with(changes jwt.MapClaims) jwt.MapClaims {
	m := jwt.MapClaims{
		"iss": token.DefaultIssuer, "sub": "ann", "scope": "publish",
		"conversation": "room/1", "exp": epoch.Unix() + 60,
	}
	for k, v := range changes {
		if v == nil {
			delete(m, k)
			continue
		}
		m[k] = v
	}
	return m
}

func TestVerifyRefuses(t *testing.T) {
	hs := jwt.SigningMethodHS256
	good := forge(t, hs, key, nil, with(nil))
	for name, c := range map[string]struct {
		tok  string
		want error
	}{
		"good":            {good, nil},
		"empty":           {"", token.ErrMissing},
		"too long":        {strings.Repeat("a", token.MaxSize+1), token.ErrMalformed},
		"two parts":       {good[:strings.LastIndexByte(good, '.')], token.ErrMalformed},
		"no base64":       {"?." + good, token.ErrMalformed},
		"changed":         {good[:len(good)-8] + "AAAAAAAA", token.ErrSignature},
		"alg none":        {forge(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil, with(nil)), token.ErrSignature},
		"HS512":           {forge(t, jwt.SigningMethodHS512, key, nil, with(nil)), token.ErrSignature},
		"critical":        {forge(t, hs, key, map[string]any{"crit": []string{"b64"}}, with(nil)), token.ErrMalformed},
		"other issuer":    {forge(t, hs, key, nil, with(jwt.MapClaims{"iss": "other"})), token.ErrSignature},
		"expired":         {forge(t, hs, key, nil, with(jwt.MapClaims{"exp": epoch.Unix()})), token.ErrExpired},
		"no exp":          {forge(t, hs, key, nil, with(jwt.MapClaims{"exp": nil})), token.ErrMalformed},
		"exp text":        {forge(t, hs, key, nil, with(jwt.MapClaims{"exp": "soon"})), token.ErrMalformed},
		"not yet":         {forge(t, hs, key, nil, with(jwt.MapClaims{"nbf": epoch.Unix() + 1})), token.ErrNotYetValid},
		"issued later":    {forge(t, hs, key, nil, with(jwt.MapClaims{"iat": epoch.Unix() + 1})), token.ErrNotYetValid},
		"no scope":        {forge(t, hs, key, nil, with(jwt.MapClaims{"scope": " "})), token.ErrMalformed},
		"unknown scope":   {forge(t, hs, key, nil, with(jwt.MapClaims{"scope": "root"})), token.ErrMalformed},
		"unknown role":    {forge(t, hs, key, nil, with(jwt.MapClaims{"role": "king"})), token.ErrMalformed},
		"no conversation": {forge(t, hs, key, nil, with(jwt.MapClaims{"conversation": nil})), token.ErrMalformed},
		"no subject":      {forge(t, hs, key, nil, with(jwt.MapClaims{"sub": nil})), token.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := token.Signer{Keys: [][]byte{key}, Now: at(epoch)}.Verify(c.tok)
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestSignRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		keys [][]byte
		edit func(*token.Claims)
	}{
		"no key":         {nil, func(*token.Claims) {}},
		"short key":      {[][]byte{key[:31]}, func(*token.Claims) {}},
		"no scope":       {[][]byte{key}, func(c *token.Claims) { c.Scopes = nil }},
		"no participant": {[][]byte{key}, func(c *token.Claims) { c.Participant = "" }},
		"unknown role":   {[][]byte{key}, func(c *token.Claims) { c.Role = "king" }},
		"too long":       {[][]byte{key}, func(c *token.Claims) { c.Name = strings.Repeat("x", token.MaxSize) }},
	} {
		t.Run(name, func(t *testing.T) {
			claims := ann()
			c.edit(&claims)
			if tok, err := (token.Signer{Keys: c.keys}).Sign(claims); err == nil {
				t.Errorf("signed %q", tok)
			}
		})
	}
}

func TestAllow(t *testing.T) {
	everywhere := token.Claims{Scopes: []token.Scope{token.Control}}
	for _, c := range []struct {
		claims       token.Claims
		scope        token.Scope
		conversation string
		want         error
	}{
		{ann(), token.Publish, "room/1", nil},
		{ann(), token.Read, "room/1", nil},
		{ann(), token.Control, "room/1", token.ErrScope},
		{ann(), token.Publish, "room/2", token.ErrConversation},
		{ann(), token.Publish, "", token.ErrConversation},
		{everywhere, token.Control, "room/2", nil},
		{token.Claims{}, token.Read, "", token.ErrScope},
	} {
		if err := c.claims.Allow(c.scope, c.conversation); !errors.Is(err, c.want) {
			t.Errorf("%v in %q: got %v, want %v", c.scope, c.conversation, err, c.want)
		}
	}
}

func TestFromHeader(t *testing.T) {
	for header, want := range map[string]error{
		"Bearer abc":    nil,
		"bearer  abc":   nil,
		"":              token.ErrMissing,
		"Basic abc":     token.ErrMissing,
		"Bearer":        token.ErrMalformed,
		"Bearer a b":    token.ErrMalformed,
		"Bearer a, b=c": token.ErrMalformed,
	} {
		tok, err := token.FromHeader(header)
		if !errors.Is(err, want) || (want == nil) != (tok == "abc") {
			t.Errorf("%q: got %q, %v", header, tok, err)
		}
	}
}

func TestDeriveKey(t *testing.T) {
	a, err := token.DeriveKey([]byte("access key"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := token.DeriveKey([]byte("access kez"))
	if err != nil {
		t.Fatal(err)
	}
	if len(a) != 32 || bytes.Equal(a, b) || bytes.Contains(a, []byte("access")) {
		t.Errorf("keys %x and %x", a, b)
	}
	if _, err := token.DeriveKey(nil); err == nil {
		t.Error("an empty access key is accepted")
	}
}

func FuzzVerify(f *testing.F) {
	s := token.Signer{Keys: [][]byte{key, old}, Now: at(epoch)}
	tok, err := s.Sign(ann())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(tok)
	f.Add("..")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Fuzz(func(t *testing.T, in string) {
		c, err := s.Verify(in)
		if err == nil && !reflect.DeepEqual(c, ann()) {
			t.Errorf("%q is accepted as %+v", in, c)
		}
	})
}

func Example() {
	key, err := token.DeriveKey([]byte("the access key of the server"))
	if err != nil {
		panic(err)
	}
	s := token.Signer{Keys: [][]byte{key}}
	tok, err := s.Sign(token.Claims{
		Scopes:       []token.Scope{token.Publish},
		Conversation: "room-1",
		Participant:  "ann",
	})
	if err != nil {
		panic(err)
	}
	c, err := s.Verify(tok)
	if err != nil {
		panic(err)
	}
	fmt.Println(c.Participant, c.Allow(token.Publish, "room-1"), c.Allow(token.Publish, "room-2"))
	// Output: ann <nil> token: for another conversation
}
