package callreel

import "github.com/callreel/callreel/internal/timebase"

// frameClock tells in which frame of the recording a picture is shown.
type frameClock struct {
	*timeline
	frameLen timebase.Ticks
}

// together reports whether it is certain that pictures of two instants of local
// time, the second not before the first, that are shown so early come in time for
// the same frame.
func (c frameClock) together(a, b, early timebase.Ticks) bool {
	from, ok1 := c.frame(a, early)
	to, ok2 := c.frame(b, early)
	return ok1 && ok2 && from == to
}

// frame returns the position of the first frame that a picture of an instant of local
// time is in time for, which is not before the pause that it comes after.
func (c frameClock) frame(at, early timebase.Ticks) (pos timebase.Ticks, recorded bool) {
	pos, recorded = c.position(at)
	return (pos - min(early, at-c.since(at))).Ceil(c.frameLen), recorded
}

// skips reports whether due unit i is not to be decoded: neither it nor anything
// that depends on it is shown, or it depends on a unit that was skipped so.
// Recordings are composed so far behind the call that what comes next is mostly
// known: of 15 pictures/s in two temporal layers 8 frames/s take 11 or 12.
func (l *videoLayer) skips(i int, clock frameClock) bool {
	u, last := &l.due[i], l.after(i) >= len(l.due)
	if u.Key {
		l.gaps = 0
		return false
	}
	bit := uint8(1) << u.Temporal
	switch {
	case u.surplus:
		if !u.Discardable { // that nothing depends on
			l.gaps |= bit
		}
		return true
	case l.gaps&(2*bit-1) != 0 && !u.Sync:
		return true
	case u.Discardable:
		return !last
	case u.Temporal == 0:
		return false
	}
	l.gaps &^= bit
	if last || l.needs(i, clock) {
		return false
	}
	l.gaps |= bit
	return true
}

// needs reports whether a unit that is shown may depend on due unit i, which is
// of an upper temporal layer. Without knowing all that follows it may.
func (l *videoLayer) needs(i int, clock frameClock) bool {
	layer := l.due[i].Temporal
	for j := l.after(i); j < len(l.due)+len(l.queue); j = l.after(j) {
		u := l.coming(j)
		if u.Key || u.Sync && u.Temporal == layer {
			return false
		}
		if u.Temporal >= layer && !u.Sync && l.shows(j, clock) {
			return true
		}
	}
	return true
}

// shows reports whether unit j may be the newest that there is for a frame.
func (l *videoLayer) shows(j int, clock frameClock) bool {
	next := l.after(j)
	switch {
	case next >= len(l.due)+len(l.queue):
		return true
	case j < len(l.due):
		return next >= len(l.due)
	default:
		return !clock.together(l.coming(j).at, l.coming(next).at, l.early)
	}
}

// after returns which unit comes after unit i, but for those that are given up.
func (l *videoLayer) after(i int) int {
	i++
	for i < len(l.due)+len(l.queue) && l.coming(i).surplus {
		i++
	}
	return i
}

// leads reports whether recorded units depend on due unit i, which is not recorded
// itself: it was let in, and then a correction of the sender's clock moved it to before
// the start, or into a pause.
func (l *videoLayer) leads(i int, clock frameClock) bool {
	for j := i + 1; j < len(l.due)+len(l.queue) && !l.coming(j).Key; j++ {
		if _, recorded := clock.position(l.coming(j).at); recorded {
			return true
		}
	}
	return false
}

// coming returns unit j of those that are due and those after them.
func (l *videoLayer) coming(j int) *unit {
	if j < len(l.due) {
		return &l.due[j]
	}
	return &l.queue[j-len(l.due)]
}
