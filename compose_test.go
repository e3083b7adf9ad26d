package callreel_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/ingest/replay"
	"github.com/callreel/callreel/internal/capture"
	"github.com/callreel/callreel/internal/fault"
	"github.com/callreel/callreel/storage"
)

// captured is what a recorded call leaves.
type captured struct {
	capture []byte
	result  callreel.Result
	movie   *movie
	paused  [2]time.Time // the pause
}

func (c captured) source(t *testing.T) *replay.Source {
	t.Helper()
	src, err := replay.Open(bytes.NewReader(c.capture))
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// callWithAPause records a call with everything in it: people who are there,
// come, leave, come in a pause; loss and jitter.
func callWithAPause(t *testing.T) (c captured) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		conv := r.conversation("room")
		epoch := time.Now()
		ann, bob, cid := person(conv, 1, epoch), person(conv, 10, epoch), person(conv, 5, epoch)
		bob.loss, bob.link = 0.02, jittery(20*time.Millisecond, 60*time.Millisecond)
		ann.link = steady(10 * time.Millisecond)
		leaveAnn := r.join(ann)
		time.Sleep(1500 * time.Millisecond)
		cfg := smallConfig("room")
		cfg.Capture = true
		rec := r.start(cfg)
		time.Sleep(1300 * time.Millisecond)
		leaveBob := r.join(bob)
		time.Sleep(2700 * time.Millisecond)
		if err := rec.Pause(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.paused[0] = time.Now()
		ann.secret.Store(200)
		bob.secret.Store(210)
		time.Sleep(1500 * time.Millisecond)
		leaveCid := r.join(cid)
		time.Sleep(500 * time.Millisecond)
		ann.secret.Store(0)
		bob.secret.Store(0)
		time.Sleep(200 * time.Millisecond)
		c.paused[1] = time.Now()
		if err := rec.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		leaveAnn()
		time.Sleep(1800 * time.Millisecond)
		c.result = r.stop(rec)
		leaveBob()
		leaveCid()
		data, err := os.ReadFile(stored(filepath.Join(r.dir, "store"), c.result.Capture))
		if err != nil {
			t.Fatal(err)
		}
		c.capture, c.movie = data, decode(t, r.file(c.result.Chunks[0]), small)
	})
	return c
}

// compose composes a capture into a directory of its own.
func compose(t *testing.T, c captured) (callreel.Result, string) {
	t.Helper()
	dir := t.TempDir()
	src := c.source(t)
	settings := callreel.RecordingConfig{Video: smallConfig("").Video}
	res, err := callreel.Compose(t.Context(), callreel.Config{
		Storage: storage.Dir(filepath.Join(dir, "store")), Spool: filepath.Join(dir, "spool"),
	}, settings, src)
	if err != nil {
		t.Fatal(err)
	}
	if cond := src.Condition(); cond != (replay.Condition{}) {
		t.Errorf("condition %+v", cond)
	}
	return res, filepath.Join(dir, "store")
}

func TestComposeACapture(t *testing.T) {
	c := callWithAPause(t)
	first, dir := compose(t, c)
	second, dir2 := compose(t, c)
	sameFiles(t, dir, dir2)
	for _, key := range []string{callreel.ResultKey(first.ID), callreel.ReportKey(first.ID), first.Chunks[0].MetadataKey} {
		if _, err := os.Stat(stored(dir, key)); err != nil {
			t.Error(err)
		}
	}
	live := c.result
	if first.ID != live.ID || !first.StartTime.Equal(live.StartTime) || first.Duration != live.Duration ||
		first.EndReason != live.EndReason || len(first.Pauses) != 1 || first.Pauses[0].Duration != live.Pauses[0].Duration ||
		second.Duration != live.Duration {
		t.Errorf("composed %+v\nlive %+v", first, live)
	}
	samePeople(t, first.Participants, live.Participants)
	sameMovie(t, c.movie, decode(t, stored(dir, first.Chunks[0].MediaKey), small))
}

