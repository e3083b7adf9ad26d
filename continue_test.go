package callreel_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/callreel/callreel"
)

// killed is an engine on what this one leaves if it is killed now. This one
// stores nothing from now on.
func (d *depot) killed(dir string) *depot {
	d.t.Helper()
	synctest.Wait() // a file that is being replaced would vanish while it is copied
	next := newDepot(d.t, filepath.Join(d.dir, dir), failing(nil))
	if err := os.CopyFS(filepath.Join(next.dir, "spool"), os.DirFS(filepath.Join(d.dir, "spool"))); err != nil {
		d.t.Fatal(err)
	}
	next.store.Store = d.store.Store
	d.store.set(failing(errAway))
	return next
}

// goesOn lets the recording go on that there is.
func (d *depot) goesOn(id string, want callreel.State) *callreel.Recording {
	d.t.Helper()
	going, err := d.eng.Continue(d.t.Context(), 5*time.Minute)
	if err != nil || len(going) != 1 || going[0].ID() != id || going[0].State() != want {
		d.t.Fatalf("%v, %v", going, err)
	}
	if left, err := d.eng.Recover(d.t.Context()); err != nil || len(left) > 0 {
		d.t.Errorf("%v, %v", left, err)
	}
	return going[0]
}

// broken is a recording of somebody who flashes and beeps at every whole second,
// that is killed and goes on.
type broken struct {
	t      *testing.T
	epoch  time.Time
	depots []*depot // the last one is in use
	rec    *callreel.Recording
	leave  func()
}

func (b *broken) depot() *depot { return b.depots[len(b.depots)-1] }

// files is the first engine, in whose store everything is.
func (b *broken) files() *depot { return b.depots[0] }

func (b *broken) join() {
	who := person(b.rec.Conversation(), 1, b.epoch)
	who.flash = 200 * time.Millisecond // seen in a frame, wherever it falls
	b.leave = b.depot().join(who)
}

// begin records up to a time, with a pause from 6 s to 8 s.
func (b *broken) begin(dir string, until time.Duration) {
	b.epoch = time.Now()
	b.depots = []*depot{newDepot(b.t, dir, failing(nil))}
	cfg := smallConfig("room")
	cfg.ChunkDuration = 10 * time.Second
	b.rec = b.depot().start(cfg)
	b.join()
	for _, step := range []struct {
		at time.Duration
		do func(context.Context) error
	}{{6 * time.Second, b.rec.Pause}, {8 * time.Second, b.rec.Resume}} {
		if until > step.at {
			<-time.After(step.at - time.Since(b.epoch))
			if err := step.do(b.t.Context()); err != nil {
				b.t.Fatal(err)
			}
		}
	}
	<-time.After(until - time.Since(b.epoch))
}

// crash kills the engine, and lets another one go on after a while.
func (b *broken) crash(dir string, outage time.Duration) {
	was := b.rec.State()
	b.depots = append(b.depots, b.depot().killed(dir))
	b.leave()
	<-time.After(outage)
	b.rec = b.depot().goesOn(b.rec.ID(), was)
	b.join()
}

// end stops the recording and ends the engines that were killed.
func (b *broken) end() callreel.Result {
	res := b.depot().stop(b.rec)
	b.leave()
	synctest.Wait()
	told := ""
	for _, d := range b.depots {
		told += d.told() + " "
	}
	if strings.Count(told, " Ended Delivered ") != 1 || strings.Count(told, "Delivered") != 1 || strings.Count(told, "ChunkStored") != len(res.Chunks) {
		b.t.Errorf("told %s", told)
	}
	if left := b.depot().left(); len(left) > 0 {
		b.t.Errorf("in the spool: %q", left)
	}
	b.depot().close()
	for _, d := range b.depots[:len(b.depots)-1] {
		_ = d.eng.Close(context.Background()) // it can't store what it has
	}
	return res
}

// twoCrashes is a recording that is killed, goes on, is killed again, and goes on.
type twoCrashes struct {
	at                   time.Duration // of the first one
	chunks, pauses, gaps int
}

