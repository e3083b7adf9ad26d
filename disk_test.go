package callreel_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/internal/ffmpegtest"
)

// disk fails from an operation on, for a time.
type disk struct {
	mu    sync.Mutex
	err   error
	from  int           // the number of that operation; reading doesn't count
	lasts time.Duration // zero: that operation alone
	count int
	began time.Time
	last  string // the operation that failed last
}

func (d *disk) do(op string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if op != "read" {
		d.count++
	}
	if d.count == d.from && d.began.IsZero() {
		d.began = time.Now()
		d.last = op
		return d.err
	}
	if d.began.IsZero() || time.Since(d.began) >= d.lasts {
		return nil
	}
	d.last = op
	return d.err
}

// tinyConfig is quick to make.
func tinyConfig() callreel.RecordingConfig {
	cfg := smallConfig("room")
	cfg.Width, cfg.Height, cfg.ChunkDuration = 128, 72, 10*time.Second
	return cfg
}

func willing(string) error { return nil }

// account checks that the chunks and what was not written make up the whole, and
// that the chunks can be decoded.
func (r *rig) account(res callreel.Result) {
	r.t.Helper()
	var end, gaps time.Duration
	for i, c := range res.Chunks {
		if c.Index != i || c.Start < end {
			r.t.Errorf("chunk %+v begins before %v", c, end)
		}
		gaps += c.Start - end
		end = c.Start + c.Duration
		ffmpegtest.Run(r.t, "-i", r.file(c), "-f", "null", "-")
		if m := r.metadata(c); m.ChunkDocumentID != c.DocumentID {
			r.t.Errorf("chunk %d: %+v", i, m)
		}
	}
	gaps += res.Duration - end
	if u := res.Unwritten.Total; gaps != u || res.Stats.Unwritten != u || res.Report != nil && res.Report.Ticks.Unwritten.Total != u {
		r.t.Errorf("%v are missing, said are %+v, %+v, %+v", gaps, u, res.Stats, res.Chunks)
	}
}

// TestLongDiskFailsAnywhere lets the disk fail at each operation on the files of
// chunks, and for three seconds from each second one on.
func TestLongDiskFailsAnywhere(t *testing.T) {
	t.Parallel()
	whole := disturb(t, &disk{})
	causes := []error{syscall.ENOSPC, syscall.EIO, syscall.EROFS}
	fails := func(n int, lasts time.Duration) {
		t.Run(fmt.Sprintf("%d for %v", n, lasts), func(t *testing.T) {
			disturb(t, &disk{err: causes[n%len(causes)], from: n, lasts: lasts})
		})
	}
	for n := 1; n <= whole; n++ {
		fails(n, 0)
		if n%2 == 1 {
			fails(n, 3*time.Second)
		}
	}
}

// disturb records 14 s on a disk and returns how many operations that took.
func disturb(t *testing.T, on *disk) (count int) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		d := newDepot(t, dir, willing)
		d.eng.Disturb(on.do)
		rec, err := d.eng.Start(t.Context(), tinyConfig())
		if err != nil {
			if on.from != 1 || !errors.Is(err, on.err) || !errors.Is(err, callreel.ErrSpool) {
				t.Fatal(err)
			}
			d.close()
			return
		}
		ann := person(d.conversation("room"), 1, time.Now())
		ann.noVideo = true
		leave := d.join(ann)
		time.Sleep(14 * time.Second)
		res, err := rec.Stop(context.Background())
		leave()
		most := 5 * time.Second // a fragment, what the encoder holds, and the time until it is tried
		if on.lasts > 0 {
			most = 11 * time.Second
		}
		if on.from == 0 {
			most = 0
		}
		if res.State == callreel.Failed { // it fails at the end: the next start finishes the file
			if on.lasts == 0 || !errors.Is(err, on.err) {
				t.Errorf("operation %d, %s: %v", on.from, on.last, err)
			}
			_ = d.eng.Close(context.Background())
			d = newDepot(t, dir, willing)
			found, err := d.eng.Recover(t.Context())
			if err != nil || len(found) != 1 {
				t.Fatalf("operation %d, %s: recovered %+v, %v", on.from, on.last, found, err)
			}
			synctest.Wait()
			d.close()
			if found[0].Unwritten.Total > most {
				t.Errorf("operation %d, %s: %v of %v are missing", on.from, on.last, found[0].Unwritten.Total, res.Duration)
			}
			d.account(found[0])
			return
		}
		if err != nil {
			t.Fatalf("operation %d, %s: %v", on.from, on.last, err)
		}
		d.close()
		if res.Unwritten.Total > most || res.Duration != 14*time.Second {
			t.Errorf("operation %d, %s: %v of %v are missing", on.from, on.last, res.Unwritten.Total, res.Duration)
		}
		if missing := res.Unwritten.Total > 0; missing != (res.Verdict == callreel.Fail) {
			t.Errorf("%v are missing, and the verdict is %s", res.Unwritten.Total, res.Verdict)
		}
		if t.Logf("operation %d, %s: %v are missing, %d chunks", on.from, on.last, res.Unwritten.Total, len(res.Chunks)); len(d.left()) > 0 {
			t.Errorf("the spool has %v", d.left())
		}
		d.account(res)
		count = on.count
	})
	return count
}

