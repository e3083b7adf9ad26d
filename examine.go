package callreel

import "github.com/callreel/callreel/internal/timebase"

// minGap is how long nothing may come from anybody before it is a gap.
const minGap = timebase.Second

// examine notes what the tick at pos brought, for the report and for alarms.
func (s *session) examine(pos timebase.Ticks) {
	var packets uint64
	for _, v := range s.heard {
		v.health.note(pos, v.beat)
		s.alarm(&v.health, v.feed.layer, pos)
		packets += v.beat.packets
	}
	for _, c := range s.watched {
		c.health.note(pos, c.beat)
		c.watch(pos, s.frameLen)
		s.alarm(&c.health, c.layers[0].layer, pos)
		packets += c.beat.packets
	}
	s.examineFlow(pos, packets)
}

// examineFlow finds gaps: nothing comes although there are tracks that have
// sent. From a pause or the end on nothing is let in.
func (s *session) examineFlow(pos timebase.Ticks, packets uint64) {
	if packets != s.flow.packets || packets == 0 || s.timeline.paused() {
		s.flow.packets, s.flow.last = packets, pos
		return
	}
	if pos-s.flow.last >= minGap { // what comes at this tick is composed after the delay
		s.gaps.add(s.flow.last+s.delay, pos+s.delay)
	}
}
