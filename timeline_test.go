package callreel

import (
	"testing"

	"github.com/callreel/callreel/internal/timebase"
)

func TestTimelineLeavesPausesOut(t *testing.T) {
	const s = timebase.Ticks(timebase.Second)
	tl := timeline{start: 10 * s}
	if from := tl.pause(12*s + 4); from != 12*s+3 { // on a sample
		t.Errorf("pause from %d", from)
	}
	if tl.pause(13*s) != 12*s+3 {
		t.Error("pausing twice moved the pause")
	}
	if tl.local(2*s) != 12*s || tl.local(2*s+3) != never || tl.end(2*s+3) != 12*s+3 || tl.end(2*s+4) != never {
		t.Error("around an open pause:", tl.local(2*s), tl.local(2*s+3), tl.end(2*s+3), tl.end(2*s+4))
	}
	tl.resume(15 * s)
	tl.resume(16 * s)
	for _, c := range []struct {
		local, pos timebase.Ticks
		recorded   bool
	}{
		{9 * s, 0, false},
		{10 * s, 0, true},
		{12*s + 2, 2*s + 2, true},
		{12*s + 3, 2*s + 3, false},
		{14 * s, 2*s + 3, false},
		{15 * s, 2*s + 3, true},
		{16 * s, 3*s + 3, true},
	} {
		pos, recorded := tl.position(c.local)
		if pos != c.pos || recorded != c.recorded {
			t.Errorf("local %d is at %d, %v; want %d, %v", c.local, pos, recorded, c.pos, c.recorded)
		}
		if recorded && tl.local(pos) != c.local {
			t.Errorf("position %d is at local %d, want %d", pos, tl.local(pos), c.local)
		}
	}
	if p := tl.intervals(20 * s); len(p) != 1 || p[0] != (pauseSpan{from: 12*s + 3, to: 15 * s}) {
		t.Error(p)
	}
}

func TestStateTable(t *testing.T) {
	for s := Starting; s <= Failed; s++ {
		if s.Ended() != (len(moves[s]) == 0) {
			t.Errorf("%v: ended %v, moves %v", s, s.Ended(), moves[s])
		}
		if s.canBecome(s) || s.canBecome(Starting) {
			t.Errorf("%v can stand still or start again", s)
		}
	}
	if !Active.canBecome(Paused) || !Paused.canBecome(Stopping) || Completed.canBecome(Failed) {
		t.Error("the table is wrong")
	}
}
