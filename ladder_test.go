package callreel

import (
	"fmt"
	"testing"

	"github.com/callreel/callreel/internal/timebase"
)

const ms = timebase.Millisecond

// climber makes frames one after the other in a time of its own.
type climber struct {
	ladder
	now, drawn timebase.Ticks
	frame      int64
	changes    []string
	late       timebase.Ticks // of the latest frame
	held       int
}

func newClimber() *climber { return &climber{ladder: newLadder(125 * ms)} }

// run makes frames until a time; cost says how long one takes.
func (c *climber) run(until timebase.Ticks, cost func(drawn bool, level int) timebase.Ticks) {
	for c.now < until {
		due := timebase.Ticks(c.frame+1) * 125 * ms
		c.now = max(c.now, due)
		begin := c.now
		c.late = max(c.late, begin-due)
		draws := c.draws(c.frame, 8, begin-due, due-c.drawn)
		if draws {
			c.drawn = due
		} else {
			c.held++
		}
		c.now += cost(draws, c.level)
		if c.note(due, begin, c.now) {
			c.changes = append(c.changes, fmt.Sprintf("%d at %d s", c.level, c.now/timebase.Second))
		}
		c.frame++
	}
}

// flat is a cost that the level does not change.
func flat(drawn, held timebase.Ticks) func(bool, int) timebase.Ticks {
	return func(draws bool, _ int) timebase.Ticks {
		if draws {
			return drawn
		}
		return held
	}
}

// A single hiccup, however long, is made up for without leaving anything out.
func TestLadderIgnoresHiccups(t *testing.T) {
	for _, length := range []timebase.Ticks{200 * ms, timebase.Second, 4 * timebase.Second, 20 * timebase.Second} {
		c := newClimber()
		c.run(10*timebase.Second, flat(20*ms, 2*ms))
		c.now += length
		c.run(60*timebase.Second, flat(20*ms, 2*ms))
		if len(c.changes) > 0 || c.held > 0 {
			t.Errorf("a hiccup of %v: %v, %d frames without a picture", length.Duration(), c.changes, c.held)
		}
	}
}

// The ladder finds the level that the machine carries, keeps close to the time,
// and goes back to the top afterwards.
func TestLadderFindsItsLevel(t *testing.T) {
	for _, c := range []struct {
		drawn timebase.Ticks // what a picture takes
		level int            // where that fits
	}{
		{115 * ms, levelFull},
		{160 * ms, levelRepeat},
		{300 * ms, levelHalf},
		{700 * ms, levelQuarter},
	} {
		l := newClimber()
		l.run(600*timebase.Second, flat(c.drawn, 4*ms))
		if l.level > c.level+1 || l.level < c.level-1 || l.late > 5*timebase.Second || len(l.changes) > 20 {
			t.Errorf("%v a picture: level %d, want about %d; %v late; %v", c.drawn.Duration(), l.level, c.level, l.late.Duration(), l.changes)
		}
		l.run(900*timebase.Second, flat(10*ms, 1*ms))
		if l.level != levelFull {
			t.Errorf("%v a picture: level %d afterwards", c.drawn.Duration(), l.level)
		}
	}
}

// Where not even the sound fits nothing else is made, and there is no flapping.
func TestLadderAtTheBottom(t *testing.T) {
	l := newClimber()
	l.run(60*timebase.Second, flat(400*ms, 150*ms))
	if l.level != levelSound || len(l.changes) != levelSound {
		t.Errorf("%v", l.changes)
	}
	held := l.held
	l.run(120*timebase.Second, flat(400*ms, 150*ms))
	if l.held-held < 390 { // of 400
		t.Errorf("%d pictures while it is hopeless", 400-(l.held-held))
	}
}

// Trying a level that does not fit becomes rare.
func TestLadderDoesNotFlap(t *testing.T) {
	l := newClimber()
	// Half the pictures leave the machine idle enough to try all of them, which
	// it can't: as if others ran then.
	l.run(1800*timebase.Second, func(draws bool, level int) timebase.Ticks {
		switch {
		case !draws:
			return 2 * ms
		case level < levelHalf:
			return 400 * ms
		}
		return 60 * ms
	})
	if n := len(l.changes); n > 140 || n < 4 {
		t.Errorf("%d changes in half an hour: %v", n, l.changes)
	}
}
