package callreel

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/callreel/callreel/internal/probe"
	"github.com/callreel/callreel/internal/timebase"
)

// idleCheck is how often an owner with nothing to compose looks around.
const idleCheck = time.Second

// run owns the recording until it has ended.
func (r *Recording) run() {
	r.out.start()
	err := r.record()
	close(r.deaf)
	if r.suspended {
		r.vanish()
		return
	}
	r.finish(err)
}

// record makes frames as they come due, and obeys, until the end.
func (r *Recording) record() error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var now, due timebase.Ticks
	frame := func() error { // made once, not for each frame
		r.session.probe.Resume()
		defer r.session.probe.Pause()
		return r.step(due, now)
	}
	for !r.session.finished() && !r.suspended {
		now = r.eng.clock.now()
		if due = r.due(now); due <= now {
			if err := r.measure(frame); err != nil {
				return err
			}
			r.watchLoad(due, now)
		}
		if r.session.settles() {
			if err := r.measure(r.session.settle); err != nil {
				return err
			}
			r.save()
		}
		if r.session.stopped == never {
			r.watch(now)
		}
		timer.Reset(r.pausing(r.eng.clock.now()))
		r.obey(timer.C)
	}
	return nil
}

// due returns when the next frame is to be made.
func (r *Recording) due(now timebase.Ticks) timebase.Ticks {
	due := r.session.due()
	if due > now && r.session.drained(now) {
		return now
	}
	return due
}

// measure counts the CPU time that do takes.
func (r *Recording) measure(do func() error) error {
	spent, err := r.eng.measure(do)
	r.session.stats.CPU += spent
	return err
}

// pausing returns how long there is nothing to do.
func (r *Recording) pausing(now timebase.Ticks) time.Duration {
	if r.session.finished() {
		return 0
	}
	due, longest := r.due(now), idleCheck
	if r.session.stopped != never {
		longest = drainCheck
	}
	if due == never {
		return longest
	}
	return min(max(0, (due-now).Duration()), longest)
}

func (r *Recording) step(due, now timebase.Ticks) error {
	r.session.late.add((now - due).Duration())
	if now-due > r.session.frameLen {
		r.session.stats.LateTicks++
	}
	defer r.session.probe.Enter(r.session.probe.Enter(probe.Other))
	unwritten := r.session.stats.Unwritten
	if err := r.session.step(now); err != nil {
		return err
	}
	r.tellNews()
	chunks := r.out.done()
	for _, c := range chunks {
		r.deliver(c)
	}
	changed, files := r.session.version != r.shown, len(chunks) > 0 || r.session.stats.Unwritten > unwritten
	r.update(changed || files)
	r.saveChanges(changed, files)
	r.offer()
	if now-r.counted >= countInterval {
		r.count(now)
	}
	return nil
}

// observe lets p look into the recording from now on.
func (r *Recording) observe(p *probe.Probe) {
	r.session.probe, r.out.probe = p, p
	p.Encoding(r.out.videoConfig())
}

// watchLoad takes in how long the frame took that was due at a time and begun at another.
func (r *Recording) watchLoad(due, begin timebase.Ticks) {
	now := r.eng.clock.now()
	if r.session.watchLoad(due, begin, now) {
		r.tellNews()
		r.update(true)
		r.count(now)
	}
}

// tellNews tells of alarms.
func (r *Recording) tellNews() {
	for _, e := range r.session.news {
		r.tell(e)
	}
	r.session.news = r.session.news[:0]
}

// update shows to others how far the recording is; all of it, or the figures only.
func (r *Recording) update(all bool) {
	res := r.Result()
	if all {
		res = r.describe()
		r.shown = r.session.version
	}
	res.Duration, res.Stats = r.out.status().written.Duration(), r.past.stats.plus(r.session.stats)
	r.mu.Lock()
	r.result = res
	r.mu.Unlock()
}

// describe tells what the recording has come to so far.
func (r *Recording) describe() Result {
	s := r.session
	out := r.out.status()
	res := Result{
		Version: resultVersion,
		ID:      r.id, Conversation: r.conv.id, StartTime: r.startTime, EndReason: r.why,
		Duration: out.written.Duration(), Chunks: slices.Clone(r.delivery.done),
		Participants: r.people(), Stats: r.past.stats.plus(s.stats), Capture: r.captured,
		Unwritten: r.past.unwritten.plus(out.missing.report()), Overload: r.past.overload.plus(s.overload),
	}
	res.Pauses, res.Gaps = r.omitted()
	return res
}

