package callreel

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/callreel/callreel/internal/timebase"
	"github.com/callreel/callreel/storage"
)

// errClock keeps a recording from going on.
var errClock = errors.New("the clock was set back since")

// Continue lets recordings go on that an earlier run was recording when it was
// killed, if they wrote something within that time: the same recording, with its
// ID and settings, goes on in a new chunk, paused if it was paused. Its sources
// have to join again; if nobody does, EmptyTimeout ends it as ever. What is
// missing is in Result.Gaps. A capture ends where it broke off.
//
// Recordings that were about to stop, that are older, or that the error names,
// are left to Recover, which is to be called next. What is running, of this
// engine or of others with the same spool, is not touched. If IDs are given, it
// is about these only.
func (e *Engine) Continue(ctx context.Context, within time.Duration, only ...string) ([]*Recording, error) {
	var going []*Recording
	err := e.leftovers(ctx, "continue", only, func(id string) error {
		r, err := e.goOn(id, within)
		if r != nil {
			going = append(going, r)
		}
		return err
	})
	return going, err
}

// Interrupted returns the recordings that Continue would let go on, as far as they
// are known: their state is Active or Paused.
func (e *Engine) Interrupted(ctx context.Context, within time.Duration) ([]Result, error) {
	var found []Result
	err := e.leftovers(ctx, "look at", nil, func(id string) (err error) {
		l := &leftover{eng: e, id: id}
		if l.parcel, err = e.courier.open(id, l.tell); err != nil {
			return err
		}
		if l.fresh(within) {
			res := l.manifest.Result
			if res.State = Active; !l.manifest.PausedSince.IsZero() {
				res.State = Paused
			}
			found = append(found, res)
		}
		return l.parcel.drop()
	})
	return found, err
}

