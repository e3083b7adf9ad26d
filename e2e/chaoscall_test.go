package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/callreel/callreel/client"
	"github.com/callreel/callreel/internal/simulate"
)

// chaosGuest is somebody who stays in a call whatever becomes of the server, as
// the call page does: it asks every now and then who answers, and publishes anew
// if that is another process.
type chaosGuest struct {
	chaos *chaos
	call  string
	index int

	mu    sync.Mutex
	stays []stay
}

// stay is a time in which somebody's media certainly came to the server.
type stay struct{ from, to time.Time }

const guestAsks = 300 * time.Millisecond

// attend is in the call until ctx ends.
func (g *chaosGuest) attend(ctx context.Context) {
	for ctx.Err() == nil {
		run, ok := g.run(ctx)
		if !ok {
			rest(ctx, guestAsks/3)
			continue
		}
		g.publish(ctx, run)
	}
}

// run asks which process the call is at.
func (g *chaosGuest) run(ctx context.Context) (string, bool) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var state struct{ Run string }
	err := g.chaos.get(ctx, "/call/"+g.call+"/state", &state)
	return state.Run, err == nil
}

// publish publishes until another process answers, or the connection is lost.
func (g *chaosGuest) publish(ctx context.Context, run string) {
	p, err := simulate.New(simulate.Config{
		Endpoint: g.chaos.prey.url + "/whip/" + g.call, Index: g.index, Epoch: epoch(),
		Video: "vp8", Audio: "opus", Width: 320, Height: 180, FPS: 8,
	})
	must(g.chaos.t, err)
	staying, leave := context.WithCancel(ctx)
	left := make(chan struct{})
	go func() {
		_ = p.Run(staying) // how it ends is as the server does
		close(left)
	}()
	defer func() { leave(); <-left }()
	for {
		asked := time.Now()
		select {
		case <-left:
			return
		default:
		}
		now, ok := g.run(ctx)
		if ok && now != run || ctx.Err() != nil {
			return
		}
		if ok && p.Stats().Connected {
			g.here(asked)
		} else {
			g.gone()
		}
		rest(ctx, guestAsks)
	}
}

// here notes that all is well.
func (g *chaosGuest) here(at time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if n := len(g.stays); n > 0 && g.stays[n-1].to.After(at.Add(-time.Second)) {
		g.stays[n-1].to = at
		return
	}
	g.stays = append(g.stays, stay{at, at})
}

// gone makes the next time that all is well a new stay.
func (g *chaosGuest) gone() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if n := len(g.stays); n == 0 || !g.stays[n-1].from.Equal(g.stays[n-1].to) {
		g.stays = append(g.stays, stay{})
	}
}

// rest waits; it reports false if ctx ends first.
func rest(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// chaosCall is a call, of which one recording after the other is made.
type chaosCall struct {
	chaos *chaos
	id    string
	now   chan struct{} // stop, now
}

// chaosRecording is a recording with when it was asked for what.
type chaosRecording struct {
	id, call                 string
	asked, stopAt, stoppedBy time.Time // the start, the stop and its answer
}

// direct records until ctx ends. Requests are made whether there is a server or not.
func (c *chaosCall) direct(ctx context.Context, rng *rand.Rand) {
	for ctx.Err() == nil {
		r := &chaosRecording{call: c.id, asked: time.Now()}
		if !c.insist("start", func(ctx context.Context) (err error) {
			r.id, err = c.start(ctx)
			return err
		}) {
			return
		}
		c.chaos.mu.Lock()
		c.chaos.recordings = append(c.chaos.recordings, r)
		c.chaos.mu.Unlock()
		c.run(ctx, r, rng)
		r.stopAt = time.Now()
		c.insist("stop", func(ctx context.Context) error { return c.chaos.api.StopRecording(ctx, c.id, r.id) })
		r.stoppedBy = time.Now()
		rest(ctx, time.Duration(rng.Int64N(int64(2*time.Second))))
	}
}

// start starts a recording, unless an earlier request did whose answer got lost.
func (c *chaosCall) start(ctx context.Context) (string, error) {
	id, err := c.chaos.api.StartRecording(ctx, c.id, client.StartOptions{StateCallbackURI: c.chaos.hook.URL + "/state"})
	if refused, ok := errors.AsType[*client.Error](err); ok && refused.Code == "8553" {
		all, err := c.chaos.running(ctx)
		for _, r := range all {
			if r.Conversation == c.id {
				return r.ID, err
			}
		}
		return "", errors.Join(errors.New("it is recorded, and is not"), err)
	}
	return id, err
}

// run lets a recording run, with a pause now and then.
func (c *chaosCall) run(ctx context.Context, r *chaosRecording, rng *rand.Rand) {
	api := c.chaos.api
	end := time.After(8*time.Second + time.Duration(rng.Int64N(int64(20*time.Second))))
	for {
		pause := time.After(2*time.Second + time.Duration(rng.Int64N(int64(15*time.Second))))
		select {
		case <-ctx.Done():
			return
		case <-end:
			return
		case <-c.now:
			return
		case <-pause:
		}
		c.insist("pause", func(ctx context.Context) error { return c.unlessOver(ctx, r, api.PauseRecording(ctx, c.id, r.id)) })
		rest(ctx, time.Duration(rng.Int64N(int64(3*time.Second))))
		c.insist("resume", func(ctx context.Context) error { return c.unlessOver(ctx, r, api.ResumeRecording(ctx, c.id, r.id)) })
	}
}

// unlessOver returns the error of a request, unless the recording has ended, as
// those of a server that is told to end do.
func (c *chaosCall) unlessOver(ctx context.Context, r *chaosRecording, err error) error {
	if err == nil {
		return nil
	}
	if d, derr := c.chaos.api.Recording(ctx, r.id); derr == nil && (d.Ended() || d.State == "stopping") {
		return nil
	}
	return err
}

// insist repeats a request until it is answered; a refusal is an error, as is none.
func (c *chaosCall) insist(what string, do func(context.Context) error) bool {
	begin := time.Now()
	for {
		ctx, cancel := context.WithTimeout(c.chaos.t.Context(), 10*time.Second)
		err := do(ctx)
		cancel()
		if err == nil {
			return true
		}
		refused, ok := errors.AsType[*client.Error](err)
		if ok && refused.StatusCode < 500 || time.Since(begin) > chaosPatience || c.chaos.t.Context().Err() != nil {
			c.chaos.t.Error(fmt.Errorf("%s: %s after %v: %w", c.id, what, time.Since(begin), err))
			return false
		}
	}
}
