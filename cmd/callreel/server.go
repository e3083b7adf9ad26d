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
	"net/url"
	"path/filepath"
	"time"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/control"
	"github.com/callreel/callreel/ingest/whip"
	"github.com/callreel/callreel/internal/certs"
	"github.com/callreel/callreel/internal/fault"
	"github.com/callreel/callreel/internal/token"
	"github.com/callreel/callreel/storage/bucket"
)

const (
	headerTimeout = 10 * time.Second // for a client to send its headers
	idleTimeout   = 2 * time.Minute  // between requests of a client
	maxHeader     = 64 << 10         // bytes

	recordingsDir = "recordings" // where finished recordings are in the data
)

// serverConfig says what a server in this process is made of. Listen, Data and
// Key are needed.
type serverConfig struct {
	Listen    string // host:port; port 0 for any
	Data      string // directory
	Key       []byte // the access key
	Storage   string // location of finished recordings; empty means in Data
	PublicURL string // where clients reach it, if not at Listen
	// TLS serves https. Nil means http.
	TLS *certs.Files
	// RequireToken wants a token of everybody, also on the loopback interface.
	RequireToken  bool
	MaxRecordings int
	Fonts         []string
	Recording     callreel.RecordingConfig
	// WHIP is how publishers connect. Its sockets are the server's from the start.
	WHIP    whip.Config
	OnEvent func(callreel.Event) // may be nil
	Log     *slog.Logger
}

// server is a whole server: engine, API, WHIP and HTTP. Close it.
type server struct {
	URL    string // where clients on this machine, or all, reach it
	Engine *callreel.Engine
	// Failed gets the error if serving ends by itself.
	Failed chan error

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
	resource, err := resourceID(cfg.Data)
	if err != nil {
		return nil, err
	}
	store, err := bucket.Open(ctx, cmp.Or(cfg.Storage, filepath.Join(cfg.Data, recordingsDir)))
	if err != nil {
		return nil, err
	}
	engine, err := callreel.New(callreel.Config{
		Storage: store, Spool: filepath.Join(cfg.Data, "spool"),
		ResourceID:    resource,
		MaxRecordings: cfg.MaxRecordings, Fonts: cfg.Fonts,
		Logger: cfg.Log, OnEvent: cfg.event,
	})
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	s, err := cfg.assemble(engine, store, addr)
	if err != nil {
		return nil, errors.Join(err, engine.Close(ctx), store.Close())
	}
	if _, err := engine.Recover(ctx); err != nil {
		cfg.Log.Error("not everything of the last run could be taken over", "error", err)
	}
	return s, nil
}

// assemble puts the API before an engine and its store.
func (cfg serverConfig) assemble(engine *callreel.Engine, store *bucket.Store, addr *net.TCPAddr) (*server, error) {
	cfg.WHIP.Loopback, cfg.WHIP.Logger = addr.IP.IsLoopback(), cfg.Log
	api, err := control.New(control.Config{
		Engine: engine, Store: store, AccessKeys: [][]byte{cfg.Key},
		TrustLoopback: !cfg.RequireToken && addr.IP.IsLoopback() && isLocal(cfg.PublicURL),
		PublicURL:     cfg.PublicURL,
		Recording:     cfg.Recording,
		WHIP:          cfg.WHIP,
		Version:       version(),
		Logger:        cfg.Log,
	})
	if err != nil {
		return nil, fault.Caller.Wrap(err)
	}
	return &server{
		URL: reachedAt(cfg.PublicURL, addr, cfg.TLS != nil), Engine: engine,
		Failed: make(chan error, 1), control: api, store: store, log: cfg.Log,
		http: &http.Server{
			Handler:           api.Handler(),
			ReadHeaderTimeout: headerTimeout,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    maxHeader,
			ErrorLog:          slog.NewLogLogger(cfg.Log.Handler(), slog.LevelDebug),
		},
	}, nil
}

// event logs what happens to recordings.
func (cfg serverConfig) event(e callreel.Event) {
	level, args := slog.LevelInfo, []any{"conversation", e.Conversation, "recording", e.Recording, "state", e.State}
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
	err := errors.Join(s.Engine.Close(ctx), s.control.Close(ctx))
	if shut := s.http.Shutdown(ctx); shut != nil {
		err = errors.Join(err, shut, s.http.Close())
	}
	return errors.Join(err, s.store.Close())
}
