package callreel_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/callreel/callreel/ingest"
)

// Somebody who loses the connection and comes back has the same tile; meanwhile
// the last picture is shown, darkened. Who stays away loses it.
func TestComingBackToTheSameTile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		conv := r.conversation("room")
		epoch := time.Now()
		ann, bob, again := person(conv, 10, epoch), person(conv, 20, epoch), person(conv, 10, epoch)
		again.late = 700 * time.Millisecond // until the media comes
		leaveAnn := r.join(ann)
		leaveBob := r.join(bob)
		time.Sleep(1500 * time.Millisecond)
		cfg := smallConfig("room")
		cfg.RejoinGrace = 2 * time.Second
		rec := r.start(cfg)
		time.Sleep(2300 * time.Millisecond)
		leaveAnn() // at 2.3 s
		time.Sleep(1500 * time.Millisecond)
		leaveAnn = r.join(again) // at 3.8 s, pictures at 4.5 s
		time.Sleep(2500 * time.Millisecond)
		leaveAnn() // at 6.3 s, for good
		time.Sleep(3 * time.Second)
		res := r.stop(rec)
		leaveBob()

		m := decode(t, r.file(res.Chunks[0]), small)
		m.lasts(9375 * time.Millisecond)
		two := grid(2)
		for _, c := range []struct {
			what  string
			frame int
			luma  float64
		}{
			{"before", 17, 100},
			{"just gone", 22, 41},
			{"back, without pictures yet", 33, 41},
			{"back", 38, 100},
			{"gone again", 58, 41},
		} {
			if g := m.grey(c.frame, two[0]); g < c.luma-4 || g > c.luma+4 {
				t.Errorf("%s: frame %d is %.0f, want %.0f", c.what, c.frame, g, c.luma)
			}
			m.shows(c.frame, two[1], 160)
		}
		m.shows(70, grid(1)[0], 160) // 8.75 s
		m.hears(ann.hertz, 0.5, 1.5, 4.5, 5.5)
		if n := len(res.Participants); n != 3 {
			t.Errorf("%d stays", n)
		}
	})
}

// While a new track has no picture yet, the old one's last picture stands.
func TestReplacedTrackLeavesNoHole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		conv := r.conversation("room")
		epoch := time.Now().Add(-500 * time.Millisecond)
		ann := person(conv, 10, epoch)
		ann.noAudio = true
		leaveAnn := r.join(ann)
		time.Sleep(1500 * time.Millisecond)
		rec := r.start(smallConfig("room"))
		time.Sleep(2300 * time.Millisecond)
		// The new track takes the place of the old one before its first picture.
		w, err := conv.AddTrack(ingest.TrackInfo{Participant: ann.who, MimeType: "video/H264"})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		leaveAnn()
		res := r.stop(rec)
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		m := decode(t, r.file(res.Chunks[0]), small)
		for _, n := range []int{17, 19, 21, 30} {
			m.shows(n, grid(1)[0], 100)
		}
		if g := m.grey(len(m.frames)-1, grid(1)[0]); g > 90 {
			t.Errorf("the last picture of the old track still stands: %.0f", g)
		}
	})
}
