// Package whip is a WebRTC-HTTP ingestion server (WHIP, RFC 9725): a publisher
// posts an SDP offer for a conversation, and the tracks that follow go to the
// [ingest.Sink] of that conversation as RTP.
//
// It negotiates, keeps the connection alive, hands packets on, and passes on what
// the receiver of a track asks the publisher for. It neither decodes nor repairs
// media, plays nothing back, and decides nothing about who may publish: its
// owner does, in [Config].
//
// A participant is in the conversation from the moment that ICE and DTLS are up
// until the session ends, so that an offer that never connects leaves no trace
// on the roster. A session that posts again for the same conversation,
// participant and role takes over once it is connected.
package whip

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/callreel/callreel/ingest"
	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"
)

// Defaults of Config.
const (
	DefaultMaxSessions     = 500
	DefaultMaxSDPSize      = 64 << 10
	DefaultDisconnectAfter = 5 * time.Second
	DefaultDisconnectGrace = 15 * time.Second
)

// Config says how a Server works. Sink and Authorize are needed; the zero value
// of the rest is useful.
type Config struct {
	// Sink returns the conversation that a publisher joins. It may fail with
	// ErrNotFound or ErrUnavailable; anything else is answered with status 500.
	Sink func(ctx context.Context, conversation string) (ingest.Sink, error)
	// Authorize checks a request for a conversation and says who publishes. It
	// may fail with ErrUnauthorized or ErrForbidden; anything else is answered
	// with status 500. It is asked again for each request to a session, which
	// carries the query of the first in its URL, and must then name the same
	// participant and role.
	Authorize func(r *http.Request, conversation string) (Grant, error)

	// UDPPortMin and UDPPortMax bound the ports of ICE over UDP. Zero means
	// any. They are of no use with UDP.
	UDPPortMin, UDPPortMax uint16
	// UDP, where not nil, is the one socket that all sessions share. The server
	// closes it. Bind it to an address where there is a choice.
	UDP net.PacketConn
	// TCP, where not nil, takes ICE over TCP (RFC 6544, passive candidates).
	// The server closes it.
	TCP net.Listener
	// PublicIPs are offered instead of the local addresses, for a host behind a
	// one-to-one NAT: at most one address of each family.
	PublicIPs []string
	// DisableIPv6 leaves IPv6 addresses out.
	DisableIPv6 bool
	// Loopback offers loopback addresses too.
	Loopback bool
	// ICEServers are told to publishers in Link headers (RFC 9725, section 4.6).
	// The server itself uses none.
	ICEServers []ICEServer

	// MaxSessions bounds the sessions at a time. Zero means DefaultMaxSessions.
	MaxSessions int
	// MaxSDPSize bounds a request body in bytes. Zero means DefaultMaxSDPSize.
	MaxSDPSize int64
	// DisconnectAfter is the silence after which a session counts as
	// disconnected. Zero means DefaultDisconnectAfter.
	DisconnectAfter time.Duration
	// DisconnectGrace is how much longer a disconnected session may take to
	// come back before it ends. Zero means DefaultDisconnectGrace.
	DisconnectGrace time.Duration

	// Hooks are told what happens.
	Hooks Hooks
	// Logger receives debug records and the warnings of the WebRTC stack. Nil
	// means none.
	Logger *slog.Logger
}

// Grant says who publishes.
type Grant struct {
	Participant ingest.Participant
	Role        ingest.Role
}

// ICEServer is a STUN or TURN server.
type ICEServer struct {
	// URL is one such as "stun:stun.example.com" or
	// "turn:turn.example.com?transport=udp" (RFC 7064, RFC 7065).
	URL string
	// Username and Credential belong to a TURN server.
	Username, Credential string
}

// Hooks are called, where not nil, as things happen; they must not block.
type Hooks struct {
	// Connected is called when media can flow.
	Connected func(SessionInfo)
	// Ended is called after the last track of a session has been closed. The
	// reason is one of the errors of this package, or that of the sink.
	Ended func(s SessionInfo, reason error)
	// Refused is called for each request that fails, with its status.
	Refused func(status int)
}

// Server is a WHIP server. Its methods are safe for concurrent use.
type Server struct {
	cfg      Config
	log      *slog.Logger
	newAPI   func(*session) (*webrtc.API, error)
	mux      *http.ServeMux
	closers  []func() error // of the shared sockets
	arrivals *arrivals

	ctx    context.Context // of every session
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup // sessions

	mu       sync.Mutex
	closed   bool
	serial   uint64
	sessions map[string]*session // by session ID
}

// New checks cfg and prepares a server. Nothing runs but the readers of the
// shared sockets, if cfg has any. When New fails, the sockets stay the caller's.
func New(cfg Config) (*Server, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg.setDefaults()
	s := &Server{cfg: cfg, log: cfg.Logger, sessions: make(map[string]*session), arrivals: newArrivals()}
	if err := s.buildAPI(); err != nil {
		return nil, err
	}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	s.mux = s.routes()
	return s, nil
}

func (c *Config) check() error {
	switch {
	case c.Sink == nil || c.Authorize == nil:
		return errors.New("whip: Sink and Authorize are needed")
	case c.UDPPortMin > c.UDPPortMax:
		return fmt.Errorf("whip: UDP ports %d to %d", c.UDPPortMin, c.UDPPortMax)
	case c.MaxSessions < 0 || c.MaxSDPSize < 0 || c.DisconnectAfter < 0 || c.DisconnectGrace < 0:
		return errors.New("whip: negative limit")
	}
	for _, ip := range c.PublicIPs {
		if net.ParseIP(ip) == nil {
			return fmt.Errorf("whip: public IP %q", ip)
		}
	}
	for _, s := range c.ICEServers {
		if _, err := s.link(); err != nil {
			return err
		}
	}
	return nil
}

