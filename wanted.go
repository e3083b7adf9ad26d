package callreel

import "github.com/callreel/callreel/internal/timebase"

// lossMeter counts the packets that are lost at some times.
type lossMeter struct{ sum, from uint64 }

func (m *lossMeter) start(lost uint64) { m.from = lost }
func (m *lossMeter) stop(lost uint64)  { m.sum += lost - m.from }

// lostUnused returns how many of the lost packets were lost while the layer was
// not used; member.mu is held.
func (l *layer) lostUnused(lost uint64) uint64 {
	unused := l.unused
	if l.unwanted {
		unused.stop(lost)
	}
	return unused.sum
}

// want says whether the layer is used; member.mu is held.
func (l *layer) want(wanted bool) {
	if l.receiver != nil && wanted == l.unwanted {
		if lost := l.receiver.Stats().Lost; wanted {
			l.unused.stop(lost)
		} else {
			l.unused.start(lost)
		}
	}
	l.unwanted = !wanted
	if l.receiver != nil && wanted {
		l.receiver.Idle(false) // at once: the key frame may come soon
	}
}

// missing appends the packets to ask for now to dst; member.mu is held.
func (l *layer) missing(now timebase.Ticks, dst []uint16) []uint16 {
	if l.unwanted || l.over() || l.info.RequestPackets == nil {
		return dst
	}
	return l.receiver.WantPackets(now, dst)
}
