package callreel_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/callreel/callreel"
)

// A process that may still write before it ends loses what is not composed yet,
// and nothing else.
func TestSuspend(t *testing.T) {
	for name, c := range map[string]struct {
		at   time.Duration
		lost time.Duration // at most, before the end of the process
	}{
		"while it runs": {5300 * time.Millisecond, time.Second + time.Second/8},
		"in a pause":    {7200 * time.Millisecond, 0}, // all is composed
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := broken{t: t}
				b.begin(t.TempDir(), c.at)
				was := b.rec.State()
				if err := b.depot().eng.Suspend(t.Context()); err != nil {
					t.Fatal(err)
				}
				ended := time.Now()
				<-b.rec.Done()
				if b.rec.State() != was {
					t.Errorf("it has become %v", b.rec.State())
				}
				if _, err := b.depot().eng.Conversation("room"); err == nil {
					t.Error("the engine still works")
				}
				b.crash("second", time.Second)
				if b.rec.State() == callreel.Paused {
					if err := b.rec.Resume(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(3500 * time.Millisecond)
				stopped := time.Now()
				res := b.end()
				if len(res.Gaps) != 1 && c.lost > 0 || len(res.Chunks) != 2 {
					t.Fatalf("%+v", res)
				}
				for _, g := range res.Gaps {
					if lost := ended.Sub(g.Start); lost > c.lost {
						t.Errorf("of the %v before the end %v are lost", c.at, lost)
					}
				}
				b.checkTime(res, stopped)
				for _, chunk := range res.Chunks {
					b.checkChunk(res, chunk)
				}
			})
		})
	}
}
