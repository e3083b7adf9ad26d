package callreel_test

import (
	"image"
	"testing"
	"testing/synctest"
	"time"
)

// TestStopDrainsTheDelay lets something happen 90 ms before the stop. However
// far composing is behind, it is in the file, which ends with the frame in which
// the recording was stopped.
func TestStopDrainsTheDelay(t *testing.T) {
	t.Parallel()
	const late, stop = 3860 * time.Millisecond, 3950 * time.Millisecond
	for _, delay := range []time.Duration{200 * time.Millisecond, time.Second, 5 * time.Second} {
		t.Run(delay.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				ann := person(r.conversation("room"), 1, time.Now().Add(settle+late))
				ann.period, ann.flash, ann.beep = time.Hour, time.Minute, time.Minute
				ann.every, ann.size, ann.link = 20*time.Millisecond, image.Pt(192, 108), steady(5*time.Millisecond)
				leave := r.join(ann)
				time.Sleep(settle)
				cfg := smallConfig("room")
				cfg.Delay = delay
				rec := r.start(cfg)
				time.Sleep(stop)
				res := r.stop(rec)
				leave()
				m := decode(t, r.file(res.Chunks[0]), small)
				m.lasts(4 * time.Second) // the next frame's begin
				m.sees(grid(1)[0], 31)   // at 3.875 s
				m.hears(ann.hertz, late.Seconds()+0.005)
				if l := m.level(ann.hertz, 62720, 63040); l < 0.2 { // up to 10 ms before the stop
					t.Errorf("the tone is at %.2f just before the stop", l)
				}
				if l := m.level(ann.hertz, 63520, 64000); l > 0.02 { // a packet that was captured before it may outlast it
					t.Errorf("the tone is at %.2f after the stop", l)
				}
			})
		})
	}
}
