package callreel

import "github.com/callreel/callreel/internal/timebase"

// minGap is how long nothing may come from anybody before it is a gap.
const minGap = timebase.Second

// examine notes what the tick at pos brought, for the report and for alarms.
func (s *session) examine(pos timebase.Ticks) {
	came, sent := false, false
	shut := s.timeline.paused() // from a pause or the end on nothing is let in
	note := func(h *health, p pulse, l *layer) {
		p.shut = shut
		h.note(pos, s.delay, p)
		s.alarm(h, l, pos, p.over)
		came = came || h.came(pos)
		sent = sent || h.packets > 0 && !p.over
	}
	for _, v := range s.heard {
		v.beat.excess += v.stats.excess()
		note(&v.health, v.beat, v.feed.layer)
	}
	for _, c := range s.watched {
		c.beat.excess += c.stats.excess()
		note(&c.health, c.beat, c.layers[0].layer)
		c.watch(pos, s.frameLen)
	}
	s.examineFlow(pos, came || shut, sent)
}

// examineFlow finds gaps: nothing came, though it could have, although there are
// tracks that have sent.
func (s *session) examineFlow(pos timebase.Ticks, came, sent bool) {
	pos += s.behind // frames that make up for a delay come in no time
	if came || !sent {
		s.flowed = pos
		return
	}
	if pos-s.flowed >= minGap { // what comes at this tick is composed after the delay
		s.gaps.add(s.flowed+s.delay, pos+s.delay)
	}
}
