package callreel

import (
	"fmt"
	"slices"
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
	// maxSpare and maxSpareBytes are how much memory of samples is used again: of
	// more than wait for a disk that keeps up.
	maxSpare      = 4
	maxSpareBytes = 512 << 10
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
	bytes   int64    // of the queue
	spare   [][]byte // memory for samples to come
	closing bool
	seen    progress
}

// job is something to be done in its turn.
type job struct {
	do     func() // nil: the sample is to be written
	sample sample
	since  time.Time
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
	w.perform(j)
	w.mu.Lock()
	w.queue = slices.Delete(w.queue, 0, 1)
	w.bytes -= int64(len(j.sample.Data))
	if j.do == nil && len(w.spare) < maxSpare && cap(j.sample.Data) <= maxSpareBytes {
		w.spare = append(w.spare, j.sample.Data[:0])
	}
	w.mu.Unlock()
	return true
}

// perform does a job and shows what has become of it.
func (w *writer) perform(j job) {
	if j.do != nil {
		j.do()
	} else {
		w.failed(w.write(j.sample))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	g, p := &w.outage, &w.seen
	p.done = append(p.done, w.fetch()...)
	if p.missing.total != g.missing.total { // it only grows
		p.missing = g.missing.clone()
	}
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
		w.perform(job{do: what})
		return
	}
	w.mu.Lock()
	w.queue = append(w.queue, job{do: what, since: time.Now()})
	w.mu.Unlock()
	w.wake()
}

// failed makes an error of the media one that the recording fails with.
func (w *writer) failed(err error) {
	if err != nil {
		w.mu.Lock()
		w.seen.failed = err
		w.mu.Unlock()
	}
}

// trying makes an error of something one that the recording fails with.
func (w *writer) trying(what func() error) func() {
	return func() { w.failed(what()) }
}

// put has something done in its turn that belongs to the media, unless too much
// waits. The error is one of the media.
func (w *writer) put(what func() error) error { return w.take(job{do: w.trying(what)}) }

// putSample has a sample written, likewise. Its data is copied if that is to happen later.
func (w *writer) putSample(s sample) error { return w.take(job{sample: s}) }

func (w *writer) take(j job) error {
	if w.more == nil {
		w.perform(j)
		return w.seen.failed
	}
	w.mu.Lock()
	p, n := &w.seen, int64(len(j.sample.Data))
	j.since = time.Now()
	if !p.full && len(w.queue) > 0 && (w.bytes+n > maxBehindBytes || time.Since(w.queue[0].since) > maxBehind) {
		p.full, p.cause = true, errSlow
		w.queue = append(w.queue, job{do: w.giveUp, since: j.since})
	}
	if !p.full {
		if j.do == nil {
			j.sample.Data = append(w.memory(), j.sample.Data...)
		}
		w.queue = append(w.queue, j)
		w.bytes += n
	}
	err := p.failed
	w.mu.Unlock()
	w.wake()
	return err
}

// memory returns an empty slice for a sample's data.
func (w *writer) memory() []byte {
	n := len(w.spare)
	if n == 0 {
		return nil
	}
	b := w.spare[n-1]
	w.spare = w.spare[:n-1]
	return b
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
