package callreel

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"
)

// spoolPatience is how long the spool may take to answer who starts something.
const spoolPatience = 5 * time.Second

// errSilent is why that is given up.
var errSilent = fmt.Errorf("%w: it has not answered for %v", ErrSpool, spoolPatience)

// spoolRequest is something that is asked of the spool by a goroutine, as a disk
// that hangs would keep whoever does so for ever.
type spoolRequest struct {
	fate atomic.Int32
	over chan struct{} // closed when the goroutine ends
	err  error         // what came of it then
}

// What becomes of a request.
const (
	pending int32 = iota
	granted
	givenUp
)

// goesOn reports whether the request was not given up; from now on it can't be.
func (s *spoolRequest) goesOn() bool { return s == nil || s.fate.CompareAndSwap(pending, granted) }

// await begins a recording. A start that is given up takes back what it did, and
// frees its place, when the disk answers.
func (e *Engine) await(c *Conversation, cfg RecordingConfig) (*Recording, error) {
	s, err := e.request()
	if errors.Is(err, errSilent) {
		return nil, e.refused(err)
	}
	if err != nil {
		return nil, err
	}
	if err := e.reserve(cfg.ID, false); err != nil {
		e.answered(s)
		return nil, err
	}
	var r *Recording // not to be looked at while it is made
	err = e.ask(s, func() (err error) {
		if r, err = e.begin(c, cfg, s); err != nil {
			e.unregister(cfg.ID)
		}
		return err
	})
	switch {
	case errors.Is(err, errSilent):
		return nil, e.refused(err)
	case err != nil:
		return nil, err
	}
	return r, nil
}

// CheckSpool reports whether the spool can take another recording: it is written
// to, and Config.SpoolReserve must be free. The error is [ErrSpool].
func (e *Engine) CheckSpool() error {
	s, err := e.request()
	if err != nil {
		return err
	}
	return e.ask(s, e.checkSpool)
}

// ask does something in a goroutine, and waits for it with patience: errSilent
// says that it is still at it. Until then nothing else is asked.
func (e *Engine) ask(s *spoolRequest, do func() error) error {
	go func() {
		defer close(s.over)
		s.err = do()
		e.answered(s)
	}()
	timer := time.NewTimer(spoolPatience)
	defer timer.Stop()
	select {
	case <-s.over:
		return s.err
	case <-timer.C:
	}
	if s.fate.CompareAndSwap(pending, givenUp) {
		return errSilent
	}
	<-s.over // only memory is touched from now on
	return s.err
}

// request notes a request.
func (e *Engine) request() (*spoolRequest, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, ErrClosed
	}
	for s := range e.requests {
		if s.fate.Load() == givenUp {
			return nil, errSilent
		}
	}
	s := &spoolRequest{over: make(chan struct{})}
	e.requests[s] = true
	return s, nil
}

func (e *Engine) answered(s *spoolRequest) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.requests, s)
}

// awaitSpool waits until all requests are answered.
func (e *Engine) awaitSpool(ctx context.Context) error {
	e.mu.Lock()
	all := slices.Collect(maps.Keys(e.requests))
	e.mu.Unlock()
	for _, s := range all {
		select {
		case <-s.over:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
