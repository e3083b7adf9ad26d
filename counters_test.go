package callreel_test

import (
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/callreel/callreel"
)

// Counters grow while a recording runs, are those of its report in the end, and
// stay with the engine.
func TestCounters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := discuss(t, &speaker{pcm: sine(440, -20, 20*time.Second), lose: between(2*time.Second, 20)})
		time.Sleep(settle)
		before := c.eng.Totals()
		if before.Counters != (callreel.Counters{}) || before.Started+before.Refused != 0 || len(before.Ended) != 0 {
			t.Errorf("before: %+v", before)
		}
		rec := c.start(soundConfig())
		if _, err := c.eng.Start(t.Context(), soundConfig()); !errors.Is(err, callreel.ErrBusy) {
			t.Error(err)
		}
		time.Sleep(3 * time.Second)
		last := rec.Counters()
		for range 5 {
			time.Sleep(2 * time.Second)
			now := rec.Counters()
			if now.Packets < last.Packets+80 || now.Lost < last.Lost || now.Concealed < last.Concealed || now.Recorded < last.Recorded+time.Second {
				t.Errorf("%+v\nthen %+v", last, now)
			}
			if all := c.eng.Totals(); all.Counters != now || all.Started != 1 || len(all.Ended) != 0 {
				t.Errorf("%+v\nin all %+v", now, all)
			}
			last = now
		}
		res := c.stop(rec)
		c.leave()
		all := c.eng.Totals()
		track := heardTrack(res)
		got := track.Received()
		if all.Packets != got.Packets || all.Lost != 20 || all.Lost != got.Lost || all.Recovered != got.Recovered ||
			all.Concealed != track.Sound.Concealed.Total+track.Sound.Missing.Total || all.Concealed < 100*time.Millisecond {
			t.Errorf("%+v\nreport %+v %+v", all, got, track.Sound)
		}
		if runtime.GOOS == "linux" && all.CPU <= 0 || all.Frames != res.Stats.Frames || all.CPU != res.Stats.CPU || all.Recorded != res.Duration || all.Ended[callreel.EndStopped] != 1 {
			t.Errorf("%+v\nresult %+v of %v", all, res.Stats, res.Duration)
		}
		var frames int64
		for _, n := range all.Lateness {
			frames += n
		}
		if frames != all.Frames {
			t.Errorf("the lateness of %d frames, want %d", frames, all.Frames)
		}
	})
}
