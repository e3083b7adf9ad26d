package callreel_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/callreel/callreel"
)

// behind is how much of what has happened may be missing after a crash: the
// composing delay, the encoder's lookahead, and the fragment that is open.
const behind = time.Second + time.Second + time.Second

// crash is what a process that is killed leaves in the spool.
type crash struct {
	at      time.Duration // after the start
	said    time.Duration // how much is in the files, by the recording that ran
	dir     string
	results []callreel.Result
	told    string
}

// crashAt copies the spool as it is, as if the process was killed now, and lets
// an engine take it over.
func (d *depot) crashAt(at time.Duration) crash {
	d.t.Helper()
	synctest.Wait() // a file that is being replaced would vanish while it is copied
	c := crash{at: at, dir: filepath.Join(d.dir, at.String())}
	if err := os.CopyFS(filepath.Join(c.dir, "spool"), os.DirFS(filepath.Join(d.dir, "spool"))); err != nil {
		d.t.Fatal(err)
	}
	later := newDepot(d.t, c.dir, failing(nil))
	var err error
	if c.results, err = later.eng.Recover(d.t.Context()); err != nil {
		d.t.Errorf("killed after %v: %v", at, err)
	}
	synctest.Wait()
	if left := later.left(); len(left) > 0 {
		d.t.Errorf("killed after %v: in the spool: %q", at, left)
	}
	c.told = later.told()
	later.close()
	return c
}

