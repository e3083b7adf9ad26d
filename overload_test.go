package callreel_test

import (
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/internal/ffmpegtest"
	"github.com/callreel/callreel/storage"
)

// busyMachine is one on which frames take their time.
type busyMachine struct {
	*party
	alarms []callreel.Alarm // as they were told; those cleared have a Duration
	loads  []callreel.Load  // each second
}

// load is what a frame takes from a time on.
type load struct {
	from        time.Duration
	drawn, held time.Duration // with a new picture and without
}

// record records two guests for some time, on a machine that is loaded.
func onBusyMachine(t *testing.T, length time.Duration, loads ...load) *busyMachine {
	t.Helper()
	b := &busyMachine{party: &party{length: length}}
	var r *rig
	dir := t.TempDir() // outlives the bubble
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		eng, err := callreel.New(callreel.Config{
			Storage: storage.Dir(filepath.Join(dir, "store")), Spool: filepath.Join(dir, "spool"),
			OnEvent: func(e callreel.Event) {
				mu.Lock()
				defer mu.Unlock()
				if e.Alarm != nil {
					b.alarms = append(b.alarms, *e.Alarm)
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		r = &rig{t: t, dir: dir, eng: eng}
		conv := r.conversation("room")
		b.epoch = time.Now()
		var leave []func()
		for i := range 2 {
			c := guest(conv, i, b.epoch)
			b.callers = append(b.callers, c)
			leave = append(leave, r.join(c))
		}
		time.Sleep(settle)
		began := time.Now()
		r.eng.Burden(func(drawn bool, _ int) (takes time.Duration) {
			for _, l := range loads {
				if time.Since(began) < l.from {
					break
				}
				if takes = l.held; drawn {
					takes = l.drawn
				}
			}
			return takes
		})
		rec := r.start(smallConfig("room"))
		for range length / time.Second {
			time.Sleep(time.Second)
			b.loads = append(b.loads, rec.Load())
		}
		b.res = r.stop(rec)
		for _, f := range leave {
			f()
		}
	})
	b.movie = decode(t, r.file(b.res.Chunks[0]), small)
	b.frames = everyFrame(t, r.file(b.res.Chunks[0]), b.frames, int(b.res.Duration/frame))
	return b
}

// everyFrame repeats the pictures of a file for as long as they last: of those
// that the ladder left out it has none. None is longer than half a second.
func everyFrame(t *testing.T, file string, pictures [][]byte, frames int) (all [][]byte) {
	t.Helper()
	times := strings.Fields(ffmpegtest.Probe(t, "-select_streams", "v", "-show_entries", "frame=pts_time", file))
	if len(times) != len(pictures) {
		t.Fatalf("%d pictures, %d times", len(pictures), len(times))
	}
	for i, text := range append(times, strconv.FormatFloat(float64(frames)/8, 'f', -1, 64)) {
		at, err := strconv.ParseFloat(strings.Trim(text, ","), 64)
		n := int(math.Round(at * 8))
		if err != nil || math.Abs(at*8-float64(n)) > 0.001 {
			t.Fatalf("a picture at %q s", text)
		}
		if lasts := n - len(all); i > 0 && (lasts < 1 || lasts > 4) {
			t.Errorf("the picture before %v s lasts %d frames", at, lasts)
		}
		for i > 0 && len(all) < n {
			all = append(all, pictures[i-1])
		}
	}
	length, err := strconv.ParseFloat(strings.Trim(ffmpegtest.Probe(t, "-select_streams", "v", "-show_entries", "stream=duration", file), ","), 64)
	if want := float64(frames) / 8; err != nil || math.Abs(length-want) > 0.001 {
		t.Errorf("the video lasts %v s, want %v", length, want)
	}
	return all
}

// soundIsWhole checks that all that was said is heard, where it belongs, and that
// the report knows of nothing that is not.
func (b *busyMachine) soundIsWhole(t *testing.T) {
	t.Helper()
	b.lasts(b.res.Duration)
	if more := b.res.Duration - b.length; more < 0 || more > time.Second { // a stop waits for the frame that is being made
		t.Errorf("%v recorded, want %v", b.res.Duration, b.length)
	}
	for i, c := range b.callers {
		late := b.heard(i, time.Second, b.length-time.Second)
		usual := late[0] // by the link and the encoder
		if s := apart(late, usual); !(s.p95 < 0.005 && usual < 0.04) {
			t.Errorf("%s: beeps late by %v", c.who.ID, late)
		}
		if got, want := len(b.beeps(c.hertz)), len(b.beats(i, 0, b.length)); got < want-1 || got > want+1 {
			t.Errorf("%s: %d beeps, want %d", c.who.ID, got, want)
		}
		sound := b.track(i, "audio")
		if s := sound.Sound; s.Concealed.Count+s.Missing.Count > 0 || s.Overflowed > 0 || s.Moves != 1 || sound.DecodeErrors > 0 || sound.Received().Lost > 0 {
			t.Errorf("%s: %+v, %+v", c.who.ID, s, sound.Received())
		}
		if d := b.track(i, "video").DecodeErrors; d > 0 {
			t.Errorf("%s: %d pictures could not be decoded", c.who.ID, d)
		}
	}
}

// levels checks that the levels of a recording reached one, no more, and are all
// told: in the result, the report, the alarms and the counts.
func (b *busyMachine) levels(t *testing.T, from, to time.Duration, least, most int) {
	t.Helper()
	o, s := b.res.Overload, b.res.Stats
	if o.Level < least || o.Level > most || len(o.Spans) == 0 || o.Total != s.Overloaded {
		t.Fatalf("overload %+v, stats %+v", o, s)
	}
	total := time.Duration(0)
	for _, span := range o.Spans {
		total += span.Duration
		if span.Start < from || span.Start+span.Duration > to {
			t.Errorf("%+v, want from %v to %v", span, from, to)
		}
	}
	if r := b.res.Report; total != o.Total || r.Ticks.Overload.Total != total || r.Verdict != callreel.Warn || len(r.Alarms) != 1 ||
		r.Alarms[0].Kind != callreel.AlarmOverloaded || r.Alarms[0].Level != o.Level || !r.Alarms[0].Over {
		t.Errorf("%s %q, alarms %+v, overload %+v", r.Verdict, r.Reasons, r.Alarms, r.Ticks.Overload)
	}
	if s.HeldFrames == 0 || s.StepsDown < int64(least) || s.StepsDown != s.StepsUp || s.Frames != int64(b.res.Duration/frame) {
		t.Errorf("%+v", s)
	}
	if last := b.alarms[len(b.alarms)-1]; len(b.alarms) != int(s.StepsDown+s.StepsUp) || b.alarms[0].Level != 1 || last.Duration == 0 {
		t.Errorf("told: %+v", b.alarms)
	}
	deepest := slices.MaxFunc(b.loads, func(x, y callreel.Load) int { return x.Level - y.Level })
	if last := b.loads[len(b.loads)-1]; deepest.Level < least || last.Level != 0 || last.Lateness > 0 {
		t.Errorf("loads %+v", b.loads)
	}
}

// When pictures take longer than there is time, some are left out, and none of
// the sound. Afterwards all is as before.
func TestOverload(t *testing.T) {
	t.Parallel()
	b := onBusyMachine(t, 45*time.Second,
		load{0, 20 * time.Millisecond, 2 * time.Millisecond},
		load{10 * time.Second, 350 * time.Millisecond, 5 * time.Millisecond},
		load{25 * time.Second, 20 * time.Millisecond, 2 * time.Millisecond})
	b.soundIsWhole(t)
	b.levels(t, 9*time.Second, 40*time.Second, 1, 3)
	for i := range b.callers {
		b.synced(i, 0, window{time.Second, 9 * time.Second}, window{38 * time.Second, 44 * time.Second})
		used := b.track(i, "video").Pictures
		if used.Frozen.Count > 0 || used.Blank.Total > time.Second {
			t.Errorf("%+v", used)
		}
	}
}

// When there is not even time for the sound, it waits, and so does the stop. No
// picture is decoded then; afterwards they begin anew with key frames.
func TestLongOverloadOfSound(t *testing.T) {
	t.Parallel()
	b := onBusyMachine(t, 65*time.Second,
		load{0, 20 * time.Millisecond, 2 * time.Millisecond},
		load{10 * time.Second, 500 * time.Millisecond, 300 * time.Millisecond},
		load{25 * time.Second, 20 * time.Millisecond, 2 * time.Millisecond})
	b.soundIsWhole(t)
	b.levels(t, 9*time.Second, 62*time.Second, callreel.MaxOverloadLevel-1, callreel.MaxOverloadLevel)
	if late := b.res.Report.Ticks.MaxLateness; late < 8*time.Second || b.res.Report.Ticks.Gaps.Count > 0 {
		t.Errorf("late by %v, gaps %+v", late, b.res.Report.Ticks.Gaps)
	}
	for i := range b.callers {
		b.synced(i, 0, window{time.Second, 9 * time.Second}, window{57 * time.Second, 64 * time.Second})
	}
}

// A stop in the middle of it is answered with all that was recorded.
func TestStopWhileOverloaded(t *testing.T) {
	t.Parallel()
	b := onBusyMachine(t, 18*time.Second,
		load{0, 20 * time.Millisecond, 2 * time.Millisecond},
		load{4 * time.Second, 500 * time.Millisecond, 200 * time.Millisecond})
	b.soundIsWhole(t)
	if b.res.Overload.Level < 3 || b.res.Verdict != callreel.Warn {
		t.Errorf("%+v", b.res.Overload)
	}
}

// One hiccup of the machine leaves out nothing and is no overload.
func TestHiccup(t *testing.T) {
	t.Parallel()
	b := onBusyMachine(t, 16*time.Second,
		load{0, 20 * time.Millisecond, 2 * time.Millisecond},
		load{6 * time.Second, 3 * time.Second, 3 * time.Second},
		load{6200 * time.Millisecond, 20 * time.Millisecond, 2 * time.Millisecond})
	b.soundIsWhole(t)
	if b.res.Overload.Total > 0 || b.res.Stats.HeldFrames > 0 || len(b.alarms) > 0 || b.res.Report.Ticks.MaxLateness < 2*time.Second {
		t.Errorf("%+v, %+v, %q", b.res.Overload, b.res.Report.Ticks, b.res.Report.Reasons)
	}
	for i := range b.callers {
		b.synced(i, 0, window{time.Second, 15 * time.Second})
	}
}
