package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"time"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/cluster"
	"github.com/callreel/callreel/control"
	"github.com/callreel/callreel/events"
	"github.com/callreel/callreel/ingest/whip"
	"github.com/callreel/callreel/internal/certs"
	"github.com/callreel/callreel/internal/fault"
	"github.com/callreel/callreel/internal/token"
	"github.com/callreel/callreel/internal/worker"
	"github.com/callreel/callreel/storage/bucket"
)

const (
	headerTimeout = 10 * time.Second // for a client to send its headers
	idleTimeout   = 2 * time.Minute  // between requests of a client
	maxHeader     = 64 << 10         // bytes

	// Where things are in the data.
	recordingsDir  = "recordings"
	spoolDir       = "spool"
	stateDir       = "state"
	deadLetterFile = "dead-letters.jsonl"
)

// serverConfig says what a server in this process is made of. Listen, Data and
// Keys are needed.
type serverConfig struct {
	Listen         string          // host:port; port 0 for any
	Data           string          // directory
	Keys           func() [][]byte // the access keys of the moment
	Storage        string          // location of finished recordings; empty means in Data
	PublicURL      string          // where clients reach it, if not at Listen
	ContentBaseURL string          // what the addresses of files begin with, if not that
	// TLS serves https. Nil means http.
	TLS *certs.Files
	// Dev lets whoever is on this machine publish without a token.
	Dev           bool
	RateLimit     float64               // see control.Config
	Retention     time.Duration         // likewise
	Continue      time.Duration         // its ContinueWithin
	Subscriptions []events.Subscription // that are there from the start
	// WebhookNetworks may be told of events although they are not public.
	WebhookNetworks []netip.Prefix
	Admission       int   // see control.Config
	SpoolReserve    int64 // see callreel.Config
	Fonts           []string
	Limits          callreel.Limits
	Recording       callreel.RecordingConfig
	// WHIP is how publishers connect. Its sockets are the server's from the start.
	WHIP whip.Config
	// Workers keeps each call in a process of its own. Nil means all in this one.
	Workers *workerConfig
	OnEvent func(callreel.Event) // may be nil
	Log     *slog.Logger
}

// server is a whole server: engine, API, WHIP and HTTP. Close it.
type server struct {
	URL    string // where clients on this machine, or all, reach it
	Engine *callreel.Engine
	// Failed gets the error if serving ends by itself.
	Failed chan error

	pool    *worker.Pool // nil: the engine records
	state   *cluster.Node
	control *control.Server
	store   *bucket.Store
	http    *http.Server
	log     *slog.Logger
}

// startServer starts a server, which answers when this returns.
func startServer(ctx context.Context, cfg serverConfig) (*server, error) {
	listener, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return nil, errors.Join(fault.Caller.Wrap(fmt.Errorf("listen: %w", err)), closeSockets(cfg.WHIP))
	}
	s, err := newServer(ctx, cfg, listener.Addr().(*net.TCPAddr))
	if err != nil {
		return nil, errors.Join(err, closeSockets(cfg.WHIP), listener.Close())
	}
	go func() { s.Failed <- s.serve(listener, cfg.TLS) }() // until Close
	return s, nil
}

func (s *server) serve(l net.Listener, files *certs.Files) error {
	if files == nil {
		return s.http.Serve(l)
	}
	s.http.TLSConfig = &tls.Config{GetCertificate: files.GetCertificate, MinVersion: tls.VersionTLS12}
	return s.http.ServeTLS(l, "", "")
}

// newServer makes a server, which takes over what an earlier one has left.
func newServer(ctx context.Context, cfg serverConfig, addr *net.TCPAddr) (*server, error) {
	if err := cfg.Recording.Check(); err != nil {
		return nil, err
	}
	if cfg.Dev && (!addr.IP.IsLoopback() || !isLocal(cfg.PublicURL)) {
		return nil, fault.Caller.Wrap(errors.New("--dev is for the loopback interface only: give publishers tokens"))
	}
	resource, err := resourceID(cfg.Data)
	if err != nil {
		return nil, err
	}
	store, err := bucket.Open(ctx, cfg.location())
	if err != nil {
		return nil, err
	}
	s, err := cfg.assemble(addr, resource, store)
	if err != nil {
		return nil, errors.Join(err, s.Close(ctx))
	}
	return s, nil
}

// location is where finished recordings are.
func (cfg serverConfig) location() string {
	return cmp.Or(cfg.Storage, filepath.Join(cfg.Data, recordingsDir))
}

