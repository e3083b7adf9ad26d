package control

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/cluster"
	"github.com/callreel/callreel/control/page"
	"github.com/callreel/callreel/events"
	"github.com/callreel/callreel/ingest/whip"
	"github.com/callreel/callreel/internal/cpu"
	"github.com/callreel/callreel/internal/token"
	"github.com/callreel/callreel/storage"
)

// Config says how a Server works. Engine, Store, Cluster and access keys are
// needed.
type Config struct {
	// Engine holds the calls and records them, unless there is a Host; then it takes
	// over what earlier runs have left. Its OnEvent must be the server's
	// [Server.Observe], or call it. The server does not close the engine.
	Engine *callreel.Engine
	// Host, where not nil, holds the calls and records them instead of Engine, with
	// the same Store and spool. What it tells goes to Observe likewise.
	Host Host
	// Store is where the engine keeps finished files.
	Store storage.Store
	// Cluster keeps what must outlive the server. The server does not close it.
	Cluster *cluster.Node
	// Webhooks says who is told of events.
	Webhooks Webhooks
	// Retention is how long files are kept after a recording has ended. Zero
	// means DefaultRetention; negative means for ever.
	Retention time.Duration
	// ContinueWithin lets recordings go on at the start that an earlier run was
	// making until then, if they wrote something within that time. Zero means
	// DefaultContinueWithin; negative means that they end.
	ContinueWithin time.Duration
	// ResourceID names this installation in events. Optional.
	ResourceID string
	// AccessKeys are the secrets that sign requests and that tokens are derived
	// from, see token.DeriveKey. Any is good, so that keys can be rotated; the
	// first one signs.
	AccessKeys [][]byte
	// CurrentKeys, where not nil, returns the access keys of the moment instead
	// of AccessKeys. It is asked for each request.
	CurrentKeys func() [][]byte
	// TrustLoopback is for a server that listens on the loopback interface only:
	// who can reach it may publish without a token, under the names in the query.
	// Requests that come by way of another site or a proxy are kept out.
	TrustLoopback bool
	// PublicURL is where clients reach the server, if that is not where it
	// listens: scheme and host. Optional.
	PublicURL string
	// ListenURL is where the server listens, for the addresses of files if there
	// is no PublicURL.
	ListenURL string
	// ContentBaseURL is what the addresses of files begin with, if that is not
	// where clients reach the server: some SDKs fetch files from certain domains
	// only. Optional.
	ContentBaseURL string
	// RateLimit is how many requests a client may make each second, twice as
	// many at once; a tenth of that with wrong credentials. Zero means
	// DefaultRateLimit; negative means no limit.
	RateLimit float64
	// Admission says how many recordings may run. Zero means as many as measured
	// cost leaves room for; a positive number means that many; a negative one
	// means no bound but the engine's. Those that go on after a crash always may.
	Admission int
	// Recording is how recordings are made; Conversation and ID are set for each.
	Recording callreel.RecordingConfig
	// WHIP is how publishers connect, if there is no Host; Sink and Authorize are the
	// server's.
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
	keys   *keyring
	limits *limits // nil: none
	host   Host
	whip   http.Handler
	page   http.Handler
	routes []endpoint
	urls   urls

	// From Start on.
	index  *index
	events *events.Service
	calls  *calls

	cores      func() float64 // that the server may use
	refused    atomic.Int64   // starts for which there was no room
	starting   chan struct{}  // filled while a recording is started and its record made
	feed       *feed
	unsettled  map[string]bool // recordings of an earlier run whose end is not clear yet; Start's, then the sweeper's
	background sync.WaitGroup  // deals with the feed
	sweeper    sync.WaitGroup
	stop       context.CancelFunc // ends both

	readiness *readiness
	metrics   *metrics
	openAPI   []byte // the description of the API
}

// New checks the configuration and prepares a server, which must be started
// before it can answer requests. Like whip.New it leaves
// the sockets in cfg.WHIP to the caller if it fails.
func New(cfg Config) (*Server, error) {
	if cfg.Engine == nil || cfg.Store == nil || cfg.Cluster == nil {
		return nil, errors.New("control: Engine, Store and Cluster are needed")
	}
	if cfg.Retention == 0 {
		cfg.Retention = DefaultRetention
	}
	if cfg.ContinueWithin == 0 {
		cfg.ContinueWithin = DefaultContinueWithin
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{
		cfg: cfg, log: cfg.Logger, page: page.Handler(), routes: routes(), host: cfg.Host,
		cores: cpu.Cores, limits: newLimits(cfg.RateLimit), feed: newFeed(), unsettled: make(map[string]bool),
		starting: make(chan struct{}, 1),
	}
	if s.host == nil {
		s.host = newLocal(cfg.Engine, cfg.WHIP)
	}
	var err error
	if s.keys, err = newKeyring(cfg.AccessKeys, cfg.CurrentKeys); err != nil {
		return nil, err
	}
	if s.urls, err = newURLs(cfg); err != nil {
		return nil, err
	}
	s.readiness = &readiness{checks: s.checks(), log: func(name string, err error) {
		s.log.Warn("not ready", "failing", name, "error", err)
	}}
	if s.metrics, err = s.newMetrics(); err != nil {
		return nil, err
	}
	if s.openAPI, err = describeAPI(s.routes, cfg.Version, s.urls.content); err != nil {
		return nil, err
	}
	if s.whip, err = s.host.Open(s.access); err != nil {
		return nil, err
	}
	return s, nil
}

// Sign makes a token that the server accepts.
func (s *Server) Sign(c token.Claims) (string, error) {
	_, signer := s.keys.now()
	return signer.Sign(c)
}

// Handler answers every request of the API. Its caller limits how long clients
// may take to send headers, and must not limit how long an answer may take, as
// it can be gigabytes.
func (s *Server) Handler() http.Handler {
	return s.observe(s.guard(s.buffer(s.admit(http.HandlerFunc(s.dispatch)))))
}
