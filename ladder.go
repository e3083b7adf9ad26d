package callreel

import "github.com/callreel/callreel/internal/timebase"

// The levels of the ladder. Each has the savings of those before it. Sound is the
// same at all of them.
const (
	levelFull    = iota
	levelRepeat  // a frame that is late repeats the picture
	levelHalf    // new pictures in every second frame only
	levelQuarter // in every fourth
	levelEighth  // in every eighth: at 8 frames/s each second
	levelCoarse  // of cameras, layers of half the size
	levelSound   // no pictures are decoded: avatars instead of cameras, and screens stand still
)

const (
	// ladderWindow is for how long frames are watched before the level changes.
	ladderWindow = timebase.Second
	// badWindows is how many windows in a row make it go down, and shortHold and
	// longHold how many make it go up: twice as many each time that this was too soon.
	badWindows, shortHold, longHold = 2, 5, 60
	// forgiven is how many windows at full level make up for that.
	forgiven = 2 * longHold
	// maxBusy is how much of the time frames may take for a level more, in percent:
	// at most twice as many pictures fit.
	maxBusy = 45
	// patience is a lateness that a recording at full level catches up with by itself.
	patience = 2 * timebase.Second
	// hopeless is a lateness beyond which no picture is made at all, so that sound
	// catches up.
	hopeless = 5 * timebase.Second
	// slowest is the longest that a picture stands because of the ladder, unless
	// that is hopeless.
	slowest = timebase.Second
)

// ladder chooses, by how late frames are made, how much is made of the pictures.
// One hiccup, after which the recording catches up, changes nothing.
type ladder struct {
	frame timebase.Ticks // length of a frame
	level int
	bad   int // windows in a row that were late
	calm  int // that were not, and had time to spare
	hold  int // how many of those it takes
	since int // windows since it last went up; -1: it did not

	from        timebase.Ticks // of the window, local time
	ticks, late int            // frames in it, and those that were too late
	last        timebase.Ticks // how late the newest was
	most        timebase.Ticks // and the latest
	before      timebase.Ticks // and that of the window before
	busy        timebase.Ticks // how long they took
}

func newLadder(frame timebase.Ticks) ladder { return ladder{frame: frame, hold: shortHold, since: -1} }

// note takes in that the frame that was due at a time was made from begin to end,
// and reports whether the level has changed.
func (l *ladder) note(due, begin, end timebase.Ticks) bool {
	l.last = begin - due
	if l.ticks == 0 {
		l.from, l.most, l.late, l.busy = begin, 0, 0, 0
	}
	l.ticks++
	l.most = max(l.most, l.last)
	l.busy += end - begin
	if l.last > l.tolerable() {
		l.late++
	}
	if end-l.from < ladderWindow {
		return false
	}
	was := l.level
	l.judge(end - l.from)
	l.ticks, l.before = 0, l.most
	return l.level != was
}

// tolerable returns how late a frame may be.
func (l *ladder) tolerable() timebase.Ticks {
	if l.level == levelFull {
		return patience
	}
	return l.frame
}

// judge draws the conclusions of a window of some length.
func (l *ladder) judge(length timebase.Ticks) {
	catchingUp := l.before-l.most >= length/4
	behind := 2*l.late > l.ticks && !catchingUp
	calm := l.most <= l.frame/2 && l.busy*100 <= length*maxBusy
	if !behind {
		l.bad = 0
	} else if l.bad++; l.bad >= badWindows {
		l.down()
	}
	if !calm {
		l.calm = 0
	} else if l.calm++; l.calm >= l.hold && l.level > levelFull {
		l.level--
		l.calm, l.since = 0, 0
	} else if l.calm >= forgiven {
		l.hold = shortHold
	}
	if l.since >= 0 {
		l.since++
	}
}

// down goes down a level. If it went up a moment ago, that was too soon.
func (l *ladder) down() {
	if l.since >= 0 && l.since <= 2*l.hold {
		l.hold = min(2*l.hold, longHold)
	}
	l.level, l.bad, l.calm, l.since = min(l.level+1, levelSound), 0, 0, -1
}

// divisor returns of how many frames one has a new picture, at so many a second.
func (l *ladder) divisor(rate int) int {
	step := max(l.level, levelRepeat) - levelRepeat
	return min(1<<min(step, levelEighth-levelRepeat), rate)
}

// draws reports whether frame n, which is that late, gets a new picture, if the
// newest one has stood for some time.
func (l *ladder) draws(n int64, rate int, late, stood timebase.Ticks) bool {
	switch {
	case l.level == levelFull:
		return true
	case stood >= slowest:
		return late < hopeless
	}
	return late <= l.frame && n%int64(l.divisor(rate)) == 0
}
