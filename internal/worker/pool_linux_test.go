package worker

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/ingest/whip"
	"github.com/callreel/callreel/internal/servertest"
	"github.com/callreel/callreel/storage"
)

// rig is a pool whose workers are this test program.
type rig struct {
	*Pool
	t      *testing.T
	dir    string
	engine *callreel.Engine
	log    servertest.Log

	mu     sync.Mutex
	events []callreel.Event
}

func newRig(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir()}
	spool, store := filepath.Join(r.dir, "spool"), filepath.Join(r.dir, "store")
	note := func(e callreel.Event) {
		r.mu.Lock()
		r.events = append(r.events, e)
		r.mu.Unlock()
	}
	log := slog.New(slog.NewTextHandler(&r.log, nil))
	var err error
	r.engine, err = callreel.New(callreel.Config{Storage: storage.Dir(store), Spool: spool, OnEvent: note, Logger: log})
	r.must(err)
	cfg := Config{
		Engine: r.engine, OnEvent: note, Build: "test", Env: []string{}, Logger: log,
		Settings: Settings{Spool: spool, Storage: store, SpoolReserve: -1, Media: Media{Loopback: true}},
		Idle:     200 * time.Millisecond,
	}
	if change != nil {
		change(&cfg)
	}
	r.Pool, err = New(cfg)
	r.must(err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		r.must(errors.Join(r.Close(ctx), r.engine.Close(ctx)))
		if t.Failed() {
			t.Logf("%s", &r.log)
		}
	})
	return r
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// told returns the events of a recording, or call, that a type and more tell apart.
func (r *rig) told(what callreel.EventType) (found []callreel.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if e.Type == what {
			found = append(found, e)
		}
	}
	return found
}

func (r *rig) eventually(what string, cond func() bool) {
	r.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.After(30 * time.Second)
	for !cond() {
		select {
		case <-tick.C:
		case <-late:
			r.t.Fatalf("in vain: %s\n%s", what, &r.log)
		}
	}
}

func small(conversation string) callreel.RecordingConfig {
	return callreel.RecordingConfig{
		Conversation: conversation, Width: 160, Height: 90, Delay: 200 * time.Millisecond,
		Video: callreel.VideoSettings{Options: map[string]string{"preset": "ultrafast", "bf": "0"}},
	}
}

// descriptors counts the open files of this process.
func descriptors(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}

func TestPool(t *testing.T) {
	r := newRig(t, nil)
	ctx := t.Context()
	rec, err := r.Start(ctx, small("room"))
	r.must(err)
	id := rec.Result().ID
	if res := rec.Result(); res.Conversation != "room" || res.State != callreel.Active {
		t.Errorf("%+v", res)
	}
	if _, err := r.Start(ctx, small("room")); !errors.Is(err, callreel.ErrBusy) {
		t.Errorf("a second recording: %v", err)
	}
	bad := small("bad")
	bad.Width = 3
	if _, err := r.Start(ctx, bad); !errors.Is(err, callreel.ErrInvalid) {
		t.Errorf("a bad one: %v", err)
	}
	other, err := r.Start(ctx, small("other"))
	r.must(err)
	r.must(rec.Pause(ctx))
	if now, ok := r.Recording(id); !ok || now.Result().State != callreel.Paused {
		t.Errorf("paused: %+v", now)
	}
	r.must(rec.Resume(ctx))
	if call, ok := r.Call("room"); !ok || call.Recording != id || call.State != callreel.Active {
		t.Errorf("%+v", call)
	}
	if len(r.Recordings()) != 2 || len(r.Calls()) != 2 || r.Usage().Workers != 2 {
		t.Errorf("%d recordings, %d calls, %+v", len(r.Recordings()), len(r.Calls()), r.Usage())
	}
	res, err := rec.Stop(ctx)
	if err != nil || res.EndReason != callreel.EndStopped || res.State != callreel.Completed || len(res.Chunks) != 1 {
		t.Errorf("%+v, %v", res, err)
	}
	if len(r.told(callreel.Ended)) != 1 {
		t.Error("the answer came before the event")
	}
	var state *callreel.StateError
	if err := rec.Pause(ctx); !errors.As(err, &state) {
		t.Errorf("a pause after the end: %v", err)
	}
	if _, ok := r.Recording(id); ok {
		t.Error("it is still there")
	}
	if _, err := os.Stat(filepath.Join(r.dir, "store", id, "0.mp4")); err != nil {
		t.Error(err)
	}
	_, err = other.Stop(ctx)
	r.must(err)
	totals := r.Totals()
	if totals.Started != 2 || totals.Ended[callreel.EndStopped] != 2 || totals.Frames == 0 {
		t.Errorf("%+v", totals)
	}
	r.eventually("the end of the processes", func() bool { return r.Usage().Workers == 0 })
	if after := r.Totals(); after.Frames != totals.Frames {
		t.Errorf("%d frames, then %d", totals.Frames, after.Frames)
	}
	if u := r.Usage(); u.Crashes != 0 || u.WorkerCPU == 0 {
		t.Errorf("%+v", u)
	}
}