// Nothing is in the file yet.
func TestGoesOnAfterACrash(t *testing.T) {
	twoCrashes{at: time.Second, chunks: 2, gaps: 2}.test(t)
}

func TestLongGoesOnAfterACrash(t *testing.T) {
	t.Parallel()
	for _, c := range []twoCrashes{
		{at: 5 * time.Second, chunks: 3, gaps: 2},
		{at: 6500 * time.Millisecond, pauses: 1, chunks: 3, gaps: 2}, // in a pause
		{at: 8500 * time.Millisecond, pauses: 1, chunks: 3, gaps: 2}, // after a pause
		{at: 15 * time.Second, pauses: 1, chunks: 4, gaps: 2},        // a fragment is in the second file
		{at: 17 * time.Second, pauses: 1, chunks: 4, gaps: 2},
	} {
		t.Run(c.at.String(), c.test)
	}
}

func (c twoCrashes) test(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := broken{t: t}
		b.begin(t.TempDir(), c.at)
		start := b.rec.StartTime()
		b.crash("second", 3300*time.Millisecond)
		if b.rec.State() == callreel.Paused {
			time.Sleep(time.Second)
			if err := b.rec.Resume(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(6 * time.Second)
		b.crash("third", 2300*time.Millisecond)
		time.Sleep(4500 * time.Millisecond)
		stopped := time.Now()
		res := b.end()
		if res.ID != b.rec.ID() || !res.StartTime.Equal(start) || res.EndReason != callreel.EndStopped || res.Verdict != callreel.Fail {
			t.Errorf("%+v", res)
		}
		if len(res.Chunks) != c.chunks || len(res.Pauses) != c.pauses || len(res.Gaps) != c.gaps || len(res.Report.Gaps) != c.gaps || len(res.Report.Reasons) < c.gaps {
			t.Errorf("%+v, %+v", res, res.Report)
		}
		stays := 3
		if c.at <= time.Second { // the first is not on disk yet
			stays = 2
		}
		for i, p := range res.Participants {
			if len(res.Participants) != stays || p.Left.IsZero() != (i == stays-1) {
				t.Errorf("%+v", res.Participants)
			}
		}
		b.checkTime(res, stopped)
		b.checkMetadata(res)
		for i, chunk := range res.Chunks {
			if chunk.Index != i {
				t.Errorf("chunk %+v", chunk)
			}
			b.checkChunk(res, chunk)
		}
	})
}

// checkTime checks that all the time is accounted for.
func (b *broken) checkTime(res callreel.Result, stopped time.Time) {
	all, end := res.Duration, time.Duration(0)
	for _, p := range res.Pauses {
		all += p.Duration
	}
	for i, g := range res.Gaps {
		all += g.Duration
		if g.Duration <= 0 || g.Duration > 3300*time.Millisecond+behind || i > 0 && g.Start.Before(res.Gaps[i-1].Start) {
			b.t.Errorf("gap %+v", g)
		}
	}
	if off := all - stopped.Sub(res.StartTime); off < 0 || off > time.Second/8 { // the last frame is whole
		b.t.Errorf("%v are accounted for, %v of them recorded; that is %v off: %+v", all, res.Duration, off, res)
	}
	for _, c := range res.Chunks {
		if c.Start != end {
			b.t.Errorf("chunk %+v does not begin at %v", c, end)
		}
		end += c.Duration
	}
	if end != res.Duration {
		b.t.Errorf("chunks of %v in %v", end, res.Duration)
	}
}

