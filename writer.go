package callreel

import (
	"fmt"
	"sync"
	"time"

	"github.com/callreel/callreel/internal/fault"
	"github.com/callreel/callreel/internal/timebase"
	"github.com/callreel/callreel/muxer"
)

const (
	// maxBehind and maxBehindBytes are how much may wait for the disk.
	maxBehind      = 30 * time.Second
	maxBehindBytes = 32 << 20
)

// errSlow is why nothing is written when too much waits for the disk.
var errSlow = fault.Internal.Wrap(fmt.Errorf("the disk is more than %v behind", maxBehind))

// writer writes what a recording consists of, in order. A live recording's has a
// goroutine, so that a disk that takes its time makes nobody wait who composes;
// what waits is bounded, and what is beyond that is not written. Without the
// goroutine everything is done at once.
type writer struct {
	files    chunkFiles
	tracks   muxer.Config
	interval time.Duration // between syncs; zero: with each fragment; negative: at the end of a file
	flushed  time.Time     // the last time
	mux      *muxer.Muxer  // nil while nothing can be written
	chunks   []chunkBytes  // those that were finished, and the open one, maybe with a cut ahead
	outage   outage

	more chan struct{}  // holds one; nil without a goroutine
	over sync.WaitGroup // until the goroutine ends

	mu      sync.Mutex
	queue   []job
	bytes   int64 // of the queue
	closing bool
	seen    progress
}

// job is something to be done in its turn.
type job struct {
	do    func()
	bytes int64 // that it holds
	since time.Time
}

// progress is what the others know of a writer.
type progress struct {
	now     timebase.Ticks // position of the newest frame
	written timebase.Ticks // up to where the recording is in files
	missing spans          // what is in no file
	done    []doneChunk    // not fetched yet
	failed  error          // by the media: the recording can't go on
	cause   error          // why nothing is written; nil: all is
	full    bool           // too much waits
	probing bool           // it is being found out whether writing works, or a chunk begins
	works   bool           // it does: a chunk can begin
	next    timebase.Ticks // when to try
}

// doneChunk is a finished chunk.
type doneChunk struct {
	muxer.Chunk
	chunkBytes
}

// start makes the goroutine, which stop ends.
func (w *writer) start() {
	w.more = make(chan struct{}, 1)
	w.over.Go(w.run)
}

// stop waits until everything is done. From then on it is done at once again.
func (w *writer) stop() {
	if w.more == nil {
		return
	}
	w.mu.Lock()
	w.closing = true
	w.mu.Unlock()
	w.wake()
	w.over.Wait()
	w.more = nil
}

func (w *writer) wake() {
	select {
	case w.more <- struct{}{}:
	default: // it will look
	}
}

func (w *writer) run() {
	for range w.more {
		for w.next() {
		}
		w.mu.Lock()
		ended := w.closing && len(w.queue) == 0
		w.mu.Unlock()
		if ended {
			return
		}
	}
}

// next does the first job. It is in the queue until it is done.
func (w *writer) next() bool {
	w.mu.Lock()
	if len(w.queue) == 0 {
		w.mu.Unlock()
		return false
	}
	j := w.queue[0]
	w.mu.Unlock()
	w.perform(j.do)
	w.mu.Lock()
	w.queue[0] = job{}
	w.queue = w.queue[1:]
	w.bytes -= j.bytes
	w.mu.Unlock()
	return true
}

// perform does something and shows what has become of it.
func (w *writer) perform(do func()) {
	do()
	w.mu.Lock()
	defer w.mu.Unlock()
	g, p := &w.outage, &w.seen
	p.done = append(p.done, w.fetch()...)
	p.missing = g.missing.clone()
	if w.mux == nil {
		p.written = max(p.written, g.end)
	} else {
		p.written = max(p.written, timebase.Ticks(w.mux.Synced()))
	}
	if !p.full {
		p.cause, p.next = g.cause, g.next
	}
}

// do has something done in its turn, however much waits.
func (w *writer) do(what func()) {
	if w.more == nil {
		w.perform(what)
		return
	}
	w.mu.Lock()
	w.queue = append(w.queue, job{what, 0, time.Now()})
	w.mu.Unlock()
	w.wake()
}

// trying makes an error of the media one that the recording fails with.
func (w *writer) trying(what func() error) func() {
	return func() {
		if err := what(); err != nil {
			w.mu.Lock()
			w.seen.failed = err
			w.mu.Unlock()
		}
	}
}

// put has a sample written, unless too much waits. The error is one of the media.
func (w *writer) put(bytes int, what func() error) error {
	do := w.trying(what)
	if w.more == nil {
		w.perform(do)
		return w.seen.failed
	}
	w.mu.Lock()
	p, n := &w.seen, int64(bytes)
	if !p.full && len(w.queue) > 0 && (w.bytes+n > maxBehindBytes || time.Since(w.queue[0].since) > maxBehind) {
		p.full, p.cause = true, errSlow
		w.queue = append(w.queue, job{w.giveUp, 0, time.Now()})
	}
	if !p.full {
		w.queue = append(w.queue, job{do, n, time.Now()})
		w.bytes += n
	}
	err := p.failed
	w.mu.Unlock()
	w.wake()
	return err
}

// giveUp ends the open chunk, as what comes next in it was not taken.
func (w *writer) giveUp() {
	if w.mux != nil {
		w.fail(errSlow)
	}
	w.mu.Lock()
	w.seen.full = false
	w.mu.Unlock()
}

// barrier returns what is closed once everything is done that was asked for.
func (w *writer) barrier() <-chan struct{} {
	done := make(chan struct{})
	w.do(func() { close(done) })
	return done
}

// behind returns for how long the oldest job has waited.
func (w *writer) behind() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) == 0 {
		return 0
	}
	return time.Since(w.queue[0].since)
}

// at returns how far everything is when the frame at pos is made.
func (w *writer) at(pos timebase.Ticks) progress {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen.now = pos
	return w.seen
}

// asked has something done that tries to write, and notes that it is about to be.
func (w *writer) asked(what func()) progress {
	w.mu.Lock()
	w.seen.probing, w.seen.works = true, false
	w.mu.Unlock()
	w.do(what)
	return w.status()
}

// status returns how far everything is.
func (w *writer) status() progress {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen
}

// done returns the chunks that were finished since the last call.
func (w *writer) done() []doneChunk {
	w.mu.Lock()
	defer w.mu.Unlock()
	done := w.seen.done
	w.seen.done = nil
	return done
}

// flush syncs what is not, if that is to be done between the fragments, and not
// more often than it is to be.
func (w *writer) flush() {
	if w.mux == nil || w.interval <= 0 || time.Since(w.flushed) < w.interval {
		return
	}
	w.flushed = time.Now()
	for _, f := range w.outage.opened {
		if f.synced == f.written {
			continue
		}
		if err := f.Sync(); err != nil {
			w.fail(err)
			return
		}
	}
}