// Calls come and go, and nothing of them stays.
func TestNothingStays(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Idle = time.Millisecond })
	before := 0
	for i := range 4 {
		rec, err := r.Start(t.Context(), small("room-"+strconv.Itoa(i)))
		r.must(err)
		_, err = rec.Stop(t.Context())
		r.must(err)
		r.eventually("the end of the process", func() bool { return r.Usage().Workers == 0 })
		switch now := descriptors(t); {
		case i == 0:
			before = now
		case now > before:
			t.Errorf("%d files are open, %d before", now, before)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.recordings) != 0 || len(r.workers) != 0 || len(r.lost) != 0 {
		t.Errorf("%v, %v, %v", r.recordings, r.workers, r.lost)
	}
}

// A worker that takes too much memory ends, and its recording goes on, or ends.
func TestMemory(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Settings.Memory = 1 << 20 })
	rec, err := r.Start(t.Context(), small("room"))
	r.must(err)
	r.eventually("the end of the process", func() bool { return r.Usage().Crashes > 0 })
	r.eventually("the next one", func() bool { return strings.Contains(r.log.String(), "goes on") })
	_, _ = rec.Stop(t.Context()) // there may be nothing in it
	if !strings.Contains(r.log.String(), "holds too much memory") || len(r.told(callreel.Ended)) != 1 {
		t.Errorf("%+v", r.told(callreel.Ended))
	}
}

// Who publishes is told to the worker by the server, and by nobody else.
func TestPublishers(t *testing.T) {
	r := newRig(t, nil)
	asked := 0
	h, err := r.Open(func(req *http.Request, conversation string) (string, whip.Grant, error) {
		asked++
		if req.Header.Get("Authorization") != "Bearer good" {
			return "", whip.Grant{}, whip.ErrUnauthorized
		}
		return strings.ToLower(conversation), whip.Grant{Participant: ingest.Participant{ID: "ann", Name: "Ann \u00c4"}}, nil
	})
	r.must(err)
	for _, c := range []struct {
		method, path, token, body string
		want, workers             int
	}{
		{"POST", "/whip/Room", "bad", "", 401, 0},
		{"OPTIONS", "/whip/Room", "", "", 204, 0},
		{"GET", "/whip/Room", "good", "", 405, 0},
		{"POST", "/whip/", "good", "", 404, 0},
		{"DELETE", "/whip/Room/unknown", "good", "", 404, 0},
		{"POST", "/whip/Room", "good", "no SDP", 400, 1},
		{"DELETE", "/whip/room/unknown", "good", "", 404, 1},
	} {
		req := httptest.NewRequest(c.method, c.path, strings.NewReader(c.body))
		req.Header.Set("Authorization", "Bearer "+c.token)
		req.Header.Set("Content-Type", "application/sdp")
		req.Header.Set(grantHeader, `{"Participant":{"ID":"eve"}}`)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		if w.Code != c.want || r.Usage().Workers != c.workers || w.Header().Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s %s: %d %s, %d workers, want %d, %d", c.method, c.path, w.Code, w.Body, r.Usage().Workers, c.want, c.workers)
		}
	}
	if asked == 0 {
		t.Error("nobody was asked")
	}
}

// A program that is no worker, or of another version, is an error and not a
// recording, and leaves nothing.
func TestNoWorker(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"none":          func(c *Config) { c.Command = []string{"/nowhere"} },
		"ends at once":  func(c *Config) { c.Command = []string{"/bin/false"} },
		"other version": func(c *Config) { c.Build = "other" },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, change)
			if _, err := r.Start(t.Context(), small("room")); !errors.Is(err, callreel.ErrFull) {
				t.Error(err)
			}
			if len(r.Recordings()) != 0 || len(r.recordings) != 0 || r.Usage().Workers != 0 {
				t.Errorf("%v", r.recordings)
			}
		})
	}
}

// A worker that was started by hand says so.
func TestByHand(t *testing.T) {
	err := Main(strings.NewReader("{}"), io.Discard, "test")
	if err == nil || !strings.Contains(err.Error(), "version") {
		t.Error(err)
	}
}

// A worker whose server is gone ends by itself, at once.
func TestOrphan(t *testing.T) {
	r := newRig(t, nil)
	_, err := r.Start(t.Context(), small("room"))
	r.must(err)
	w, run := r.all()[0], r.Run("room")
	_ = w.conn.Close()
	begin := time.Now()
	<-w.gone
	if took := time.Since(begin); took > 3*orphanTime {
		t.Errorf("it took %v", took)
	}
	if w.exit != nil || unix.Kill(w.cmd.Process.Pid, 0) == nil {
		t.Errorf("it ended with %v", w.exit)
	}
	r.eventually("the recording to go on", func() bool { return strings.Contains(r.log.String(), "goes on") })
	if r.Run("room") == run || r.Run("other") != run {
		t.Error("pages do not see that the connections are gone")
	}
}
