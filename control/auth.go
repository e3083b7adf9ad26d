package control

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/ingest/whip"
	"github.com/callreel/callreel/internal/hmacauth"
	"github.com/callreel/callreel/internal/token"
)

// authorize checks the token of a request, where the call needs one.
func (s *Server) authorize(r *http.Request, c call) (token.Claims, error) {
	if len(c.scopes) == 0 || (c.verb == showCall || c.verb == showMetrics) && s.tokenless(r) {
		return token.Claims{}, nil
	}
	from := callerOf(r)
	claims, err := from.claims, from.err
	if err != nil {
		return claims, err
	}
	conversation := c.conversation
	if conversation == "" { // the call is about several, or it is not known yet which
		conversation = claims.Conversation
	}
	for _, scope := range c.scopes {
		if err = claims.Allow(scope, conversation); err == nil || errors.Is(err, token.ErrConversation) {
			return claims, err
		}
	}
	return claims, err
}

// verify returns what the credentials of a request allow, the conversation in
// canonical form, and a name for who has them.
func (s *Server) verify(r *http.Request) (claims token.Claims, client string, err error) {
	auth := r.Header.Values("Authorization")
	if len(auth) > 1 {
		return claims, "", fmt.Errorf("%w: there are several Authorization headers", token.ErrMalformed)
	}
	access, signer := s.keys.now()
	if scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " "); strings.EqualFold(scheme, hmacauth.Scheme) {
		return s.verifySignature(r, access)
	}
	tok, err := token.FromHeader(r.Header.Get("Authorization"))
	if err != nil {
		return claims, "", err
	}
	if claims, err = signer.Verify(tok); err != nil {
		return claims, "", err
	}
	if claims.Conversation != "" {
		if claims.Conversation, err = canonicalID(claims.Conversation); err != nil {
			return claims, "", fmt.Errorf("%w: %w", token.ErrMalformed, err)
		}
	}
	return claims, subject(claims, tok), nil
}

// verifySignature checks a request that is signed with an access key, whose
// owner may do everything but publish as somebody.
func (s *Server) verifySignature(r *http.Request, keys [][]byte) (claims token.Claims, client string, err error) {
	body, err := io.ReadAll(r.Body) // it is in memory: see buffer
	if err != nil {
		return claims, "", err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	for _, key := range keys {
		v := hmacauth.Verifier{Keys: [][]byte{key}, Authorities: s.urls.hosts}
		if err = v.Verify(r, body, time.Now()); err == nil {
			return token.Claims{Scopes: []token.Scope{token.Control, token.Read}}, "key " + fingerprint(key), nil
		}
	}
	return claims, "", err
}

// isOf reports whether the call may be about a recording of that conversation.
func (c call) isOf(conversation string) bool {
	return (c.conversation == "" || c.conversation == conversation) && c.sees(conversation)
}

// sees reports whether the call's token is good for a conversation.
func (c call) sees(conversation string) bool {
	return c.claims.Conversation == "" || c.claims.Conversation == conversation
}

// access is the host's [Access].
func (s *Server) access(r *http.Request, conversation string) (canonical string, g whip.Grant, err error) {
	if g, err = s.publisher(r, conversation); err != nil {
		return "", g, err
	}
	if canonical, err = canonicalID(conversation); err != nil {
		err = fmt.Errorf("%w: %w", whip.ErrNotFound, err)
	}
	return canonical, g, err
}

// publisher says who publishes into a conversation: for WHIP.
func (s *Server) publisher(r *http.Request, conversation string) (whip.Grant, error) {
	if s.tokenless(r) {
		q := r.URL.Query()
		return grant(q.Get("participant"), q.Get("name"), q.Get("role"))
	}
	from := callerOf(r)
	claims, err := from.claims, from.err
	if err != nil {
		return whip.Grant{}, fmt.Errorf("%w: %w", whip.ErrUnauthorized, err)
	}
	canonical, err := canonicalID(conversation)
	if err == nil {
		err = claims.Allow(token.Publish, canonical)
	}
	if err != nil {
		return whip.Grant{}, fmt.Errorf("%w: %w", whip.ErrForbidden, err)
	}
	return grant(claims.Participant, claims.Name, string(claims.Role))
}

func grant(participant, name, role string) (whip.Grant, error) {
	g := whip.Grant{Participant: ingest.Participant{ID: participant, Name: name}}
	switch token.Role(role) {
	case "", token.Camera:
	case token.Screen:
		g.Role = ingest.Screen
	default:
		return g, fmt.Errorf("%w: the role is neither camera nor screen", whip.ErrForbidden)
	}
	return g, nil
}

// tokenless reports whether a request may do without a token: it has none, and
// the server can be sure that it comes from this machine and not through a proxy.
func (s *Server) tokenless(r *http.Request) bool {
	if !s.cfg.TrustLoopback || r.Header.Get("Authorization") != "" {
		return false
	}
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"} {
		if r.Header.Get(name) != "" {
			return false
		}
	}
	return true
}

// guard protects a server that trusts its machine from web pages that this
// machine's browsers show: one may have its name resolve to the loopback address
// (DNS rebinding), or send a request that changes something (CSRF).
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.foreign(r); s.cfg.TrustLoopback && err != nil {
			s.refuse(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// foreign says why a request is not one of this machine's own.
func (s *Server) foreign(r *http.Request) error {
	forbidden := func(message string) error {
		return &problem{status: http.StatusForbidden, code: codeForbidden, message: message}
	}
	if !isLoopback(r.Host) && !s.urls.names(r.Host) {
		return forbidden("the host is not this machine's loopback address: give the server a public URL")
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return nil
	}
	origin := r.Header.Get("Origin")
	if origin == "" || r.Header.Get("Authorization") != "" {
		return nil
	}
	if u, err := url.Parse(origin); err != nil || !strings.EqualFold(u.Host, r.Host) {
		return forbidden("the request comes from a page of another origin and has no token")
	}
	return nil
}

// isLoopback reports whether a host, with or without a port, is of this machine only.
func isLoopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
