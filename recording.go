package callreel

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/internal/timebase"
	"github.com/callreel/callreel/muxer"
)

// Recording is a recording of a conversation. One goroutine owns it from start
// to end; the methods send it messages and are safe for concurrent use.
type Recording struct {
	id        string
	eng       *Engine
	conv      *Conversation
	cfg       RecordingConfig
	startTime time.Time

	commands chan command
	stop     chan EndReason // holds one
	deaf     chan struct{}  // closed when the owner takes no more commands
	done     chan struct{}  // closed when result is final

	mu       sync.Mutex
	state    State
	result   Result   // final once done is closed
	counters Counters // likewise
	load     Load

	// The rest belongs to the owner.
	past      past // what earlier runs made
	session   *session
	out       *output
	first     muxer.File     // the first chunk, until it is used
	tap       *tap           // nil without a capture
	captured  string         // key of the capture in the store
	capturing sync.WaitGroup // until it is closed
	complete  bool           // it is, once that is over
	parcel    *parcel
	delivery  delivery
	suspended bool                     // it is not to end, but to go on elsewhere
	stale     bool                     // the manifest is, as to the roster
	progress  *progressReport          // in the newest manifest
	toSave    atomic.Pointer[manifest] // what waits to be written
	unsaved   atomic.Bool              // it could not be
	saved     timebase.Ticks           // when it was, local time
	meter     loadMeter
	why       EndReason
	shown     uint64         // version of the roster in result
	opened    timebase.Ticks // local time of the start or the last resume
	counted   timebase.Ticks // local time at which counters were
	empty     timebase.Ticks // local time since which nobody has been there; never, if somebody is
}

// command is a message to the owner.
type command struct {
	apply func() error
	reply chan answer
}

// answer is what has come of a command.
type answer struct {
	err     error
	durable <-chan struct{} // closed once it is noted in the spool
}

// newRecording opens the encoders and the first file and attaches to the
// conversation: from now on its media is let in, for whoever owns the recording.
func newRecording(e *Engine, c *Conversation, cfg RecordingConfig, start *spoolRequest) (*Recording, error) {
	now := e.clock.now()
	r := e.recording(cfg, now, Result{ID: cfg.ID, Conversation: c.id, StartTime: e.clock.time(now)})
	if err := r.claim(); err != nil {
		return nil, err
	}
	if err := r.begun(c, now, start); err != nil {
		return nil, errors.Join(err, r.abandon(), r.forget())
	}
	return r, nil
}

// recording makes one that does nothing yet.
func (e *Engine) recording(cfg RecordingConfig, now timebase.Ticks, res Result) *Recording {
	return &Recording{
		id: cfg.ID, eng: e, cfg: cfg, startTime: res.StartTime, opened: now, empty: now, saved: now,
		commands: make(chan command),
		stop:     make(chan EndReason, 1),
		deaf:     make(chan struct{}),
		done:     make(chan struct{}),
		result:   res,
	}
}

func (r *Recording) begun(c *Conversation, now timebase.Ticks, start *spoolRequest) error {
	if err := r.open(origin{timeline: timeline{start: now}}); err != nil {
		return err
	}
	m := manifest{Version: manifestVersion, Time: r.startTime, Settings: r.cfg, Result: r.result}
	if r.cfg.PauseOnStart {
		m.PausedSince = r.startTime
		r.session.pause(now)
	}
	if err := m.save(r.eng.courier); err != nil {
		return err
	}
	if err := r.openCapture(now); err != nil {
		return err
	}
	if !start.goesOn() {
		return errSilent
	}
	return r.attach(c, now)
}

// claim takes a place in the spool where nothing of an earlier recording is.
func (r *Recording) claim() (err error) {
	if r.parcel, err = r.eng.courier.open(r.id, r.tell); err != nil {
		return err
	}
	files, err := r.eng.spool.Files(r.id)
	if err == nil && len(files) > 0 {
		err = invalid("there are files of a recording %q in the spool", r.id)
	}
	if err != nil {
		return errors.Join(err, r.parcel.drop())
	}
	return nil
}

// open opens what can fail for reasons of this machine.
func (r *Recording) open(from origin) (err error) {
	if r.out, err = newOutput(r.cfg, r.startTime, from, r); err != nil {
		return err
	}
	if r.session, err = newSession(r.cfg, r.eng, from, r.out); err != nil {
		return err
	}
	if err := r.out.unavailable; err != nil {
		r.session.log.Warn("the encoder is not available; libx264 takes its place", "encoder", r.cfg.Video.Encoder, "err", err)
	}
	r.first, err = r.eng.files.create(r.id, mediaName(from.chunk))
	return err
}

// forget ends what a recording has in the spool that did not begin.
func (r *Recording) forget() error {
	return errors.Join(r.eng.spool.Discard(r.id, manifestName), r.parcel.drop())
}

// abandon undoes open, for a recording that has nothing recorded now.
func (r *Recording) abandon() error {
	if r.session != nil {
		r.session.close()
	}
	if r.out != nil {
		r.out.close()
	}
	var errs []error
	if r.tap != nil {
		errs = append(errs, r.tap.close(), r.eng.spool.Discard(r.id, captureName))
	}
	if r.first != nil {
		errs = append(errs, r.first.Close(), r.discardChunk(r.out.outage.kept))
	}
	return errors.Join(errs...)
}