// checkMetadata checks that each pause and gap is in the metadata of one chunk.
func (b *broken) checkMetadata(res callreel.Result) {
	var pauses, gaps []callreel.PauseInterval
	for _, c := range res.Chunks {
		m := b.files().metadata(c)
		if len(m.Participants) != 1 || m.ChunkIndex != c.Index || m.ChunkStartTime != callreel.FormatTime(c.StartTime) {
			b.t.Errorf("%+v", m)
		}
		pauses, gaps = append(pauses, m.PauseResumeIntervals...), append(gaps, m.Gaps...)
	}
	if len(pauses) != len(res.Pauses) || len(gaps) != len(res.Gaps) {
		b.t.Errorf("in the metadata: pauses %+v, gaps %+v; in the result %+v, %+v", pauses, gaps, res.Pauses, res.Gaps)
		return
	}
	for i, g := range res.Gaps {
		if want := (callreel.PauseInterval{StartTime: callreel.FormatTime(g.Start), Duration: g.Duration.Milliseconds()}); gaps[i] != want {
			b.t.Errorf("gap %+v, want %+v", gaps[i], want)
		}
	}
}

// checkChunk looks at a file: what is in it was at the time that it tells.
func (b *broken) checkChunk(res callreel.Result, c callreel.Chunk) {
	m := decode(b.t, b.files().file(c), small)
	m.lasts(c.Duration)
	when := func(sec float64) float64 {
		at := c.StartTime.Add(time.Duration(sec * float64(time.Second)))
		for _, p := range res.Pauses {
			if !p.Start.Before(c.StartTime) && at.After(p.Start) {
				at = at.Add(p.Duration)
			}
		}
		return at.Sub(b.epoch).Seconds()
	}
	beeps := m.beeps(650)
	for _, at := range beeps {
		if off := when(at) - math.Round(when(at)); (off < -0.003 || off > 0.012) && !b.cut(c, at) {
			b.t.Errorf("chunk %d: a beep at %.3f s, %.3f s of the call", c.Index, at, when(at))
		}
	}
	// Who has just joined is not seen for a second, and then maybe in mid-flash.
	flashes := m.flashes(grid(1)[0], 0, len(m.frames))
	for _, n := range flashes {
		if off := when(float64(n)/8) - math.Round(when(float64(n)/8)); n > 12 && (off < -0.001 || off > 0.126) {
			b.t.Errorf("chunk %d: a flash in frame %d, %.3f s of the call", c.Index, n, when(float64(n)/8))
		}
	}
	if want := int(c.Duration/time.Second) - 1; len(beeps) < want || len(flashes) < want-1 {
		b.t.Errorf("chunk %d of %v: beeps at %v s, flashes in frames %v", c.Index, c.Duration, beeps, flashes)
	}
}

// cut reports whether the beginning of what is there at a position can be cut off:
// at the start of the file and after the pause.
func (b *broken) cut(c callreel.Chunk, at float64) bool {
	return at < 0.1 || c.Start == 0 && math.Abs(at-6) < 0.1
}

// What was written long ago, or was about to stop, or is delivered already, does
// not go on.
func TestDoesNotGoOn(t *testing.T) {
	for what, c := range map[string]struct {
		paused    bool
		stopping  bool
		idle, off time.Duration // how long nothing happened before the crash, and after it
		going     bool
	}{
		"lately":       {off: 4 * time.Minute, going: true},
		"long ago":     {off: 6 * time.Minute},
		"paused":       {paused: true, idle: 20 * time.Minute, off: 3 * time.Minute, going: true},
		"was stopping": {stopping: true, off: time.Second},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDepot(t, t.TempDir(), failing(nil))
				cfg := smallConfig("room")
				cfg.EmptyTimeout = -1
				if c.stopping { // and waits for somebody whose packets are stuck
					stuck := time.Now().Add(4990 * time.Millisecond)
					ann := person(d.conversation(cfg.Conversation), 1, time.Now())
					ann.link = func(now time.Time, _ *rand.Rand) time.Duration { return max(0, now.Sub(stuck)) * 1e6 }
					defer d.join(ann)()
				}
				rec := d.start(cfg)
				time.Sleep(5 * time.Second)
				if c.paused {
					if err := rec.Pause(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(c.idle)
				if c.stopping {
					soon, cancel := context.WithTimeout(t.Context(), time.Millisecond)
					defer cancel()
					_, _ = rec.Stop(soon) // it is asked to
				}
				next := d.killed("next")
				next.age(time.Now())
				time.Sleep(c.off)
				going, err := next.eng.Continue(t.Context(), 5*time.Minute)
				if err != nil || len(going) == 1 != c.going {
					t.Fatalf("%v, %v", going, err)
				}
				left, err := next.eng.Recover(t.Context())
				if err != nil || len(left) == 1 == c.going || !c.going && left[0].EndReason != callreel.EndInterrupted {
					t.Errorf("%+v, %v", left, err)
				}
				if c.going {
					next.stop(going[0])
				}
				synctest.Wait()
				next.close()
				_ = d.eng.Close(context.Background())
			})
		})
	}
}

