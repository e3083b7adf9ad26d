package probe_test

import (
	"crypto/sha256"
	"image"
	"runtime"
	"testing"
	"time"

	"github.com/callreel/callreel/internal/cpu"
	"github.com/callreel/callreel/internal/probe"
)

// spin uses this much of the thread's time.
func spin(d time.Duration) {
	var sum [sha256.Size]byte
	for end := cpu.Thread() + d; cpu.Thread() < end; {
		sum = sha256.Sum256(sum[:])
	}
	runtime.KeepAlive(sum)
}

func TestTimeGoesToTheStageItWasUsedIn(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the system doesn't tell the time of a thread")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	lent := 0
	p := &probe.Probe{Label: true, Picture: func(int64, *image.YCbCr) { lent++; spin(15 * time.Millisecond) }}
	spin(20 * time.Millisecond) // before anything is counted
	p.Resume()
	func() {
		defer p.Enter(p.Enter(probe.DecodeVideo))
		spin(30 * time.Millisecond)
		was := p.Enter(probe.Mux)
		spin(10 * time.Millisecond)
		p.Composed(1, nil)
		if p.Enter(was); was != probe.DecodeVideo {
			t.Errorf("it was in %v", was)
		}
	}()
	p.Pause()
	spin(20 * time.Millisecond)
	p.Enter(p.Enter(probe.EncodeVideo)) // maybe on another thread
	got := p.Spent()
	for stage, want := range map[probe.Stage]time.Duration{
		probe.DecodeVideo: 30 * time.Millisecond, probe.Mux: 10 * time.Millisecond, probe.Replay: 15 * time.Millisecond, probe.Other: 0, probe.EncodeVideo: 0,
	} {
		if d := got[stage]; d < want || d > want+5*time.Millisecond {
			t.Errorf("%v in %v, want %v", d, stage, want)
		}
	}
	if lent != 1 {
		t.Errorf("a frame was lent %d times", lent)
	}
}

func TestNobodyLooks(t *testing.T) {
	p := probe.From(t.Context())
	if n := testing.AllocsPerRun(100, func() {
		p.Resume()
		p.Enter(p.Enter(probe.Mix))
		p.Composed(0, nil)
	}); n != 0 || p != nil {
		t.Errorf("%v allocations of a probe %v", n, p)
	}
	q := new(probe.Probe)
	if probe.From(probe.With(t.Context(), q)) != q {
		t.Error("the context has lost it")
	}
}