// AwaitSpool waits until nothing in the spool is another process's, such as one
// that was just told to end, or until ctx ends.
func (e *Engine) AwaitSpool(ctx context.Context) error {
	ids, err := e.spool.Recordings()
	if err != nil {
		return err
	}
	ids = slices.DeleteFunc(ids, func(id string) bool { return !validID(id) })
	tick := time.NewTicker(lockCheck)
	defer tick.Stop()
	for len(ids) > 0 {
		lock, err := e.courier.open(ids[0], nil)
		if err == nil {
			err = lock.drop()
		}
		if !errors.Is(err, storage.ErrLocked) { // another error is for Recover to tell
			ids = ids[1:]
			continue
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// lockCheck is how often it is looked whether a lock is free.
const lockCheck = 20 * time.Millisecond

// goOn lets a recording go on, or returns nil if that is not to be.
func (e *Engine) goOn(id string, within time.Duration) (*Recording, error) {
	l := &leftover{eng: e, id: id, goesOn: true}
	var err error
	if l.parcel, err = e.courier.open(id, l.tell); err != nil {
		return nil, err
	}
	if !l.fresh(within) {
		return nil, l.parcel.drop()
	}
	r, err := l.goOn()
	if err != nil {
		return nil, errors.Join(err, l.parcel.drop())
	}
	gaps := len(r.past.gaps)
	_, all := r.omitted()
	e.cfg.Logger.Warn("a recording goes on that was interrupted", "recording", id, "gaps", all[gaps:], "times", r.past.continued)
	for _, err := range l.problems {
		e.cfg.Logger.Error("something is lost", "recording", id, "error", err)
	}
	return e.launch(r)
}

// fresh reports whether the recording was running lately. What is wrong with it
// is for Recover to tell.
func (l *leftover) fresh(within time.Duration) bool {
	c := l.eng.courier
	var err error
	if l.files, err = c.spool.Files(l.id); err != nil {
		return false
	}
	l.manifest, err = c.loadManifest(l.id)
	if m := l.manifest; err != nil || m == nil || m.Ended || m.Result.EndReason != "" || l.has(resultName) {
		return false
	}
	return l.eng.clock.read().Sub(l.lastWrite()) <= within
}

// goOn finishes what there is and makes the recording that goes on.
func (l *leftover) goOn() (*Recording, error) {
	e, m := l.eng, l.manifest
	c, err := e.Conversation(m.Settings.Conversation)
	if err != nil {
		return nil, err
	}
	if err := e.reserve(l.id, true); err != nil {
		return nil, err
	}
	l.salvage()
	err = l.describe()
	if err == nil {
		err = m.save(e.courier) // before there is another file
	}
	var r *Recording
	if err == nil {
		r, err = l.revive(c)
	}
	if err != nil {
		e.unregister(l.id)
	}
	return r, err
}

// revive makes a recording of what is left of it. On errors the files are as they
// were, so that it can be recovered.
func (l *leftover) revive(c *Conversation) (*Recording, error) {
	e, m := l.eng, l.manifest
	now := e.clock.now()
	from, lost, err := l.origin(now)
	if err != nil {
		return nil, err
	}
	r := e.recording(m.Settings, now, m.Result)
	r.past, r.parcel = l.past(e.clock.time(lost)), l.parcel
	r.parcel.tell = r.tell
	if err := r.open(from); err != nil {
		return nil, errors.Join(err, r.abandon())
	}
	r.delivery.done = slices.Clone(m.Result.Chunks)
	if l.has(captureName) {
		r.captured = CaptureKey(l.id)
	}
	if err := r.attach(c, now); err != nil {
		return nil, errors.Join(err, r.abandon())
	}
	r.update(true)
	r.save()
	r.delivery.shipments = l.sendChunks()
	if m.Settings.Capture {
		r.captureFailed(errors.New("it ends where the recording was interrupted"))
	}
	return r, nil
}

// past is what earlier runs made of a recording.
type past struct {
	pauses    []Pause
	gaps      []Gap
	people    []ParticipantInfo
	stats     Stats
	unwritten Spans
	overload  Overload
	progress  *progressReport // nil: nothing is known
	continued int             // how often it went on
}

// past returns what there is so far. Who was in the call is taken to have left
// when nothing was recorded any more.
func (l *leftover) past(lost time.Time) past {
	res := &l.manifest.Result
	p := past{res.Pauses, res.Gaps, slices.Clone(res.Participants), res.Stats, res.Unwritten, res.Overload, l.manifest.Progress, l.manifest.Continued + 1}
	for i := range p.people {
		if who := &p.people[i]; who.Left.IsZero() {
			who.Left = lost
			if who.Joined.After(lost) {
				who.Left = who.Joined
			}
		}
	}
	return p
}

// origin is where a recording begins, or goes on.
type origin struct {
	timeline timeline
	frame    int64 // number of the first frame
	chunk    int   // and of the first chunk
}

func (o origin) position(cfg RecordingConfig) timebase.Ticks {
	return timebase.Ticks(o.frame) * cfg.frameLen()
}

func (o origin) sample(cfg RecordingConfig) int64 { return int64(o.position(cfg) / sampleTicks) }

// origin returns where the recording goes on: with the first frame that is not in
// the files; and the local time from which on that is missing.
func (l *leftover) origin(now timebase.Ticks) (from origin, lost timebase.Ticks, err error) {
	m, clock := l.manifest, l.eng.clock
	t := &from.timeline
	t.start = clock.at(m.Result.StartTime)
	last := t.start
	for _, o := range omitted(m.Result) {
		begin := clock.at(o.start)
		last = max(last, begin+timebase.FromDuration(o.duration+1)) // durations are rounded down
		t.pauses = append(t.pauses, pauseSpan{begin, last, o.gap, true})
	}
	if !m.PausedSince.IsZero() {
		last = max(last, clock.at(m.PausedSince))
		t.pauses = append(t.pauses, pauseSpan{from: last, to: never})
	}
	step := m.Settings.frameLen()
	for step%sampleTicks != 0 { // the sound begins with a sample
		step += m.Settings.frameLen()
	}
	pos := timebase.FromDuration(m.Result.Duration).Ceil(step)
	if lost = t.end(pos); lost == never {
		lost = last
	}
	if now < max(lost, last) {
		return from, lost, fmt.Errorf("it is %s: %w", clock.time(now).UTC().Format(time.RFC3339), errClock)
	}
	t.bridge(lost, now)
	from.frame, from.chunk = int64(pos/m.Settings.frameLen()), l.nextChunk()
	return from, lost, nil
}

// nextChunk returns the first number above those of all chunks.
func (l *leftover) nextChunk() (next int) {
	for _, c := range l.manifest.Result.Chunks {
		next = max(next, c.Index+1)
	}
	for _, name := range l.files {
		number, isMedia := strings.CutSuffix(name, ".mp4")
		if index, err := strconv.Atoi(number); isMedia && err == nil {
			next = max(next, index+1)
		}
	}
	return next
}
