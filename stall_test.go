package callreel_test

import (
	"testing"
	"time"
)

// stallRow is a sender that falls silent from stallAt on.
type stallRow struct {
	name   string
	set    func(c *caller)
	length time.Duration
	silent [2]bool // sound and pictures
	jumped [2]bool // so that the report tells of it
	black  bool
}

const (
	stallAt = 10700 * time.Millisecond
	hang    = 18 * time.Second
	mute    = 9 * time.Second
)

// hung stands still for a while, and then goes on as if it had not.
func hung(s *script) {
	s.quiet, s.rtp = during(stallAt, stallAt+hang), from(stallAt+hang, -hang)
}

func stallRows() []stallRow {
	muted := during(stallAt, stallAt+mute)
	return []stallRow{
		{name: "clean", set: func(*caller) {}},
		{name: "capture hangs", set: both(hung), length: hang, silent: [2]bool{true, true}, jumped: [2]bool{true, true}},
		{name: "capture of sound hangs", set: func(c *caller) { hung(&c.sound) }, length: hang, silent: [2]bool{true, false}, jumped: [2]bool{true, false}},
		{name: "capture of pictures hangs", set: func(c *caller) { hung(&c.sight) }, length: hang, silent: [2]bool{false, true}, jumped: [2]bool{false, true}},
		{name: "capture hangs without reports", set: func(c *caller) { both(hung)(c); c.noReports = true }, length: hang, silent: [2]bool{true, true}, jumped: [2]bool{true, true}},
		{name: "muted, black and silence", set: both(func(s *script) { s.dark = muted }), length: mute, silent: [2]bool{true, true}, black: true},
		{name: "muted, nothing is sent", set: both(func(s *script) { s.quiet = muted }), length: mute, silent: [2]bool{true, true}},
		{name: "muted, only reports are sent", set: both(func(s *script) { s.quiet, s.talkback = muted, true }), length: mute, silent: [2]bool{true, true}},
	}
}

// TestLongStalls lets senders fall silent: because capture hangs while RTP goes on
// afterwards as if it had not, or because they are muted. The file is as long as
// the call, and what comes after is where it belongs, half a second later at the
// latest.
func TestLongStalls(t *testing.T) {
	t.Parallel()
	rows := stallRows()
	p := throw(t, len(rows), 42*time.Second, func(i int, c *caller) { rows[i].set(c) })
	const at = stallAt - settle
	for i, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			q := p.of(t)
			back := at + row.length
			q.synced(i, 0, window{time.Second, at - 100*time.Millisecond}, window{back + 500*time.Millisecond, q.length - time.Second})
			q.undisturbed(i, window{back, back + 500*time.Millisecond})
			for k, kind := range []string{"audio", "video"} {
				if n := q.track(i, kind).Received().ClockJumps; n > 0 != row.jumped[k] {
					t.Errorf("%s: %d jumps", kind, n)
				}
			}
			if row.length > 0 {
				q.silence(i, row, at)
			}
		})
	}
}

// silence checks that nothing is heard and seen in a stall, and what the report
// says of it.
func (p *party) silence(i int, row stallRow, at time.Duration) {
	p.t.Helper()
	for _, b := range p.beeps(p.callers[i].hertz) {
		if b > at.Seconds()+0.1 && b < (at+row.length).Seconds()-0.02 && row.silent[0] {
			p.t.Errorf("a beep at %.3f s", b)
		}
	}
	for _, n := range p.flashes(grid(len(p.callers))[i], int((at+200*time.Millisecond)/frame), int((at+row.length)/frame)) {
		if row.silent[1] {
			p.t.Errorf("a flash in frame %d", n)
		}
	}
	pictures := p.track(i, "video").Pictures
	if pictures.Frozen.Count > 0 {
		p.t.Errorf("frozen: %+v", pictures.Frozen)
	}
	if black := pictures.Black.Total; row.black != (black > 0) || row.black && !about(black, row.length) {
		p.t.Errorf("black for %v", black)
	}
}
