package callreel_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/internal/ffmpegtest"
	"github.com/callreel/callreel/muxer"
)

var losses = flag.Int("losses", 1, "how often the power is lost after each operation on the disk")

// lossyRecording records 12 s in two chunks, with a pause, on a disk that is
// watched. Nothing can be stored, until the recording has ended.
func lossyRecording(t *testing.T, disk *lossyDisk, set func(*callreel.RecordingConfig)) {
	d := newDepot(t, t.TempDir(), failing(errAway))
	d.eng.Watch(disk, disk.wrap)
	cfg := tinyConfig()
	cfg.ID = "lossy"
	set(&cfg)
	ann := person(d.conversation("room"), 1, time.Now())
	ann.noVideo = true
	leave := d.join(ann)
	rec := d.start(cfg)
	<-time.After(4 * time.Second)
	if err := rec.Pause(t.Context()); err != nil {
		t.Error(err)
	}
	<-time.After(time.Second)
	if err := rec.Resume(t.Context()); err != nil {
		t.Error(err)
	}
	<-time.After(8 * time.Second)
	d.store.set(willing)
	if _, err := rec.Stop(context.Background()); err != nil && !errors.Is(err, errAway) { // what waits is tried again later
		t.Error(err)
	}
	leave()
	<-time.After(10 * time.Minute)
	d.close()
}

// TestLongPowerLoss loses the power after each operation on the spool, and with it
// any part of what was not synced. What was synced is recovered, as it was
// written; nothing is refused; and doing it twice gives the same.
func TestLongPowerLoss(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	for name, c := range map[string]struct {
		interval time.Duration
		step     int
	}{"each fragment is synced": {0, 1}, "every three seconds": {3 * time.Second, 3}, "at the end": {-1, 3}} {
		t.Run(name, func(t *testing.T) {
			disk := newLossyDisk()
			synctest.Test(t, func(t *testing.T) {
				lossyRecording(t, disk, func(cfg *callreel.RecordingConfig) { cfg.SyncInterval = c.interval })
			})
			losePowerAfterEach(t, disk.ops(), 0, c.step, seed)
		})
	}
	t.Run("while it recovers", func(t *testing.T) {
		disk := newLossyDisk()
		synctest.Test(t, func(t *testing.T) { lossyRecording(t, disk, func(*callreel.RecordingConfig) {}) })
		log := disk.ops()
		again := newLossyDisk()
		dir := t.TempDir()
		platterOf(log[:len(log)*6/10]).settle(t, again, filepath.Join(dir, "spool"))
		from := len(again.ops())
		synctest.Test(t, func(t *testing.T) {
			d := newDepot(t, dir, willing)
			d.eng.Watch(again, again.wrap)
			if found, err := d.eng.Recover(t.Context()); err != nil || len(found) != 1 {
				t.Errorf("%+v, %v", found, err)
			}
			synctest.Wait()
			d.close()
		})
		losePowerAfterEach(t, again.ops(), from, 1, seed)
	})
}

// losePowerAfterEach loses the power after operations from one on.
func losePowerAfterEach(t *testing.T, log []diskOp, from, step int, seed uint64) {
	t.Logf("%d operations, seed %d", len(log), seed)
	for n := from; n <= len(log); n += step {
		for i := range *losses {
			if err := losePower(t, log[:n], seed+uint64(n)<<8+uint64(i)); err != nil {
				t.Errorf("after operation %d, seed %d: %v", n, seed+uint64(n)<<8+uint64(i), err)
			}
		}
	}
}

// TestSyncInterval counts how often media is synced.
func TestSyncInterval(t *testing.T) {
	for interval, want := range map[time.Duration][2]int{0: {12, 16}, 3 * time.Second: {4, 8}, -1: {2, 3}} {
		disk := newLossyDisk()
		synctest.Test(t, func(t *testing.T) {
			lossyRecording(t, disk, func(cfg *callreel.RecordingConfig) { cfg.SyncInterval = interval })
		})
		names := map[int]string{}
		syncs := 0
		for _, op := range disk.ops() {
			switch {
			case op.kind == "create":
				names[op.inode] = op.name
			case op.kind == "sync" && path.Ext(names[op.inode]) == ".mp4":
				syncs++
			}
		}
		if syncs < want[0] || syncs > want[1] {
			t.Errorf("%d syncs with an interval of %v, want %v", syncs, interval, want)
		}
	}
}

// A disk that fails once, and is not synced at each fragment, costs no more.
func TestUnsyncedDiskFails(t *testing.T) {
	for _, op := range []string{"write", "sync", "truncate"} {
		synctest.Test(t, func(t *testing.T) {
			d := newDepot(t, t.TempDir(), willing)
			count := 0
			d.eng.Disturb(func(what string) error {
				if what != op {
					return nil
				}
				if count++; count == 1 && op != "write" || count == 9 {
					return syscall.EIO
				}
				return nil
			})
			cfg := tinyConfig()
			cfg.SyncInterval = -1
			rec := d.start(cfg)
			time.Sleep(14 * time.Second)
			res := d.stop(rec)
			d.close()
			d.account(res)
			if res.Unwritten.Total == 0 || res.Unwritten.Total > 5*time.Second {
				t.Errorf("%s: %+v", op, res)
			}
		})
	}
}

