package callreel

import (
	"time"

	"github.com/callreel/callreel/internal/timebase"
)

const (
	// flowEnd is how long after its last packet a track counts as sending.
	flowEnd = timebase.Second
	// deafAfter is how long packets may come without anything decoded.
	deafAfter = 4 * timebase.Second
	// silentAfter is how long nothing but silence may be heard.
	silentAfter = 30 * timebase.Second
	// excessEnd is for how long nothing must have been left out for the limits.
	excessEnd = 5 * timebase.Second
	// maxAlarms bounds the alarms that a report lists.
	maxAlarms = 1000
)

// The places of the alarms in health.
const (
	undecodable = iota
	noKeyFrame
	silence
	excessive
	alarmCount
)

func alarmKind(place int) AlarmKind {
	return [alarmCount]AlarmKind{AlarmUndecodable, AlarmNoKeyFrame, AlarmSilence, AlarmExcessive}[place]
}

// health watches over a track from tick to tick. Times are session positions.
type health struct {
	packets uint64           // that have come
	last    timebase.Ticks   // the newest tick that saw packets come
	good    timebase.Ticks   // the newest that saw something decoded, or could have at the begin of the flow
	loud    timebase.Ticks   // likewise of sound that is not silence
	drops   uint64           // access units dropped up to good
	excess  uint64           // what was left out for the limits
	full    timebase.Ticks   // the newest tick that saw some of it
	raised  [alarmCount]int  // places in session.alarms, counted from 1
	wrong   [alarmCount]bool // of this tick
}

// pulse is what a tick saw of a track.
type pulse struct {
	packets uint64 // that have come, in all
	drops   uint64 // access units dropped, in all
	excess  uint64 // left out for the limits, in all
	decoded bool   // something was
	loud    bool   // or it has no sound
	idle    bool   // it is not decoded on purpose
	over    bool   // it has ended
	shut    bool   // nothing is let in, as in a pause and after the end
}

// flowing reports whether packets have come lately.
func (h *health) flowing(pos timebase.Ticks) bool { return h.packets > 0 && pos-h.last <= flowEnd }

// came reports whether the tick at pos saw packets come.
func (h *health) came(pos timebase.Ticks) bool { return h.packets > 0 && h.last == pos }

// note takes in what the tick at pos saw, and finds what is wrong. What comes is
// decoded by delay later at the earliest.
func (h *health) note(pos, delay timebase.Ticks, p pulse) {
	was := h.flowing(pos)
	if p.packets > h.packets || p.shut && was {
		h.packets, h.last = p.packets, pos
	}
	if p.decoded {
		h.good, h.drops = pos, p.drops
	}
	if p.loud {
		h.loud = pos
	}
	if !was || p.idle {
		h.good, h.loud, h.drops = pos+delay, pos+delay, p.drops
	}
	if p.excess > h.excess {
		h.excess, h.full = p.excess, pos
	}
	deaf := h.flowing(pos) && pos-h.good >= deafAfter
	h.wrong = [alarmCount]bool{
		undecodable: deaf && p.drops == h.drops,
		noKeyFrame:  deaf && p.drops > h.drops,
		silence:     h.flowing(pos) && !deaf && pos-h.loud >= silentAfter,
		excessive:   h.excess > 0 && pos-h.full <= excessEnd,
	}
}

// alarm raises and ends alarms of a track, which may be over.
func (s *session) alarm(h *health, l *layer, pos timebase.Ticks, over bool) {
	for k, wrong := range h.wrong {
		switch i := h.raised[k]; {
		case wrong && i == 0 && len(s.alarms) < maxAlarms:
			s.alarms = append(s.alarms, Alarm{
				Kind: alarmKind(k), Participant: l.member.id, Track: l.info.ID, MimeType: l.info.MimeType, Start: pos.Duration(),
			})
			h.raised[k] = len(s.alarms)
			s.tell(AlarmRaised, s.alarms[len(s.alarms)-1])
		case !wrong && i > 0:
			s.alarms[i-1].Over = !over
			s.endAlarm(h, k, pos)
		}
	}
}

// endAlarm ends an alarm, if it is raised.
func (s *session) endAlarm(h *health, k int, pos timebase.Ticks) {
	i := h.raised[k]
	if i == 0 {
		return
	}
	h.raised[k] = 0
	a := &s.alarms[i-1]
	a.Duration = pos.Duration() - a.Start
	s.tell(AlarmCleared, *a)
}

func (s *session) tell(t EventType, a Alarm) {
	s.news = append(s.news, Event{Type: t, Alarm: &a})
}

// slowAfter is how long something may wait to be written.
const slowAfter = 2 * time.Second

// watchOutput raises an alarm while nothing can be written, or while that takes
// long, and ends it, at the latest when the recording is over.
func (s *session) watchOutput(over bool) {
	state := s.out.status()
	s.stats.Unwritten = state.missing.total.Duration()
	s.outputAlarm(&s.unwritable, AlarmUnwritable, state.cause != nil, over, state.cause)
	s.outputAlarm(&s.slow, AlarmSpoolSlow, s.out.behind() > slowAfter, over, nil)
}

// outputAlarm raises and ends an alarm of the recording; i is its place in
// alarms, counted from 1.
func (s *session) outputAlarm(i *int, kind AlarmKind, wrong, over bool, cause error) {
	pos := s.position().Duration()
	if wrong && *i == 0 && len(s.alarms) < maxAlarms {
		s.alarms = append(s.alarms, Alarm{Kind: kind, Start: pos})
		*i = len(s.alarms)
		s.log.Error("the spool fails", "alarm", kind, "error", cause)
		s.news = append(s.news, Event{Type: AlarmRaised, Alarm: new(s.alarms[*i-1]), Err: cause})
	}
	if *i > 0 && (!wrong || over) {
		a := &s.alarms[*i-1]
		a.Duration, a.Over = pos-a.Start, !wrong
		*i = 0
		s.tell(AlarmCleared, *a)
	}
}

// endAlarms ends those of a track that is gone.
func (s *session) endAlarms(h *health) {
	for k := range alarmCount {
		s.endAlarm(h, k, s.position())
	}
}