// people returns all stays so far.
func (r *Recording) people() []ParticipantInfo {
	return slices.Concat(r.past.people, r.conv.infos(r.session.stays))
}

// obey takes one message, or returns at the next tick. Where ticks are late,
// messages don't wait for them.
func (r *Recording) obey(tick <-chan time.Time) {
	select {
	case c := <-r.commands:
		c.reply <- answer{c.apply(), r.out.barrier()}
		return
	case why := <-r.stop:
		r.begin(why)
		return
	default:
	}
	select {
	case c := <-r.commands:
		c.reply <- answer{c.apply(), r.out.barrier()}
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
	r.why = why
	now := r.eng.clock.now()
	r.conv.pass(gate{from: r.opened, until: r.session.stop(now), tap: r.tap})
	r.tap.stop(now, why)
	r.become(Stopping)
	r.save()
}

// watch ends the recording when nobody has been in the call for long enough, and
// shows that it is still there while nothing is written.
func (r *Recording) watch(now timebase.Ticks) {
	if r.session.timeline.paused() {
		if now-r.saved >= manifestWhilePaused {
			r.save()
		}
		r.out.do(r.out.flush)
		r.update(false)
	}
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
	s.refresh(0) // before those who have left are forgotten
	s.close()
	r.tellNews()
	r.conv.detach(r)
	r.endCapture()
	chunks, err := r.out.finish(s.frame)
	s.watchOutput(true)
	s.alarmOverload(true)
	r.tellNews()
	r.count(r.eng.clock.now())
	for _, c := range chunks {
		r.deliver(c)
	}
	r.save()
	r.offer()
	failure = errors.Join(failure, err, r.abandon())
	r.publish(failure)
	r.eng.retire(r)
	close(r.done)
}

// publish makes the result final, once everything was offered to the store. Files
// that are in the spool only are not a failure of the recording.
func (r *Recording) publish(failure error) {
	if failure != nil {
		r.why = EndError
	}
	r.closeCapture()
	res := r.describe()
	res.Duration = r.session.position().Duration()
	report := r.session.report(res.Participants, r.session.retired)
	report.StartTime, report.Gaps = r.startTime, res.Gaps
	late := r.past.progress.joinTo(&report, r.session.late)
	report.Ticks.P95Lateness, report.Ticks.MaxLateness = late.p95(), late.most
	report.Ticks.Stats, report.Ticks.Unwritten = res.Stats, res.Unwritten
	report.Ticks.Overload = res.Overload
	report.judge(failure)
	res.Report, res.Verdict = &report, report.Verdict
	r.session.log.Info("quality", "report", &report)
	undelivered := r.send(res)
	res.Err = errors.Join(failure, undelivered)
	r.mu.Lock()
	r.result = res
	r.mu.Unlock()
	state := Completed
	if failure != nil {
		state = Failed
	}
	r.become(state)
	final := r.Result()
	r.tell(Event{Type: Ended, Result: &final, Err: final.Err})
	r.parcel.ready <- final
	if undelivered == nil {
		<-r.parcel.over // Delivered is told
	}
}

// send sends the documents that a recording ends with, and waits until
// everything was tried.
func (r *Recording) send(res Result) error {
	c := r.eng.courier
	report, err := json.MarshalIndent(res.Report, "", "  ")
	if err != nil {
		return errors.Join(err, r.delivery.wait(r.parcel))
	}
	result, err := json.MarshalIndent(res, "", "  ")
	if err != nil {
		return errors.Join(err, r.delivery.wait(r.parcel))
	}
	r.delivery.shipments = append(r.delivery.shipments, r.parcel.add(nil, c.document(r.id, reportName, report)))
	last := c.document(r.id, resultName, result)
	m := manifest{Version: manifestVersion, Time: r.eng.clock.read(), Settings: r.cfg, Ended: true, Continued: r.past.continued, Result: res}
	if err := m.save(c); err != nil { // a crash before all is delivered makes it Interrupted
		r.session.log.Error("the end is not noted in the spool", "error", err)
	}
	r.delivery.shipments = append(r.delivery.shipments, r.parcel.seal(last))
	return r.delivery.wait(r.parcel)
}
