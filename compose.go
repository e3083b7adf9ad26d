package callreel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/internal/fault"
	"github.com/callreel/callreel/internal/probe"
	"github.com/callreel/callreel/internal/timebase"
)

// Script is a call that was captured, to be composed again. The Source of
// package ingest/replay is one.
type Script interface {
	// Recorded describes the recording by which the call was captured.
	Recorded() ingest.Recorded
	// Next returns the next step, and io.EOF after the last one.
	Next() (ingest.Step, error)
}

// Compose makes a recording of a captured call (see RecordingConfig.Capture):
// what the recording would have been that was made at that time, as fast as
// this machine can decode and encode. The same script and settings give the
// same files every time.
//
// What settings leave at zero is as it was recorded, the ID too; so use another
// Storage, or another ID, than that of the recording. The settings of the
// encoder are never taken from the capture, because they can name files and the
// capture may be a stranger's.
//
// A script that ends without a stop ends the recording there (EndShutdown). When
// it fails, or ctx ends, what was composed until then is in the storage. The
// error is ctx's, the script's, the result's, or [ErrInvalid].
func Compose(ctx context.Context, cfg Config, settings RecordingConfig, script Script) (_ Result, err error) {
	recorded := script.Recorded()
	if err := settings.inherit(recorded); err != nil {
		return Result{}, err
	}
	clock := new(scriptClock)
	clock.set(recorded.Start)
	cfg.Limits.Decoding = -1 // or what is decoded would depend on the machine
	e, err := newEngine(cfg, localClock{recorded.Clock.UTC(), clock.now})
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, e.courier.close(context.WithoutCancel(ctx))) }()
	c, err := e.Conversation(settings.Conversation)
	if err != nil {
		return Result{}, err
	}
	r, err := newRecording(e, c, settings, nil)
	if err != nil {
		return Result{}, err
	}
	p := &player{rec: r, clock: clock, script: script, probe: probe.From(ctx)}
	r.observe(p.probe)
	r.finish(p.play(ctx))
	res := r.Result()
	return res, res.Err
}

// inherit takes over what is not set from a capture, checks all of it, and fills
// in the rest.
func (c *RecordingConfig) inherit(recorded ingest.Recorded) error {
	var old RecordingConfig
	if err := json.Unmarshal(recorded.Settings, &old); err != nil {
		return fault.Source.Wrap(fmt.Errorf("settings of the capture: %w", err))
	}
	const longest = 100 * 365 * 24 * time.Hour // of a clock, and far from the limits of a time.Duration
	if ran := recorded.Start.Sub(recorded.Clock); ran < 0 || ran > longest {
		return fault.Source.Wrap(fmt.Errorf("the capture begins %v after the start of its clock", ran))
	}
	orDefault(&c.Conversation, old.Conversation)
	orDefault(&c.ID, old.ID)
	c.PauseOnStart = old.PauseOnStart
	orDefault(&c.Width, old.Width)
	orDefault(&c.Height, old.Height)
	orDefault(&c.FrameRate, old.FrameRate)
	orDefault(&c.Delay, old.Delay)
	orDefault(&c.AudioBitRate, old.AudioBitRate)
	orDefault(&c.ChunkDuration, old.ChunkDuration)
	orDefault(&c.ChunkBytes, old.ChunkBytes)
	orDefault(&c.FragmentDuration, old.FragmentDuration)
	orDefault(&c.RejoinGrace, old.RejoinGrace)
	orDefault(&c.EmptyText, old.EmptyText)
	c.setDefaults()
	return c.check()
}

// scriptClock shows the time that it was set to.
type scriptClock struct{ unix atomic.Int64 } // in ns

func (c *scriptClock) set(t time.Time) { c.unix.Store(t.UnixNano()) }

func (c *scriptClock) now() time.Time { return time.Unix(0, c.unix.Load()).UTC() }

// player plays a script to a recording that has no goroutine: it owns it.
type player struct {
	rec    *Recording
	clock  *scriptClock
	script Script
	probe  *probe.Probe
	time   timebase.Ticks // up to which everything is done

	// What was read ahead, and how reading ended.
	ahead []ingest.Step
	taken int // of them
	err   error
}

// readAhead is how many steps are read at once for a probe: to tell it for each
// that it was read would take about as long as to do it.
const readAhead = 64

// next returns the next step.
func (p *player) next() (ingest.Step, error) {
	if p.probe == nil {
		return p.script.Next()
	}
	if p.taken == len(p.ahead) {
		p.readAhead()
	}
	if p.taken == len(p.ahead) {
		return ingest.Step{}, p.err
	}
	p.taken++
	return p.ahead[p.taken-1], nil
}

func (p *player) readAhead() {
	defer p.probe.Enter(p.probe.Enter(probe.Replay))
	p.ahead, p.taken = p.ahead[:0], 0
	for len(p.ahead) < readAhead && p.err == nil {
		var step ingest.Step
		if step, p.err = p.script.Next(); p.err == nil {
			p.ahead = append(p.ahead, step)
		}
	}
}

// play does what the script says until all of the recording is composed.
func (p *player) play(ctx context.Context) error {
	p.probe.Resume()
	defer p.probe.Enter(probe.Other)
	p.probe.Enter(probe.Receive)
	for !p.rec.session.finished() {
		step, err := p.next()
		if errors.Is(err, io.EOF) {
			p.rec.begin(EndShutdown) // unless it was stopped
			return p.composeUntil(ctx, never)
		}
		if err != nil {
			return err
		}
		clock := p.rec.eng.clock
		p.time = max(p.time, clock.at(step.Time))
		if err := p.composeUntil(ctx, p.time); err != nil {
			return err
		}
		p.clock.set(step.At)
		if err := p.do(step); err != nil {
			return err
		}
		p.clock.set(clock.time(p.time))
	}
	return nil
}

// composeUntil makes the frames that are due up to local time limit.
func (p *player) composeUntil(ctx context.Context, limit timebase.Ticks) error {
	for {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		due := p.rec.session.due()
		if due == never || due > limit {
			if p.rec.session.settles() {
				return p.rec.session.settle()
			}
			return nil
		}
		p.clock.set(p.rec.eng.clock.time(due))
		if err := p.rec.step(due, due); err != nil {
			return err
		}
		if err := p.rec.out.status().cause; err != nil { // who composes can do so again
			return err
		}
	}
}

func (p *player) do(step ingest.Step) error {
	switch step.Command {
	case ingest.PauseRecording:
		return fault.Source.Wrap(p.rec.pause())
	case ingest.ResumeRecording:
		return fault.Source.Wrap(p.rec.resume())
	case ingest.StopRecording:
		p.rec.begin(endReason(step.Reason))
		return nil
	default:
		return step.Apply(p.rec.conv)
	}
}

// endReason is why the recording ended that is composed again. That it failed
// then is no failure now.
func endReason(recorded string) EndReason {
	switch why := EndReason(recorded); why {
	case EndStopped, EndCallEnded:
		return why
	default:
		return EndShutdown
	}
}
