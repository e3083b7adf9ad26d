package callreel_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"math"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/compositor"
	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/storage"
)

// small is a canvas that is quick to encode.
var small = image.Pt(640, 360)

func smallConfig(conversation string) callreel.RecordingConfig {
	return callreel.RecordingConfig{
		Conversation: conversation, Width: small.X, Height: small.Y, RejoinGrace: -1,
		Video: callreel.VideoSettings{Options: map[string]string{"preset": "ultrafast", "crf": "20"}},
	}
}

// rig is an engine in a bubble of virtual time.
type rig struct {
	t   *testing.T
	dir string
	eng *callreel.Engine
}

func newRig(t *testing.T) *rig {
	t.Helper()
	return newRigIn(t, t.TempDir())
}

func newRigIn(t *testing.T, dir string) *rig {
	t.Helper()
	eng, err := callreel.New(callreel.Config{Storage: storage.Dir(filepath.Join(dir, "store")), Spool: filepath.Join(dir, "spool")})
	if err != nil {
		t.Fatal(err)
	}
	return &rig{t: t, dir: dir, eng: eng}
}

func (r *rig) conversation(id string) *callreel.Conversation {
	c, err := r.eng.Conversation(id)
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

func (r *rig) start(cfg callreel.RecordingConfig) *callreel.Recording {
	rec, err := r.eng.Start(context.Background(), cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	return rec
}

func (r *rig) stop(rec *callreel.Recording) callreel.Result {
	res, err := rec.Stop(context.Background())
	if err != nil {
		r.t.Fatal(err)
	}
	return res
}

func (r *rig) file(c callreel.Chunk) string { return stored(filepath.Join(r.dir, "store"), c.MediaKey) }

func (r *rig) metadata(c callreel.Chunk) (m callreel.Metadata) {
	doc, err := os.ReadFile(stored(filepath.Join(r.dir, "store"), c.MetadataKey))
	if err := errors.Join(err, json.Unmarshal(doc, &m)); err != nil {
		r.t.Fatal(err)
	}
	return m
}

// join lets somebody join until the returned function is called.
func (r *rig) join(c *caller) (leave func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	c.t = r.t
	if c.small != nil {
		c.small.t = r.t
	}
	left, err := c.sink.Join(c.who)
	if err != nil {
		r.t.Fatal(err)
	}
	go func() { c.run(ctx); close(done) }()
	return func() {
		cancel()
		<-done
		left()
	}
}

// person is a caller with its own look and sound.
func person(sink ingest.Sink, i int, epoch time.Time) *caller {
	return &caller{
		sink: sink, epoch: epoch, luma: uint8(40 + 6*i), hertz: 500 + 150*float64(i),
		who: ingest.Participant{ID: fmt.Sprintf("p%02d", i), Name: fmt.Sprintf("Person %d", i)},
	}
}

func grid(n int) []image.Rectangle { return compositor.Grid(n, image.Rectangle{Max: small}) }

func TestPauseIsCutOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		conv := r.conversation("room")
		epoch := time.Now()
		ann, bob := person(conv, 1, epoch), person(conv, 10, epoch)
		leaveAnn, leaveBob := r.join(ann), r.join(bob)
		time.Sleep(500 * time.Millisecond)
		rec := r.start(smallConfig("room"))
		time.Sleep(4 * time.Second)
		if err := errors.Join(rec.Pause(t.Context()), rec.Pause(t.Context())); err != nil {
			t.Fatal(err)
		}
		ann.secret.Store(200) // what nobody may see
		bob.secret.Store(210)
		time.Sleep(2900 * time.Millisecond)
		ann.secret.Store(0)
		bob.secret.Store(0)
		time.Sleep(100 * time.Millisecond)
		if err := errors.Join(rec.Resume(t.Context()), rec.Resume(t.Context())); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3500 * time.Millisecond)
		res := r.stop(rec)
		leaveAnn()
		leaveBob()

		if res.Duration != 7500*time.Millisecond || res.State != callreel.Completed || len(res.Chunks) != 1 || len(res.Pauses) != 1 {
			t.Fatalf("%+v", res)
		}
		if p := res.Pauses[0]; p.Duration != 3*time.Second || p.Start.Sub(res.StartTime) != 4*time.Second {
			t.Errorf("pause %+v", p)
		}
		if n := len(r.metadata(res.Chunks[0]).PauseResumeIntervals); n != 1 {
			t.Errorf("%d pauses in the metadata", n)
		}
		for s := range res.Report.Tracks() {
			sum := s.Received()
			if sum.Lost != 0 || sum.Packets == 0 || s.Decoded == 0 || s.DecodeErrors != 0 {
				t.Errorf("%+v", s)
			}
			if s.MimeType == "audio/opus" && sum.Packets > 380 { // 7.5 s have 375
				t.Errorf("%d packets of the pause were let in", sum.Packets-375)
			}
		}
		m := decode(t, r.file(res.Chunks[0]), small)
		m.lasts(7500 * time.Millisecond)
		// Flashes and beeps are at whole seconds of the epoch: the first is half a
		// second after the start, and three seconds are cut out at four.
		tiles := grid(2)
		m.sees(tiles[0], 4, 12, 20, 28, 36, 44, 52)
		m.sees(tiles[1], 4, 12, 20, 28, 36, 44, 52)
		m.hears(ann.hertz, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5)
		m.hears(bob.hertz, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5)
		for _, n := range []int{2, 30, 31, 32, 33, 34, 58} { // around the cut, too
			m.shows(n, tiles[0], 46)
			m.shows(n, tiles[1], 100)
		}
	})
}

func TestPeopleComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		conv := r.conversation("room")
		epoch := time.Now()
		leaveAnn := r.join(person(conv, 1, epoch))
		time.Sleep(400 * time.Millisecond)
		rec := r.start(smallConfig("room"))
		time.Sleep(2600 * time.Millisecond)
		leaveBob := r.join(person(conv, 10, epoch)) // 2.6 s into the recording
		time.Sleep(2700 * time.Millisecond)
		leaveAnn() // 5.3 s
		time.Sleep(3 * time.Second)
		res := r.stop(rec) // 8.3 s
		leaveBob()

		m := decode(t, r.file(res.Chunks[0]), small)
		m.lasts(8375 * time.Millisecond)
		one, two := grid(1), grid(2)
		m.shows(18, one[0], 46)
		m.shows(26, two[0], 46)
		m.shows(26, two[1], 100)
		m.shows(40, two[0], 46)
		m.shows(44, one[0], 100)
		m.hears(650, 0.6, 1.6, 2.6, 3.6, 4.6)
		m.hears(2000, 2.6, 3.6, 4.6, 5.6, 6.6, 7.6)
		if len(res.Participants) != 2 || res.Participants[0].Left.IsZero() || !res.Participants[1].Left.IsZero() {
			t.Errorf("participants %+v", res.Participants)
		}
	})
}

func TestMutedAndPartialParticipants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		conv := r.conversation("room")
		epoch := time.Now()
		ann, bob, cid := person(conv, 1, epoch), person(conv, 10, epoch), person(conv, 5, epoch)
		bob.noVideo, cid.noAudio = true, true
		leave := []func(){r.join(ann), r.join(bob), r.join(cid)}
		time.Sleep(500 * time.Millisecond)
		rec := r.start(smallConfig("room"))
		time.Sleep(2 * time.Second)
		ann.mutedAudio.Store(true)
		ann.mutedVideo.Store(true)
		time.Sleep(5 * time.Second)
		ann.mutedAudio.Store(false)
		ann.mutedVideo.Store(false)
		time.Sleep(3 * time.Second)
		res := r.stop(rec)
		for _, f := range leave {
			f()
		}

		m := decode(t, r.file(res.Chunks[0]), small)
		m.lasts(10 * time.Second)
		tiles := grid(3)
		m.shows(34, tiles[0], 46) // 2.2 s after muting: the last picture
		if g := m.grey(48, tiles[0]); math.Abs(g-35) < 8 {
			t.Errorf("no avatar four seconds after muting: %.0f", g)
		}
		m.shows(62, tiles[0], 46)
		m.shows(62, tiles[2], 70)
		m.sees(tiles[2], 4, 12, 20, 28, 36, 44, 52, 60, 68, 76)
		m.hears(ann.hertz, 0.5, 1.5, 7.5, 8.5, 9.5)
		m.hears(bob.hertz, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 9.5)
		m.hears(cid.hertz)
	})
}

func TestEmptyCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		cfg := smallConfig("nobody")
		cfg.EmptyTimeout = 3 * time.Second
		rec := r.start(cfg)
		<-rec.Done()
		res := rec.Result()
		if res.EndReason != callreel.EndCallEnded || res.Err != nil {
			t.Fatalf("%+v", res)
		}
		m := decode(t, r.file(res.Chunks[0]), small)
		if len(m.frames) < 24 || len(m.frames) > 33 {
			t.Errorf("%d frames", len(m.frames))
		}
		for i, s := range m.pcm {
			if s != 0 {
				t.Fatalf("sample %d of silence is %v", i, s)
			}
		}
		if len(r.eng.Conversations()) != 0 {
			t.Error("the conversation is still there")
		}
	})
}

func TestPauseOnStartAndNeverResumed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		cfg := smallConfig("room")
		cfg.PauseOnStart = true
		rec := r.start(cfg)
		if rec.State() != callreel.Paused {
			t.Error(rec.State())
		}
		time.Sleep(5 * time.Second)
		if res := r.stop(rec); len(res.Chunks) != 0 || res.Duration != 0 || res.State != callreel.Completed {
			t.Errorf("%+v", res)
		}
	})
}

func TestChunksAreSeamless(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		conv := r.conversation("room")
		ann := person(conv, 1, time.Now())
		leave := r.join(ann)
		time.Sleep(500 * time.Millisecond)
		cfg := smallConfig("room")
		cfg.ChunkDuration = 10 * time.Second
		rec := r.start(cfg)
		time.Sleep(24 * time.Second)
		res := r.stop(rec)
		leave()

		if len(res.Chunks) != 3 {
			t.Fatalf("%+v", res.Chunks)
		}
		var at time.Duration
		for i, c := range res.Chunks {
			if c.Start != at || c.Index != i {
				t.Errorf("chunk %+v begins at %v, want %v", c, c.Start, at)
			}
			at += c.Duration
			m := decode(t, r.file(c), small)
			m.lasts(c.Duration)
			var beeps []float64
			var frames []int
			for s := 0.5; s < c.Duration.Seconds(); s++ {
				beeps, frames = append(beeps, s), append(frames, int(s*8))
			}
			m.sees(grid(1)[0], frames...)
			m.hears(ann.hertz, beeps...)
		}
		if at != 24*time.Second || res.Chunks[0].EndReason != "ChunkMaximumTimeExceeded" || res.Chunks[2].EndReason != "SessionEnded" {
			t.Errorf("%v in all: %+v", at, res.Chunks)
		}
	})
}

func TestTwentyFivePeople(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		conv := r.conversation("room")
		epoch := time.Now()
		var leave []func()
		for i := range 25 {
			p := person(conv, i, epoch)
			p.size = image.Pt(160, 90)
			leave = append(leave, r.join(p))
		}
		time.Sleep(200 * time.Millisecond)
		rec := r.start(smallConfig("room"))
		time.Sleep(2 * time.Second)
		res := r.stop(rec)
		for _, f := range leave {
			f()
		}
		m := decode(t, r.file(res.Chunks[0]), small)
		m.lasts(2 * time.Second)
		for i, tile := range grid(25) {
			m.shows(5, tile, float64(40+6*i))
		}
	})
}

