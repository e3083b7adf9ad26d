package callreel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/callreel/callreel/internal/fault"
	"github.com/callreel/callreel/storage"
)

const (
	firstRetry   = time.Second // after the store failed
	longestRetry = 5 * time.Minute
	// An upload that takes longer than this is given up: a store that neither takes
	// nor refuses must not hold up the end of a recording for ever.
	uploadTime  = 2 * time.Minute
	uploadSpeed = 64 << 10 // bytes/s, in addition
	// patientRounds is how many recordings that wait for the store already are
	// brought to it at the same time.
	patientRounds = 4
)

// courier brings what recordings leave in the spool to the store, for as long as
// that takes: it has a parcel for each recording, from its start on. It is the
// engine's.
type courier struct {
	spool  *storage.Spool
	store  storage.Store
	log    *slog.Logger
	ctx    context.Context // ends with the courier
	cancel context.CancelFunc
	slots  chan struct{} // of rounds that can wait

	mu      sync.Mutex
	closed  bool
	parcels map[string]*parcel
}

func newCourier(cfg Config) *courier {
	c := &courier{
		spool: storage.NewSpool(cfg.Spool), store: cfg.Storage, log: cfg.Logger,
		slots: make(chan struct{}, patientRounds), parcels: make(map[string]*parcel),
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// open begins the parcel of a recording, whose files in the spool are its own from now on.
func (c *courier) open(recording string, tell func(Event)) (*parcel, error) {
	p := &parcel{
		courier: c, recording: recording, tell: tell,
		more: make(chan struct{}, 1), ready: make(chan Result, 1), over: make(chan struct{}),
	}
	if err := c.enlist(p); err != nil {
		return nil, err
	}
	lock, err := c.spool.Lock(recording)
	if err != nil {
		c.remove(p)
		if errors.Is(err, storage.ErrLocked) {
			err = fmt.Errorf("%w: %w", errInUse, err)
		}
		return nil, err
	}
	p.lock = lock
	return p, nil
}

func (c *courier) enlist(p *parcel) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return ErrClosed
	case c.parcels[p.recording] != nil:
		return fmt.Errorf("%w: recording %q: %w", ErrInvalid, p.recording, errInUse)
	}
	c.parcels[p.recording] = p
	return nil
}

func (c *courier) remove(p *parcel) {
	c.mu.Lock()
	delete(c.parcels, p.recording)
	c.mu.Unlock()
}

func (c *courier) all() []*parcel {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]*parcel, 0, len(c.parcels))
	for _, p := range c.parcels {
		all = append(all, p)
	}
	return all
}

// close gives up what is on its way, which stays in the spool, and waits for it
// to end or for ctx.
func (c *courier) close(ctx context.Context) error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	for _, p := range c.all() {
		if !p.begun() {
			continue
		}
		select {
		case <-p.over:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// retryAfter returns how long to wait after so many rounds without success: twice
// as long each time, less up to half of it, so that not everybody comes back at
// once.
func retryAfter(rounds int) time.Duration {
	d := longestRetry
	if rounds < 10 {
		d = min(d, firstRetry<<rounds)
	}
	return d - rand.N(d/2)
}

// spoolFile is a file on its way to the store.
type spoolFile struct {
	name, contentType string
	bytes             int64
	content           []byte // if it is not in the spool
}

// shipment is a part of a parcel: the files of a chunk, or a document.
type shipment struct {
	files []spoolFile // that are not in the store yet, in order; the parcel's lock guards it
	chunk *Chunk      // whose they are, or nil
	since time.Time
	tried chan struct{} // closed when the first attempt is over
	err   error         // of that attempt
}

func (s *shipment) wasTried() bool {
	select {
	case <-s.tried:
		return true
	default:
		return false
	}
}

func (s *shipment) settle(err error) {
	s.err = err
	close(s.tried)
}

var errInUse = fault.Caller.Wrap(errors.New("it is running, or its files are on their way to the storage"))

var errGone = errors.New("it is not in the spool any more")

// put moves a file from the spool to the store.
func (p *parcel) put(f spoolFile) error {
	c := p.courier
	if f.content != nil {
		_, err := p.upload(f, bytes.NewReader(f.content))
		return err
	}
	src, err := c.spool.Open(p.recording, f.name)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w: %w", errGone, err)
		}
		return err
	}
	receipt, err := p.upload(f, src)
	if err := errors.Join(err, src.Close()); err != nil {
		return err
	}
	left, err := c.spool.Remove(p.recording, map[string]storage.Info{f.name: receipt})
	for _, name := range left {
		if name == f.name {
			err = errors.Join(err, fmt.Errorf("the receipt for %s is over %d bytes", name, receipt.Size))
		}
	}
	return err
}

// upload puts what src reads into the store as a file.
func (p *parcel) upload(f spoolFile, src io.ReadSeeker) (storage.Info, error) {
	limit := uploadTime + time.Duration(f.bytes/uploadSpeed)*time.Second
	ctx, cancel := context.WithTimeout(p.courier.ctx, limit)
	defer cancel()
	receipt, err := p.courier.store.Put(ctx, p.recording+"/"+f.name, src, f.contentType)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = fault.Destination.Wrap(fmt.Errorf("not done within %v: %w", limit, err))
	}
	return receipt, err
}
