package callreel_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/muxer"
	"github.com/callreel/callreel/storage"
)

// frozenDisk is a disk of which one operation of a kind takes until it thaws.
type frozenDisk struct {
	storage.Disk
	op   string
	mu   sync.Mutex
	thaw chan struct{} // nil: not frozen
}

func (d *frozenDisk) freeze(op string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.op, d.thaw = op, make(chan struct{})
}

func (d *frozenDisk) do(op string) error {
	d.mu.Lock()
	thaw := d.thaw
	d.mu.Unlock()
	if op == d.op && thaw != nil {
		<-thaw
	}
	return nil
}

func (d *frozenDisk) Mkdir(root *os.Root, name string) error {
	_ = d.do("mkdir") // never fails
	return d.Disk.Mkdir(root, name)
}

func (d *frozenDisk) Rename(root *os.Root, from, to string) error {
	_ = d.do("rename") // likewise
	return d.Disk.Rename(root, from, to)
}

func asItIs(_ string, f muxer.File) muxer.File { return f }

// A start on a disk that hangs is refused soon, whatever hangs, and leaves nothing
// behind; what runs goes on.
func TestStartOnAHungDisk(t *testing.T) {
	for _, op := range []string{"mkdir", "rename", "create"} {
		t.Run(op, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDepot(t, t.TempDir(), willing)
				disk := &frozenDisk{Disk: newLossyDisk()}
				d.eng.Watch(disk, asItIs)
				d.eng.Disturb(disk.do)
				rec := d.start(tinyConfig())
				time.Sleep(2 * time.Second)
				disk.freeze(op)

				other := tinyConfig()
				other.Conversation, other.ID = "other", "refused"
				began := time.Now()
				if _, err := d.eng.Start(t.Context(), other); !errors.Is(err, callreel.ErrSpool) || time.Since(began) != 5*time.Second {
					t.Errorf("%v after %v", err, time.Since(began))
				}
				began = time.Now()
				if _, err := d.eng.Start(t.Context(), other); !errors.Is(err, callreel.ErrSpool) || time.Since(began) > 0 {
					t.Errorf("the next: %v after %v", err, time.Since(began))
				}
				if err := d.eng.CheckSpool(); !errors.Is(err, callreel.ErrSpool) || time.Since(began) > 0 {
					t.Errorf("the check: %v after %v", err, time.Since(began))
				}
				if n := d.eng.Totals().Refused; n != 2 {
					t.Errorf("%d starts are counted as refused", n)
				}
				soon, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if err := rec.Pause(soon); op == "create" && err != nil || rec.State() != callreel.Paused {
					t.Errorf("pause: %v", err)
				}
				if err := d.eng.Close(soon); !errors.Is(err, context.DeadlineExceeded) && op != "create" {
					t.Errorf("close: %v", err)
				}

				close(disk.thaw)
				<-rec.Done()
				synctest.Wait()
				d.close() // nothing hangs any more
				if _, err := os.Stat(filepath.Join(d.dir, "spool", other.ID)); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("in the spool there is something of what was refused: %v", err)
				}
				if res := rec.Result(); res.State != callreel.Completed || res.Duration < 7*time.Second || len(d.eng.Conversations()) > 0 {
					t.Errorf("%+v", res)
				}
			})
		})
	}
}

// When the disk is back, recordings start again.
func TestStartsWhenTheDiskIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDepot(t, t.TempDir(), willing)
		disk := &frozenDisk{Disk: newLossyDisk()}
		d.eng.Watch(disk, asItIs)
		disk.freeze("mkdir")
		cfg := tinyConfig()
		cfg.ID = "one"
		if _, err := d.eng.Start(t.Context(), cfg); !errors.Is(err, callreel.ErrSpool) {
			t.Error(err)
		}
		if list := d.eng.Recordings(); len(list) > 0 {
			t.Errorf("%v run", list)
		}
		close(disk.thaw)
		synctest.Wait()
		rec := d.start(cfg) // also under the ID of the one that was given up
		time.Sleep(2 * time.Second)
		res := d.stop(rec)
		d.close()
		if res.State != callreel.Completed || len(res.Chunks) != 1 {
			t.Errorf("%+v", res)
		}
	})
}

// A key frame that comes after the start of a recording may turn out to have been
// taken a little before it, when the sender's clock is known better. What follows
// needs it.
func TestKeyFrameBeforeTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		conv := r.conversation("room")
		begin := time.Now()
		ann := person(conv, 1, begin)
		ann.noAudio = true
		ann.link = func(now time.Time, _ *rand.Rand) time.Duration {
			if now.Sub(begin) < 50*time.Millisecond {
				return 5 * time.Millisecond
			}
			return 0
		}
		leave := r.join(ann)
		time.Sleep(2 * time.Millisecond)
		rec := r.start(smallConfig("room"))
		time.Sleep(4 * time.Second)
		res := r.stop(rec)
		leave()
		v := track(t, res.Report, "p01", "video")
		if v.DecodeErrors > 0 || v.Received().KeyFrames != 1 || v.Pictures.Frozen.Count+v.Pictures.Blank.Count > 0 {
			t.Errorf("%+v, %+v", v, v.Pictures)
		}
	})
}
