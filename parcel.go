package callreel

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/callreel/callreel/internal/fault"
)

// parcel is what a recording has in the spool for the store. Once there is
// something in it, a goroutine tries until all is delivered, or the courier ends:
// what has not been tried at once, the rest with growing pauses.
type parcel struct {
	courier   *courier
	recording string
	tell      func(Event)
	lock      io.Closer     // of the files
	patient   bool          // even the first attempt can wait for others
	more      chan struct{} // holds one
	ready     chan Result   // holds one: what Delivered is told with
	over      chan struct{} // closed when the goroutine has ended

	mu      sync.Mutex
	started bool
	ended   bool
	queue   []*shipment
	last    *shipment // goes when the queue is empty; nothing is added after it
	lost    []error   // what can't be delivered
}

// add sends files of the spool to the store.
func (p *parcel) add(chunk *Chunk, files ...spoolFile) *shipment {
	s := p.shipment(chunk, files)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue = append(p.queue, s)
	p.begin(s)
	return s
}

// seal adds the document that says that all is there, if it is not in the store yet.
func (p *parcel) seal(files ...spoolFile) *shipment {
	s := p.shipment(nil, files)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = s
	p.begin(s)
	return s
}

func (p *parcel) shipment(chunk *Chunk, files []spoolFile) *shipment {
	for i, f := range files {
		files[i].bytes = max(int64(len(f.content)), p.courier.size(p.recording, f.name))
	}
	return &shipment{files: files, chunk: chunk, since: time.Now(), tried: make(chan struct{})}
}

// begin lets the goroutine see a new shipment; p.mu is held.
func (p *parcel) begin(s *shipment) {
	if p.ended {
		s.settle(ErrClosed)
		return
	}
	if !p.started {
		p.started = true
		go p.run()
	}
	select {
	case p.more <- struct{}{}:
	default: // it will look
	}
}

func (p *parcel) begun() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.started
}

// drop ends a parcel that has nothing in it.
func (p *parcel) drop() error {
	p.courier.remove(p)
	return p.lock.Close()
}

// run delivers until there is nothing more to come.
func (p *parcel) run() {
	defer p.end()
	retry := time.NewTimer(longestRetry)
	retry.Stop()
	failed := -1 // retries without success, or -1 while nothing waits for one
	for {
		fresh := false
		select {
		case <-p.more:
			fresh = true
		case <-retry.C:
		case <-p.courier.ctx.Done():
			return
		}
		progress, err := p.round()
		switch {
		case p.complete():
			p.conclude()
			return
		case err == nil:
			failed = -1
			retry.Stop()
			continue
		case progress:
			failed = 0
		case fresh && failed >= 0: // what waits goes on waiting
			continue
		default:
			failed++
		}
		wait := retryAfter(failed)
		p.courier.log.Debug("the store failed", "recording", p.recording, "error", err, "retry", wait)
		retry.Reset(wait)
	}
}

// arrived reports whether a shipment is in the store.
func (p *parcel) arrived(s *shipment) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(s.files) == 0
}

// complete reports whether everything is delivered.
func (p *parcel) complete() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.queue) == 0 && p.last != nil && len(p.last.files) == 0
}

// round offers what is left to the store in order, until the store fails: what
// is behind that shares its fate. What failed is behind the others next time, so
// that one object that is refused does not hold up the rest.
func (p *parcel) round() (progress bool, failure error) {
	p.mu.Lock()
	queue, last := slices.Clone(p.queue), p.last
	p.mu.Unlock()
	defer p.turn(queue, last)()
	var down error
	for _, s := range queue {
		err := down
		if down == nil {
			var moved bool
			moved, err = p.ship(s)
			progress = progress || moved
		}
		p.tried(s, err)
		if err == nil || errors.Is(err, errGone) {
			continue
		}
		failure = err
		if fault.Of(err) == fault.Destination {
			down = err
		}
	}
	if last == nil {
		return progress, failure
	}
	err := failure
	if err == nil {
		_, err = p.ship(last)
	}
	p.tried(last, err)
	return progress, err
}

// turn waits until it is the parcel's turn, if it is one that can wait.
func (p *parcel) turn(queue []*shipment, last *shipment) (done func()) {
	untried := func(s *shipment) bool { return s != nil && !s.wasTried() }
	if !p.patient && (slices.ContainsFunc(queue, untried) || untried(last)) {
		return func() {}
	}
	select {
	case p.courier.slots <- struct{}{}:
		return func() { <-p.courier.slots }
	case <-p.courier.ctx.Done():
		return func() {}
	}
}

// tried ends the first attempt at a shipment.
func (p *parcel) tried(s *shipment, err error) {
	if s.wasTried() {
		return
	}
	if err != nil && s.chunk != nil {
		err = fmt.Errorf("chunk %d: %w", s.chunk.Index, err)
		p.tell(Event{Type: ChunkFailed, Chunk: s.chunk, Err: err})
	}
	s.settle(err)
}

// ship brings the files of a shipment to the store that are not there yet.
func (p *parcel) ship(s *shipment) (progress bool, err error) {
	for len(s.files) > 0 {
		if err := p.put(s.files[0]); err != nil {
			p.putBack(s, err)
			return progress, err
		}
		progress = true
		p.mu.Lock()
		s.files = s.files[1:]
		p.mu.Unlock()
	}
	p.mu.Lock()
	p.queue = slices.DeleteFunc(p.queue, func(q *shipment) bool { return q == s })
	p.mu.Unlock()
	if s.chunk != nil {
		p.tell(Event{Type: ChunkStored, Chunk: s.chunk})
	}
	return progress, nil
}

// putBack keeps a shipment for the next round, unless there is nothing to keep.
func (p *parcel) putBack(s *shipment, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	gone := errors.Is(err, errGone)
	if gone {
		s.files = nil
		p.lost = append(p.lost, err)
		p.courier.log.Error("a file is lost", "recording", p.recording, "error", err)
	}
	if s == p.last {
		return
	}
	p.queue = slices.DeleteFunc(p.queue, func(q *shipment) bool { return q == s })
	if !gone {
		p.queue = append(p.queue, s)
	}
}

// conclude tells that everything is delivered, once the recording has told that
// it has ended, and forgets the recording.
func (p *parcel) conclude() {
	select {
	case res := <-p.ready:
		p.tell(Event{Type: Delivered, Result: &res, Err: errors.Join(p.lost...)})
	case <-p.courier.ctx.Done():
		return // it is told after the next start
	}
	spool, log := p.courier.spool, p.courier.log
	left, err := spool.Files(p.recording)
	left = slices.DeleteFunc(left, func(name string) bool { return name == manifestName })
	switch {
	case err != nil:
	case len(left) > 0:
		log.Warn("files are left in the spool, to be looked at after the next start", "recording", p.recording, "files", left)
		return
	default:
		err = spool.Discard(p.recording, manifestName)
	}
	if err != nil {
		log.Error("the spool can't be cleaned", "recording", p.recording, "error", err)
	}
}

// end gives up what is left.
func (p *parcel) end() {
	p.mu.Lock()
	p.ended = true
	left := slices.Clone(p.queue)
	if p.last != nil {
		left = append(left, p.last)
	}
	p.mu.Unlock()
	for _, s := range left {
		p.tried(s, ErrClosed)
	}
	if err := p.lock.Close(); err != nil {
		p.courier.log.Error("the spool can't be unlocked", "recording", p.recording, "error", err)
	}
	p.courier.remove(p)
	close(p.over)
}
