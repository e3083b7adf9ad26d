package callreel

import (
	"time"

	"github.com/callreel/callreel/internal/timebase"
)

// drainCheck is how often an owner that is ending looks whether all has come.
const drainCheck = 20 * time.Millisecond

// tail is the first packet that was captured after the end of what is recorded.
type tail struct {
	seen     bool
	sequence uint16
}

func (t *tail) add(sequence uint16) {
	if !t.seen || int16(sequence-t.sequence) < 0 {
		*t = tail{true, sequence}
	}
}

// drained reports whether all that was captured before the stop has come, as far
// as one can tell: then there is no need to wait for the composing delay.
func (s *session) drained(now timebase.Ticks) bool {
	if s.stopped == never {
		return false
	}
	s.refresh(s.timeline.local(s.position()) - s.grace)
	for i := range s.members {
		if !s.members[i].drained(now - s.delay) {
			return false
		}
	}
	return true
}

func (m *member) drained(quiet timebase.Ticks) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.tracks {
		for _, l := range t.layers {
			if l.receiver != nil && !l.unwanted && !l.drained(quiet) {
				return false
			}
		}
	}
	return true
}

// drained reports whether the layer is complete up to what came after the stop, or
// has been quiet since a time for another reason; member.mu is held.
func (l *layer) drained(quiet timebase.Ticks) bool {
	switch {
	case l.receiver.Waiting():
		return false
	case l.tail.seen:
		return l.receiver.Reached(l.tail.sequence)
	default:
		return l.over() || l.arrived < quiet
	}
}
