package callreel_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"image"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/storage"
)

var (
	soakLength = flag.Duration("soak", 30*time.Minute, "how long the call of TestLongCall is, in virtual time")
	soakCycles = flag.Int("cycles", 200, "how many recordings TestLongCycles starts and stops")
)

// footprint is what the process holds.
type footprint struct {
	heap, resident          int64 // bytes
	goroutines, descriptors int
}

// oneArena runs the test in a process of its own in which all threads share one heap
// of the C library, and reports whether this is that process. By default it sets one
// aside for each thread, fills them one after the other over many recordings, and so
// holds some 20 MiB more in the end, which would hide a leak or be taken for one.
func oneArena(t *testing.T) bool {
	t.Helper()
	const name = "MALLOC_ARENA_MAX"
	if os.Getenv(name) == "1" {
		return true
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"-test.run=^" + t.Name() + "$", "-test.v", "-test.timeout=0"}
	flag.Visit(func(f *flag.Flag) {
		if !strings.HasPrefix(f.Name, "test.") {
			args = append(args, "-"+f.Name+"="+f.Value.String())
		}
	})
	cmd := exec.CommandContext(t.Context(), exe, args...)
	cmd.Env = append(os.Environ(), name+"=1")
	out, err := cmd.CombinedOutput()
	t.Logf("%s", strings.ReplaceAll(string(out), "--- ", "")) // or else they are taken for results of this one
	if err != nil {
		t.Error(err)
	}
	return false
}

func weigh(t *testing.T) (u footprint) {
	t.Helper()
	runtime.GC()
	debug.FreeOSMemory() // also what finalizers let go
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	u.heap, u.goroutines = int64(m.HeapAlloc), runtime.NumGoroutine()
	statm, err := os.ReadFile("/proc/self/statm")
	if errors.Is(err, os.ErrNotExist) {
		return u // not on Linux
	}
	fds, ferr := os.ReadDir("/proc/self/fd")
	pages, perr := strconv.ParseInt(append(strings.Fields(string(statm)), "", "")[1], 10, 64)
	if err := errors.Join(err, ferr, perr); err != nil {
		t.Fatal(err)
	}
	u.resident, u.descriptors = pages*int64(os.Getpagesize()), len(fds)
	return u
}

// grown tells by what u holds more than before, if it is more than chance.
func (u footprint) grown(t *testing.T, before footprint, heap, resident int64) {
	t.Helper()
	t.Logf("heap %d to %d KiB, resident %d to %d KiB, goroutines %d to %d, descriptors %d to %d",
		before.heap>>10, u.heap>>10, before.resident>>10, u.resident>>10, before.goroutines, u.goroutines,
		before.descriptors, u.descriptors)
	if u.heap > before.heap+heap || u.resident > before.resident+resident || u.goroutines > before.goroutines || u.descriptors > before.descriptors {
		t.Errorf("it holds more than before: %+v, %+v", u, before)
	}
}

