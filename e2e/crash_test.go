package e2e

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	engine "github.com/callreel/callreel"
)

// lostInACrash is how much of what has happened is not in the spool yet at most:
// the composing delay, a second of the encoder's lookahead, a fragment, and what
// a busy machine is late by.
const lostInACrash = time.Second + time.Second + 2*time.Second + time.Second

// kill ends the server at once, as kill -9 does.
func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.stop() // waits until it has ended
	s.stop = func() error { return nil }
}

// A server is killed while it records. The next one on its data finishes the file.
func TestKilledServer(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s := serveData(t, data)
	s.join("room", camera(0, "vp8")).expectsLoss()
	s.await("room", 2)
	r := s.start("room")
	pass(t, 3*time.Second)
	r.pause()
	pass(t, time.Second)
	r.resume()
	pass(t, 7*time.Second)
	r.most += time.Since(r.before)
	r.least += time.Since(r.after) - lostInACrash
	s.kill()

	again := serveData(t, data)
	r.s = again
	eventually(t, func() (bool, string) {
		return again.request(http.MethodGet, "/recordings/"+r.id, "").status == http.StatusOK, "the recording"
	})
	if d := r.details(); d.EndReason != "Interrupted" || len(d.Participants) != 1 || len(d.Pauses) != 1 {
		t.Errorf("%+v", d)
	}
	m := r.fetch()
	m.lasts(r)
	m.hears(t, 0, time.Second, m.length())
	for n, img := range m.frames() {
		if _, ok := read(img, 1)[0]; !ok && n >= settled {
			t.Errorf("frame %d does not show the participant", n)
		}
	}
	var meta engine.Metadata
	text, err := os.ReadFile(again.stored(r.id, "0.json"))
	if err := errors.Join(err, json.Unmarshal(text, &meta)); err != nil {
		t.Fatal(err)
	}
	if len(meta.PauseResumeIntervals) != 1 || len(meta.Participants) != 1 || meta.ChunkDuration != m.length().Milliseconds() {
		t.Errorf("%+v", meta)
	}
	if report := r.report(); report.Verdict != engine.Fail || len(report.Reasons) != 1 {
		t.Errorf("%+v", report)
	}
	eventually(t, func() (bool, string) {
		left, err := filepath.Glob(filepath.Join(data, "spool", "*"))
		return err == nil && len(left) == 0, "an empty spool"
	})
}
