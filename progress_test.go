package callreel_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/callreel/callreel"
)

// What was received before a crash is in the report, but for the last seconds;
// whether the recording goes on or not, and also after a second crash.
func TestReportOutlivesACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := broken{t: t, epoch: time.Now()}
		b.depots = []*depot{newDepot(t, t.TempDir(), failing(nil))}
		b.rec = b.depot().start(smallConfig("room"))
		ann := person(b.rec.Conversation(), 1, b.epoch)
		ann.loss = 0.1
		b.leave = b.depot().join(ann)
		bob := person(b.rec.Conversation(), 10, b.epoch) // is gone before the crash
		bob.noVideo = true
		leave := b.depot().join(bob)
		time.Sleep(4 * time.Second)
		leave()
		time.Sleep(16 * time.Second)

		over := b.depot().crashAt(20 * time.Second)
		if len(over.results) != 1 || over.results[0].Report == nil {
			t.Fatalf("%+v", over.results)
		}
		first := over.results[0].Report
		checkTracks(t, first, "p01", 2, 13*50, true)
		checkTracks(t, first, "p10", 1, 4*50-10, false)

		b.crash("second", time.Second)
		time.Sleep(8 * time.Second)
		b.crash("third", time.Second)
		time.Sleep(3 * time.Second)
		res := b.end()
		checkTracks(t, res.Report, "p01", 6, 13*50+150+100, true)
		checkTracks(t, res.Report, "p10", 1, 4*50-10, false)
		if res.Report.Ticks.P95Lateness == 0 || len(res.Report.Participants) != 2 {
			t.Errorf("%+v", res.Report)
		}
	})
}

// checkTracks checks that a report has so many tracks of somebody, with at least so
// many packets of sound, some of which were lost.
func checkTracks(t *testing.T, r *callreel.Report, who string, tracks int, packets uint64, lost bool) {
	t.Helper()
	for _, p := range r.Participants {
		if p.ID != who {
			continue
		}
		var sum callreel.LayerStats
		var concealed time.Duration
		for _, track := range p.Tracks {
			if track.Sound != nil {
				got := track.Received()
				sum.Packets, sum.Lost, concealed = sum.Packets+got.Packets, sum.Lost+got.Lost, concealed+track.Sound.Concealed.Total
			}
		}
		if len(p.Tracks) != tracks || sum.Packets < packets || lost != (sum.Lost > packets/50 && concealed > 0) {
			t.Errorf("%s: %d tracks, want %d; %d packets of sound, want %d; %d lost, %v concealed", who, len(p.Tracks), tracks, sum.Packets, packets, sum.Lost, concealed)
		}
		return
	}
	t.Errorf("%s is not in the report", who)
}

// A process that has the time to do so notes all that was received.
func TestSuspendNotesWhatWasReceived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDepot(t, t.TempDir(), failing(nil))
		rec := d.start(smallConfig("room"))
		leave := d.join(person(rec.Conversation(), 1, time.Now()))
		time.Sleep(4 * time.Second) // before it is noted by itself
		if err := d.eng.Suspend(t.Context()); err != nil {
			t.Fatal(err)
		}
		leave()
		crash := d.crashAt(4 * time.Second)
		if len(crash.results) != 1 {
			t.Fatalf("%+v", crash.results)
		}
		checkTracks(t, crash.results[0].Report, "p01", 2, 140, false)
		_ = d.eng.Close(context.Background())
	})
}
