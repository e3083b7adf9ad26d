package worker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/control"
	"github.com/callreel/callreel/ingest/whip"
	"github.com/callreel/callreel/internal/cpu"
)

// Start starts a recording in the worker of its conversation.
func (p *Pool) Start(ctx context.Context, cfg callreel.RecordingConfig) (control.Recording, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	if cfg.ID == "" {
		cfg.ID = uuid.Must(uuid.NewV7()).String()
	}
	r := p.newRecording(callreel.Result{ID: cfg.ID, Conversation: cfg.Conversation, StartTime: time.Now()})
	r.starting = true
	if err := p.reserve(r); err != nil {
		return nil, err
	}
	s, err := p.begin(ctx, r, cfg)
	if err != nil {
		return nil, err
	}
	return snapshot{r, s}, nil
}

func (p *Pool) newRecording(res callreel.Result) *recording {
	return &recording{
		pool: p, id: res.ID, conversation: res.Conversation, changed: make(chan struct{}),
		last: recordingStatus{Result: wireResult(res)},
	}
}

// begin has a worker start a recording.
func (p *Pool) begin(ctx context.Context, r *recording, cfg callreel.RecordingConfig) (s recordingStatus, err error) {
	w, err := p.acquire(ctx, cfg.Conversation)
	if err == nil {
		defer w.leave()
		err = p.assign(r, w, r.last)
	}
	assigned := err == nil
	if assigned {
		err = w.call(ctx, http.MethodPost, "/recordings", cfg, &s)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err == nil:
		r.starting, r.last = false, s
		p.totals.Started++
		return s, nil
	case errors.Is(err, callreel.ErrSpool):
		p.totals.Refused++
	case errors.Is(err, errGone), errors.Is(err, errFailed): // the machine may have no room for a process
		err = fmt.Errorf("%w: %w", callreel.ErrFull, err)
	}
	if !assigned || !errors.Is(err, errGone) { // else see bury
		delete(p.recordings, r.id)
	}
	return s, err
}

// Recording returns a recording that has not ended.
func (p *Pool) Recording(id string) (control.Recording, bool) {
	p.mu.Lock()
	r := p.recordings[id]
	if r == nil || r.starting || r.ended {
		p.mu.Unlock()
		return nil, false
	}
	w := r.w
	p.mu.Unlock()
	if w != nil {
		p.note(w.now())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return snapshot{r, r.last}, !r.ended
}

// Recordings returns those that have not ended, the oldest first.
func (p *Pool) Recordings() []control.Recording {
	p.survey()
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []control.Recording
	for _, r := range p.running() {
		if !r.starting {
			all = append(all, snapshot{r, r.last})
		}
	}
	return all
}

// survey looks how all workers are.
func (p *Pool) survey() []status {
	workers := p.all()
	found := make([]status, len(workers))
	var wg sync.WaitGroup
	for i, w := range workers {
		wg.Go(func() {
			found[i] = w.now()
			p.note(found[i])
		})
	}
	wg.Wait()
	return found
}

// Continue lets recordings go on that an earlier run was making.
func (p *Pool) Continue(ctx context.Context, within time.Duration) error {
	found, err := p.cfg.Engine.Interrupted(ctx, within)
	var wg sync.WaitGroup
	slots := make(chan struct{}, continued)
	for _, res := range found {
		r := p.newRecording(res)
		p.mu.Lock()
		p.recordings[r.id] = r
		p.totals.Started++
		p.mu.Unlock()
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			p.goOn(r)
		})
	}
	wg.Wait()
	return err
}

// continued is how many recordings go on at a time.
const continued = 4

// Call returns the call of a conversation.
func (p *Pool) Call(conversation string) (control.Call, bool) {
	p.mu.Lock()
	w := p.workers[conversation]
	p.mu.Unlock()
	if w != nil {
		if s := w.now(); s.Known {
			return s.call(), true
		}
	}
	return p.waiting(conversation)
}

// waiting describes a call whose recording waits for a worker.
func (p *Pool) waiting(conversation string) (c control.Call, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.recordings {
		if r.conversation == conversation && r.w == nil && !r.ended && !r.starting {
			c.ID, c.Recording, c.State = conversation, r.id, r.last.Result.State
			return c, true
		}
	}
	return c, false
}

func (s *status) call() control.Call {
	return control.Call{
		ConversationInfo: s.Call.ConversationInfo,
		Recording:        s.Call.Recording, State: s.Call.State,
		Sessions: s.Sessions,
	}
}

// Calls returns all calls, sorted by conversation.
func (p *Pool) Calls() []control.Call {
	var all []control.Call
	for _, s := range p.survey() {
		if s.Known {
			all = append(all, s.call())
		}
	}
	return all
}

// Sessions returns those of WHIP.
func (p *Pool) Sessions() []whip.SessionInfo {
	var all []whip.SessionInfo
	for _, s := range p.survey() {
		all = append(all, s.Sessions...)
	}
	return all
}

// Run names the worker of a conversation: another one if there was a crash.
func (p *Pool) Run(conversation string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return fmt.Sprintf("%s.%d", p.run, p.lost[conversation].times)
}

// Totals returns what all workers have done.
func (p *Pool) Totals() callreel.Totals {
	p.survey()
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.totals
	t.Ended = make(map[callreel.EndReason]int64)
	for why, n := range p.totals.Ended {
		t.Ended[why] = n
	}
	for w := range p.alive {
		w.mu.Lock()
		t.Add(w.last.Totals)
		w.mu.Unlock()
	}
	return t
}

// Deliveries is what waits for the store, in workers and here.
func (p *Pool) Deliveries() callreel.DeliveryStats {
	d := p.cfg.Engine.Deliveries()
	for _, s := range p.survey() {
		d.Recordings += s.Deliveries.Recordings
		d.Files += s.Deliveries.Files
		d.Bytes += s.Deliveries.Bytes
		d.Oldest = max(d.Oldest, s.Deliveries.Oldest)
	}
	return d
}

// Usage is what the server and its workers take.
func (p *Pool) Usage() control.Usage {
	workers := p.all()
	p.mu.Lock()
	u := control.Usage{Workers: len(workers), Crashes: p.crashes, WorkerCPU: p.cpu}
	p.mu.Unlock()
	for _, w := range workers {
		w.measure()
		w.mu.Lock()
		u.WorkerCPU += w.cpu
		u.Memory += w.memory
		u.Largest = max(u.Largest, w.memory)
		w.mu.Unlock()
	}
	u.CPU = cpu.Process() + u.WorkerCPU
	return u
}
