package e2e

import (
	"syscall"
	"testing"
	"time"
)

// The process of a call stands for longer than frames are behind the call, as when its
// machine is moved: what came meanwhile is in the recording, where it belongs.
func TestFrozenWorker(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.join("room", camera(0, "vp8"))
	s.await("room", 2)
	r := s.start("room")
	pass(t, 3*time.Second)
	worker := s.workers()[0]
	must(t, syscall.Kill(worker, syscall.SIGSTOP))
	pass(t, 1700*time.Millisecond)
	must(t, syscall.Kill(worker, syscall.SIGCONT))
	pass(t, 3*time.Second)
	m := r.stop()
	m.lasts(r)
	m.hears(t, 0, 0, m.length()-time.Second)
	for _, track := range r.tracks() {
		if track.Sound != nil && track.Sound.Missing.Total > 0 {
			t.Errorf("sound is missing: %+v", track.Sound.Missing)
		}
	}
}
