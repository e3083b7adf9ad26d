package callreel_test

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/callreel/callreel"
)

// pausedCase is a recording of somebody who flashes and beeps at every whole
// second, that is paused, and killed in the pause.
type pausedCase struct {
	at    time.Duration // of the pause
	chunk time.Duration
	empty bool // nobody is there: the picture stands
	video callreel.VideoSettings
}

// All that was recorded before a pause is in the file soon after it has begun, up
// to the last whole frame: the pause may last, and a crash in it takes nothing.
func TestCrashInAPauseTakesNothing(t *testing.T) {
	options := func(o string) (v callreel.VideoSettings) {
		v.Options = map[string]string{"preset": "ultrafast", "crf": "20"}
		for _, kv := range strings.Fields(o) {
			k, value, _ := strings.Cut(kv, "=")
			v.Options[k] = value
		}
		return v
	}
	for name, c := range map[string]pausedCase{
		"economy":            {at: 5150 * time.Millisecond, video: callreel.VideoSettings{Quality: callreel.Economy}},
		"balanced":           {at: 5150 * time.Millisecond, video: callreel.VideoSettings{Quality: callreel.Balanced}},
		"fine":               {at: 5150 * time.Millisecond, video: callreel.VideoSettings{Quality: callreel.Fine}},
		"B-frames":           {at: 5150 * time.Millisecond, video: options("bf=3 rc-lookahead=20")},
		"another encoder":    {at: 5150 * time.Millisecond, video: callreel.VideoSettings{Encoder: "libopenh264", Options: map[string]string{"allow_skip_frames": "0"}}},
		"after one frame":    {at: 150 * time.Millisecond, video: options("")},
		"after two":          {at: 300 * time.Millisecond, video: options("")},
		"at a key frame":     {at: 4150 * time.Millisecond, video: options("")},
		"nothing moves":      {at: 9 * time.Second, empty: true, video: options("")},
		"it begins to stand": {at: 2300 * time.Millisecond, empty: true, video: options("")},
		"just before a cut":  {at: 10150 * time.Millisecond, chunk: 10 * time.Second, video: options("")},
		"just after a cut":   {at: 10450 * time.Millisecond, chunk: 10 * time.Second, video: options("")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, c.test)
		})
	}
}

func (c pausedCase) test(t *testing.T) {
	d := newDepot(t, t.TempDir(), failing(errAway)) // so that all of it is in the spool
	cfg := smallConfig("room")
	cfg.Video, cfg.EmptyTimeout = c.video, -1
	if c.chunk > 0 {
		cfg.ChunkDuration = c.chunk
	}
	rec, err := d.eng.Start(t.Context(), cfg)
	if err != nil {
		d.close()
		if c.video.Encoder != "" {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	leave := func() {}
	if !c.empty {
		leave = d.join(person(rec.Conversation(), 1, time.Now()))
	}
	c.pause(t, rec, c.at)
	frames := c.at.Truncate(time.Second / 8)
	if said := rec.Result().Duration; said != frames {
		t.Errorf("of %v before the pause %v are said to be in files", c.at, said)
	}
	crash := d.crashAt(c.at)
	whole := c.goOn(t, d, rec, leave)
	if len(crash.results) != 1 || crash.results[0].Duration != frames {
		t.Fatalf("%+v", crash.results)
	}
	cut := c.media(t, filepath.Join(crash.dir, "store"), crash.results[0].Chunks)
	cut.check(t, c, frames)
	whole.check(t, c, c.at+3*time.Second)
}

// pause pauses after a time, for two seconds.
func (c pausedCase) pause(t *testing.T, rec *callreel.Recording, at time.Duration) {
	<-time.After(at)
	if err := rec.Pause(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-time.After(2 * time.Second)
	synctest.Wait() // the writer is done with what it was given
}

// goOn records for 3 s more, with another pause, and returns what is in the files.
func (c pausedCase) goOn(t *testing.T, d *depot, rec *callreel.Recording, leave func()) footage {
	if err := rec.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.pause(t, rec, 700*time.Millisecond)
	if err := rec.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-time.After(2300 * time.Millisecond)
	res, err := rec.Stop(t.Context())
	leave()
	if !errors.Is(err, errAway) {
		t.Error(err)
	}
	d.store.set(failing(nil))
	<-time.After(10 * time.Minute) // it is tried again
	d.close()
	if len(res.Unwritten.List) > 0 || res.Report.Verdict == callreel.Fail {
		t.Errorf("%+v", res.Report.Reasons)
	}
	return c.media(t, filepath.Join(d.dir, "store"), res.Chunks)
}

// footage is what some files have, one after the other.
type footage struct {
	movie
	length time.Duration // of the chunks
}

func (c pausedCase) media(t *testing.T, store string, chunks []callreel.Chunk) (all footage) {
	t.Helper()
	for _, chunk := range chunks {
		file := stored(store, chunk.MediaKey)
		m := decode(t, file, small)
		m.lasts(chunk.Duration)
		all.t, all.size, all.length = t, m.size, all.length+chunk.Duration
		all.frames = append(all.frames, m.frames...)
		all.pcm = append(all.pcm, m.pcm[:min(len(m.pcm), int(chunk.Duration*16000/time.Second))]...)
	}
	return all
}

func (m *footage) check(t *testing.T, c pausedCase, length time.Duration) {
	t.Helper()
	if want := (length + time.Second/8 - 1).Truncate(time.Second / 8); m.length != want || len(m.frames) != int(want*8/time.Second) {
		t.Errorf("%v and %d frames, want %v", m.length, len(m.frames), want)
	}
	if c.empty {
		return
	}
	var flashes []int
	var beeps []float64
	for at := 2 * time.Second; at < c.at; at += time.Second { // before that may be those of who has just joined
		flashes, beeps = append(flashes, int(at/(time.Second/8))), append(beeps, at.Seconds())
	}
	frames, samples := int(c.at*8/time.Second), int(c.at*16000/time.Second)
	if got := m.flashes(grid(1)[0], 12, frames+1); !slices.Equal(got, flashes) {
		t.Errorf("flashes in frames %v, want %v", got, flashes)
	}
	silent := min(len(m.pcm), samples, 3*8000)
	before := movie{t: t, pcm: slices.Concat(make([]float64, silent), m.pcm[silent:max(silent, min(len(m.pcm), samples))])}
	before.hears(650, beeps...)
}
