package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	engine "github.com/callreel/callreel"
)

// workers returns the processes that hold calls, the oldest first.
func (s *server) workers() []int {
	s.t.Helper()
	var pids []int
	children, err := filepath.Glob("/proc/" + strconv.Itoa(s.cmd.Process.Pid) + "/task/*/children")
	must(s.t, err)
	for _, name := range children {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // the thread has ended
		}
		for _, word := range strings.Fields(string(text)) {
			pid, err := strconv.Atoi(word)
			must(s.t, err)
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids
}

// crash sends a signal to the worker of a call, and lets its participants come
// back.
func (r *recording) crash(pid int, how syscall.Signal, came ...func()) outage {
	t := r.s.t
	t.Helper()
	o := outage{killed: time.Now()}
	must(t, syscall.Kill(pid, how))
	eventually(t, func() (bool, string) { return !slices.Contains(r.s.workers(), pid), "the end of the process" })
	if state := r.state(); state != "active" {
		t.Errorf("while there is no process the recording is %s", state)
	}
	eventually(t, func() (bool, string) { return strings.Contains(r.s.log.String(), "goes on"), "the recording to go on" })
	o.back = time.Now()
	if took := o.back.Sub(o.killed); took > 5*time.Second {
		t.Errorf("it goes on after %v", took)
	}
	for _, join := range came {
		join()
	}
	return o
}

// The process of a call crashes in the middle of it. The recording goes on, and
// another call does not notice.
func TestKilledWorker(t *testing.T) {
	t.Parallel()
	s := serve(t)
	join := func() { s.join("room", camera(0, "vp8")).expectsLoss() }
	join()
	s.await("room", 2)
	first := s.workers()
	s.join("other", camera(1, "h264"))
	s.await("other", 2)
	if len(first) != 1 || len(s.workers()) != 2 {
		t.Fatalf("processes %v, then %v", first, s.workers())
	}
	r, other := s.start("room"), s.start("other")
	pass(t, 9*time.Second)
	o := r.crash(first[0], syscall.SIGKILL, join)
	s.await("room", 2)
	pass(t, 7*time.Second)
	before := time.Now()
	s.do(http.MethodDelete, r.path, &struct{}{})
	d := r.details()
	if d.State != "completed" || d.EndReason != "Stopped" || len(d.Chunks) != 2 || len(d.Gaps) != 1 || len(d.Participants) != 2 {
		t.Fatalf("%+v", d)
	}
	checkOutages(t, d, []outage{o}, before)
	for i, c := range d.Chunks {
		r.checkChunk(i, c, 1)
	}
	other.stop()
	if d := other.details(); len(d.Chunks) != 1 || len(d.Gaps) != 0 || d.EndReason != "Stopped" {
		t.Errorf("the other call: %+v", d)
	}
	if report := other.report(); report.Verdict == engine.Fail {
		t.Errorf("the other call: %+v", report)
	}
	m := other.fetch()
	m.lasts(other)
	if text := s.request(http.MethodGet, "/metrics", "").body; !strings.Contains(text, "callreel_worker_crashes_total 1\n") {
		t.Error("the crash is not counted")
	}
}

// What is asked of a recording while no process makes it is done by the next one.
func TestStopWithoutAWorker(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.join("room", camera(0, "vp8")).expectsLoss()
	s.await("room", 2)
	r := s.start("room")
	pass(t, 9*time.Second)
	must(t, syscall.Kill(s.workers()[0], syscall.SIGSEGV))
	s.do(http.MethodPost, r.path+"/pause", &struct{}{})
	if state := r.state(); state != "inactive" {
		t.Errorf("after the pause it is %s", state)
	}
	must(t, syscall.Kill(s.workers()[0], syscall.SIGKILL))
	s.do(http.MethodDelete, r.path, &struct{}{})
	d := r.details()
	if d.State != "completed" || d.EndReason != "Stopped" || len(d.Chunks) == 0 {
		t.Fatalf("%+v", d)
	}
	r.checkChunk(0, d.Chunks[0], 1)
	if log := s.log.String(); !strings.Contains(log, "SIGSEGV") {
		t.Error("the log does not say how the first one ended")
	}
}

// A recording whose processes crash again and again ends with what it has.
func TestWorkerCrashesAgainAndAgain(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.join("room", camera(0, "vp8")).expectsLoss()
	s.await("room", 2)
	r := s.start("room")
	pass(t, 9*time.Second)
	var killed []int
	for range 5 {
		var pid int
		eventually(t, func() (bool, string) {
			pids := s.workers()
			if len(pids) > 0 {
				pid = pids[len(pids)-1]
			}
			return len(pids) > 0 && !slices.Contains(killed, pid), "another process"
		})
		killed = append(killed, pid)
		must(t, syscall.Kill(pid, syscall.SIGKILL))
	}
	eventually(t, func() (bool, string) {
		d := r.details()
		return d.State == "completed" && len(d.Chunks) > 0, "the end of the recording: " + d.State
	})
	d := r.details()
	if d.EndReason != "Interrupted" {
		t.Errorf("%+v", d)
	}
	r.checkChunk(0, d.Chunks[0], 1)
}

// The server and the process of a call are killed together.
func TestKilledServerAndWorker(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s := serveData(t, data)
	s.join("room", camera(0, "vp8")).expectsLoss()
	s.await("room", 2)
	r := s.start("room")
	pass(t, 9*time.Second)
	pid := s.workers()[0]
	must(t, syscall.Kill(pid, syscall.SIGKILL))
	o := r.outage(data)
	r.s.join("room", camera(0, "vp8")).expectsLoss()
	r.s.await("room", 2)
	pass(t, 6*time.Second)
	before := time.Now()
	r.s.do(http.MethodDelete, r.path, &struct{}{})
	d := r.details()
	if d.State != "completed" || d.EndReason != "Stopped" || len(d.Chunks) != 2 || len(d.Gaps) != 1 {
		t.Fatalf("%+v", d)
	}
	checkOutages(t, d, []outage{o}, before)
	for i, c := range d.Chunks {
		r.checkChunk(i, c, 1)
	}
}
