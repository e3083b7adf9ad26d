package callreel_test

import (
	"context"
	"image"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/compositor"
	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/storage"
)

// small is a canvas that is quick to encode.
var small = image.Pt(640, 360)

func smallConfig(conversation string) callreel.RecordingConfig {
	return callreel.RecordingConfig{
		Conversation: conversation, Width: small.X, Height: small.Y,
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
	dir := t.TempDir()
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

// join lets somebody join until the returned function is called.
func (r *rig) join(c *caller) (leave func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	c.t = r.t
	go func() { c.run(ctx); close(done) }()
	return func() { cancel(); <-done }
}

func TestTwoPeopleWithAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		conv := r.conversation("room")
		epoch := time.Now()
		leaveAnn := r.join(&caller{sink: conv, who: ingest.Participant{ID: "ann", Name: "Ann"}, luma: 60, hertz: 600, epoch: epoch})
		leaveBob := r.join(&caller{sink: conv, who: ingest.Participant{ID: "bob", Name: "Bob"}, luma: 120, hertz: 1500, epoch: epoch})
		time.Sleep(500 * time.Millisecond)
		rec := r.start(smallConfig("room"))
		time.Sleep(4 * time.Second)
		if err := rec.Pause(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
		if err := rec.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3500 * time.Millisecond)
		res := r.stop(rec)
		leaveAnn()
		leaveBob()

		if res.Duration != 7500*time.Millisecond || res.State != callreel.Completed || len(res.Chunks) != 1 {
			t.Fatalf("%+v", res)
		}
		m := decode(t, r.file(res.Chunks[0]), small)
		if len(m.frames) != 60 || len(m.pcm)-120000 > 1024 || len(m.pcm) < 120000 {
			t.Errorf("%d frames, %d samples", len(m.frames), len(m.pcm))
		}
		tiles := compositor.Grid(2, image.Rectangle{Max: small})
		// Flashes at whole seconds of the epoch: 0.5 s after the start, 3 s are cut out.
		for i, hertz := range []float64{600, 1500} {
			t.Log(m.beeps(hertz), m.flashes(tiles[i]))
		}
		for n := range m.frames {
			t.Logf("%d: %.0f %.0f", n, m.grey(n, tiles[0]), m.grey(n, tiles[1]))
		}
	})
}
