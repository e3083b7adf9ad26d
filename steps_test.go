package callreel_test

import (
	"testing"
	"time"

	"github.com/callreel/callreel"
)

// stepRow is what a sender's clocks and counters do in mid-call.
type stepRow struct {
	name string
	set  func(c *caller)
	gap  time.Duration // for how long it may be seen or heard
	// What the report says of sound and pictures.
	jumps, steps [2]bool
	renewed      [2]uint64 // changes of SSRC
}

// stepAt is just after a report of sound, so that pictures tell of it first.
const stepAt = 13030 * time.Millisecond

// both does the same to both tracks.
func both(set func(s *script)) func(c *caller) {
	return func(c *caller) {
		set(&c.sound)
		set(&c.sight)
	}
}

// fresh begins another stream: another SSRC, and numbers that are anything.
func fresh(s *script) {
	s.ssrc, s.seq, s.rtp = from[uint32](stepAt, 77), from[uint16](stepAt, 31000), from(stepAt, 5*time.Hour)
}

func stepRows() []stepRow {
	ntp := func(by time.Duration) func(c *caller) { return both(func(s *script) { s.ntp = from(stepAt, by) }) }
	rtp := func(by time.Duration) func(c *caller) { return both(func(s *script) { s.rtp = from(stepAt, by) }) }
	const re = 500 * time.Millisecond // what it takes to get a key frame
	yes := [2]bool{true, true}
	return []stepRow{
		{name: "clean", set: func(*caller) {}},
		{name: "NTP 1 h forward", set: ntp(time.Hour), steps: yes},
		{name: "NTP 1 h back", set: ntp(-time.Hour), steps: yes},
		{name: "NTP 500 ms forward", set: ntp(500 * time.Millisecond), steps: yes},
		{name: "wrap", set: both(func(s *script) {
			s.rtp, s.seq = always(-stepAt), always[uint16](65536-660)
		})},
		{name: "SSRC of sound", set: func(c *caller) { fresh(&c.sound) }, renewed: [2]uint64{1, 0}},
		{name: "SSRC of pictures", set: func(c *caller) { fresh(&c.sight) }, gap: re, renewed: [2]uint64{0, 1}},
		{name: "SSRC of both", set: both(fresh), gap: re, renewed: [2]uint64{1, 1}},
		{name: "sequence forward", set: both(func(s *script) { s.seq = from[uint16](stepAt, 31000) }), gap: re},
		{name: "sequence back", set: both(func(s *script) { s.seq = from[uint16](stepAt, 65536-20000) }), gap: re},
		// Of these, beeps come just before the step.
		{name: "RTP 1 h forward", set: rtp(time.Hour), jumps: yes},
		{name: "RTP 1 h back", set: rtp(-time.Hour), jumps: yes},
		{name: "RTP 2 s forward", set: rtp(2 * time.Second), gap: re, jumps: yes},
		{name: "RTP 2 s back", set: rtp(-2 * time.Second), gap: re, jumps: yes},
		{name: "RTP of sound anywhere", set: func(c *caller) { c.sound.rtp = from(stepAt, 38*time.Hour+678*time.Second) }, jumps: [2]bool{true, false}},
	}
}

// TestLongSteps sets senders' clocks and counters in mid-call. Wall clocks may do
// what they like, and RTP too; another stream of pictures begins with a key frame, which has
// to be asked for.
func TestLongSteps(t *testing.T) {
	t.Parallel()
	rows := stepRows()
	p := throw(t, len(rows), 32*time.Second, func(i int, c *caller) { rows[i].set(c) })
	const at = stepAt - settle
	for i, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			q := p.of(t)
			q.synced(i, 0, window{time.Second, at}, window{at + row.gap, 31 * time.Second})
			q.undisturbed(i, window{at, at + row.gap})
			for k, kind := range []string{"audio", "video"} {
				row.told(t, k, q.track(i, kind))
			}
		})
	}
}

// told checks what the report says of a step.
func (row *stepRow) told(t *testing.T, k int, r callreel.TrackReport) {
	t.Helper()
	sum := r.Received()
	if sum.ClockJumps > 0 != row.jumps[k] || sum.ClockSteps > 0 != row.steps[k] || sum.SSRCChanges != row.renewed[k] {
		t.Errorf("%s: %d jumps, %d steps, %d changes of SSRC", r.Kind, sum.ClockJumps, sum.ClockSteps, sum.SSRCChanges)
	}
	if sum.Lost > 0 || r.DecodeErrors > 0 {
		t.Errorf("%s: %d packets lost, %d decode errors", r.Kind, sum.Lost, r.DecodeErrors)
	}
}
