package callreel

import (
	"image"
	"slices"
	"time"

	"github.com/callreel/callreel/internal/timebase"
)

// MaxOverloadLevel is the deepest level of OverloadSpan.
const MaxOverloadLevel = levelSound

// Overload tells when the recorder could not keep up, and left out pictures so
// that the sound is complete.
type Overload struct {
	// Total is for how long, and Level how far it went at worst.
	Total time.Duration `json:"totalNs"`
	Level int           `json:"level"`
	// Spans has the first 200 stretches.
	Spans []OverloadSpan `json:"spans,omitempty"`
}

// OverloadSpan is a stretch of a recording, in session position, of one level:
//
//  1. frames that were late repeat the picture before them;
//  2. new pictures came in every second frame only,
//  3. in every fourth,
//  4. in every eighth, but each second;
//  5. cameras were decoded in half the size, where senders offer that;
//  6. no pictures were decoded: avatars stand for cameras, screens stood still.
type OverloadSpan struct {
	Level    int           `json:"level"`
	Start    time.Duration `json:"startNs"`
	Duration time.Duration `json:"durationNs"`
}

// plus adds that of a later part of the recording.
func (o Overload) plus(later Overload) Overload {
	all := slices.Concat(o.Spans, later.Spans)
	return Overload{o.Total + later.Total, max(o.Level, later.Level), all[:min(len(all), maxSpans)]}
}

// add takes in a frame that was made at a level, from one position to another.
func (o *Overload) add(level int, from, to timebase.Ticks) {
	if level == levelFull {
		return
	}
	start, end := from.Duration(), to.Duration()
	o.Total += end - start
	o.Level = max(o.Level, level)
	if n := len(o.Spans); n > 0 && o.Spans[n-1].Level == level && o.Spans[n-1].Start+o.Spans[n-1].Duration == start {
		o.Spans[n-1].Duration = end - o.Spans[n-1].Start
	} else if n < maxSpans {
		o.Spans = append(o.Spans, OverloadSpan{level, start, end - start})
	}
}

// plan decides what the next frame, which is made now, gets.
func (s *session) plan(now timebase.Ticks) {
	pos := s.position()
	s.behind = max(0, now-s.due())
	s.draw = s.canvas == nil || s.ladder.draws(s.frame, s.cfg.FrameRate, s.behind, pos-s.drawn)
	if s.draw {
		s.drawn = pos
	}
	s.overload.add(s.ladder.level, pos, pos+s.frameLen)
	s.stats.Overloaded = s.overload.Total
}

// pullCamera pulls pictures, unless the frame repeats the last one: then they
// wait, and those that nothing depends on are left out by the next that doesn't.
func (s *session) pullCamera(c *camera, now, at timebase.Ticks) {
	c.ended = c.track.ended
	c.adopt()
	c.beat = c.track.pulse()
	c.beat.idle = c.idle() || s.behind >= hopeless
	if s.ladder.level == levelSound {
		c.skip()
	}
	if !s.draw {
		return
	}
	c.seen, c.drawn = false, false
	for _, l := range c.layers {
		l.pull(now, l.until(at, &s.timeline))
		l.spare(c.spares(l))
	}
	canvas := image.Pt(s.cfg.Width, s.cfg.Height)
	c.prefer(at+s.behind, s.cfg.Video.Quality.enough(s.pictureRate(), c.place.size, canvas))
}

// look decodes the pictures that were pulled.
func (s *session) look(at timebase.Ticks) {
	for _, c := range s.watched {
		for _, l := range c.layers {
			l.ask()
		}
		c.decode(at+s.behind, frameClock{&s.timeline, s.frameLen})
		c.steer(at + s.behind)
	}
}

// frameKind tells the output what this frame is like, with a fresh picture or not.
func (s *session) frameKind(fresh bool) frameKind {
	switch {
	case s.ladder.level == levelFull && fresh:
		return usual
	case s.ladder.level == levelFull:
		return unchanged
	case fresh:
		return sparse
	}
	return repeated
}

// pictureRate is how many new pictures a second are made.
func (s *session) pictureRate() int {
	return max(1, s.cfg.FrameRate/s.ladder.divisor(s.cfg.FrameRate))
}

// watchLoad takes in that the frame that was due at a time was made from begin
// to end, and changes the level. It reports whether it did.
func (s *session) watchLoad(due, begin, end timebase.Ticks) bool {
	was := s.ladder.level
	if !s.ladder.note(due, begin, end) {
		return false
	}
	if s.ladder.level > was {
		s.stats.StepsDown++
	} else {
		s.stats.StepsUp++
	}
	s.log.Warn("overload", "level", s.ladder.level, "was", was, "late", s.ladder.last.Duration())
	s.alarmOverload(false)
	return true
}

// alarmOverload tells of the level, and ends the alarm with it, at the latest
// when the recording is over.
func (s *session) alarmOverload(over bool) {
	level, pos := s.ladder.level, s.position().Duration()
	if level > levelFull && s.overloaded == 0 && len(s.alarms) < maxAlarms && !over {
		s.alarms = append(s.alarms, Alarm{Kind: AlarmOverloaded, Start: pos})
		s.overloaded = len(s.alarms)
	}
	i := s.overloaded
	if i == 0 {
		return
	}
	a := &s.alarms[i-1]
	a.Duration = pos - a.Start
	if level == levelFull || over {
		a.Over = level == levelFull
		s.overloaded = 0
		s.tell(AlarmCleared, *a)
		return
	}
	told := *a
	told.Level, told.Duration = level, 0
	a.Level = max(a.Level, level)
	s.tell(AlarmRaised, told)
}
