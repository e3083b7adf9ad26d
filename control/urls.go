package control

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// urls is where the server is reached.
type urls struct {
	self    string // where endpoints of events reach it, without a slash at its end
	content string // what the addresses of files begin with, without a slash at its end
	// hosts are those of all URLs, with a port unless it is the scheme's own.
	// Clients may sign them, and a server that trusts its machine answers to them.
	hosts []string
}

func newURLs(cfg Config) (urls, error) {
	u := urls{
		self:    strings.TrimRight(cmp.Or(cfg.PublicURL, cfg.ListenURL), "/"),
		content: strings.TrimRight(cmp.Or(cfg.ContentBaseURL, cfg.PublicURL, cfg.ListenURL), "/"),
	}
	for _, c := range [...]struct{ name, raw string }{
		{"public URL", cfg.PublicURL}, {"URL to listen at", cfg.ListenURL}, {"content base URL", cfg.ContentBaseURL},
	} {
		if c.raw == "" {
			continue
		}
		parsed, err := absoluteURL(c.raw)
		if err == nil && (parsed.RawQuery != "" || parsed.Fragment != "" || parsed.User != nil) {
			err = fmt.Errorf("%.200q is more than a scheme, a host and a path", c.raw)
		}
		if err != nil {
			return u, fmt.Errorf("control: %s: %w", c.name, err)
		}
		if host := authority(parsed); !slices.Contains(u.hosts, host) {
			u.hosts = append(u.hosts, host)
		}
	}
	return u, nil
}

// authority is what a client sends as the host when it calls a URL.
func authority(u *url.URL) string {
	if p := u.Port(); p == "443" && u.Scheme == "https" || p == "80" && u.Scheme == "http" {
		return strings.TrimSuffix(u.Host, ":"+p)
	}
	return u.Host
}

// names reports whether a request's host is one of the server's.
func (u urls) names(host string) bool {
	return slices.ContainsFunc(u.hosts, func(h string) bool { return strings.EqualFold(h, host) })
}

// contentURLs returns where clients find a chunk and its metadata, and where
// they delete both.
func (s *Server) contentURLs(documentID string) (content, metadata, del string) {
	object := s.urls.content + "/v1/objects/" + documentID
	return object + "/content/video", object + "/content/acsmetadata", object
}

// absoluteURL parses a URL of the schemes http and https with a host.
func absoluteURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%.200q is not an absolute http or https URL", raw)
	}
	return u, nil
}