// TestLongPowerLossIsNoticed leaves out kinds of syncs: then something is lost.
func TestLongPowerLossIsNoticed(t *testing.T) {
	t.Parallel()
	disk := newLossyDisk()
	synctest.Test(t, func(t *testing.T) { lossyRecording(t, disk, func(*callreel.RecordingConfig) {}) })
	log := disk.ops()
	for name, c := range map[string]struct {
		from, step, tries int // of the operations after which the power is lost
		without           func(i int) bool
	}{
		"of files":         {len(log) / 3, 3, 1, func(i int) bool { return log[i].kind == "sync" }},
		"of directories":   {len(log) / 3, 3, 1, func(i int) bool { return log[i].kind == "syncdir" }},
		"after a deletion": {len(log) - 8, 1, 30, func(i int) bool { return i > 0 && log[i].kind == "syncdir" && log[i-1].kind == "remove" }},
	} {
		noticed := false
		for n := c.from; n <= len(log) && !noticed; n += c.step {
			var seen []diskOp
			for i, op := range log[:n] {
				if !c.without(i) {
					seen = append(seen, op)
				}
			}
			for i := 0; i < c.tries && !noticed; i++ {
				noticed = losePowerExpecting(t, seen, platterOf(log[:n]), uint64(n*100+i)) != nil
			}
		}
		if !noticed {
			t.Errorf("that syncs %s are left out is not noticed", name)
		}
	}
}

// losePower loses the power after some operations and recovers what is left.
func losePower(t *testing.T, log []diskOp, seed uint64) error {
	return losePowerExpecting(t, log, platterOf(log), seed)
}

// losePowerExpecting does so, and compares with what should be durable.
func losePowerExpecting(t *testing.T, log []diskOp, want platter, seed uint64) (failed error) {
	dir, err := os.MkdirTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	spool := filepath.Join(dir, "spool")
	if err := os.Mkdir(spool, 0o700); err != nil {
		t.Fatal(err)
	}
	platterOf(log).lose(t, rand.New(rand.NewPCG(seed, 0)), spool)
	synctest.Test(t, func(t *testing.T) {
		first := newDepot(t, dir, failing(errAway))
		once, err := first.eng.Recover(t.Context())
		if err != nil {
			failed = fmt.Errorf("recover: %w", err)
		}
		synctest.Wait()
		_ = first.eng.Close(context.Background())
		all := len(first.left()) == 0 // everything was in the store already
		second := newDepot(t, dir, willing)
		twice, err := second.eng.Recover(t.Context())
		if err != nil && failed == nil {
			failed = fmt.Errorf("recover again: %w", err)
		}
		time.Sleep(10 * time.Minute) // what this machine could not do at once is tried again
		second.close()
		if failed == nil && len(second.left()) > 0 {
			failed = fmt.Errorf("the spool has %q, after %+v and %+v; told %s", second.left(), once, twice, second.told())
		}
		if failed == nil && !all {
			failed = sameTwice(once, twice)
		}
	})
	if failed == nil {
		failed = want.recovered(t, filepath.Join(dir, "store"))
	}
	return failed
}

func sameTwice(once, twice []callreel.Result) error {
	sum := func(all []callreel.Result) string {
		var b strings.Builder
		for _, r := range all {
			fmt.Fprintln(&b, r.ID, r.Duration, r.EndReason, r.Chunks, r.Pauses)
		}
		return b.String()
	}
	if a, b := sum(once), sum(twice); a != b {
		return fmt.Errorf("recovered\n%s and then\n%s", a, b)
	}
	return nil
}

// recovered checks that what is durable of the media was stored as it was
// written, or has been stored before.
func (m platter) recovered(t *testing.T, store string) error {
	for name, inode := range m.names {
		f := m.files[inode]
		if path.Ext(name) != ".mp4" || f == nil {
			continue
		}
		if slices.ContainsFunc(m.pending, func(op diskOp) bool { return op.kind == "remove" && op.name == name }) {
			continue // it was in the store
		}
		durable, _ := muxer.Examine(bytes.NewReader(f.durable), int64(len(f.durable)))
		got, err := os.ReadFile(filepath.Join(store, name))
		if err != nil && durable.Fragments > 0 {
			return err
		}
		if err != nil {
			continue
		}
		found, err := muxer.Examine(bytes.NewReader(got), int64(len(got)))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if found.Fragments < durable.Fragments || found.Duration < durable.Duration {
			return fmt.Errorf("%s: %+v of %+v are there", name, found, durable)
		}
		if !isPrefix(mediaIn(got[:mediaEnd(got)]), f.written) {
			return fmt.Errorf("%s has other media than was written", name)
		}
		if rand.IntN(50) == 0 {
			ffmpegtest.Run(t, "-i", filepath.Join(store, name), "-f", "null", "-")
		}
	}
	return nil
}

// boxesOf calls f with the boxes of a file.
func boxesOf(b []byte, f func(name string, at int, body []byte)) {
	for at := 0; at+8 <= len(b); {
		size := int(binary.BigEndian.Uint32(b[at:]))
		if size < 8 || at+size > len(b) {
			return
		}
		f(string(b[at+4:at+8]), at, b[at+8:at+size])
		at += size
	}
}

// isPrefix reports whether media is the beginning of what was written to a file, maybe
// with the sound at its end that stands for what comes after a pause.
func isPrefix(media, written []byte) bool {
	all := mediaIn(written)
	is := bytes.HasPrefix(all, media)
	boxesOf(written, func(name string, at int, body []byte) {
		if name == "free" && bytes.HasPrefix(body, []byte("spar")) {
			before, ok := bytes.CutSuffix(media, mediaIn(body[4:]))
			is = is || ok && bytes.Equal(before, mediaIn(written[:at]))
		}
	})
	return is
}

// mediaIn is all that is in the mdat boxes of a file.
func mediaIn(b []byte) (all []byte) {
	boxesOf(b, func(name string, _ int, body []byte) {
		if name == "mdat" {
			all = append(all, body...)
		}
	})
	return all
}

// mediaEnd is where the media of a file ends.
func mediaEnd(b []byte) (end int) {
	boxesOf(b, func(name string, at int, body []byte) {
		if name == "mdat" {
			end = at + 8 + len(body)
		}
	})
	return end
}
