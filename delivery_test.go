package callreel_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/internal/fault"
	"github.com/callreel/callreel/storage"
)

var errAway = fault.Destination.Wrap(errors.New("the store is away"))

// moodyStore is a store that fails as it is told, and notes what it is asked for.
type moodyStore struct {
	storage.Store
	mu     sync.Mutex
	refuse func(key string) error
	asked  []time.Time
	stored []string
}

func (m *moodyStore) set(refuse func(key string) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refuse = refuse
}

func (m *moodyStore) Put(ctx context.Context, key string, src io.ReadSeeker, contentType string) (storage.Info, error) {
	m.mu.Lock()
	m.asked = append(m.asked, time.Now())
	err := m.refuse(key)
	if err == nil {
		m.stored = append(m.stored, key)
	}
	m.mu.Unlock()
	if err != nil {
		return storage.Info{}, err
	}
	return m.Store.Put(ctx, key, src, contentType)
}

func (m *moodyStore) keys() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.stored)
}

// times returns when the store was asked.
func (m *moodyStore) times() []time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.asked)
}

func failing(err error) func(string) error { return func(string) error { return err } }

// teller keeps the events that it is told.
type teller struct {
	mu     sync.Mutex
	events []callreel.Event
}

func (l *teller) take(e callreel.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, e)
}

// told returns the types of the events of recordings, without changes of state.
func (l *teller) told() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []string
	for _, e := range l.events {
		if e.Recording != "" && e.Type != callreel.StateChanged {
			all = append(all, string(e.Type))
		}
	}
	return strings.Join(all, " ")
}

// last returns the newest event.
func (l *teller) last() callreel.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.events[len(l.events)-1]
}

// depot is an engine with a moody store, in a directory.
type depot struct {
	*rig
	store *moodyStore
	teller
}

func newDepot(t *testing.T, dir string, refuse func(string) error) *depot {
	t.Helper()
	d := &depot{
		rig:   &rig{t: t, dir: dir},
		store: &moodyStore{Store: storage.Dir(filepath.Join(dir, "store")), refuse: refuse},
	}
	var err error
	d.eng, err = callreel.New(callreel.Config{Storage: d.store, Spool: filepath.Join(dir, "spool"), OnEvent: d.take})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *depot) close() {
	if err := d.eng.Close(context.Background()); err != nil {
		d.t.Error(err)
	}
}

// left returns what is in the spool.
func (d *depot) left() (names []string) {
	files, err := filepath.Glob(filepath.Join(d.dir, "spool", "*", "*"))
	if err != nil {
		d.t.Fatal(err)
	}
	for _, f := range files {
		names = append(names, filepath.Base(f))
	}
	return names
}

// recorded is a recording of three seconds of an empty room.
func (d *depot) recorded() (callreel.Result, error) {
	rec := d.start(smallConfig("room"))
	<-time.After(3 * time.Second)
	return rec.Stop(context.Background())
}

// The store is away when the recording ends, and for half an hour.
func TestStoreIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDepot(t, t.TempDir(), failing(errAway))
		res, err := d.recorded()
		if !errors.Is(err, errAway) || res.State != callreel.Completed || res.Verdict != callreel.Pass {
			t.Errorf("%v, %+v", err, res)
		}
		if got := d.told(); got != "ChunkFailed Ended" {
			t.Errorf("told %s", got)
		}
		want := []string{"0.json", "0.mp4", "manifest.json", "recording.json", "report.json"}
		if got := d.left(); !slices.Equal(got, want) {
			t.Errorf("in the spool: %q", got)
		}
		began := len(d.store.times()) - 1
		time.Sleep(30 * time.Minute)
		checkSchedule(t, d.store.times()[began:])
		stats := d.eng.Deliveries()
		all, _, err := d.eng.SpoolSize()
		if stats.Recordings != 1 || stats.Files != 4 || stats.Oldest < 30*time.Minute || stats.Bytes <= res.Chunks[0].Bytes || all <= stats.Bytes || err != nil {
			t.Errorf("%+v, %d bytes in all, %v", stats, all, err)
		}
		d.store.set(failing(nil))
		time.Sleep(5 * time.Minute)
		if got := d.told(); got != "ChunkFailed Ended ChunkStored Delivered" {
			t.Errorf("told %s", got)
		}
		if stats := d.eng.Deliveries(); stats != (callreel.DeliveryStats{}) || len(d.left()) > 0 {
			t.Errorf("%+v, in the spool: %q", stats, d.left())
		}
		if keys := d.store.keys(); len(keys) != 4 || keys[3] != callreel.ResultKey(res.ID) {
			t.Errorf("stored %q", keys)
		}
		d.close()
	})
}

// checkSchedule checks that attempts come after a second, and each after twice
// the time up to five minutes, or up to half of that earlier.
func checkSchedule(t *testing.T, asked []time.Time) {
	t.Helper()
	var gaps []time.Duration
	for i := 1; i < len(asked); i++ {
		if gap := asked[i].Sub(asked[i-1]); gap > 0 {
			gaps = append(gaps, gap)
		}
	}
	want := time.Second
	for i, gap := range gaps {
		if gap > want || gap < want/2 {
			t.Errorf("attempt %d comes %v after the one before, want %v at most", i+1, gap, want)
		}
		want = min(2*want, 5*time.Minute)
	}
	if len(gaps) < 13 {
		t.Errorf("%d attempts in half an hour", len(gaps))
	}
}

func TestDeliveredAfterEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDepot(t, t.TempDir(), failing(nil))
		res, err := d.recorded()
		if err != nil {
			t.Fatal(err)
		}
		if got := d.told(); got != "ChunkStored Ended Delivered" || len(d.left()) > 0 {
			t.Errorf("told %s, in the spool: %q", got, d.left())
		}
		if last := d.last(); last.Result == nil || last.Result.ID != res.ID || last.Err != nil || last.Conversation != "room" {
			t.Errorf("%+v", last)
		}
		d.close()
	})
}

// A chunk that could not be stored is tried again while the recording goes on.
func TestChunksAreTriedAgainDuringTheRecording(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDepot(t, t.TempDir(), failing(errAway))
		cfg := smallConfig("room")
		cfg.ChunkDuration = 10 * time.Second
		rec := d.start(cfg)
		time.Sleep(14 * time.Second)
		d.store.set(failing(nil))
		time.Sleep(4 * time.Second)
		if got := d.told(); got != "ChunkFailed ChunkStored" {
			t.Errorf("told %s", got)
		}
		d.stop(rec)
		if got := d.told(); got != "ChunkFailed ChunkStored ChunkStored Ended Delivered" {
			t.Errorf("told %s", got)
		}
		d.close()
	})
}

// An object that the store refuses does not hold up the others, but the mark
// that all is there.
func TestOneObjectIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDepot(t, t.TempDir(), func(key string) error {
			if strings.HasSuffix(key, ".mp4") {
				return errAway
			}
			return nil
		})
		if _, err := d.recorded(); !errors.Is(err, errAway) {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		if got := d.left(); !slices.Equal(got, []string{"0.json", "0.mp4", "manifest.json", "recording.json"}) {
			t.Errorf("in the spool: %q", got)
		}
		d.store.set(failing(nil))
		time.Sleep(5 * time.Minute)
		if got := d.left(); len(got) > 0 {
			t.Errorf("in the spool: %q", got)
		}
		d.close()
	})
}

// The engine is closed while the store is away. A later one delivers.
func TestCloseDuringAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		d := newDepot(t, dir, failing(errAway))
		res, err := d.recorded()
		if !errors.Is(err, errAway) {
			t.Error(err)
		}
		running := d.start(smallConfig("another room"))
		time.Sleep(3 * time.Second)
		if err := d.eng.Close(context.Background()); !errors.Is(err, errAway) {
			t.Errorf("close: %v", err)
		}
		if got := running.Result().EndReason; got != callreel.EndShutdown {
			t.Errorf("ended by %s", got)
		}
		later := newDepot(t, dir, failing(nil))
		results, err := later.eng.Recover(t.Context())
		if err != nil || len(results) != 2 || results[0].ID != res.ID || results[0].State != callreel.Completed {
			t.Fatalf("%+v, %v", results, err)
		}
		if again, err := later.eng.Recover(t.Context()); err != nil || len(again) != 0 {
			t.Errorf("twice: %+v, %v", again, err)
		}
		time.Sleep(time.Second)
		if got := later.told(); strings.Count(got, "Delivered") != 2 || strings.Count(got, "ChunkStored") != 2 || len(later.left()) > 0 {
			t.Errorf("told %s, in the spool: %q", got, later.left())
		}
		var kept callreel.Result
		doc, err := os.ReadFile(stored(filepath.Join(dir, "store"), callreel.ResultKey(res.ID)))
		if err := errors.Join(err, json.Unmarshal(doc, &kept)); err != nil || kept.EndReason != callreel.EndStopped || kept.Duration != res.Duration {
			t.Errorf("%+v, %v", kept, err)
		}
		later.close()
	})
}

// hungStore takes requests and answers none of them.
type hungStore struct{ storage.Store }

func (hungStore) Put(ctx context.Context, _ string, _ io.ReadSeeker, _ string) (storage.Info, error) {
	<-ctx.Done()
	return storage.Info{}, ctx.Err()
}

func TestStoreThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDepot(t, t.TempDir(), failing(nil))
		whole := d.store.Store
		d.store.Store = hungStore{whole}
		asked := time.Now()
		_, err := d.recorded()
		if took := time.Since(asked); !errors.Is(err, context.DeadlineExceeded) || fault.Of(err) != fault.Destination || took > 5*time.Minute {
			t.Errorf("%v after %v", err, took)
		}
		if n := d.eng.Deliveries().Files; n != 4 {
			t.Errorf("%d files wait", n)
		}
		d.close() // does not wait for the store
		if took := time.Since(asked); took > 5*time.Minute {
			t.Errorf("closed after %v", took)
		}
	})
}

// Somebody deletes a file in the spool. The rest is delivered, and that is told.
func TestFileIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDepot(t, t.TempDir(), failing(errAway))
		res, err := d.recorded()
		if !errors.Is(err, errAway) {
			t.Error(err)
		}
		if err := os.Remove(filepath.Join(d.dir, "spool", res.ID, "report.json")); err != nil {
			t.Fatal(err)
		}
		d.store.set(failing(nil))
		time.Sleep(time.Minute)
		if got := d.told(); got != "ChunkFailed Ended ChunkStored Delivered" || len(d.left()) > 0 {
			t.Errorf("told %s, in the spool: %q", got, d.left())
		}
		if last := d.last(); !errors.Is(last.Err, os.ErrNotExist) {
			t.Errorf("%+v", last)
		}
		d.close()
	})
}
