// Package worker lets a server keep each call, its connections and its recording,
// in a process of its own: a crash in a codec costs that call a moment, and
// nobody else anything. [Pool] is the server's side and a control.Host; [Main] is
// all that the process does.
//
// It starts processes, passes requests on, and lets recordings go on when their
// process has ended. It knows nothing of who may do what: the server does.
package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/google/uuid"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/control"
	"github.com/callreel/callreel/ingest/whip"
)

// DefaultIdle is how long a worker stays that has nothing to do.
const DefaultIdle = 5 * time.Second

// Config says how a Pool works. Engine, OnEvent and Build are needed.
type Config struct {
	// Engine has the spool and the store of the workers. It takes over what they leave.
	Engine *callreel.Engine
	// OnEvent is told what happens in the workers. It must not block.
	OnEvent func(callreel.Event)
	// Build is the version of this program.
	Build string
	// Command starts a worker. Nil means this program with the argument "worker".
	Command []string
	// Env is the environment of workers.
	Env []string
	// Credential is the user that workers run as. Nil means this one.
	Credential *syscall.Credential
	// Settings are what workers are told.
	Settings Settings
	// UDP and TCP are sockets that all workers share; see whip.Config. The pool
	// closes them.
	UDP net.PacketConn
	TCP net.Listener
	// Idle is how long a worker stays that has nothing to do. Zero means DefaultIdle.
	Idle time.Duration
	// Logger receives what workers log, too. Nil means nothing.
	Logger *slog.Logger
}

// Pool holds each call in a process of its own. Close it.
type Pool struct {
	cfg   Config
	log   *slog.Logger
	run   string
	relay *relay // of the shared sockets
	front *whip.Server
	may   control.Access

	once sync.Once       // closes
	wg   sync.WaitGroup  // of workers
	done context.Context // ends with the pool
	end  context.CancelFunc

	mu         sync.Mutex
	closed     bool
	workers    map[string]*worker // by conversation
	alive      map[*worker]bool   // also those that are to end
	recordings map[string]*recording
	lost       map[string]lostCall // by conversation
	totals     callreel.Totals     // without what is running
	crashes    int64
	cpu        time.Duration // of workers that have ended
}

var _ control.Host = (*Pool)(nil)

