package worker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/callreel/callreel"
)

const (
	lookEvery = time.Second // how a worker is
	// maxMisses is how often in a row a worker may fail to say so: then it hangs.
	maxMisses = 10
	// retireTime is how long a worker may take to end that has nothing to do.
	retireTime = 10 * time.Second
	// restTime is how long it takes until a worker is started again that failed to.
	restTime = 300 * time.Millisecond
	// lostKept is for how long it is known that a call's connections were lost.
	lostKept = time.Hour
)

// lostCall counts how often the connections of a call were lost.
type lostCall struct {
	times int
	at    time.Time
}

// attend looks after a worker from its start until it has ended and what it was
// doing is in other hands.
func (p *Pool) attend(w *worker) {
	running, exited := context.WithCancel(context.Background())
	go func() { // ends with the process
		w.exit = w.cmd.Wait()
		exited()
	}()
	if err := w.greet(running); err != nil {
		w.err = fmt.Errorf("%w: %w", errFailed, err)
		_ = w.cmd.Process.Kill()
	}
	close(w.ready)
	var heard sync.WaitGroup
	if w.err == nil {
		heard.Go(func() { _ = w.listen(context.WithoutCancel(running)) }) // until the process ends
		p.relay.serve(w.media)
		p.watch(running, w)
	}
	<-running.Done()
	heard.Wait()
	w.hangUp()
	p.relay.forget(w.media)
	close(w.gone)
	p.bury(w)
}

// watch looks every now and then how a worker is, until it has ended.
func (p *Pool) watch(running context.Context, w *worker) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	busy, misses := time.Now(), 0
	for {
		select {
		case <-tick.C:
		case <-running.Done():
			return
		}
		w.measure()
		w.mu.Lock()
		requests, users, memory := w.requests, w.users, w.memory
		w.mu.Unlock()
		ctx, cancel := context.WithTimeout(running, lookTime)
		s, err := w.look(ctx)
		cancel()
		if misses++; err == nil {
			misses = 0
			p.note(s)
		}
		if err != nil || users > 0 || !s.idle() {
			busy = time.Now()
		}
		limit := p.cfg.Settings.Memory
		switch {
		case limit > 0 && memory > limit:
			p.log.Error("a worker holds too much memory", "conversation", w.conversation, "pid", w.cmd.Process.Pid, "bytes", memory, "limit", limit)
			_ = w.cmd.Process.Kill()
		case misses >= maxMisses:
			p.log.Error("a worker hangs", "conversation", w.conversation, "pid", w.cmd.Process.Pid)
			_ = w.cmd.Process.Kill()
		case time.Since(busy) >= p.cfg.Idle && p.retire(w, requests):
			p.release(w)
		}
	}
}

// retire takes a worker off its conversation, unless there were more requests.
func (p *Pool) retire(w *worker, requests uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.retired || w.users > 0 || w.requests != requests {
		return false
	}
	w.retired = true
	if p.workers[w.conversation] == w {
		delete(p.workers, w.conversation)
		delete(p.lost, w.conversation)
	}
	return true
}

// release ends a worker that has nothing to do.
func (p *Pool) release(w *worker) {
	ctx, cancel := context.WithTimeout(context.Background(), retireTime)
	defer cancel()
	if err := w.close(ctx); err != nil {
		p.log.Warn("a worker does not end well", "conversation", w.conversation, "error", err)
		_ = w.cmd.Process.Kill()
	}
	w.hangUp()
}

// note keeps how recordings are, for the time when nobody can be asked.
func (p *Pool) note(s status) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, rec := range s.Recordings {
		if r := p.recordings[rec.Result.Document.ID]; r != nil && !r.ended {
			r.last = rec
		}
	}
}

// bury takes over what a worker has left.
func (p *Pool) bury(w *worker) {
	now := time.Now()
	w.mu.Lock()
	retired, last, callID := w.retired, w.last, w.callID
	w.mu.Unlock()
	p.mu.Lock()
	delete(p.alive, w)
	if p.workers[w.conversation] == w {
		delete(p.workers, w.conversation)
	}
	p.totals.Add(last.Totals)
	if s := w.cmd.ProcessState; s != nil {
		p.cpu += s.UserTime() + s.SystemTime()
	}
	var left []*recording
	for _, r := range p.recordings {
		if r.w == w {
			r.w = nil
			r.change()
			left = append(left, r)
		}
	}
	if !retired {
		p.crashed(w.conversation, now)
	}
	closed := p.closed
	p.mu.Unlock()
	close(w.buried)
	if !retired {
		p.log.Error("a worker has ended unasked", "conversation", w.conversation, "pid", w.cmd.Process.Pid,
			"how", w.exit, "recordings", len(left))
	}
	if callID != "" {
		p.happened(callreel.Event{Type: callreel.CallEnded, Time: now, Conversation: w.conversation, Call: callID, Err: errGone})
	}
	if closed { // it is for the next start
		return
	}
	for _, r := range left {
		p.inherit(r, retired)
	}
}