func TestErrorsAreTyped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		rec := r.start(smallConfig("room"))
		if _, err := r.eng.Start(t.Context(), smallConfig("room")); !errors.Is(err, callreel.ErrBusy) {
			t.Errorf("second recording: %v", err)
		}
		bad := smallConfig("other")
		bad.FrameRate = 7
		if _, err := r.eng.Start(t.Context(), bad); !errors.Is(err, callreel.ErrInvalid) {
			t.Errorf("7 frames/s: %v", err)
		}
		bad = smallConfig("other")
		bad.Video.Quality = "best"
		if _, err := r.eng.Start(t.Context(), bad); !errors.Is(err, callreel.ErrInvalid) {
			t.Errorf("unknown quality: %v", err)
		}
		bad = smallConfig("other")
		bad.Video.Options["no-such-option"] = "1"
		if _, err := r.eng.Start(t.Context(), bad); !errors.Is(err, callreel.ErrInvalid) {
			t.Errorf("unknown option: %v", err)
		}
		if _, err := rec.AddTrack(ingest.TrackInfo{Participant: ingest.Participant{ID: "x"}, MimeType: "video/H265"}); !errors.Is(err, callreel.ErrInvalid) {
			t.Errorf("H.265: %v", err)
		}
		time.Sleep(time.Second)
		first := r.stop(rec)
		if again := r.stop(rec); again.ID != first.ID || len(again.Chunks) != len(first.Chunks) {
			t.Errorf("stopped again: %+v", again)
		}
		var state *callreel.StateError
		if err := rec.Pause(t.Context()); !errors.As(err, &state) || state.State != callreel.Completed {
			t.Errorf("pause after stop: %v", err)
		}
		if err := r.eng.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if _, err := r.eng.Start(t.Context(), smallConfig("room")); !errors.Is(err, callreel.ErrClosed) {
			t.Errorf("start after close: %v", err)
		}
	})
}

func TestCloseFinishesRecordings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		a, b := r.start(smallConfig("a")), r.start(smallConfig("b"))
		time.Sleep(2 * time.Second)
		if err := r.eng.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, rec := range []*callreel.Recording{a, b} {
			res := rec.Result()
			if res.EndReason != callreel.EndShutdown || len(res.Chunks) != 1 {
				t.Fatalf("%+v", res)
			}
			decode(t, r.file(res.Chunks[0]), small).lasts(2 * time.Second)
		}
	})
}

func TestUnusableSpoolIsFoundAtStart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	eng, err := callreel.New(callreel.Config{Storage: storage.Dir(t.TempDir()), Spool: filepath.Join(file, "spool")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := eng.Start(t.Context(), smallConfig("room")); err == nil {
		t.Error("a recording that can't be written has started")
	}
	if n := len(eng.Recordings()) + len(eng.Conversations()); n != 0 {
		t.Errorf("%d things are left", n)
	}
}

func TestLossIsConcealed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		ann := person(r.conversation("room"), 1, time.Now())
		ann.loss = 0.05
		leave := r.join(ann)
		time.Sleep(500 * time.Millisecond)
		rec := r.start(smallConfig("room"))
		time.Sleep(10 * time.Second)
		res := r.stop(rec)
		leave()
		for s := range res.Report.Tracks() {
			lost := s.Received().Lost
			if lost == 0 || s.DecodeErrors != 0 {
				t.Errorf("%+v", s)
			}
			if made := s.Sound; made != nil && (made.Concealed.Count == 0 || made.Concealed.Total > 20*time.Millisecond*time.Duration(lost)) {
				t.Errorf("%d packets lost, %+v", lost, made)
			}
			if seen := s.Pictures; seen != nil && seen.Frozen.Count == 0 {
				t.Errorf("%d packets lost, %+v", lost, seen)
			}
		}
		m := decode(t, r.file(res.Chunks[0]), small)
		m.lasts(10 * time.Second)
		m.hears(ann.hertz, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 9.5)
		for n := 2; n < len(m.frames); n++ { // the sender's grey or its flash, and nothing in between
			if g := m.grey(n, grid(1)[0]); math.Abs(g-35) > 4 && g < 250 {
				t.Errorf("frame %d is a damaged %.0f", n, g)
			}
		}
	})
}