// A call of a day takes no more memory than one of some minutes. In it somebody
// comes and goes all the time, packets are lost, and it is paused now and then.
func TestLongCall(t *testing.T) {
	if !oneArena(t) {
		return
	}
	const round = 10 * time.Minute
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		conv := r.conversation("room")
		cfg := smallConfig("room")
		cfg.Width, cfg.Height, cfg.FrameRate, cfg.ChunkDuration = 64, 64, 1, 20*time.Minute
		cfg.FragmentDuration, cfg.SyncInterval = 10*time.Second, -1 // the disk is not what is looked at
		rec := r.start(cfg)
		begin := time.Now()
		var leave []func()
		for i := range 2 {
			c := steadyGuest(conv, i, begin)
			c.noAudio = true
			leave = append(leave, r.join(c))
			w, err := conv.AddTrack(ingest.TrackInfo{Participant: c.who, MimeType: "audio/PCMU"})
			if err != nil {
				t.Fatal(err)
			}
			b := &beeper{ppm: int64(100 - 200*i), half: 4 + 2*i, reports: true}
			go func() {
				b.run(t, w, *soakLength)
				_ = w.Close() // never fails
			}()
		}
		var early footprint
		for n := 0; time.Since(begin) < *soakLength; n++ {
			visitor := steadyGuest(conv, 2, begin)
			visitor.loss = 0.02
			gone := r.join(visitor)
			time.Sleep(round - time.Minute)
			gone()
			if n%3 == 1 {
				r.pause(rec, 30*time.Second)
			}
			time.Sleep(time.Until(begin.Add(time.Duration(n+1) * round)))
			if n == 1 {
				early = weigh(t)
			}
		}
		late := weigh(t)
		// Each stay, pause and file is told in the end, and takes some bytes until then.
		told := int64(*soakLength/round) * 4 << 10
		late.grown(t, early, 1<<20+told, 4<<20+told)
		r.checkManifest(rec.ID(), *soakLength)
		res := r.stop(rec)
		for _, f := range leave {
			f()
		}
		if want := *soakLength - time.Duration(len(res.Pauses))*30*time.Second; res.Duration < want || res.Duration > want+2*time.Second || res.Stats.LateTicks > 0 {
			t.Errorf("%v of %v, %+v", res.Duration, want, res.Stats)
		}
		report, err := json.Marshal(res.Report)
		if most := 64<<10 + int(*soakLength/round)*4<<10; err != nil || len(report) > most {
			t.Errorf("the report has %d bytes, more than %d, %v", len(report), most, err)
		}
	})
}

// steadyGuest is somebody who costs next to nothing.
func steadyGuest(sink ingest.Sink, i int, epoch time.Time) *caller {
	c := person(sink, i, epoch)
	c.size, c.every, c.pcmu = image.Pt(64, 64), time.Second, true
	return c
}

// pause pauses a recording for a while.
func (r *rig) pause(rec *callreel.Recording, d time.Duration) {
	if err := rec.Pause(context.Background()); err != nil {
		r.t.Fatal(err)
	}
	<-time.After(d)
	if err := rec.Resume(context.Background()); err != nil {
		r.t.Fatal(err)
	}
}

// checkManifest checks that what a recording keeps in the spool stays small.
func (r *rig) checkManifest(id string, length time.Duration) {
	var total int64
	err := filepath.WalkDir(filepath.Join(r.dir, "spool", id), func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(file) == ".mp4" {
			return err
		}
		st, err := d.Info()
		if err == nil {
			total += st.Size()
		}
		return err
	})
	if most := 64<<10 + int64(length/(10*time.Minute))*4<<10; err != nil || total > most {
		r.t.Errorf("there are %d bytes of documents in the spool, more than %d, %v", total, most, err)
	}
}

// Recordings that are started and stopped leave nothing behind: no goroutine, no
// descriptor, no memory.
func TestLongCycles(t *testing.T) {
	if !oneArena(t) {
		return
	}
	warm := *soakCycles / 4
	dir := t.TempDir()
	var early, late footprint
	synctest.Test(t, func(t *testing.T) {
		eng, err := callreel.New(callreel.Config{
			Storage: storage.Dir(filepath.Join(dir, "store")), Spool: filepath.Join(dir, "spool"),
		})
		if err != nil {
			t.Fatal(err)
		}
		r := &rig{t: t, dir: dir, eng: eng}
		for n := range *soakCycles {
			if n == warm {
				early = weigh(t)
			}
			cfg := smallConfig("room")
			cfg.Width, cfg.Height, cfg.SyncInterval = 64, 64, time.Hour
			rec := r.start(cfg)
			leave := r.join(steadyGuest(rec.Conversation(), n%5, time.Now()))
			time.Sleep(time.Second)
			if n%4 == 0 {
				r.pause(rec, time.Second)
				time.Sleep(time.Second)
			}
			res := r.stop(rec)
			leave()
			if len(res.Chunks) != 1 || res.Duration < time.Second {
				t.Fatalf("%+v", res)
			}
		}
		synctest.Wait()
		late = weigh(t)
		if n := len(eng.Conversations()) + len(eng.Recordings()); n > 0 {
			t.Errorf("the engine still has %d", n)
		}
		if err := eng.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	late.grown(t, early, 1<<20, 4<<20)
}
