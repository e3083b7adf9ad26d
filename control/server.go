package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/control/page"
	"github.com/callreel/callreel/ingest/whip"
	"github.com/callreel/callreel/internal/token"
	"github.com/callreel/callreel/storage"
)

// Config says how a Server works. Engine, Store and AccessKeys are needed.
type Config struct {
	// Engine holds the calls and records them. The server does not close it.
	Engine *callreel.Engine
	// Store is where the engine keeps finished files.
	Store storage.Store
	// AccessKeys are the secrets that tokens are derived from, see
	// token.DeriveKey. Any is good, so that keys can be changed.
	AccessKeys [][]byte
	// TrustLoopback is for a server that listens on the loopback interface only:
	// who can reach it may publish without a token, under the names in the query.
	// Requests that come by way of another site or a proxy are kept out.
	TrustLoopback bool
	// PublicURL is where clients reach the server, if that is not where it
	// listens: scheme and host. Optional.
	PublicURL string
	// Recording is how recordings are made; Conversation and ID are set for each.
	Recording callreel.RecordingConfig
	// WHIP is how publishers connect; Sink and Authorize are the server's.
	WHIP whip.Config
	// Version is shown on the index page. Optional.
	Version string
	// Logger receives a record for each request and what goes wrong. Nil means none.
	Logger *slog.Logger
}

// Server answers the requests. Its methods are safe for concurrent use.
type Server struct {
	cfg    Config
	log    *slog.Logger
	tokens token.Signer
	whip   *whip.Server
	page   http.Handler
	routes []endpoint
	public *url.URL // nil without Config.PublicURL

	mu      sync.Mutex
	origins map[string]origin // of recordings that may still run, by ID
}

// New checks the configuration and prepares a server. Like whip.New it leaves
// the sockets in cfg.WHIP to the caller if it fails.
func New(cfg Config) (*Server, error) {
	if cfg.Engine == nil || cfg.Store == nil {
		return nil, errors.New("control: Engine and Store are needed")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{cfg: cfg, log: cfg.Logger, page: page.Handler(), routes: routes(), origins: make(map[string]origin)}
	if err := s.setKeys(cfg.AccessKeys); err != nil {
		return nil, err
	}
	if err := s.setPublicURL(cfg.PublicURL); err != nil {
		return nil, err
	}
	cfg.WHIP.Sink, cfg.WHIP.Authorize = s.sink, s.publisher
	var err error
	if s.whip, err = whip.New(cfg.WHIP); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Server) setKeys(accessKeys [][]byte) error {
	if len(accessKeys) == 0 {
		return errors.New("control: AccessKeys are needed")
	}
	for _, k := range accessKeys {
		derived, err := token.DeriveKey(k)
		if err != nil {
			return fmt.Errorf("control: access key: %w", err)
		}
		s.tokens.Keys = append(s.tokens.Keys, derived)
	}
	return nil
}

func (s *Server) setPublicURL(raw string) error {
	if raw == "" {
		return nil
	}
	u, err := absoluteURL(raw)
	if err != nil {
		return fmt.Errorf("control: public URL: %w", err)
	}
	s.public = u
	return nil
}

// absoluteURL parses a URL of the schemes http and https with a host.
func absoluteURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%.200q is not an absolute http or https URL", raw)
	}
	return u, nil
}

// Sign makes a token that the server accepts.
func (s *Server) Sign(c token.Claims) (string, error) { return s.tokens.Sign(c) }

// Handler answers every request of the API. Its caller limits how long clients
// may take to send headers, and must not limit how long an answer may take, as
// it can be gigabytes.
func (s *Server) Handler() http.Handler {
	return s.observe(s.guard(s.buffer(http.HandlerFunc(s.dispatch))))
}

// Close disconnects all publishers and waits for that until ctx ends. To have
// recordings finish first, close the engine before.
func (s *Server) Close(ctx context.Context) error { return s.whip.Close(ctx) }
