package callreel

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/image/font/opentype"

	"github.com/callreel/callreel/compositor"
	"github.com/callreel/callreel/internal/cpu"
	"github.com/callreel/callreel/internal/probe"
	"github.com/callreel/callreel/storage"
)

// Engine holds conversations and their recordings. It is safe for concurrent use.
type Engine struct {
	cfg     Config
	clock   localClock
	spool   *storage.Spool
	files   fileStore // of media, in the spool
	courier *courier
	fonts   []*opentype.Font

	// measure does a frame's work and returns the CPU time that it took.
	measure func(work func() error) (time.Duration, error)

	mu            sync.Mutex
	closed        bool
	conversations map[string]*Conversation
	recordings    map[string]*Recording // running ones; nil for one that is about to start
	totals        Totals                // without what is running
	requests      map[*spoolRequest]bool
}

// New checks the configuration and returns an engine. It starts
// nothing. Close it.
func New(cfg Config) (*Engine, error) { return newEngine(cfg, localClock{time.Now(), time.Now}) }

func newEngine(cfg Config, clock localClock) (*Engine, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if cfg.Spool == "" {
		cfg.Spool = filepath.Join(os.TempDir(), "callreel-spool")
	}
	fonts, err := loadFonts(cfg.Fonts)
	if err != nil {
		return nil, err
	}
	courier := newCourier(cfg)
	return &Engine{
		cfg:           cfg,
		clock:         clock,
		spool:         courier.spool,
		files:         spoolStore{courier.spool},
		courier:       courier,
		measure:       cpu.Measure,
		fonts:         fonts,
		conversations: make(map[string]*Conversation),
		recordings:    make(map[string]*Recording),
		requests:      make(map[*spoolRequest]bool),
		totals:        Totals{Ended: make(map[EndReason]int64)},
	}, nil
}

func loadFonts(files []string) ([]*opentype.Font, error) {
	var fonts []*opentype.Font
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, invalid("font: %v", err)
		}
		parsed, err := compositor.ParseFonts(data)
		if err != nil {
			return nil, invalid("font %s: %v", name, err)
		}
		fonts = append(fonts, parsed...)
	}
	return fonts, nil
}

// Conversation returns the conversation of that id. It begins with the first
// participant or recording, and ends when it has neither.
func (e *Engine) Conversation(id string) (*Conversation, error) {
	if id == "" || len(id) > 1024 {
		return nil, invalid("conversation id of %d bytes", len(id))
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, ErrClosed
	}
	if c := e.conversations[id]; c != nil {
		return c, nil
	}
	return &Conversation{id: id, eng: e}, nil
}

// enlist returns the conversation known by c's id; if there is none, it is c from now on.
func (e *Engine) enlist(c *Conversation) *Conversation {
	e.mu.Lock()
	defer e.mu.Unlock()
	if known := e.conversations[c.id]; known != nil {
		return known
	}
	e.conversations[c.id] = c
	return c
}

// Lookup returns the conversation of that id if there is one.
func (e *Engine) Lookup(id string) (*Conversation, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c, ok := e.conversations[id]
	return c, ok
}

// Conversations returns the conversations, sorted by id.
func (e *Engine) Conversations() []*Conversation {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.SortedFunc(maps.Values(e.conversations), func(a, b *Conversation) int {
		return strings.Compare(a.id, b.id)
	})
}

// Recording returns a recording that has not ended.
func (e *Engine) Recording(id string) (*Recording, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	r := e.recordings[id]
	return r, r != nil
}

// Recordings returns the recordings that have not ended, the oldest first.
func (e *Engine) Recordings() []*Recording {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := slices.Collect(maps.Values(e.recordings))
	all = slices.DeleteFunc(all, func(r *Recording) bool { return r == nil })
	slices.SortFunc(all, func(a, b *Recording) int { return a.startTime.Compare(b.startTime) })
	return all
}

// Start begins a recording of a conversation, which need not have participants
// yet. It returns once the first file is open: from then on media is recorded.
// It fails with [ErrBusy], [ErrFull], [ErrSpool] or [ErrInvalid]. A spool that does
// not answer for five seconds can't take a recording.
func (e *Engine) Start(ctx context.Context, cfg RecordingConfig) (*Recording, error) {
	cfg.setDefaults()
	if err := errors.Join(ctx.Err(), cfg.check()); err != nil {
		return nil, err
	}
	c, err := e.Conversation(cfg.Conversation)
	if err != nil {
		return nil, err
	}
	r, err := e.await(c, cfg)
	if err != nil {
		return nil, err
	}
	r.observe(probe.From(ctx))
	return e.launch(r)
}

// launch starts a recording's goroutine.
func (e *Engine) launch(r *Recording) (*Recording, error) {
	go r.run()
	if !e.register(r) { // closed meanwhile
		r.requestStop(EndShutdown)
		<-r.done
		return nil, ErrClosed
	}
	return r, nil
}

// begin begins a recording, if the spool can take it.
func (e *Engine) begin(c *Conversation, cfg RecordingConfig, start *spoolRequest) (*Recording, error) {
	err := e.checkReserve()
	if err != nil {
		return nil, e.refused(err)
	}
	r, err := newRecording(e, c, cfg, start)
	if _, system := errors.AsType[syscall.Errno](err); system { // here only the spool asks for anything
		err = e.refused(fmt.Errorf("%w: %w", ErrSpool, err))
	}
	return r, err
}

// refused counts a start for which there is no room.
func (e *Engine) refused(err error) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.totals.Refused++
	return err
}

// reserve keeps a place for a recording that is about to start. One that goes on
// is never refused.
func (e *Engine) reserve(id string, goesOn bool) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, taken := e.recordings[id]
	switch {
	case e.closed:
		return ErrClosed
	case !goesOn && e.cfg.MaxRecordings > 0 && len(e.recordings) >= e.cfg.MaxRecordings:
		e.totals.Refused++
		return ErrFull
	case taken:
		return invalid("a recording %q is running", id)
	}
	e.recordings[id] = nil
	return nil
}

// register makes a running recording known, unless the engine was closed or the
// recording has ended already.
func (e *Engine) register(r *Recording) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.totals.Started++
	if _, reserved := e.recordings[r.id]; reserved {
		e.recordings[r.id] = r
	}
	return !e.closed
}

// retire lets go of a recording that has ended, and keeps what it counted.
func (e *Engine) retire(r *Recording) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.recordings, r.id)
	e.totals.Ended[r.why]++
	e.totals.Add(r.Counters())
}

func (e *Engine) unregister(id string) {
	e.mu.Lock()
	delete(e.recordings, id)
	e.mu.Unlock()
}

// forget drops an empty conversation, whose lock is held, if it is known: an
// engine's lock is taken after a conversation's, never before.
func (e *Engine) forget(c *Conversation) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.conversations[c.id] != c {
		return false
	}
	delete(e.conversations, c.id)
	return true
}

// Close stops all recordings and waits until they have ended or ctx has. What was
// offered to the storage in vain stays in the spool, for Recover after the next
// start. It returns what went wrong with any of the recordings.
func (e *Engine) Close(ctx context.Context) error {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	var errs []error
	recordings := e.Recordings()
	for _, r := range recordings {
		r.requestStop(EndShutdown)
	}
	for _, r := range recordings {
		res, err := r.wait(ctx)
		errs = append(errs, err, res.Err)
	}
	errs = append(errs, e.awaitSpool(ctx))
	return errors.Join(append(errs, e.courier.close(ctx))...)
}
