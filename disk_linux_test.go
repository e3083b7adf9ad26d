package callreel_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/storage"
)

// TestSmallDisk fills a real file system under a recording and frees it again.
func TestSmallDisk(t *testing.T) {
	t.Parallel()
	spool := t.TempDir()
	if err := unix.Mount("tmpfs", spool, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("a file system can't be mounted, which takes root: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(spool, 0); err != nil {
			t.Error(err)
		}
	})
	alarms := make(chan callreel.Event, 10)
	r := &rig{t: t, dir: t.TempDir()}
	var err error
	r.eng, err = callreel.New(callreel.Config{
		Storage: storage.Dir(filepath.Join(r.dir, "store")), Spool: spool, SpoolReserve: 3 << 20,
		OnEvent: func(e callreel.Event) {
			if e.Alarm != nil {
				alarms <- e
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	cfg := tinyConfig()
	cfg.Delay = 200 * time.Millisecond
	ann := person(r.conversation("room"), 1, time.Now())
	leave := r.join(ann)
	rec := r.start(cfg)
	alarm := func(want callreel.EventType) {
		t.Helper()
		select {
		case e := <-alarms:
			if e.Type != want || e.Alarm.Kind != callreel.AlarmUnwritable || (e.Type == callreel.AlarmRaised) != errors.Is(e.Err, unix.ENOSPC) {
				t.Errorf("%s %+v, %v", e.Type, e.Alarm, e.Err)
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("no %s", want)
		}
	}
	written(t, rec, 4*time.Second)
	ballast := filepath.Join(spool, "ballast")
	if err := os.WriteFile(ballast, bytes.Repeat([]byte{1}, 4<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	alarm(callreel.AlarmRaised)
	if _, err := r.eng.Start(t.Context(), callreel.RecordingConfig{Conversation: "other"}); !errors.Is(err, callreel.ErrSpool) {
		t.Errorf("another recording: %v", err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	alarm(callreel.AlarmCleared)
	written(t, rec, rec.Result().Duration+5*time.Second)
	res := r.stop(rec)
	leave()
	if err := r.eng.Close(context.Background()); err != nil {
		t.Error(err)
	}
	if len(res.Chunks) != 2 || res.Unwritten.Count != 1 {
		t.Errorf("%+v", res)
	}
	r.account(res)
	t.Logf("%v of %v are missing: %+v", res.Unwritten.Total, res.Duration, res.Chunks)
}

// written waits until a recording has come to a position.
func written(t *testing.T, rec *callreel.Recording, pos time.Duration) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for rec.Result().Duration < pos {
		select {
		case <-tick.C:
		case <-rec.Done():
			t.Fatalf("it has ended: %+v", rec.Result())
		}
	}
}