// A recording is killed every 1.1 s: before the first fragment, in chunks and
// between them, in a pause and after it.
func TestLongKilledAtAnyInstant(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var crashes []crash
	var start time.Time
	synctest.Test(t, func(t *testing.T) {
		d := newDepot(t, dir, failing(errAway)) // so that all of it is in the spool
		conv := d.conversation("room")
		leaveAnn := d.join(person(conv, 1, time.Now()))
		cfg := smallConfig("room")
		cfg.ChunkDuration = 10 * time.Second
		rec := d.start(cfg)
		start = rec.StartTime()
		leaveBob := func() {}
		for at := time.Duration(0); at < 24*time.Second; at += 100 * time.Millisecond {
			switch at {
			case 3 * time.Second:
				leaveBob = d.join(person(conv, 10, time.Now()))
			case 6 * time.Second:
				if err := rec.Pause(t.Context()); err != nil {
					t.Fatal(err)
				}
			case 8 * time.Second:
				if err := rec.Resume(t.Context()); err != nil {
					t.Fatal(err)
				}
			case 14 * time.Second:
				leaveAnn()
			}
			if at%(1100*time.Millisecond) == 0 {
				synctest.Wait() // the writer is done with what it was given
				said := rec.Result().Duration
				c := d.crashAt(at)
				c.said = said
				crashes = append(crashes, c)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if _, err := rec.Stop(context.Background()); !errors.Is(err, errAway) {
			t.Error(err)
		}
		leaveBob()
		if err := d.eng.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	for _, c := range crashes {
		t.Run(c.at.String(), func(t *testing.T) { c.check(t, start) })
	}
}

func (c crash) check(t *testing.T, start time.Time) {
	if len(c.results) != 1 || !strings.HasSuffix(c.told, "Delivered") || strings.Count(c.told, "Delivered") != 1 {
		t.Fatalf("%+v, told %s", c.results, c.told)
	}
	res := c.results[0]
	recorded := c.at
	if c.at > 6*time.Second {
		recorded = max(6*time.Second, c.at-2*time.Second)
	}
	if res.EndReason != callreel.EndInterrupted || res.Verdict != callreel.Fail || res.State != callreel.Completed || !res.StartTime.Equal(start) {
		t.Errorf("%+v", res)
	}
	if res.Duration > recorded || res.Duration < recorded-behind {
		t.Errorf("%v of %v are there", res.Duration, recorded)
	}
	if lost := c.said - res.Duration; lost > 0 || lost < -time.Second-time.Second/8 {
		t.Errorf("%v were acknowledged, %v are there", c.said, res.Duration)
	}
	if n := len(res.Participants); c.at > 5500*time.Millisecond && n != 2 || c.at > 2*time.Second && n < 1 {
		t.Errorf("participants %+v", res.Participants)
	}
	if left := slices.ContainsFunc(res.Participants, func(p callreel.ParticipantInfo) bool { return !p.Left.IsZero() }); left != (c.at > 16*time.Second) && (c.at < 14*time.Second || c.at > 16*time.Second) {
		t.Errorf("participants %+v", res.Participants)
	}
	if paused := c.at >= 6*time.Second; paused != (len(res.Pauses) == 1) || paused && res.Pauses[0].Start.Sub(start) != 6*time.Second {
		t.Errorf("pauses %+v", res.Pauses)
	}
	if c.at >= 8*time.Second && res.Pauses[0].Duration != 2*time.Second {
		t.Errorf("pauses %+v", res.Pauses)
	}
	c.checkFiles(t, res)
}

// checkFiles looks into what is stored.
func (c crash) checkFiles(t *testing.T, res callreel.Result) {
	var kept callreel.Result
	c.read(t, callreel.ResultKey(res.ID), &kept)
	if kept.EndReason != res.EndReason || len(kept.Chunks) != len(res.Chunks) || kept.Duration != res.Duration {
		t.Errorf("stored is %+v, told %+v", kept, res)
	}
	var report callreel.Report
	c.read(t, callreel.ReportKey(res.ID), &report)
	if len(report.Reasons) != 1 || len(report.Participants) != len(res.Participants) {
		t.Errorf("%+v", report)
	}
	if at := c.at; at < 2*time.Second && len(res.Chunks) != 0 || at > 17*time.Second && len(res.Chunks) != 2 {
		t.Errorf("%d chunks", len(res.Chunks))
	}
	end := time.Duration(0)
	for i, chunk := range res.Chunks {
		want := "ChunkMaximumTimeExceeded"
		if i == len(res.Chunks)-1 && chunk.Duration < 10*time.Second {
			want = "Interrupted"
		}
		if chunk.Index != i || chunk.Start != end || i == 0 && chunk.EndReason != want {
			t.Errorf("chunk %+v", chunk)
		}
		end += chunk.Duration
		var meta callreel.Metadata
		c.read(t, chunk.MetadataKey, &meta)
		rate := meta.RecordingInfo.VideoConfiguration.BitRate
		if meta.ChunkDuration != chunk.Duration.Milliseconds() || rate <= 0 || len(meta.Participants) == 0 {
			t.Errorf("%+v", meta)
		}
		if pauses := len(meta.PauseResumeIntervals); i == 0 && c.at >= 6*time.Second && pauses != 1 || i == 1 && pauses != 0 {
			t.Errorf("chunk %d has %d pauses", i, pauses)
		}
		m := decode(t, stored(filepath.Join(c.dir, "store"), chunk.MediaKey), small)
		m.lasts(chunk.Duration)
	}
	if end != res.Duration {
		t.Errorf("chunks of %v in %v", end, res.Duration)
	}
}

func (c crash) read(t *testing.T, key string, v any) {
	t.Helper()
	doc, err := os.ReadFile(stored(filepath.Join(c.dir, "store"), key))
	if err := errors.Join(err, json.Unmarshal(doc, v)); err != nil {
		t.Fatal(err)
	}
}

// What is running is nobody else's, neither this engine's Recover's nor another's.
func TestRecoverLeavesRunningRecordings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDepot(t, t.TempDir(), failing(nil))
		rec := d.start(smallConfig("room"))
		time.Sleep(4 * time.Second)
		other := newDepot(t, d.dir, failing(nil))
		for _, e := range []*depot{d, other} {
			if got, err := e.eng.Recover(t.Context()); err != nil || len(got) != 0 {
				t.Errorf("%+v, %v", got, err)
			}
		}
		time.Sleep(time.Second)
		if res := d.stop(rec); res.Duration != 5*time.Second {
			t.Errorf("%+v", res)
		}
		other.close()
		d.close()
	})
}

func TestRecoverRefuses(t *testing.T) {
	dir := t.TempDir()
	files := map[string]map[string]string{
		"newer":     {"manifest.json": `{"version": 3, "settings": "other"}`, "0.mp4": "media"},
		"malformed": {"manifest.json": `{"version": 1`, "0.mp4": "media"},
		"others":    {"manifest.json": `{"version": 1, "settings": {"ID": "else"}}`, "0.mp4": "media"},
		"none":      {"0.mp4": "media"},
		"nothing":   {"0.mp4": ""},
		"empty":     {},
		"~x":        {"0.mp4": "media"},
	}
	for id, all := range files {
		if err := os.MkdirAll(filepath.Join(dir, "spool", id), 0o750); err != nil {
			t.Fatal(err)
		}
		for name, text := range all {
			if err := os.WriteFile(filepath.Join(dir, "spool", id, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	d := newDepot(t, dir, failing(nil))
	results, err := d.eng.Recover(t.Context())
	if err == nil || len(results) > 0 || len(d.store.keys()) > 0 {
		t.Errorf("%+v, %v", results, err)
	}
	for id, wanted := range map[string]bool{"newer": true, "malformed": true, "others": true, "none": true, "nothing": false, "empty": false, "~x": false} {
		if strings.Contains(fmt.Sprint(err), "recording "+id+":") != wanted {
			t.Errorf("%s: %v", id, err)
		}
		_, gone := os.Stat(filepath.Join(dir, "spool", id))
		if gone != nil != (id == "nothing" || id == "empty") {
			t.Errorf("%s: %v", id, gone)
		}
		for name, text := range files[id] {
			if b, err := os.ReadFile(filepath.Join(dir, "spool", id, name)); gone == nil && (err != nil || string(b) != text) {
				t.Errorf("%s/%s: %q, %v", id, name, b, err)
			}
		}
	}
	if !strings.Contains(fmt.Sprint(err), "later version") {
		t.Error(err)
	}
	d.close()
}

// The process is killed after the last object was stored and before that was told.
func TestDeliveredIsToldAfterACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDepot(t, t.TempDir(), failing(nil))
		var once bool
		d.store.set(func(key string) error {
			if strings.HasSuffix(key, "recording.json") && !once {
				once = true
				return errAway
			}
			return nil
		})
		res, err := d.recorded()
		if !errors.Is(err, errAway) {
			t.Error(err)
		}
		copied := filepath.Join(d.dir, "copy")
		if err := os.CopyFS(filepath.Join(copied, "spool"), os.DirFS(filepath.Join(d.dir, "spool"))); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(copied, "spool", res.ID, "recording.json")); err != nil {
			t.Fatal(err)
		}
		later := newDepot(t, copied, failing(nil))
		results, err := later.eng.Recover(t.Context())
		synctest.Wait()
		if err != nil || len(results) != 1 || results[0].EndReason != callreel.EndStopped || later.told() != "Delivered" || len(later.left()) > 0 {
			t.Errorf("%+v, %v, told %s, left %q", results, err, later.told(), later.left())
		}
		later.close()
		time.Sleep(2 * time.Second)
		d.close()
	})
}

// What an earlier run left is not touched by a recording of the same name.
func TestLeftoversAreNotOverwritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDepot(t, t.TempDir(), failing(errAway))
		res, err := d.recorded()
		if !errors.Is(err, errAway) {
			t.Error(err)
		}
		again := smallConfig("room")
		again.ID = res.ID
		if _, err := d.eng.Start(t.Context(), again); !errors.Is(err, callreel.ErrInvalid) {
			t.Errorf("while it is being delivered: %v", err)
		}
		d.close()
		later := newDepot(t, d.dir, failing(nil))
		if _, err := later.eng.Start(t.Context(), again); !errors.Is(err, callreel.ErrInvalid) {
			t.Errorf("after a restart: %v", err)
		}
		results, err := later.eng.Recover(t.Context())
		if err != nil || len(results) != 1 || results[0].EndReason != callreel.EndStopped {
			t.Errorf("%+v, %v", results, err)
		}
		time.Sleep(time.Second)
		if left := later.left(); len(left) > 0 {
			t.Errorf("in the spool: %q", left)
		}
		later.close()
	})
}