func TestSimulcastTakesTheLargestLiveLayer(t *testing.T) {
	for _, first := range []string{"small", "large"} {
		t.Run(first+" first", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				ann := simulcaster(r.conversation("room"), first)
				leave := r.join(ann)
				time.Sleep(time.Second)
				rec := r.start(smallConfig("room"))
				time.Sleep(4 * time.Second)
				ann.mutedVideo.Store(true) // the large layer stops
				time.Sleep(4 * time.Second)
				ann.mutedVideo.Store(false)
				time.Sleep(3 * time.Second)
				res := r.stop(rec)
				leave()
				m := decode(t, r.file(res.Chunks[0]), small)
				m.shows(24, grid(1)[0], 46)
				m.shows(60, grid(1)[0], 100)
				m.shows(84, grid(1)[0], 46)
				for s := range res.Report.Tracks() {
					if s.DecodeErrors != 0 {
						t.Errorf("%+v", s)
					}
				}
			})
		})
	}
}

// simulcaster sends two layers of different luma, one of which comes first.
func simulcaster(conv *callreel.Conversation, first string) *caller {
	later := time.Now().Add(time.Hour) // no flashes
	large, q := person(conv, 1, later), person(conv, 10, later)
	large.rid, large.small = "f", q
	q.rid, q.who, q.size = "q", large.who, image.Pt(160, 90)
	if first == "small" {
		large.link = steady(300 * time.Millisecond)
	} else {
		q.link = steady(300 * time.Millisecond)
	}
	return large
}

func TestVeryShortRecordings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		leave := r.join(person(r.conversation("room"), 1, time.Now()))
		for _, d := range []time.Duration{time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond} {
			rec := r.start(callreel.RecordingConfig{Conversation: "room", Width: small.X, Height: small.Y}) // with B-frames
			time.Sleep(d)
			res := r.stop(rec)
			if want := (d + 125*time.Millisecond - 1).Truncate(125 * time.Millisecond); res.Duration != want {
				t.Errorf("%v became %v", d, res.Duration)
			}
			for _, c := range res.Chunks {
				decode(t, r.file(c), small).lasts(res.Duration)
			}
		}
		leave()
	})
}

// A result tells meanwhile what is in the files, which is less than was recorded:
// the encoder looks ahead, and the newest fragment is open.
func TestResultWhileRecording(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		leave := r.join(person(r.conversation("room"), 1, time.Now()))
		rec := r.start(smallConfig("room"))
		time.Sleep(3 * time.Second)
		if d := rec.Result().Duration; d < 500*time.Millisecond || d >= 3*time.Second {
			t.Errorf("%v", d)
		}
		if err := rec.Pause(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second) // all is in the file
		if res := rec.Result(); res.State != callreel.Paused || res.Duration != 3*time.Second {
			t.Errorf("%+v", res)
		}
		if err := rec.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		res := rec.Result()
		if res.State != callreel.Active || res.Duration != 3*time.Second || len(res.Pauses) != 1 || len(res.Participants) != 1 {
			t.Errorf("%+v", res)
		}
		if res := r.stop(rec); res.Duration != 3*time.Second {
			t.Errorf("%+v", res)
		}
		leave()
	})
}

func TestReplacedTrack(t *testing.T) {
	r := newRig(t)
	conv := r.conversation("room")
	info := ingest.TrackInfo{Participant: ingest.Participant{ID: "ann"}, MimeType: "video/VP8"}
	first, err := conv.AddTrack(info)
	if err != nil {
		t.Fatal(err)
	}
	info.MimeType = "video/H264"
	second, err := conv.AddTrack(info)
	if err != nil {
		t.Fatal(err)
	}
	packet := &rtp.Packet{Header: rtp.Header{Version: 2}, Payload: []byte{1}}
	if err := first.WriteRTP(packet, time.Now()); !errors.Is(err, ingest.ErrClosed) {
		t.Errorf("write to a replaced track: %v", err)
	}
	if err := second.WriteRTP(packet, time.Now()); err != nil {
		t.Errorf("write to the new track: %v", err)
	}
	if err := errors.Join(first.Close(), first.Close()); err != nil {
		t.Error(err)
	}
	if n := len(conv.Info().Participants); n != 1 {
		t.Errorf("%d participants while a track lives", n)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
	if n := len(r.eng.Conversations()); n != 0 {
		t.Errorf("%d conversations after the last track", n)
	}
}
