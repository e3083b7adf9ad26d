package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/ingest/whip"
	"github.com/callreel/callreel/storage/bucket"
)

const (
	commandsFD = 3 // connected to the server
	mediaFD    = 4 // likewise, for its socket for media over UDP, if there is one; then TCP's
	// orphanTime is how long a worker may take to end when its server has.
	orphanTime = time.Second
)

// child is a worker, seen from inside.
type child struct {
	order  order
	log    *slog.Logger
	store  *bucket.Store
	engine *callreel.Engine
	whip   *whip.Server
	outbox *outbox
	ended  chan struct{} // closed when the server has said so
}

// Main is all that a worker process does: it reads its order, holds the call and
// serves the server, until that tells it to end or is gone. What it logs are JSON
// lines. Build is the version of this program.
func Main(in io.Reader, logTo io.Writer, build string) error {
	c := &child{outbox: newOutbox(), ended: make(chan struct{})}
	if err := readJSON(in, maxCommand, &c.order); err != nil {
		return fmt.Errorf("worker: order: %w", err)
	}
	if err := c.order.check(build); err != nil {
		return err
	}
	c.log = slog.New(slog.NewJSONHandler(logTo, &slog.HandlerOptions{Level: c.order.LogLevel}))
	conn, err := inherited(commandsFD)
	if err != nil {
		return err
	}
	if err := c.open(); err != nil {
		return err
	}
	return c.serve(conn)
}

// inherited returns a connection that the server has left.
func inherited(fd uintptr) (net.Conn, error) {
	f := os.NewFile(fd, "server")
	if f == nil {
		return nil, errors.New("worker: started by hand: it is a part of callreel serve")
	}
	conn, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("worker: started by hand: it is a part of callreel serve: %w", err)
	}
	return conn, f.Close()
}

// open makes what the worker is for.
func (c *child) open() (err error) {
	s := c.order.Settings
	limit(c.order)
	if c.store, err = bucket.Open(context.Background(), s.Storage); err != nil {
		return err
	}
	if err := c.confine(); err != nil {
		return err
	}
	c.engine, err = callreel.New(callreel.Config{
		Storage: c.store, Spool: s.Spool, SpoolReserve: s.SpoolReserve, ResourceID: s.ResourceID, Fonts: s.Fonts, Limits: s.Limits,
		Logger: c.log, OnEvent: c.outbox.add,
	})
	if err != nil {
		return err
	}
	cfg := s.Media.config()
	if err := c.share(&cfg); err != nil {
		return err
	}
	cfg.Sink, cfg.Authorize, cfg.Logger = c.sink, granted, c.log
	c.whip, err = whip.New(cfg)
	return err
}

// share takes what the server shares of its sockets.
func (c *child) share(cfg *whip.Config) error {
	fd := uintptr(mediaFD)
	if c.order.UDP != "" {
		conn, addr, err := inheritedLink(fd, c.order.UDP)
		if err != nil {
			return err
		}
		cfg.UDP = &sharedUDP{UnixConn: conn, addr: net.UDPAddrFromAddrPort(addr), in: make([]byte, maxDatagram+maxAddr)}
		fd++
	}
	if c.order.TCP != "" {
		conn, addr, err := inheritedLink(fd, c.order.TCP)
		if err != nil {
			return err
		}
		cfg.TCP = &sharedTCP{conn, net.TCPAddrFromAddrPort(addr)}
	}
	return nil
}

func inheritedLink(fd uintptr, addr string) (conn *net.UnixConn, at netip.AddrPort, err error) {
	if at, err = netip.ParseAddrPort(addr); err != nil {
		return nil, at, fmt.Errorf("worker: address of a socket: %w", err)
	}
	c, err := inherited(fd)
	if err != nil {
		return nil, at, err
	}
	conn, ok := c.(*net.UnixConn)
	if !ok {
		return nil, at, fmt.Errorf("worker: a socket of type %T", c)
	}
	return conn, at, nil
}

// limit keeps the worker within what it may use.
func limit(o order) {
	if o.Settings.Memory > 0 {
		debug.SetMemoryLimit(o.Settings.Memory / 5 * 4) // what codecs hold is not Go's, and comes on top
	}
	if o.Processors > 0 {
		runtime.GOMAXPROCS(o.Processors)
	}
}

// confine takes from the worker what it does not need. Where the system can't do
// that, it is told and the call recorded all the same.
func (c *child) confine() error {
	box := sandboxFor(c.order.Settings)
	if err := box.makeDirs(); err != nil {
		return err
	}
	if c.order.Settings.NoSandbox {
		return nil
	}
	for what, err := range box.confine() {
		c.log.Warn("a part of the sandbox is not in force", "part", what, "error", err)
	}
	return nil
}

// sink is the one conversation that there is here.
func (c *child) sink(context.Context, string) (ingest.Sink, error) {
	conv, err := c.engine.Conversation(c.order.Conversation)
	if errors.Is(err, callreel.ErrClosed) {
		return nil, fmt.Errorf("%w: %w", whip.ErrUnavailable, err)
	}
	return conv, err
}

// granted says who publishes: the server has found out.
func granted(r *http.Request, _ string) (g whip.Grant, err error) {
	err = json.Unmarshal([]byte(r.Header.Get(grantHeader)), &g)
	return g, err
}

