package control

import (
	"context"
	"sync"
	"time"

	"github.com/callreel/callreel"
)

// feed holds what the engine told until it has been dealt with, in order. The
// engine must not be kept waiting.
type feed struct {
	mu     sync.Mutex
	events []callreel.Event
	closed bool
	wake   chan struct{} // holds one
	told   uint64        // events so far
	dealt  uint64        // with
	flush  []flushing
}

// flushing is somebody who waits for events to be dealt with.
type flushing struct {
	upTo uint64
	done chan struct{}
}

func newFeed() *feed { return &feed{wake: make(chan struct{}, 1)} }

func (f *feed) add(e callreel.Event) {
	f.mu.Lock()
	f.events = append(f.events, e)
	f.told++
	f.mu.Unlock()
	f.poke()
}

func (f *feed) poke() {
	select {
	case f.wake <- struct{}{}:
	default: // it is awake
	}
}

// close lets run return once everything has been dealt with.
func (f *feed) close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.poke()
}

// next takes the oldest event. There is none more once it is closed and empty.
func (f *feed) next() (e callreel.Event, ok, closed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.events) == 0 {
		f.events = nil
		return e, false, f.closed
	}
	e = f.events[0]
	f.events[0] = callreel.Event{}
	f.events = f.events[1:]
	return e, true, false
}

// depth is how many events wait.
func (f *feed) depth() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.events)
}

// run deals with events until the feed is closed and empty, or ctx ends.
func (f *feed) run(ctx context.Context, deal func(context.Context, callreel.Event)) {
	for {
		e, ok, closed := f.next()
		switch {
		case closed:
			return
		case ok:
			deal(ctx, e)
			f.done()
		default:
			select {
			case <-f.wake:
			case <-ctx.Done():
				return
			}
		}
	}
}

// done notes that an event has been dealt with.
func (f *feed) done() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dealt++
	for len(f.flush) > 0 && f.flush[0].upTo <= f.dealt {
		close(f.flush[0].done)
		f.flush = f.flush[1:]
	}
}

// flushWait is how long an answer waits for what has just happened to be noted.
const flushWait = 2 * time.Second

// wait waits until all that was told so far has been dealt with, but not for
// long: an answer may be behind, if the disk is.
func (f *feed) wait(ctx context.Context) {
	f.mu.Lock()
	if f.dealt == f.told {
		f.mu.Unlock()
		return
	}
	w := flushing{f.told, make(chan struct{})}
	f.flush = append(f.flush, w)
	f.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, flushWait)
	defer cancel()
	select {
	case <-w.done:
	case <-ctx.Done():
	}
}

const (
	// dealAttempts is how often it is tried to note and announce what happened.
	// What is left after that is found by the next sweep, or at the next start.
	dealAttempts = 5
	dealDelay    = 500 * time.Millisecond // doubles with each attempt
)

// persist tries something that needs the disk, for as long as it has a chance.
func (s *Server) persist(ctx context.Context, what string, do func(context.Context) error) {
	delay := dealDelay
	for attempt := 1; ; attempt++ {
		err := do(ctx)
		if err == nil {
			return
		}
		s.log.ErrorContext(ctx, "state can't be kept", "of", what, "attempt", attempt, "error", err)
		if attempt == dealAttempts || ctx.Err() != nil {
			return
		}
		timer := time.NewTimer(delay)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
		delay *= 2
	}
}