// TestDiskComesBack: what is written before and after an outage is in its place.
func TestDiskComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDepot(t, t.TempDir(), willing)
		on := &disk{err: syscall.ENOSPC, from: 16, lasts: 5 * time.Second} // the eighth fragment
		d.eng.Disturb(on.do)
		ann := person(d.conversation("room"), 1, time.Now())
		leave := d.join(ann)
		time.Sleep(500 * time.Millisecond)
		rec := d.start(smallConfig("room"))
		time.Sleep(24 * time.Second)
		res := d.stop(rec)
		leave()
		d.close()
		d.account(res)
		if len(res.Chunks) != 2 || res.State != callreel.Completed || res.Chunks[0].EndReason != "Interrupted" || len(res.Report.Alarms) != 1 {
			t.Fatalf("%+v", res)
		}
		if a := res.Report.Alarms[0]; a.Kind != callreel.AlarmUnwritable || !a.Over || a.Duration < 5*time.Second {
			t.Errorf("%+v", a)
		}
		if told := d.told(); strings.Count(told, "Alarm") != 2 || strings.Index(told, "AlarmRaised") > strings.Index(told, "AlarmCleared") {
			t.Errorf("told %s", told)
		}
		for _, c := range res.Chunks {
			m := decode(t, d.file(c), small)
			m.lasts(c.Duration)
			var beeps []float64
			var frames []int
			for at := 500 * time.Millisecond; at < c.Start+c.Duration; at += time.Second {
				if at+frame == c.Start { // a flash is seen for two
					frames = append(frames, 0)
				}
				if at >= c.Start {
					beeps = append(beeps, (at - c.Start).Seconds())
					frames = append(frames, int((at-c.Start)*8/time.Second))
				}
			}
			m.sees(grid(1)[0], frames...)
			m.hears(ann.hertz, beeps...)
			t.Logf("%v to %v: %d beeps", c.Start, c.Start+c.Duration, len(beeps))
		}
	})
}

// TestDiskStaysFull: nothing panics, and a stop delivers what there is.
func TestDiskStaysFull(t *testing.T) {
	for _, from := range []int{2, 10} { // before the first fragment, and later
		synctest.Test(t, func(t *testing.T) {
			d := newDepot(t, t.TempDir(), willing)
			on := &disk{err: syscall.ENOSPC, from: from, lasts: time.Hour}
			d.eng.Disturb(func(op string) error {
				switch op {
				case "write", "create":
					return on.do(op)
				default:
					return nil
				}
			})
			rec := d.start(tinyConfig())
			time.Sleep(30 * time.Second)
			if s := rec.State(); s != callreel.Active {
				t.Errorf("it is %s", s)
			}
			res, err := rec.Stop(context.Background())
			if res.Duration != 30*time.Second || res.Verdict != callreel.Fail || !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("%v, %+v", err, res)
			}
			_ = d.eng.Close(context.Background())
		})
	}
}

// TestSpoolReserve refuses recordings for which there is no room.
func TestSpoolReserve(t *testing.T) {
	dir := t.TempDir()
	d := newDepot(t, dir, willing)
	cfg := callreel.Config{Storage: d.store, Spool: filepath.Join(dir, "spool"), SpoolReserve: 1 << 60}
	full, err := callreel.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := full.Start(t.Context(), tinyConfig()); !errors.Is(err, callreel.ErrSpool) || full.Totals().Refused != 1 {
		t.Errorf("%v, %d refused", err, full.Totals().Refused)
	}
	if err := full.CheckSpool(); !errors.Is(err, callreel.ErrSpool) {
		t.Error(err)
	}
	cfg.SpoolReserve = -1
	if free, err := callreel.New(cfg); err != nil || free.CheckSpool() != nil {
		t.Errorf("%v, %v", err, free.CheckSpool())
	}
	if err := d.eng.CheckSpool(); err != nil {
		t.Error(err)
	}
}
