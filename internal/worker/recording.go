package worker

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/callreel/callreel"
)

const (
	// A recording whose worker ends this often within that time is not continued.
	maxCrashes   = 5
	crashesCount = time.Minute
)

// recording is one that has not ended, or whose files are not all in the store.
// The pool's lock guards it.
type recording struct {
	pool             *Pool
	id, conversation string
	w                *worker         // that makes it; nil while there is none
	changed          chan struct{}   // closed when w or ended does
	starting         bool            // nobody knows of it yet
	ended            bool            // last is final
	last             recordingStatus // as far as it is known
	crashes          []time.Time
}

// snapshot is a recording as it was when it was asked for.
type snapshot struct {
	*recording

	status recordingStatus
}

func (s snapshot) Result() callreel.Result     { return s.status.Result.result() }
func (s snapshot) Counters() callreel.Counters { return s.status.Counters }
func (s snapshot) Load() callreel.Load         { return s.status.Load }

// change tells those who wait that something is another way; the pool's lock is held.
func (r *recording) change() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// holder waits for the worker that makes the recording. There is none once it has ended.
func (r *recording) holder(ctx context.Context) (*worker, error) {
	p := r.pool
	for {
		p.mu.Lock()
		w, ended, changed := r.w, r.ended, r.changed
		p.mu.Unlock()
		if w != nil || ended {
			return w, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-p.done.Done():
			return nil, callreel.ErrClosed
		}
	}
}

// operate has the worker do something, the next one if this one ends meanwhile.
func (r *recording) operate(ctx context.Context, verb string) (callreel.Result, error) {
	for {
		w, err := r.holder(ctx)
		if err != nil || w == nil {
			return r.known(), err
		}
		w.enter()
		var s recordingStatus
		err = w.call(ctx, http.MethodPost, "/recordings/"+url.PathEscape(r.id)+"/"+verb, nil, &s)
		w.leave()
		switch {
		case err == nil:
			r.note(s)
			return s.Result.result(), nil
		case !errors.Is(err, errGone):
			return r.known(), err
		}
		select {
		case <-w.buried:
		case <-ctx.Done():
			return r.known(), ctx.Err()
		}
	}
}

func (r *recording) note(s recordingStatus) {
	r.pool.mu.Lock()
	defer r.pool.mu.Unlock()
	if !r.ended {
		r.last = s
	}
}

func (r *recording) known() callreel.Result {
	r.pool.mu.Lock()
	defer r.pool.mu.Unlock()
	return r.last.Result.result()
}

// Pause is that of callreel.Recording.
func (r *recording) Pause(ctx context.Context) error { return r.steer(ctx, "pause") }

// Resume is that of callreel.Recording.
func (r *recording) Resume(ctx context.Context) error { return r.steer(ctx, "resume") }

func (r *recording) steer(ctx context.Context, verb string) error {
	res, err := r.operate(ctx, verb)
	if err == nil && res.State.Ended() || errors.Is(err, errNoRecording) {
		return &callreel.StateError{Operation: verb, State: callreel.Stopping}
	}
	return err
}

// Stop is that of callreel.Recording. It works also while no worker makes it.
func (r *recording) Stop(ctx context.Context) (callreel.Result, error) {
	res, err := r.operate(ctx, "stop")
	if errors.Is(err, errNoRecording) { // it has ended
		err = nil
	}
	return res, errors.Join(err, res.Err)
}

// tooOften notes that the worker ended, and reports whether it has too often.
// The pool's lock is held.
func (r *recording) tooOften(now time.Time) bool {
	lately := r.crashes[:0]
	for _, at := range r.crashes {
		if now.Sub(at) < crashesCount {
			lately = append(lately, at)
		}
	}
	r.crashes = append(lately, now)
	return len(r.crashes) >= maxCrashes
}
