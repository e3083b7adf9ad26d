package callreel

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/callreel/callreel/internal/timebase"
)

// Condition is how what there is of a recording in the spool is.
type Condition string

// What can be in a spool.
const (
	ConditionInterrupted Condition = "Interrupted" // it was recorded when its process ended
	ConditionEnded       Condition = "Ended"       // it has ended, and is not all in the storage
	ConditionNoManifest  Condition = "NoManifest"  // there are files, and nothing that says what they are
	ConditionEmpty       Condition = "Empty"       // it had not begun
	ConditionInUse       Condition = "InUse"       // a process has it
	ConditionUnreadable  Condition = "Unreadable"  // Remains.Err says why; by a later version, for one
)

// Remains is what there is of a recording in the spool.
type Remains struct {
	Recording, Conversation string
	Condition               Condition
	Err                     error // why it can't be read
	StartTime               time.Time
	Files                   []RemainingFile // of media, in order
	Duration                time.Duration   // of the media, in the storage too
	// Lost is what came between the end of the media and the last time at which
	// something was written: what was composed, encoded or written in part.
	Lost time.Duration
}

// RemainingFile is a media file in the spool.
type RemainingFile struct {
	Name     string
	Bytes    int64
	Cut      bool          // it is not finished
	Duration time.Duration // of what is whole
	Trimmed  int64         // bytes that are not
	Err      error         // why nothing can be made of it
}

// Survey tells what is in the spool, and changes nothing.
func (e *Engine) Survey(ctx context.Context) ([]Remains, error) {
	ids, err := e.spool.Recordings()
	if err != nil {
		return nil, err
	}
	var all []Remains
	for _, id := range slices.DeleteFunc(ids, func(id string) bool { return !validID(id) }) {
		if err := ctx.Err(); err != nil {
			return all, err
		}
		all = append(all, e.survey(id))
	}
	return all, nil
}

func (e *Engine) survey(id string) Remains {
	r := Remains{Recording: id}
	l := &leftover{eng: e, id: id}
	lock, err := e.spool.Lock(id)
	if err != nil {
		r.Condition, r.Err = ConditionInUse, err
		return r
	}
	if err = l.look(); err == nil {
		l.remains(&r)
	} else {
		r.Condition = ConditionUnreadable
	}
	r.Err = errors.Join(err, lock.Close())
	return r
}

// look reads what says what the files are.
func (l *leftover) look() (err error) {
	c := l.eng.courier
	if l.files, err = c.spool.Files(l.id); err != nil {
		return err
	}
	l.manifest, err = c.loadManifest(l.id)
	return err
}

func (l *leftover) remains(r *Remains) {
	m := l.manifest
	switch {
	case m == nil && l.has(resultName), m != nil && (m.Ended || l.has(resultName)):
		r.Condition = ConditionEnded
	case m != nil:
		r.Condition = ConditionInterrupted
	default:
		r.Condition = ConditionNoManifest
	}
	var known []Chunk
	if m != nil {
		r.Conversation, r.StartTime, known = m.Result.Conversation, m.Result.StartTime, m.Result.Chunks
	}
	for _, c := range known {
		r.Duration = max(r.Duration, c.Start+c.Duration)
		if l.has(mediaName(c.Index)) {
			r.Files = append(r.Files, RemainingFile{Name: mediaName(c.Index), Bytes: l.eng.courier.size(l.id, mediaName(c.Index)), Duration: c.Duration})
		}
	}
	for _, index := range l.strays(known) {
		f := l.examine(index, r.Condition != ConditionEnded)
		r.Duration += f.Duration
		r.Files = append(r.Files, f)
	}
	if r.Condition == ConditionInterrupted {
		r.Lost = l.lost(r.Duration)
	}
	if r.Condition == ConditionNoManifest && !slices.ContainsFunc(r.Files, func(f RemainingFile) bool { return f.Bytes > 0 }) {
		r.Condition = ConditionEmpty
	}
}

// examine tells what would be made of a media file.
func (l *leftover) examine(index int, cut bool) RemainingFile {
	f := RemainingFile{Name: mediaName(index), Bytes: l.eng.courier.size(l.id, mediaName(index)), Cut: cut}
	info, err := l.finishFile(index, true)
	if err != nil {
		f.Err, f.Trimmed = err, f.Bytes
		return f
	}
	f.Duration, f.Trimmed = timebase.Ticks(info.Duration).Duration(), info.Trimmed
	return f
}

// lost returns how long after the end of the media something was still written.
func (l *leftover) lost(length time.Duration) time.Duration {
	m := l.manifest
	last := l.lastWrite()
	if !m.PausedSince.IsZero() {
		last = m.PausedSince
	}
	return max(0, last.Sub(startsAt(m.Result, length)))
}

// RecoverOne takes over what an earlier run has left of one recording, like
// [Engine.Recover]. There is no result if there was nothing. That a process has
// it is an error.
func (e *Engine) RecoverOne(id string) (*Result, error) {
	if !validID(id) {
		return nil, invalid("recording id %q", id)
	}
	res, err := e.recover(id)
	if err != nil {
		err = fmt.Errorf("recover recording %s: %w", id, err)
	}
	return res, err
}