// attach takes the conversation and lets its media in.
func (r *Recording) attach(c *Conversation, now timebase.Ticks) error {
	g, state := gate{from: now, until: never, tap: r.tap}, Active
	if r.session.timeline.paused() {
		g, state = gate{from: now, until: r.session.pause(now), tap: r.tap}, Paused
	}
	if err := c.attach(r, g); err != nil {
		return err
	}
	r.session.conv = r.conv
	if state == Paused {
		r.tap.pause(now, now)
	}
	r.become(state)
	return nil
}

// ID returns the recording's id.
func (r *Recording) ID() string { return r.id }

// Conversation returns the conversation that is recorded.
func (r *Recording) Conversation() *Conversation { return r.conv }

// StartTime returns when the recording began.
func (r *Recording) StartTime() time.Time { return r.startTime }

// Done is closed when the recording has ended and its result is final.
func (r *Recording) Done() <-chan struct{} { return r.done }

// State returns the present state.
func (r *Recording) State() State {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state
}

// AddTrack adds a track, or a simulcast layer, to the recorded conversation.
func (r *Recording) AddTrack(t ingest.TrackInfo) (ingest.Writer, error) { return r.conv.AddTrack(t) }

// createChunk makes a file of the spool. The first one is there from the start,
// so that a spool that can't be written to is found out then.
func (r *Recording) createChunk(index int) (muxer.File, error) {
	if f := r.first; f != nil {
		r.first = nil
		return f, nil
	}
	return r.eng.files.create(r.id, mediaName(index))
}

func (r *Recording) openChunk(index int) (muxer.File, error) {
	return r.eng.files.open(r.id, mediaName(index))
}

func (r *Recording) discardChunk(index int) error {
	return r.eng.files.discard(r.id, mediaName(index))
}

// Pause stops recording until Resume: nothing that is captured after Pause was
// called is decoded or stored, even if ctx ends before that is noted on the disk.
// Pausing twice is harmless. The error is a [StateError] if the recording is
// ending, or ctx's.
func (r *Recording) Pause(ctx context.Context) error {
	return r.do(ctx, "pause", r.pause)
}

func (r *Recording) pause() error {
	if r.State() == Paused {
		return nil
	}
	if err := r.check("pause", Paused); err != nil {
		return err
	}
	r.tap.hold() // before the time is known from which on nothing may be kept
	now := r.eng.clock.now()
	from := r.session.pause(now)
	r.conv.pass(gate{from: r.opened, until: from, tap: r.tap})
	r.tap.pause(now, from)
	r.update(true)
	r.save()
	r.become(Paused)
	return nil
}

// Resume goes on after Pause, in the same file. Resuming twice is harmless. The
// error is a [StateError] if the recording is ending.
func (r *Recording) Resume(ctx context.Context) error {
	return r.do(ctx, "resume", r.resume)
}

func (r *Recording) resume() error {
	if r.State() == Active {
		return nil
	}
	if err := r.check("resume", Active); err != nil {
		return err
	}
	now := r.eng.clock.now()
	r.session.resume(now)
	r.tap.resume(now)
	r.opened = now
	r.conv.pass(gate{from: now, until: never, tap: r.tap, resumed: true})
	r.update(true)
	r.save()
	r.become(Active)
	return nil
}

// Stop ends the recording with what was captured up to now and returns the
// result once the files are in the store. Stopping again returns the same. The
// error is ctx's, or the result's.
func (r *Recording) Stop(ctx context.Context) (Result, error) {
	r.requestStop(EndStopped)
	res, err := r.wait(ctx)
	return res, errors.Join(err, res.Err)
}

// requestStop makes the recording end, without waiting for it.
func (r *Recording) requestStop(why EndReason) {
	select {
	case r.stop <- why:
	default: // it is ending
	}
}

// wait waits for the result.
func (r *Recording) wait(ctx context.Context) (Result, error) {
	select {
	case <-r.done:
		return r.Result(), nil
	case <-ctx.Done():
		return r.Result(), ctx.Err()
	}
}

// Result returns the result, which is final once Done is closed. Before that it
// tells how far the recording is, without what is only known at the end.
func (r *Recording) Result() Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	res := r.result
	res.State = r.state
	return res
}

// do lets the owner run apply, and waits until what it has noted is on the disk.
func (r *Recording) do(ctx context.Context, op string, apply func() error) error {
	c := command{apply, make(chan answer, 1)}
	select {
	case r.commands <- c:
		a := <-c.reply
		if a.err != nil {
			return a.err
		}
		select {
		case <-a.durable:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	case <-r.deaf:
		return &StateError{op, r.State()}
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *Recording) check(op string, next State) error {
	if s := r.State(); !s.canBecome(next) {
		return &StateError{op, s}
	}
	return nil
}

// become changes the state; the owner alone calls it, with a legal move.
func (r *Recording) become(next State) {
	r.mu.Lock()
	if !r.state.canBecome(next) {
		r.mu.Unlock()
		panic(fmt.Sprintf("callreel: recording %s can't become %s", r.state, next))
	}
	r.state = next
	r.mu.Unlock()
	r.tell(Event{Type: StateChanged})
}

func (r *Recording) tell(e Event) {
	e.Time, e.Conversation, e.Recording, e.State = r.eng.clock.read(), r.cfg.Conversation, r.id, r.State()
	r.eng.cfg.OnEvent(e)
}
