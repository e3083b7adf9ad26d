package token

import (
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	// keySize is the length of a derived key: that of the hash, as RFC 7518,
	// section 3.2, asks for.
	keySize = sha256.Size
	// keyLabel keeps the keys of tokens apart from every other use of an access key.
	keyLabel = "callreel token HS256 v1"
)

// DeriveKey makes the key of a [Signer] from an access key with HKDF (RFC 5869),
// so that a token and a request signed with the access key itself never share a
// key. It fails for an empty access key.
func DeriveKey(accessKey []byte) ([]byte, error) {
	if len(accessKey) == 0 {
		return nil, errors.New("token: empty access key")
	}
	return hkdf.Key(sha256.New, accessKey, nil, keyLabel, keySize)
}

// Signer signs and verifies tokens. Its methods are safe for concurrent use as
// long as the fields stay the same.
type Signer struct {
	// Keys are secrets of at least 32 bytes, such as those of DeriveKey. The
	// first signs and any verifies, so that keys can be rotated.
	Keys [][]byte
	// Issuer is the iss claim that is written and asked for. Empty means DefaultIssuer.
	Issuer string
	// Now tells the time. Nil means time.Now.
	Now func() time.Time
}

// Sign returns a token that says c. It fails with [ErrMalformed] if c would not
// be accepted.
func (s Signer) Sign(c Claims) (string, error) {
	if err := s.check(); err != nil {
		return "", err
	}
	if err := c.check(); err != nil {
		return "", err
	}
	now := s.now()
	if c.Expires.IsZero() {
		c.Expires = now.Add(DefaultLifetime)
	}
	scopes := make([]string, len(c.Scopes))
	for i, sc := range c.Scopes {
		scopes[i] = string(sc)
	}
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, payload{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    s.issuer(),
			Subject:   c.Participant,
			IssuedAt:  jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(c.Expires),
		},
		Scope:        strings.Join(scopes, " "),
		Conversation: c.Conversation,
		Name:         c.Name,
		Role:         c.Role,
	}).SignedString(s.Keys[0])
	if err == nil && len(signed) > MaxSize {
		return "", fmt.Errorf("%w: more than %d bytes", ErrMalformed, MaxSize)
	}
	return signed, err
}

// Verify returns what a token says if one of the keys signed it with HS256, its
// issuer is the signer's and it is in its time: exp is needed, nbf and iat are
// kept if there, without leeway. The error is [ErrMissing], [ErrMalformed],
// [ErrSignature], [ErrExpired] or [ErrNotYetValid].
func (s Signer) Verify(tok string) (Claims, error) {
	switch {
	case tok == "":
		return Claims{}, ErrMissing
	case len(tok) > MaxSize:
		return Claims{}, fmt.Errorf("%w: more than %d bytes", ErrMalformed, MaxSize)
	}
	if err := s.check(); err != nil {
		return Claims{}, err
	}
	var p payload
	_, err := jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithIssuer(s.issuer()),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithStrictDecoding(),
		jwt.WithTimeFunc(s.now),
	).ParseWithClaims(tok, &p, s.keys)
	if err != nil {
		return Claims{}, classify(err)
	}
	c := p.claims()
	return c, c.check()
}

// keys offers every key for a token whose header asks for nothing that is not
// understood (RFC 7515, section 4.1.11).
func (s Signer) keys(t *jwt.Token) (any, error) {
	if _, ok := t.Header["crit"]; ok {
		return nil, fmt.Errorf("%w: critical header", ErrMalformed)
	}
	set := jwt.VerificationKeySet{}
	for _, k := range s.Keys {
		set.Keys = append(set.Keys, k)
	}
	return set, nil
}

func (s Signer) check() error {
	if len(s.Keys) == 0 {
		return errors.New("token: no key")
	}
	for _, k := range s.Keys {
		if len(k) < keySize {
			return fmt.Errorf("token: key shorter than %d bytes", keySize)
		}
	}
	return nil
}

func (s Signer) issuer() string {
	if s.Issuer == "" {
		return DefaultIssuer
	}
	return s.Issuer
}

func (s Signer) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

// classify maps the errors of the JWT library to those of this package.
func classify(err error) error {
	for _, m := range []struct{ from, to error }{
		{jwt.ErrTokenMalformed, ErrMalformed},
		{ErrMalformed, ErrMalformed},
		{jwt.ErrTokenSignatureInvalid, ErrSignature},
		{jwt.ErrTokenInvalidIssuer, ErrSignature},
		{jwt.ErrTokenExpired, ErrExpired},
		{jwt.ErrTokenNotValidYet, ErrNotYetValid},
		{jwt.ErrTokenUsedBeforeIssued, ErrNotYetValid},
	} {
		if errors.Is(err, m.from) {
			return m.to
		}
	}
	return fmt.Errorf("%w: %w", ErrMalformed, err)
}
