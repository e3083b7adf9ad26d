package callreel_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/callreel/callreel"
)

// sluggish is a disk on which everything takes a time, from an operation of a
// kind on.
type sluggish struct {
	mu     sync.Mutex
	op     string
	from   int // the number of that operation
	count  int
	takes  time.Duration
	every  bool          // all later ones too
	thaw   chan struct{} // if it is set, until it is closed
	asleep bool
}

func (d *sluggish) do(op string) error {
	d.mu.Lock()
	if op == d.op {
		d.count++
	}
	slow := op == d.op && (d.count == d.from || d.every && d.count > d.from)
	d.asleep = d.asleep || slow
	d.mu.Unlock()
	switch {
	case !slow:
	case d.thaw != nil:
		<-d.thaw
	default:
		<-time.After(d.takes)
	}
	return nil
}

// A disk that stands still for seconds, wherever that is, costs nothing: no tick
// is late, and nothing is missing.
func TestSlowDisk(t *testing.T) {
	for name, c := range map[string]struct {
		disk   *sluggish
		alarms int // raised or ended
	}{
		"a write":       {disk: &sluggish{op: "write", from: 4, takes: 12 * time.Second}, alarms: 2},
		"a sync":        {disk: &sluggish{op: "sync", from: 7, takes: 12 * time.Second}, alarms: 2},
		"each sync":     {disk: &sluggish{op: "sync", from: 1, every: true, takes: 900 * time.Millisecond}},
		"finishing":     {disk: &sluggish{op: "truncate", from: 1, takes: 8 * time.Second}, alarms: 2},
		"the next file": {disk: &sluggish{op: "create", from: 2, takes: 8 * time.Second}, alarms: 2},
		"the end":       {disk: &sluggish{op: "truncate", from: 3, takes: time.Minute}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDepot(t, t.TempDir(), willing)
				d.eng.Disturb(c.disk.do)
				ann := person(d.conversation("room"), 1, time.Now())
				ann.noVideo = true
				leave := d.join(ann)
				rec := d.start(tinyConfig())
				time.Sleep(24 * time.Second)
				res := d.stop(rec)
				leave()
				d.close()
				d.account(res)
				if !c.disk.asleep || res.Stats.LateTicks != 0 || res.Unwritten.Total != 0 || len(res.Chunks) != 3 || res.Verdict != callreel.Pass {
					t.Errorf("%d late, %+v", res.Stats.LateTicks, res)
				}
				told := d.told()
				if strings.Count(told, "Alarm") != c.alarms || c.alarms > 0 && res.Report.Alarms[0].Kind != callreel.AlarmSpoolSlow {
					t.Errorf("told %s: %+v", told, res.Report.Alarms)
				}
				var beeps []float64
				for _, chunk := range res.Chunks {
					beeps = append(beeps, (&movie{t: t, pcm: decodeSound(t, d.file(chunk))}).beeps(ann.hertz)...)
				}
				if len(beeps) < 23 || len(beeps) > 26 {
					t.Errorf("%d beeps in %v", len(beeps), res.Duration)
				}
			})
		})
	}
}

// A disk that stands still for longer than there is room to wait costs what does
// not find room; what was before and what is after is there.
func TestDiskHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDepot(t, t.TempDir(), willing)
		on := &sluggish{op: "sync", from: 6, takes: time.Minute}
		d.eng.Disturb(on.do)
		ann := person(d.conversation("room"), 1, time.Now())
		ann.noVideo = true
		leave := d.join(ann)
		cfg := tinyConfig()
		cfg.ChunkDuration = time.Hour
		rec := d.start(cfg)
		time.Sleep(90 * time.Second)
		res := d.stop(rec)
		leave()
		d.close()
		d.account(res)
		if res.Stats.LateTicks != 0 || len(res.Chunks) != 2 || res.Verdict != callreel.Fail {
			t.Errorf("%+v", res)
		}
		// A minute less what may wait, and what is open at the edges.
		if u := res.Unwritten.Total; u < 28*time.Second || u > 35*time.Second {
			t.Errorf("%v are missing", u)
		}
		var kinds []string
		for _, a := range res.Report.Alarms {
			kinds = append(kinds, string(a.Kind))
			if !a.Over {
				t.Errorf("%+v", a)
			}
		}
		if got := strings.Join(kinds, " "); got != "SpoolSlow Unwritable" {
			t.Errorf("alarms %s", got)
		}
	})
}

// Who asks a recording for something while its disk stands still gets an answer
// when they don't want to wait any longer, and what they asked for is done.
func TestAnswersWhileTheDiskHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDepot(t, t.TempDir(), willing)
		on := &sluggish{op: "sync", from: 5, thaw: make(chan struct{})}
		d.eng.Disturb(on.do)
		rec := d.start(tinyConfig())
		time.Sleep(10 * time.Second)
		soon := func() context.Context {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			t.Cleanup(cancel)
			return ctx
		}
		began := time.Now()
		if err := rec.Pause(soon()); !errors.Is(err, context.DeadlineExceeded) || rec.State() != callreel.Paused {
			t.Errorf("pause: %v, %v", err, rec.State())
		}
		if err := rec.Resume(soon()); !errors.Is(err, context.DeadlineExceeded) || rec.State() != callreel.Active {
			t.Errorf("resume: %v, %v", err, rec.State())
		}
		res, err := rec.Stop(soon())
		if !errors.Is(err, context.DeadlineExceeded) || res.Duration != 4*time.Second || time.Since(began) != 3*time.Second {
			t.Errorf("stop: %v after %v, %+v", err, time.Since(began), res)
		}
		time.Sleep(time.Minute)
		close(on.thaw)
		<-rec.Done()
		res = rec.Result()
		d.close()
		d.account(res)
		if res.State != callreel.Completed || res.Duration < 11*time.Second || res.Unwritten.Total != 0 || len(res.Pauses) != 1 {
			t.Errorf("%+v", res)
		}
	})
}