func (c *Config) setDefaults() {
	if c.MaxSessions == 0 {
		c.MaxSessions = DefaultMaxSessions
	}
	if c.MaxSDPSize == 0 {
		c.MaxSDPSize = DefaultMaxSDPSize
	}
	if c.DisconnectAfter == 0 {
		c.DisconnectAfter = DefaultDisconnectAfter
	}
	if c.DisconnectGrace == 0 {
		c.DisconnectGrace = DefaultDisconnectGrace
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

// buildAPI prepares what all sessions share, and opens the muxes last. Each has an
// API of its own, as that makes the buffers of its streams and its feedback.
func (s *Server) buildAPI() error {
	media, err := newMediaEngine()
	if err != nil {
		return err
	}
	engine, err := newSettingEngine(s.cfg, logFactory{s.log})
	if err != nil {
		return err
	}
	shared, err := newSockets()
	if err != nil {
		return fmt.Errorf("whip: %w", err)
	}
	if err := s.openMuxes(&engine, shared); err != nil {
		return errors.Join(err, shared.close())
	}
	s.closers = append(s.closers, shared.close)
	s.newAPI = func(x *session) (*webrtc.API, error) {
		network, err := shared.network(s.arrivals)
		if err != nil {
			return nil, fmt.Errorf("whip: network: %w", err)
		}
		own := engine
		own.BufferFactory = x.sources.buffer
		own.SetNet(network)
		interceptors := &interceptor.Registry{}
		interceptors.Add(x.feedback)
		return webrtc.NewAPI(
			webrtc.WithMediaEngine(media),
			webrtc.WithInterceptorRegistry(interceptors),
			webrtc.WithSettingEngine(own),
		), nil
	}
	return nil
}

// openMuxes takes over the sockets that all sessions share.
func (s *Server) openMuxes(engine *webrtc.SettingEngine, shared sockets) error {
	logs := logFactory{s.log}
	if s.cfg.UDP != nil {
		conn, err := shared.share(s.cfg.UDP, s.arrivals)
		if err != nil {
			return fmt.Errorf("whip: %w", err)
		}
		mux := webrtc.NewICEUDPMux(logs.NewLogger("udp mux"), conn)
		engine.SetICEUDPMux(mux)
		s.closers = append(s.closers, mux.Close)
	}
	if s.cfg.TCP != nil {
		mux := ice.NewTCPMuxDefault(ice.TCPMuxParams{
			Listener:        s.cfg.TCP,
			Logger:          logs.NewLogger("tcp mux"),
			ReadBufferSize:  tcpReadPackets,
			WriteBufferSize: tcpWriteBytes,
		})
		engine.SetICETCPMux(mux)
		s.closers = append(s.closers, mux.Close)
	}
	return nil
}

// Sessions lists the sessions, oldest first.
func (s *Server) Sessions() []SessionInfo {
	s.mu.Lock()
	all := make([]*session, 0, len(s.sessions))
	for _, x := range s.sessions {
		all = append(all, x)
	}
	s.mu.Unlock()
	slices.SortFunc(all, func(a, b *session) int { return cmp.Compare(a.serial, b.serial) })
	infos := make([]SessionInfo, len(all))
	for i, x := range all {
		infos[i] = x.info()
	}
	return infos
}

// Close ends every session with ErrServerClosed, waits until their tracks are
// closed and closes the shared sockets. If ctx ends first it stops waiting and
// fails; what is left still ends.
func (s *Server) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel(ErrServerClosed)

	done := make(chan struct{})
	go func() {
		s.wg.Wait()
		close(done)
	}()
	var errs []error
	select {
	case <-done:
	case <-ctx.Done():
		errs = append(errs, fmt.Errorf("whip: sessions are still closing: %w", context.Cause(ctx)))
	}
	for _, c := range s.closers {
		if err := c(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, fmt.Errorf("whip: close socket: %w", err))
		}
	}
	return errors.Join(errs...)
}

// register adds a session and gives it its place in the order, unless the
// server is closed or full. A session of the same publisher that has not
// connected yet gives way at once.
func (s *Server) register(x *session) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrServerClosed
	}
	replaces := false
	for _, other := range s.sessions {
		if other.publisher() != x.publisher() {
			continue
		}
		replaces = true
		if !other.isConnected() {
			other.end(ErrReplaced)
		}
	}
	if len(s.sessions) >= s.cfg.MaxSessions && !replaces {
		return fmt.Errorf("%w: %d sessions", ErrUnavailable, len(s.sessions))
	}
	s.serial++
	x.serial = s.serial
	s.sessions[x.id] = x
	s.wg.Go(x.run)
	return nil
}

// takeOver ends the older sessions of the publisher of x, or x itself if a
// newer one is connected.
func (s *Server) takeOver(x *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, other := range s.sessions {
		switch {
		case other == x || other.publisher() != x.publisher():
		case other.serial < x.serial:
			other.end(ErrReplaced)
		case other.isConnected():
			x.end(ErrReplaced)
		}
	}
}

func (s *Server) find(id, conversation string) (*session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.sessions[id]
	if x == nil || x.conversation != conversation {
		return nil, fmt.Errorf("%w: no such session", ErrNotFound)
	}
	return x, nil
}

func (s *Server) forget(x *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, x.id)
}