// New checks the configuration and returns a pool without workers. The shared
// sockets are the pool's from then on, but if it fails.
func New(cfg Config) (*Pool, error) {
	if cfg.Engine == nil || cfg.OnEvent == nil || cfg.Build == "" {
		return nil, errors.New("worker: Engine, OnEvent and Build are needed")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Idle == 0 {
		cfg.Idle = DefaultIdle
	}
	if cfg.Command == nil {
		cfg.Command = []string{"/proc/self/exe", "worker"} // also once the file is another one
		if runtime.GOOS != "linux" {
			self, err := os.Executable()
			if err != nil {
				return nil, fmt.Errorf("worker: %w", err)
			}
			cfg.Command[0] = self
		}
	}
	p := &Pool{
		cfg: cfg, log: cfg.Logger, run: uuid.NewString(),
		workers: make(map[string]*worker), alive: make(map[*worker]bool),
		recordings: make(map[string]*recording), lost: make(map[string]lostCall),
		totals: callreel.Totals{Ended: make(map[callreel.EndReason]int64)},
	}
	p.done, p.end = context.WithCancel(context.Background())
	var err error
	if p.relay, err = newRelay(cfg.UDP, cfg.TCP, p.log); err != nil {
		return nil, err
	}
	return p, nil
}

// order is what a worker is told.
func (p *Pool) order(conversation string) order {
	o := order{
		Protocol: protocol, Build: p.cfg.Build, Conversation: conversation, Settings: p.cfg.Settings,
		LogLevel: slog.LevelError, Processors: min(runtime.GOMAXPROCS(0), maxProcessors),
	}
	for _, level := range []slog.Level{slog.LevelWarn, slog.LevelInfo, slog.LevelDebug} {
		if p.log.Enabled(context.Background(), level) {
			o.LogLevel = level
		}
	}
	o.UDP, o.TCP = p.relay.addresses()
	return o
}

// maxProcessors bounds those that one worker uses at a time: a recording is mostly
// one thread.
const maxProcessors = 4

// enter counts a request; leave ends it. A worker with requests does not end.
func (w *worker) enter() {
	w.mu.Lock()
	w.users++
	w.requests++
	w.mu.Unlock()
}

func (w *worker) leave() {
	w.mu.Lock()
	w.users--
	w.mu.Unlock()
}

// acquire returns the worker of a conversation, which answers; a new one if there
// is none. Whoever gets it leaves it again.
func (p *Pool) acquire(ctx context.Context, conversation string) (*worker, error) {
	p.mu.Lock()
	w := p.workers[conversation]
	if w == nil {
		var err error
		if w, err = p.hire(conversation); err != nil {
			p.mu.Unlock()
			return nil, err
		}
	}
	w.enter()
	p.mu.Unlock()
	err := w.answers(ctx)
	if err == nil {
		return w, nil
	}
	w.leave()
	if w.failedToStart() { // the next one to ask gets another
		select {
		case <-w.buried:
		case <-ctx.Done():
		}
	}
	return nil, err
}

// failedToStart reports whether the worker is known not to have started.
func (w *worker) failedToStart() bool {
	select {
	case <-w.ready:
		return w.err != nil
	default:
		return false
	}
}

// answers waits until the worker does.
func (w *worker) answers(ctx context.Context) error {
	select {
	case <-w.ready:
		return w.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// hire starts a worker; p.mu is held.
func (p *Pool) hire(conversation string) (*worker, error) {
	if p.closed {
		return nil, callreel.ErrClosed
	}
	w, err := p.spawn(conversation)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errFailed, err)
	}
	p.workers[conversation] = w
	p.alive[w] = true
	p.wg.Go(func() { p.attend(w) })
	return w, nil
}

// reserve keeps a place for a recording that is about to start.
func (p *Pool) reserve(r *recording) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return callreel.ErrClosed
	case p.recordings[r.id] != nil:
		return fmt.Errorf("%w: a recording %q is running", callreel.ErrInvalid, r.id)
	}
	p.recordings[r.id] = r
	return nil
}

// running returns those that have not ended, the oldest first; p.mu is held.
func (p *Pool) running() []*recording {
	var all []*recording
	for _, r := range p.recordings {
		if !r.ended {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b *recording) int {
		return a.last.Result.Document.StartTime.Compare(b.last.Result.Document.StartTime)
	})
	return all
}

// all returns the workers there are, sorted by conversation.
func (p *Pool) all() []*worker {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.SortedFunc(maps.Keys(p.alive), func(a, b *worker) int {
		return strings.Compare(a.conversation, b.conversation)
	})
}

// Closed reports whether Close was called.
func (p *Pool) Closed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// Close ends all recordings and connections, and waits until the workers have
// ended or ctx has. It returns what went wrong with any of the recordings. Twice
// is harmless.
func (p *Pool) Close(ctx context.Context) error {
	var err error
	p.once.Do(func() { err = p.close(ctx) })
	return err
}

func (p *Pool) close(ctx context.Context) error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	var wg sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	for _, w := range p.all() {
		wg.Go(func() {
			if err := p.dismiss(ctx, w); err != nil {
				mu.Lock()
				errs = append(errs, err)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	p.end()
	p.wg.Wait()
	if p.front != nil {
		errs = append(errs, p.front.Close(ctx))
	}
	return errors.Join(append(errs, p.relay.close())...)
}

// dismiss ends a worker and waits for that; what does not end is killed.
func (p *Pool) dismiss(ctx context.Context, w *worker) error {
	w.mu.Lock()
	already := w.retired
	w.retired = true
	w.mu.Unlock()
	var err error
	if !already {
		if err = w.answers(ctx); err == nil {
			err = w.close(ctx)
		}
		if errors.Is(err, errGone) { // its recording is for the next start
			err = nil
		}
		w.hangUp()
	}
	select {
	case <-w.gone:
	case <-ctx.Done():
		err = errors.Join(err, w.cmd.Process.Kill())
		<-w.gone
	}
	return err
}

// hangUp closes the connection, whereupon the worker ends.
func (w *worker) hangUp() {
	w.http.CloseIdleConnections()
	_ = w.conn.Close() // HTTP may have
}
