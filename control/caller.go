package control

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/callreel/callreel/ingest/whip"
	"github.com/callreel/callreel/internal/hmacauth"
	"github.com/callreel/callreel/internal/token"
)

// caller is who makes a request, found out once.
type caller struct {
	claims token.Claims
	err    error  // why the request's credentials are none
	client string // whose requests are counted together
}

type callerKey struct{}

// callerOf returns who makes a request that came through admit.
func callerOf(r *http.Request) caller {
	c, _ := r.Context().Value(callerKey{}).(caller)
	return c
}

// admit finds out who makes a request, and turns away who makes too many.
// Probes are let through: what watches over the server must hear of it.
func (s *Server) admit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := s.identify(r)
		if err := s.limits.take(c, remoteOf(r)); err != nil && !isProbe(r) {
			if strings.HasPrefix(r.URL.Path, "/whip/") {
				whip.AllowOrigins(w.Header())
			}
			found, _ := s.route(r.Method, r.URL.EscapedPath(), apiVersion(r))
			s.fail(w, r, found, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, c)))
	})
}

func isProbe(r *http.Request) bool { return r.URL.Path == "/healthz" || r.URL.Path == "/readyz" }

// identify checks the credentials of a request.
func (s *Server) identify(r *http.Request) caller {
	c := caller{client: remoteOf(r)}
	var key string
	if c.claims, key, c.err = s.verify(r); c.err == nil {
		c.client = key
	}
	return c
}

// failed reports whether there were credentials, and they were wrong.
func (c caller) failed() bool {
	return c.err != nil && !errors.Is(c.err, token.ErrMissing) && !errors.Is(c.err, hmacauth.ErrMissing)
}

// remoteOf returns the address of the other end: of IPv6 the network, as whoever
// has one address there has all of them.
func remoteOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	if addr = addr.Unmap().WithZone(""); addr.Is6() {
		network, _ := addr.Prefix(64) // of an IPv6 address there always is one
		addr = network.Addr()
	}
	return addr.String()
}

// subject names the bearer of a token: the participant in the conversation, or
// the token itself if it names nobody.
func subject(c token.Claims, tok string) string {
	if c.Participant != "" {
		return "participant " + c.Conversation + "\n" + c.Participant
	}
	return "token " + fingerprint([]byte(tok))
}

// fingerprint tells secrets apart without telling them.
func fingerprint(secret []byte) string {
	sum := sha256.Sum256(secret)
	return base64.RawStdEncoding.EncodeToString(sum[:12])
}
