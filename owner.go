package callreel

import (
	"errors"
	"fmt"
	"time"

	"github.com/callreel/callreel/internal/timebase"
)

// idleCheck is how often an owner with nothing to compose looks around.
const idleCheck = time.Second

// run owns the recording until it has ended.
func (r *Recording) run() {
	err := r.record()
	r.finish(err)
}

// record makes frames as they come due, and obeys, until the end.
func (r *Recording) record() error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for !r.session.finished() {
		now := r.eng.clock.now()
		due := r.session.due()
		if due <= now {
			if err := r.step(due, now); err != nil {
				return err
			}
		}
		if r.session.stopped == never {
			r.watch(now)
		}
		timer.Reset(r.pausing(now))
		r.obey(timer.C)
	}
	return nil
}

// pausing returns how long there is nothing to do.
func (r *Recording) pausing(now timebase.Ticks) time.Duration {
	if r.session.finished() {
		return 0
	}
	due := r.session.due()
	if due == never {
		return idleCheck
	}
	return min(max(0, (due-now).Duration()), idleCheck)
}

func (r *Recording) step(due, now timebase.Ticks) error {
	if now-due > r.session.frameLen {
		r.session.stats.LateTicks++
	}
	if err := r.session.step(now); err != nil {
		return err
	}
	for _, c := range r.out.mux.Done() {
		r.deliver(c)
	}
	r.mu.Lock()
	r.result.Duration = r.session.position().Duration()
	r.mu.Unlock()
	return nil
}

// obey takes one message, or returns at the next tick.
func (r *Recording) obey(tick <-chan time.Time) {
	select {
	case c := <-r.commands:
		c.reply <- c.apply(r.eng.clock.now())
	case why := <-r.stop:
		r.begin(why)
	case <-tick:
	}
}

// begin begins to end the recording. What is on its way is waited for.
func (r *Recording) begin(why EndReason) {
	if r.session.stopped != never {
		return
	}
	r.mu.Lock()
	r.result.EndReason = why
	r.mu.Unlock()
	r.conv.pass(gate{r.opened, r.session.stop(r.eng.clock.now())})
	r.become(Stopping)
}

// watch ends the recording when nobody has been in the call for long enough.
func (r *Recording) watch(now timebase.Ticks) {
	switch {
	case r.conv.present() > 0:
		r.empty = never
	case r.empty == never:
		r.empty = now
	case r.cfg.EmptyTimeout > 0 && now-r.empty >= timebase.FromDuration(r.cfg.EmptyTimeout):
		r.requestStop(EndCallEnded)
	}
}

// finish ends the recording: it closes the file, delivers what there is, whether
// or not something failed, and publishes the result.
func (r *Recording) finish(failure error) {
	s := r.session
	if failure != nil {
		r.begin(EndError)
		s.log.Error("recording failed", "error", failure)
	}
	people := r.participants()
	s.close()
	r.conv.detach(r)
	chunks, err := r.out.finish(s.frame)
	for _, c := range chunks {
		r.deliver(c)
	}
	failure = errors.Join(failure, err, r.abandon())
	err = errors.Join(failure, r.delivery.wait())
	r.publish(people, failure, err)
	r.eng.unregister(r.id)
	close(r.done)
}

// publish makes the result final. Files that are in the spool only are not a
// failure of the recording.
func (r *Recording) publish(people []ParticipantInfo, failure, err error) {
	s := r.session
	res := Result{
		ID: r.id, Conversation: r.conv.id, StartTime: r.startTime,
		Duration:  s.position().Duration(),
		EndReason: r.Result().EndReason,
		Chunks:    r.delivery.chunks(), Pauses: r.pauses(),
		Participants: people, Tracks: s.trackStats(), Stats: s.stats,
	}
	if failure != nil {
		res.EndReason = EndError
	}
	if perr := r.store(res); perr != nil {
		err = errors.Join(err, fmt.Errorf("store the result: %w", perr))
	}
	res.Err = err
	r.mu.Lock()
	r.result = res
	r.mu.Unlock()
	state := Completed
	if failure != nil {
		state = Failed
	}
	r.become(state)
	final := r.Result()
	r.tell(Event{Type: Ended, State: state, Result: &final, Err: err})
}

// pauses returns the pauses up to now. The one that a stop begins is none.
func (r *Recording) pauses() []Pause {
	out := []Pause{}
	end := min(r.eng.clock.now(), r.session.stopped)
	for _, p := range r.session.timeline.intervals(end) {
		if p.to > p.from {
			out = append(out, Pause{Start: r.eng.clock.time(p.from), Duration: (p.to - p.from).Duration()})
		}
	}
	return out
}

// participants returns everybody who was in the call while it was recorded.
func (r *Recording) participants() []ParticipantInfo {
	r.session.refresh(0)
	return r.conv.infos(r.session.stays)
}
