package e2e

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/callreel/callreel/client"
)

var (
	soakLength = flag.Duration("soak", 20*time.Second, "how long TestSoak records nine people")
	soakCycles = flag.Int("soak.cycles", 40, "how many recordings TestSoak starts and stops before that")
)

// A server that has made many recordings, and makes a long one of nine people, holds
// no more processes, descriptors, goroutines and memory than at first.
func TestSoak(t *testing.T) {
	t.Parallel()
	s := serve(t, "--admission=off", "--rate-limit=-1")
	api, err := client.New(client.Config{Endpoint: s.url, Token: s.token})
	must(t, err)
	var half load
	for i := range *soakCycles {
		id, err := api.StartRecording(t.Context(), "cycles", client.StartOptions{PauseOnStart: i%4 == 3})
		must(t, err)
		must(t, api.StopRecording(t.Context(), "cycles", id))
		if i == *soakCycles/2 {
			half = s.weigh(t)
		}
	}
	eventually(t, func() (bool, string) { // what is being closed may take its time
		all := s.weigh(t)
		return all.within(half, 32<<20), fmt.Sprintf("no more than %v: %v", half, all)
	})
	t.Logf("after half of the recordings %v, after all %v", half, s.weigh(t))

	for i := range 9 {
		guest := camera(i, []string{"vp8", "h264"}[i%2])
		guest.Width, guest.Height = 320, 180
		s.join("room", guest)
	}
	s.await("room", 18)
	r := s.start("room")
	pass(t, *soakLength/4)
	first := s.weigh(t)
	pass(t, *soakLength*3/4)
	last := s.weigh(t)
	t.Logf("after a quarter of the call %v, after all of it %v", first, last)
	if !last.within(first, 32<<20) {
		t.Error("it holds more and more")
	}
	s.do("DELETE", r.path, &struct{}{})
	var d details
	eventually(t, func() (bool, string) { // its end may not be noted yet
		d = r.details()
		return d.State == "completed", "the end of the recording"
	})
	if length := time.Duration(d.DurationMs) * time.Millisecond; length < *soakLength || length > *soakLength+10*time.Second {
		t.Errorf("%+v", d)
	}
	for _, track := range r.tracks() {
		if track.Received().Lost > 0 {
			t.Errorf("%+v", track)
		}
	}
}

// load is what a server and the processes that it has started hold.
type load struct {
	resident                           int64 // bytes
	processes, descriptors, goroutines int
}

func (l load) String() string {
	return fmt.Sprintf("%d MiB, %d processes, %d descriptors, %d goroutines of the server", l.resident>>20, l.processes, l.descriptors, l.goroutines)
}

// within reports whether l is no more than another, but for some memory, and what
// connections of clients come to.
func (l load) within(o load, memory int64) bool {
	return l.resident <= o.resident+memory && l.processes <= o.processes && l.descriptors <= o.descriptors+4 && l.goroutines <= o.goroutines+12
}

// weigh measures the server eight times in two seconds, and tells the least of each.
// The streams of NATS start goroutines to write something, and end them a while later,
// up to 14 in all; what is lost for good is in every measurement.
func (s *server) weigh(t *testing.T) load {
	t.Helper()
	least := s.weighOnce(t)
	for range 7 {
		pass(t, 250*time.Millisecond)
		l := s.weighOnce(t)
		least.resident, least.processes = min(least.resident, l.resident), min(least.processes, l.processes)
		least.descriptors, least.goroutines = min(least.descriptors, l.descriptors), min(least.goroutines, l.goroutines)
	}
	return least
}

func (s *server) weighOnce(t *testing.T) (l load) {
	t.Helper()
	pids := append((&prey{cmd: s.cmd}).workers(), s.cmd.Process.Pid)
	for _, pid := range pids {
		statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
		fds, ferr := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		if err := errors.Join(err, ferr); err != nil {
			continue // it has just ended
		}
		pages, err := strconv.ParseInt(append(strings.Fields(string(statm)), "", "")[1], 10, 64)
		must(t, err)
		l.resident += pages * int64(os.Getpagesize())
		l.descriptors += len(fds)
		l.processes++
	}
	for line := range strings.Lines(s.request("GET", "/metrics", "").body) {
		if n, ok := strings.CutPrefix(line, "go_goroutines "); ok {
			var err error
			l.goroutines, err = strconv.Atoi(strings.TrimSpace(n))
			must(t, err)
		}
	}
	return l
}
