package callreel_test

import (
	"image"
	"math/rand/v2"
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
				began := time.Now()
				res := r.stop(rec)
				if took := time.Since(began); took > 100*time.Millisecond {
					t.Errorf("stopping took %v, though all had come", took)
				}
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

// A stop waits for what is still on its way, and not for those who send nothing.
func TestStopWaitsForWhatIsOnItsWay(t *testing.T) {
	t.Parallel()
	const beep, stop, late = 3860 * time.Millisecond, 3950 * time.Millisecond, 4400 * time.Millisecond
	rows := map[string]struct {
		from, to time.Duration // what is sent in this time comes late
		muted    bool
	}{
		"all is late":              {stop - 200*time.Millisecond, late, false},
		"others overtake the last": {stop - 30*time.Millisecond, stop, false},
		"somebody is muted":        {stop - 200*time.Millisecond, late, true},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				begin := time.Now().Add(settle)
				ann := person(r.conversation("room"), 1, begin.Add(beep))
				ann.every, ann.size = 20*time.Millisecond, image.Pt(192, 108)
				ann.period, ann.flash, ann.beep = time.Hour, time.Minute, time.Minute
				ann.link = func(now time.Time, _ *rand.Rand) time.Duration {
					if at := now.Sub(begin); at >= row.from && at < row.to {
						return late - at
					}
					return 5 * time.Millisecond
				}
				bob := guest(r.conversation("room"), 2, begin)
				defer r.join(ann)()
				defer r.join(bob)()
				time.Sleep(settle)
				cfg := smallConfig("room")
				cfg.Delay = time.Second
				rec := r.start(cfg)
				<-time.After(stop - 2*time.Second)
				bob.mutedAudio.Store(row.muted)
				bob.mutedVideo.Store(row.muted)
				<-time.After(2 * time.Second)
				began := time.Now()
				res := r.stop(rec)
				if took := time.Since(began); took < late-stop || took > late-stop+100*time.Millisecond {
					t.Errorf("stopping took %v, and the last to come took %v", took, late-stop)
				}
				m := decode(t, r.file(res.Chunks[0]), small)
				m.lasts(4 * time.Second)
				m.sees(grid(2)[0], 31)
				m.hears(ann.hertz, beep.Seconds()+0.005)
				if l := m.level(ann.hertz, 62720, 63040); l < 0.2 { // up to 10 ms before the stop
					t.Errorf("the tone is at %.2f just before the stop", l)
				}
			})
		})
	}
}
