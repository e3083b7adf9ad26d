// Package token signs and verifies the short-lived bearer tokens that let a
// participant publish, and a program control or read recordings. A token is a
// JSON Web Token (RFC 7519) signed with HMAC SHA-256 (RFC 7515, HS256).
//
// The package keeps no list of tokens: one cannot be revoked before it expires,
// except by taking its key out of [Signer]. It knows nothing of HTTP but the
// form of a bearer header.
package token

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Limits and defaults.
const (
	// MaxSize is the length in bytes above which a token is not looked at.
	MaxSize = 8 << 10
	// DefaultLifetime is how long a token lasts that says nothing else.
	DefaultLifetime = time.Hour
	// DefaultIssuer is the iss claim of a Signer that names none.
	DefaultIssuer = "callreel"
)

// The errors of [Signer.Verify], [Claims.Allow] and [FromHeader].
var (
	ErrMissing      = errors.New("token: missing")
	ErrMalformed    = errors.New("token: malformed")
	ErrSignature    = errors.New("token: signature or issuer not known")
	ErrExpired      = errors.New("token: expired")
	ErrNotYetValid  = errors.New("token: not valid yet")
	ErrScope        = errors.New("token: scope not granted")
	ErrConversation = errors.New("token: for another conversation")
)

// Scope is a thing that a token allows.
type Scope string

// The scopes.
const (
	Publish Scope = "publish" // send media into one conversation as one participant
	Control Scope = "control" // start, pause, resume and stop recordings
	Read    Scope = "read"    // see the state of recordings and fetch them
)

// Role says what a publisher shows.
type Role string

// The roles. An empty role is a camera's.
const (
	Camera Role = "camera"
	Screen Role = "screen"
)

// Claims is what a token says.
type Claims struct {
	// Scopes are what the token allows; at least one.
	Scopes []Scope
	// Conversation limits the token to one conversation. Empty means every
	// one, which a token to publish must not say.
	Conversation string
	// Participant is the subject: who publishes, or who controls.
	Participant string
	// Name is shown on the participant's tile. Optional.
	Name string
	// Role is what the participant publishes.
	Role Role
	// Expires is when the token ends, in whole seconds. The zero time means
	// DefaultLifetime from now.
	Expires time.Time
}

// Allow reports whether the token grants the scope in the conversation: nil,
// [ErrScope] or [ErrConversation].
func (c Claims) Allow(s Scope, conversation string) error {
	if !slices.Contains(c.Scopes, s) {
		return fmt.Errorf("%w: %s", ErrScope, s)
	}
	if c.Conversation != "" && c.Conversation != conversation {
		return ErrConversation
	}
	return nil
}

func (c Claims) check() error {
	if len(c.Scopes) == 0 {
		return fmt.Errorf("%w: no scope", ErrMalformed)
	}
	for _, s := range c.Scopes {
		if s != Publish && s != Control && s != Read {
			return fmt.Errorf("%w: scope %q", ErrMalformed, s)
		}
	}
	if c.Role != "" && c.Role != Camera && c.Role != Screen {
		return fmt.Errorf("%w: role %q", ErrMalformed, c.Role)
	}
	if slices.Contains(c.Scopes, Publish) && (c.Conversation == "" || c.Participant == "") {
		return fmt.Errorf("%w: publishing needs a conversation and a participant", ErrMalformed)
	}
	return nil
}

// FromHeader returns the token of an Authorization header of the form "Bearer
// token" (RFC 6750, section 2.1), [ErrMissing] or [ErrMalformed].
func FromHeader(authorization string) (string, error) {
	scheme, tok, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", ErrMissing
	}
	if tok = strings.TrimSpace(tok); tok == "" || strings.ContainsAny(tok, " \t,") {
		return "", ErrMalformed
	}
	return tok, nil
}

// payload is the JSON of a token. The scope claim is a space-separated list, as
// in RFC 8693, section 4.2.
type payload struct {
	jwt.RegisteredClaims
	Scope        string `json:"scope"`
	Conversation string `json:"conversation,omitempty"`
	Name         string `json:"name,omitempty"`
	Role         Role   `json:"role,omitempty"`
}

func (p payload) claims() Claims {
	c := Claims{
		Conversation: p.Conversation,
		Participant:  p.Subject,
		Name:         p.Name,
		Role:         p.Role,
		Expires:      p.ExpiresAt.UTC(),
	}
	for s := range strings.FieldsSeq(p.Scope) {
		c.Scopes = append(c.Scopes, Scope(s))
	}
	return c
}