// crashed notes that the connections of a call were lost; p.mu is held.
func (p *Pool) crashed(conversation string, now time.Time) {
	p.crashes++
	for c, l := range p.lost {
		if now.Sub(l.at) > lostKept && p.workers[c] == nil {
			delete(p.lost, c)
		}
	}
	l := p.lost[conversation]
	p.lost[conversation] = lostCall{l.times + 1, now}
}

// inherit goes on with a recording whose worker has ended, or takes over its files.
func (p *Pool) inherit(r *recording, retired bool) {
	p.mu.Lock()
	ended, begun := r.ended, !r.starting
	p.mu.Unlock()
	if ended || retired || !begun {
		p.takeOver(r)
		return
	}
	p.goOn(r)
}

// goOn lets a recording go on in another worker, unless that crashes as well, too often.
func (p *Pool) goOn(r *recording) {
	for {
		p.mu.Lock()
		often := r.tooOften(time.Now())
		p.mu.Unlock()
		if often {
			p.log.Error("a recording is given up, as its workers crash again and again", "recording", r.id)
			p.takeOver(r)
			return
		}
		err := p.resume(r)
		switch {
		case err == nil, p.done.Err() != nil, errors.Is(err, callreel.ErrClosed):
			return
		case errors.Is(err, errGone):
			p.log.Error("a recording could not go on", "recording", r.id, "error", err)
			p.rest()
			continue
		}
		p.log.Error("a recording can't go on", "recording", r.id, "error", err)
		p.takeOver(r)
		return
	}
}

// rest waits a moment, before something is tried again.
func (p *Pool) rest() {
	timer := time.NewTimer(restTime)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.done.Done():
	}
}

// resume lets a recording go on in another worker.
func (p *Pool) resume(r *recording) error {
	w, err := p.acquire(p.done, r.conversation)
	if err != nil {
		return fmt.Errorf("%w: %w", errGone, err)
	}
	defer w.leave()
	var s recordingStatus
	if err := w.call(p.done, http.MethodPost, "/recordings/"+url.PathEscape(r.id)+"/continue", nil, &s); err != nil {
		return err
	}
	return p.assign(r, w, s)
}

// assign notes which worker makes a recording.
func (p *Pool) assign(r *recording, w *worker, s recordingStatus) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.alive[w] {
		return errGone
	}
	if r.w = w; !r.ended {
		r.last = s
	}
	r.change()
	return nil
}

// takeOver ends a recording with what there is of it, and lets the server deliver
// that.
func (p *Pool) takeOver(r *recording) {
	results, err := p.cfg.Engine.Recover(p.done, r.id)
	p.mu.Lock()
	ended, last := r.ended, r.last.Result.result()
	p.mu.Unlock()
	if err != nil {
		p.log.Error("what a worker has left can't be taken over", "recording", r.id, "error", err)
	}
	for _, res := range results {
		last = res
	}
	if !ended {
		if len(results) == 0 {
			last.State, last.EndReason, last.Err = callreel.Failed, callreel.EndInterrupted, errors.Join(errOver, err)
		}
		p.happened(callreel.Event{
			Type: callreel.Ended, Time: time.Now(), Conversation: r.conversation, Recording: r.id,
			State: last.State, Result: &last, Err: last.Err,
		})
	}
	p.mu.Lock()
	delete(p.recordings, r.id) // the engine tells the rest
	p.mu.Unlock()
}

// happened takes in what a worker tells, and tells it.
func (p *Pool) happened(e callreel.Event) {
	p.mu.Lock()
	if r := p.recordings[e.Recording]; r != nil && e.Recording != "" {
		switch e.Type {
		case callreel.StateChanged:
			r.last.Result.State = e.State
		case callreel.Ended:
			r.ended = true
			r.last.Result = wireResult(*e.Result)
			p.totals.Ended[e.Result.EndReason]++
			r.change()
		case callreel.Delivered:
			delete(p.recordings, r.id)
		}
	}
	p.mu.Unlock()
	p.cfg.OnEvent(e)
}