// age makes the files in the spool as old as virtual time has it.
func (d *depot) age(at time.Time) {
	files, err := filepath.Glob(filepath.Join(d.dir, "spool", "*", "*"))
	if err != nil || len(files) == 0 {
		d.t.Fatal(files, err)
	}
	for _, f := range files {
		if err := os.Chtimes(f, at, at); err != nil {
			d.t.Fatal(err)
		}
	}
}

// Nobody comes back, so the call has ended.
func TestNobodyComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := broken{t: t}
		b.begin(t.TempDir(), 5*time.Second)
		id := b.rec.ID()
		b.depots = append(b.depots, b.depot().killed("second"))
		b.leave()
		time.Sleep(time.Second)
		b.rec = b.depot().goesOn(id, callreel.Active)
		if _, err := b.depot().eng.Start(t.Context(), smallConfig("room")); !errors.Is(err, callreel.ErrBusy) {
			t.Errorf("a second recording of the conversation: %v", err)
		}
		goes := time.Now()
		<-b.rec.Done()
		b.leave = func() {}
		res := b.end()
		if after := time.Since(goes); res.EndReason != callreel.EndCallEnded || after < time.Minute || after > 70*time.Second || len(res.Chunks) < 2 || len(res.Gaps) != 1 {
			t.Errorf("after %v: %+v", after, res)
		}
	})
}

// There is no room, or the conversation has a recording: what was interrupted ends.
func TestNoRoomToGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := broken{t: t}
		b.begin(t.TempDir(), 5*time.Second)
		next := b.depot().killed("second")
		b.leave()
		other := next.start(smallConfig("room"))
		going, err := next.eng.Continue(t.Context(), time.Hour)
		if !errors.Is(err, callreel.ErrBusy) || len(going) > 0 {
			t.Errorf("%v, %v", going, err)
		}
		left, err := next.eng.Recover(t.Context())
		if err != nil || len(left) != 1 || left[0].ID != b.rec.ID() || left[0].Duration != 3*time.Second || len(left[0].Chunks) != 1 {
			t.Errorf("%+v, %v", left, err)
		}
		next.stop(other)
		synctest.Wait()
		if left := next.left(); len(left) > 0 {
			t.Errorf("in the spool: %q", left)
		}
		next.close()
		_ = b.depot().eng.Close(context.Background())
	})
}

// A capture ends where it broke off; it is delivered with the recording.
func TestCaptureEndsWithACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDepot(t, t.TempDir(), failing(nil))
		cfg := smallConfig("room")
		cfg.Capture = true
		rec := d.start(cfg)
		leave := d.join(person(rec.Conversation(), 1, time.Now()))
		time.Sleep(5 * time.Second)
		next := d.killed("next")
		leave()
		rec = next.goesOn(rec.ID(), callreel.Active)
		time.Sleep(3 * time.Second)
		res := next.stop(rec)
		synctest.Wait()
		if told := next.told(); res.Capture != callreel.CaptureKey(rec.ID()) || !strings.HasPrefix(told, "CaptureFailed ") {
			t.Errorf("%+v, told %s", res, told)
		}
		if keys := next.store.keys(); !strings.Contains(strings.Join(keys, " "), res.Capture) || len(next.left()) > 0 {
			t.Errorf("stored %q, in the spool: %q", keys, next.left())
		}
		next.close()
		_ = d.eng.Close(context.Background())
	})
}
