package events

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"syscall"
	"time"

	"github.com/callreel/callreel/internal/fault"
)

// ErrBlocked is the error of a call to an address that may not be called.
var ErrBlocked = errors.New("events: the address is not public, and not allowed by the configuration")

// Guard keeps whoever may name a URL from reaching what is behind this server's
// firewall (SSRF). An address is judged when it is connected to, so a name that
// resolves to another one by then gains nothing. Redirects are not followed and
// proxies not used.
type Guard struct {
	// Allow are the networks that may be called although they are not public,
	// such as 127.0.0.0/8 or 10.1.0.0/16. Only there is http allowed: elsewhere
	// it must be https.
	Allow []netip.Prefix
}

// special are networks beside the private, loopback and link-local ones that
// are not of the public internet, or lead back into others (IANA's registries
// of special-purpose addresses, RFC 6890).
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("192.88.99.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"),
	netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("100::/64"),
	netip.MustParsePrefix("2001::/23"),
	netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("3fff::/20"),
	netip.MustParsePrefix("fec0::/10"),
}

// allows reports whether an address may be called, over http or https.
func (g Guard) allows(a netip.Addr, scheme string) bool {
	a = a.Unmap().WithZone("")
	in := func(p netip.Prefix) bool { return p.Contains(a) }
	if slices.ContainsFunc(g.Allow, in) {
		return true
	}
	public := a.IsGlobalUnicast() && !a.IsPrivate() && !a.IsLoopback() && !slices.ContainsFunc(special, in)
	return public && scheme == "https"
}

// checkURL finds what is wrong with the address of a webhook before it is called.
func (g Guard) checkURL(raw string) error {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return invalid("the endpoint is not an absolute http or https URL")
	}
	if a, err := netip.ParseAddr(u.Hostname()); err == nil && !g.allows(a, u.Scheme) {
		return invalid("the endpoint: %w", ErrBlocked)
	}
	if u.Scheme == "http" && len(g.Allow) == 0 {
		return invalid("the endpoint must be https: http is for networks that the configuration allows")
	}
	return nil
}

// invalid is an error for who gave the argument.
func invalid(format string, args ...any) error {
	return fault.Caller.Wrap(fmt.Errorf("events: "+format, args...))
}

const (
	attemptTimeout = 30 * time.Second
	dialTimeout    = 10 * time.Second
	maxHeader      = 64 << 10 // bytes of an answer
	maxAnswer      = 64 << 10 // bytes of an answer that are read
)

// transport connects to what the guard allows for that scheme.
func (g Guard) transport(scheme string) *http.Transport {
	dialer := &net.Dialer{
		Timeout: dialTimeout,
		// Control sees the address that is about to be connected to, after the
		// name was resolved.
		Control: func(_, address string, _ syscall.RawConn) error {
			a, err := netip.ParseAddrPort(address)
			if err != nil || !g.allows(a.Addr(), scheme) {
				return fmt.Errorf("%w: %s", ErrBlocked, address)
			}
			return nil
		},
	}
	return &http.Transport{
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    dialTimeout,
		ResponseHeaderTimeout:  attemptTimeout,
		MaxResponseHeaderBytes: maxHeader,
		MaxIdleConnsPerHost:    2,
		IdleConnTimeout:        time.Minute,
		DisableCompression:     true,
	}
}

// guarded sends requests through the transport of their scheme.
type guarded map[string]*http.Transport

func (g Guard) roundTripper() guarded {
	return guarded{"http": g.transport("http"), "https": g.transport("https")}
}

func (g guarded) RoundTrip(r *http.Request) (*http.Response, error) {
	t := g[r.URL.Scheme]
	if t == nil {
		return nil, fmt.Errorf("events: no transport for %q", r.URL.Scheme)
	}
	return t.RoundTrip(r)
}

// CloseIdleConnections is for http.Client.
func (g guarded) CloseIdleConnections() {
	for _, t := range g {
		t.CloseIdleConnections()
	}
}

// newClient makes requests through t and takes a redirect for the answer.
func newClient(t http.RoundTripper) *http.Client {
	return &http.Client{
		Transport:     t,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