// sameFiles checks that two directories hold the same, to the byte.
func sameFiles(t *testing.T, a, b string) {
	t.Helper()
	files := func(dir string) (names []string) {
		err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				rel, _ := filepath.Rel(dir, name) // it is below
				names = append(names, rel)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	names := files(a)
	if others := files(b); len(names) == 0 || !slices.Equal(names, others) {
		t.Fatalf("files %v and %v", names, others)
	}
	for _, name := range names {
		x, errX := os.ReadFile(filepath.Join(a, name))
		y, errY := os.ReadFile(filepath.Join(b, name))
		if err := errors.Join(errX, errY); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(x, y) {
			t.Errorf("%s differs between two runs", name)
		}
	}
}

func samePeople(t *testing.T, got, want []callreel.ParticipantInfo) {
	t.Helper()
	same := slices.EqualFunc(got, want, func(a, b callreel.ParticipantInfo) bool {
		return a.ID == b.ID && a.Name == b.Name && a.Joined.Equal(b.Joined) && a.Left.Equal(b.Left)
	})
	if !same {
		t.Errorf("participants %+v, live %+v", got, want)
	}
}

// sameMovie checks that what was composed looks and sounds as what was recorded.
func sameMovie(t *testing.T, was, is *movie) {
	t.Helper()
	if len(was.frames) != len(is.frames) || len(was.pcm) != len(is.pcm) {
		t.Fatalf("%d frames and %d samples, live %d and %d", len(is.frames), len(is.pcm), len(was.frames), len(was.pcm))
	}
	for n := range was.frames {
		if d := difference(was.frames[n], is.frames[n]); d > 1 {
			t.Errorf("frame %d differs by %.2f", n, d)
		}
	}
	for _, i := range []int{1, 5, 10} {
		hertz := person(nil, i, time.Time{}).hertz
		a, b := was.beeps(hertz), is.beeps(hertz)
		same := slices.EqualFunc(a, b, func(x, y float64) bool { return x-y <= 0.001 && y-x <= 0.001 })
		if len(a) == 0 || !same {
			t.Errorf("%v Hz at %v, live at %v", hertz, b, a)
		}
	}
}

// difference is the mean absolute difference of two pictures.
func difference(a, b []byte) float64 {
	sum := 0
	for i := range a {
		sum += max(int(a[i])-int(b[i]), int(b[i])-int(a[i]))
	}
	return float64(sum) / float64(len(a))
}

func TestNothingOfAPauseIsCaptured(t *testing.T) {
	c := callWithAPause(t)
	const onItsWay = 80 * time.Millisecond // the slowest link
	packets, roster := 0, 0
	r := capture.NewReader(bytes.NewReader(c.capture))
	for rec, err := r.Next(); !errors.Is(err, io.EOF); rec, err = r.Next() {
		if err != nil {
			t.Fatal(err)
		}
		inside := rec.Time.After(c.paused[0]) && rec.Time.Before(c.paused[1])
		switch {
		case rec.RTP != nil:
			packets++
			if inside && rec.Time.Sub(c.paused[0]) > onItsWay {
				t.Errorf("RTP %v into the pause", rec.Time.Sub(c.paused[0]))
			}
		case inside:
			t.Errorf("%v into the pause: %+v", rec.Time.Sub(c.paused[0]), rec)
		case rec.Event != nil && rec.Event.At.After(c.paused[0]) && rec.Event.At.Before(c.paused[1]):
			roster++
		}
	}
	if packets == 0 || roster == 0 {
		t.Errorf("%d packets, %d changes of the roster in the pause", packets, roster)
	}
}

func TestComposeIsStopped(t *testing.T) {
	c := callWithAPause(t)
	src := c.source(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	_, err := callreel.Compose(ctx, callreel.Config{Storage: storage.Dir(filepath.Join(dir, "store")), Spool: filepath.Join(dir, "spool")},
		callreel.RecordingConfig{}, src)
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// fakeScript says what a capture may say.
type fakeScript struct {
	recorded ingest.Recorded
	steps    []ingest.Step
}

func (s *fakeScript) Recorded() ingest.Recorded { return s.recorded }

func (s *fakeScript) Next() (ingest.Step, error) {
	if len(s.steps) == 0 {
		return ingest.Step{}, io.EOF
	}
	step := s.steps[0]
	s.steps = s.steps[1:]
	return step, nil
}

func TestComposeRefuses(t *testing.T) {
	start := time.Date(2026, 11, 22, 20, 0, 0, 0, time.UTC)
	const settings = `{"Conversation":"room","ID":"rec","Width":320,"Height":180}`
	later := start.Add(time.Second)
	twice := []ingest.Step{{Time: later, At: later, Command: ingest.StopRecording}, {Time: later, At: later, Command: ingest.PauseRecording}}
	for name, c := range map[string]struct {
		script fakeScript
		fault  fault.Kind
	}{
		"no settings":       {fakeScript{recorded: ingest.Recorded{Clock: start, Start: start}}, fault.Source},
		"a file as an ID":   {fakeScript{recorded: ingest.Recorded{Clock: start, Start: start, Settings: []byte(`{"Conversation":"a","ID":"../a"}`)}}, fault.Caller},
		"a start too early": {fakeScript{recorded: ingest.Recorded{Clock: start.Add(1), Start: start, Settings: []byte(settings)}}, fault.Source},
		"a start too late":  {fakeScript{recorded: ingest.Recorded{Start: start, Settings: []byte(settings)}}, fault.Source},
		"pause after stop":  {fakeScript{ingest.Recorded{Clock: start, Start: start, Settings: []byte(settings)}, twice}, fault.Source},
	} {
		dir := t.TempDir()
		cfg := callreel.Config{Storage: storage.Dir(filepath.Join(dir, "store")), Spool: filepath.Join(dir, "spool")}
		if _, err := callreel.Compose(t.Context(), cfg, callreel.RecordingConfig{}, &c.script); err == nil || fault.Of(err) != c.fault {
			t.Errorf("%s: %v (%v)", name, err, fault.Of(err))
		}
	}
}
