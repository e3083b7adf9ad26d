package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	engine "github.com/callreel/callreel"
	"github.com/callreel/callreel/client"
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

// A server is killed while it records. The next one on its data, which is not to
// go on, finishes the file.
func TestKilledServerFinishesTheFile(t *testing.T) {
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

	again := serveData(t, data, "--continue-within=0")
	r.s = again
	eventually(t, func() (bool, string) {
		return again.request(http.MethodGet, "/recordings/"+r.id, "").status == http.StatusOK, "the recording"
	})
	if d := r.details(); d.EndReason != "Interrupted" || len(d.Participants) != 1 || len(d.Pauses) != 1 {
		t.Errorf("%+v", d)
	}
	m := r.fetch()
	m.lasts(r)
	m.hears(t, 0, time.Second, m.length()-time.Second/4)
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

// A server is killed while it records. The next one on its data goes on with it,
// twice, and the recording can be stopped as if nothing had happened.
func TestKilledServerGoesOn(t *testing.T) {
	t.Parallel()
	data, hook := t.TempDir(), receive(t)
	s := serveData(t, data, webhookFlags...)
	api, err := client.New(client.Config{Endpoint: s.url, Token: s.token})
	must(t, err)
	_, err = api.PutSubscription(t.Context(), "hook", client.SubscriptionConfig{Endpoint: hook.URL})
	must(t, err)
	s.join("room", camera(0, "vp8")).expectsLoss()
	s.await("room", 2)
	r := s.start("room")
	pass(t, 9*time.Second)
	var outages []outage
	for range 2 {
		outages = append(outages, r.outage(data))
		for i := range 2 {
			r.s.join("room", camera(i, "vp8")).expectsLoss()
		}
		r.s.await("room", 4)
		pass(t, 9*time.Second)
	}
	before := time.Now()
	r.s.do(http.MethodDelete, r.path, &struct{}{})
	d := r.details()
	if d.State != "completed" || d.EndReason != "Stopped" || len(d.Chunks) != 3 || len(d.Gaps) != 2 || len(d.Participants) != 5 {
		t.Fatalf("%+v", d)
	}
	checkOutages(t, d, outages, before)
	for i, c := range d.Chunks {
		r.checkChunk(i, c, min(i+1, 2))
	}
	if report := r.report(); report.Verdict != engine.Fail || len(report.Gaps) != 2 {
		t.Errorf("%+v", report)
	}
	file := "Microsoft.Communication.RecordingFileStatusUpdated"
	eventually(t, func() (bool, string) { return hook.of(file) > 0, "the event" })
	pass(t, time.Second)
	if n := hook.of(file); n != 1 {
		t.Errorf("%d events of the files", n)
	}
}

// outage is a time in which there was no server.
type outage struct{ killed, back time.Time }

// outage kills the server and starts another one, which goes on with the recording.
func (r *recording) outage(data string) outage {
	t := r.s.t
	t.Helper()
	o := outage{killed: time.Now()}
	r.s.kill()
	r.s = serveData(t, data, webhookFlags...)
	if state := r.state(); state != "active" {
		t.Errorf("after the restart the recording is %s", state)
	}
	o.back = time.Now()
	if took := o.back.Sub(o.killed); took > 5*time.Second {
		t.Errorf("it goes on after %v", took)
	}
	return o
}

// checkOutages compares the gaps with when there was no server, and all that there
// is with the time that has passed.
func checkOutages(t *testing.T, d details, outages []outage, stopped time.Time) {
	t.Helper()
	all := time.Duration(d.DurationMs) * time.Millisecond
	for i, g := range d.Gaps {
		o, end := outages[i], g.StartTime.Add(g.length())
		all += g.length()
		t.Logf("killed at %v, back after %v; from %v before that, %v are missing",
			o.killed.Sub(d.StartTime), o.back.Sub(o.killed), o.killed.Sub(g.StartTime), g.length())
		if g.StartTime.Before(o.killed.Add(-lostInACrash)) || g.StartTime.After(o.killed) || end.Before(o.killed) || end.After(o.back) {
			t.Errorf("gap %+v of the outage %+v", g, o)
		}
		if off := d.Chunks[i+1].StartTime.Sub(end).Abs(); off > time.Millisecond || d.Chunks[i].EndReason != "Interrupted" {
			t.Errorf("the gap ends at %v, chunks %+v", end, d.Chunks)
		}
	}
	if off := all - stopped.Sub(d.StartTime); off < -frameTime || off > stopDelay+frameTime {
		t.Errorf("%v more are accounted for than have passed", off)
	}
}

// checkChunk looks into a file, in which there are so many people in the end.
func (r *recording) checkChunk(index int, c chunk, people int) {
	t := r.s.t
	t.Helper()
	m := r.download(c)
	if ms := m.length().Milliseconds(); ms != c.DurationMs || ms < 4000 {
		t.Errorf("chunk %d lasts %d ms: %+v", index, ms, c)
	}
	settles := m.length() - 2*time.Second // they have joined and been seen by then
	for i := range people {
		m.hears(t, i, settles, m.length()-time.Second/4) // a beep that is cut off is none
	}
	for n, img := range m.frames() {
		if who := read(img, people); n >= int(settles/frameTime) && len(who) != people {
			t.Errorf("chunk %d: frame %d of %d shows %v", index, n, m.n, who)
		}
	}
	var meta engine.Metadata
	text, err := os.ReadFile(r.s.stored(r.id, fmt.Sprintf("%d.json", index)))
	if err := errors.Join(err, json.Unmarshal(text, &meta)); err != nil {
		t.Fatal(err)
	}
	if meta.ChunkIndex != index || meta.ChunkDuration != c.DurationMs || len(meta.Gaps) != min(index, 1) {
		t.Errorf("%+v", meta)
	}
}

// The page of a call comes back by itself when its server was killed, whether
// another one is there at once or later.
func TestPageComesBackAfterACrash(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s := serveData(t, data)
	listen := "--listen=" + strings.TrimPrefix(s.url, "http://")
	b := browser(t)
	b.join(s, "room", "name=Ann")
	r := s.start("room")
	pass(t, 6*time.Second)
	for _, away := range []time.Duration{0, 3 * time.Second} {
		r.s.kill()
		pass(t, away)
		r.s = serveData(t, data, listen)
		back := time.Now()
		r.s.await("room", 2)
		if took := time.Since(back); took > 5*time.Second {
			t.Errorf("the page is back after %v", took)
		}
		b.do(until("callreel.state === 'connected'"))
		pass(t, 6*time.Second)
	}
	b.hangUp()
	r.s.do(http.MethodDelete, r.path, &struct{}{})
	d := r.details()
	if d.State != "completed" || len(d.Chunks) != 3 || len(d.Gaps) != 2 || len(d.Participants) != 3 {
		t.Fatalf("%+v", d)
	}
	for i, c := range d.Chunks {
		m := r.download(c)
		if l := m.pcm.loudness(m.heard()-2*time.Second, m.heard()); l < 0.001 { // the fake microphone beeps
			t.Errorf("chunk %d ends with a loudness of %v", i, l)
		}
	}
}