// assemble makes the parts of a server, from the state up, and starts it. What
// it has made is in s also if it fails.
func (cfg serverConfig) assemble(addr *net.TCPAddr, resource string, store *bucket.Store) (s *server, err error) {
	s = &server{
		URL:    reachedAt(cfg.PublicURL, addr, cfg.TLS != nil),
		Failed: make(chan error, 1), store: store, log: cfg.Log,
	}
	if s.state, err = cluster.Open(cluster.Config{Dir: filepath.Join(cfg.Data, stateDir), Logger: cfg.Log}); err != nil {
		return s, err
	}
	s.Engine, err = callreel.New(callreel.Config{
		Storage: store, Spool: filepath.Join(cfg.Data, spoolDir),
		ResourceID:   resource,
		SpoolReserve: cfg.SpoolReserve, Fonts: cfg.Fonts, Limits: cfg.Limits,
		Logger:  cfg.Log,
		OnEvent: func(e callreel.Event) { cfg.observe(s, e) },
	})
	if err != nil {
		return s, err
	}
	cfg.WHIP.Loopback, cfg.WHIP.Logger = addr.IP.IsLoopback(), cfg.Log
	host, err := cfg.host(s, resource)
	if err != nil {
		return s, err
	}
	api, err := control.New(control.Config{
		Engine: s.Engine, Host: host, Store: store, Cluster: s.state, Webhooks: cfg.webhooks(), Retention: cfg.Retention, ContinueWithin: cfg.Continue,
		ResourceID: resource, CurrentKeys: cfg.Keys, TrustLoopback: cfg.Dev, RateLimit: cfg.RateLimit,
		PublicURL: cfg.PublicURL, ListenURL: reachedAt("", addr, cfg.TLS != nil), ContentBaseURL: cfg.ContentBaseURL,
		Admission: cfg.Admission, Recording: cfg.Recording,
		WHIP:    cfg.WHIP,
		Version: version(),
		Logger:  cfg.Log,
	})
	if err != nil {
		return s, fault.Caller.Wrap(err)
	}
	s.control = api
	s.http = &http.Server{
		Handler:           api.Handler(),
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(cfg.Log.Handler(), slog.LevelDebug),
	}
	return s, api.Start(context.Background())
}

// observe takes in what happens in this process, or in a worker.
func (cfg serverConfig) observe(s *server, e callreel.Event) {
	cfg.event(e)
	s.control.Observe(e)
}

// webhooks says who is told of events. A server to try things out may tell its
// own machine.
func (cfg serverConfig) webhooks() control.Webhooks {
	allow := cfg.WebhookNetworks
	if cfg.Dev {
		allow = append(slices.Clone(allow), netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"))
	}
	return control.Webhooks{
		Guard:          events.Guard{Allow: allow},
		DeadLetterFile: filepath.Join(cfg.Data, deadLetterFile),
		Subscriptions:  cfg.Subscriptions,
	}
}

// event logs what happens to recordings and in calls.
func (cfg serverConfig) event(e callreel.Event) {
	level, args := slog.LevelInfo, []any{"conversation", e.Conversation}
	if e.Recording != "" {
		args = append(args, "recording", e.Recording, "state", e.State)
	}
	if e.Participant != nil {
		args = append(args, "participant", e.Participant.ID)
	}
	if e.Chunk != nil {
		args = append(args, "document", e.Chunk.DocumentID, "duration", e.Chunk.Duration, "bytes", e.Chunk.Bytes)
	}
	if a := e.Alarm; a != nil {
		if e.Type == callreel.AlarmRaised {
			level = slog.LevelWarn
		}
		args = append(args, "alarm", a.Kind, "participant", a.Participant, "track", a.Track, "codec", a.MimeType, "position", a.Start)
	}
	if e.Err != nil {
		level, args = slog.LevelError, append(args, "error", e.Err)
	}
	cfg.Log.Log(context.Background(), level, string(e.Type), args...)
	if cfg.OnEvent != nil {
		cfg.OnEvent(e)
	}
}

// isLocal reports whether a public URL, if there is one, is of this machine only.
func isLocal(public string) bool {
	u, err := url.Parse(public)
	return public == "" || err == nil && (u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback())
}

// reachedAt returns the URL of the server: the public one, or that of its address.
func reachedAt(public string, addr *net.TCPAddr, secure bool) string {
	if public != "" {
		return public
	}
	scheme := "http"
	if secure {
		scheme = "https"
	}
	if addr.IP.IsUnspecified() {
		return fmt.Sprintf("%s://localhost:%d", scheme, addr.Port)
	}
	return scheme + "://" + addr.String()
}

// Token makes a token that the server accepts.
func (s *server) Token(c token.Claims) (string, error) { return s.control.Sign(c) }

// Close finishes the recordings, which can still be asked for meanwhile, then
// disconnects the publishers, then waits for downloads and ends the HTTP server.
// What is not done when ctx ends is cut off, and an error.
func (s *server) Close(ctx context.Context) error {
	var errs []error
	if s.pool != nil {
		errs = append(errs, s.pool.Close(ctx))
	}
	if s.Engine != nil {
		errs = append(errs, s.Engine.Close(ctx))
	}
	if s.control != nil {
		errs = append(errs, s.control.Close(ctx))
	}
	if s.http != nil {
		if err := s.http.Shutdown(ctx); err != nil {
			errs = append(errs, err, s.http.Close())
		}
	}
	if s.state != nil {
		errs = append(errs, s.state.Close())
	}
	return errors.Join(append(errs, s.store.Close())...)
}