// serve answers the server.
func (c *child) serve(conn net.Conn) error {
	gone := make(chan struct{})
	mux := http.NewServeMux()
	mux.Handle("GET /events", c.outbox)
	c.answer(mux, "GET /status", c.status)
	c.answer(mux, "POST /recordings", c.start)
	c.answer(mux, "POST /recordings/{id}/{verb}", c.operate)
	c.answer(mux, "POST /close", c.close)
	mux.Handle("/whip/", c.whip)
	srv := &http.Server{
		Handler: mux, Protocols: plainHTTP2(), ErrorLog: slog.NewLogLogger(c.log.Handler(), slog.LevelDebug),
		ConnState: func(_ net.Conn, s http.ConnState) {
			if s == http.StateClosed {
				close(gone)
			}
		},
	}
	served := make(chan error, 1)
	l := newOneConn(conn)
	go func() { served <- srv.Serve(l) }() // until the server or the listener is closed
	select {
	case <-gone:
		c.orphaned()
	case <-c.ended:
		<-gone // it has the answer
	}
	return errors.Join(srv.Close(), l.Close(), ignore(<-served, net.ErrClosed, http.ErrServerClosed), c.store.Close())
}

func ignore(err error, these ...error) error {
	for _, e := range these {
		if errors.Is(err, e) {
			return nil
		}
	}
	return err
}

// orphaned ends a worker whose server was killed. The recording is left to go on
// in the next one's.
func (c *child) orphaned() {
	c.log.Warn("the server is gone")
	ctx, cancel := context.WithTimeout(context.Background(), orphanTime)
	defer cancel()
	if err := c.engine.Suspend(ctx); err != nil {
		c.log.Error("what was recorded last may be lost", "error", err)
	}
}

// answer lets requests be answered by do, in JSON.
func (c *child) answer(mux *http.ServeMux, pattern string, do func(*http.Request) (any, error)) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxCommand)
		body, err := do(r)
		status := http.StatusOK
		if err != nil {
			status, body = http.StatusUnprocessableEntity, newProblem(err)
		}
		b, err := json.Marshal(body)
		if err != nil {
			c.log.Error("answer", "path", r.URL.Path, "error", err)
			status = http.StatusInternalServerError
		}
		w.Header().Set(toldHeader, strconv.FormatUint(c.outbox.count(), 10))
		w.WriteHeader(status)
		_, _ = w.Write(b)
	})
}

func (c *child) status(*http.Request) (any, error) { return c.look(), nil }

// look finds out what there is.
func (c *child) look() status {
	s := status{
		Sessions: c.whip.Sessions(), Totals: c.engine.Totals().Counters, Deliveries: c.engine.Deliveries(), Told: c.outbox.count(),
	}
	if conv, ok := c.engine.Lookup(c.order.Conversation); ok {
		s.Known, s.Call.ConversationInfo = true, conv.Info()
		if rec := s.Call.ConversationInfo.Recording; rec != nil {
			s.Call.Recording, s.Call.State, s.Call.ConversationInfo.Recording = rec.ID(), rec.State(), nil
		}
	}
	for _, rec := range c.engine.Recordings() {
		s.Recordings = append(s.Recordings, statusOf(rec))
	}
	return s
}

func statusOf(rec *callreel.Recording) recordingStatus {
	return recordingStatus{wireResult(rec.Result()), rec.Counters(), rec.Load()}
}

// start starts a recording.
func (c *child) start(r *http.Request) (any, error) {
	var cfg callreel.RecordingConfig
	if err := readJSON(r.Body, maxCommand, &cfg); err != nil {
		return nil, err
	}
	rec, err := c.engine.Start(r.Context(), cfg)
	if err != nil {
		return nil, err
	}
	return statusOf(rec), nil
}

// operate does something with a recording.
func (c *child) operate(r *http.Request) (any, error) {
	id, verb := r.PathValue("id"), r.PathValue("verb")
	if verb == "continue" {
		return c.goOn(r.Context(), id)
	}
	rec, ok := c.engine.Recording(id)
	if !ok {
		return nil, errNoRecording
	}
	var err error
	switch verb {
	case "pause":
		err = rec.Pause(r.Context())
	case "resume":
		err = rec.Resume(r.Context())
	case "stop":
		_, _ = rec.Stop(r.Context()) // how it ended is in its result
		err = r.Context().Err()
	default:
		err = fmt.Errorf("worker: no such operation: %q", verb)
	}
	return statusOf(rec), err
}

// goOn lets a recording go on that another worker was making.
func (c *child) goOn(ctx context.Context, id string) (any, error) {
	going, err := c.engine.Continue(ctx, unlimited, id)
	if len(going) == 0 {
		return nil, errors.Join(errOver, err)
	}
	return statusOf(going[0]), nil
}

// unlimited is for what was running just now.
const unlimited = 100 * 365 * 24 * time.Hour

// close ends all that the worker does. The answer is how that went.
func (c *child) close(r *http.Request) (any, error) {
	err := c.engine.Close(r.Context())
	err = errors.Join(err, c.whip.Close(r.Context()))
	s := c.look()
	close(c.ended)
	return closing{s, newProblem(err)}, nil
}

// closing is what a worker says last.
type closing struct {
	Status status
	Err    *problem
}
