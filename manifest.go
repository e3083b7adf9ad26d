package callreel

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/callreel/callreel/internal/fault"
	"github.com/callreel/callreel/internal/timebase"
)

const (
	manifestName    = "manifest.json"
	manifestVersion = 2
	// manifestEvery is how often changes of the roster alone are written at most.
	manifestEvery = timebase.Second
	// manifestAtLeast is how often it is written because of what was received.
	manifestAtLeast = 5 * timebase.Second
	// manifestWhilePaused is how often it is written, changed or not, while it is
	// all that tells that the recording is running.
	manifestWhilePaused = 60 * timebase.Second
	maxManifest         = 64 << 20 // bytes that are read
)

// manifest is what a recording keeps beside its files in the spool, so that they
// can be finished and described if this process does not come to it. It is gone
// once the recording is in the store.
type manifest struct {
	Version     int             `json:"version"`
	Time        time.Time       `json:"time"` // of writing
	Settings    RecordingConfig `json:"settings"`
	PausedSince time.Time       `json:"pausedSince,omitzero"` // the pause that lasts
	Ended       bool            `json:"ended"`                // Result is final
	Continued   int             `json:"continued,omitempty"`  // how often it went on after a crash
	Result      Result          `json:"result"`               // as far as it has come, without the pause that lasts
	Progress    *progressReport `json:"progress,omitempty"`   // what the report is made of, at most some seconds old
}

// errVersion refuses the manifest of a later version of callreel.
var errVersion = fault.Caller.Wrap(errors.New("it is of a later version of callreel, which is to finish it"))

func (m *manifest) save(c *courier) error {
	doc, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return c.spool.Replace(m.Settings.ID, manifestName, doc)
}

// loadManifest reads a recording's manifest; nil if there is none.
func (c *courier) loadManifest(recording string) (m *manifest, err error) {
	doc, err := c.read(recording, manifestName)
	if doc == nil || err != nil {
		return nil, err
	}
	var head struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(doc, &head); err != nil {
		return nil, fmt.Errorf("read %s: %w", manifestName, err)
	}
	if head.Version > manifestVersion {
		return nil, fmt.Errorf("%s has version %d: %w", manifestName, head.Version, errVersion)
	}
	m = new(manifest)
	if err := json.Unmarshal(doc, m); err != nil {
		return nil, fmt.Errorf("read %s: %w", manifestName, err)
	}
	if m.Settings.ID != recording {
		return nil, fmt.Errorf("%s is that of recording %q", manifestName, m.Settings.ID)
	}
	m.Settings.setDefaults() // what an earlier version did not have
	return m, m.Settings.check()
}

// read reads a document in the spool; nil if there is none.
func (c *courier) read(recording, name string) (doc []byte, err error) {
	f, err := c.spool.Open(recording, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return io.ReadAll(io.LimitReader(f, maxManifest))
}

// manifest describes the recording as it is.
func (r *Recording) manifest() *manifest {
	m := &manifest{Version: manifestVersion, Time: r.eng.clock.read(), Settings: r.cfg, Continued: r.past.continued, Result: r.describe()}
	m.Progress = r.reported(m.Result.Participants)
	t := &r.session.timeline
	if r.session.stopped == never && t.paused() {
		m.PausedSince = r.eng.clock.time(t.pauses[len(t.pauses)-1].from)
		if n := len(m.Result.Pauses); n > 0 && m.Result.Pauses[n-1].Start.Equal(m.PausedSince) {
			m.Result.Pauses = m.Result.Pauses[:n-1]
		}
	}
	return m
}

// save keeps the manifest up to date. That it fails is told, and tried again, but
// does not end the recording. If one waits to be written, this takes its place.
func (r *Recording) save() {
	r.saved = r.eng.clock.now()
	if r.toSave.Swap(r.manifest()) != nil {
		return
	}
	r.out.do(func() {
		err := r.toSave.Swap(nil).save(r.eng.courier)
		if r.unsaved.Swap(err != nil) || err == nil {
			return
		}
		r.session.log.Error("what is recorded now may not be described if this process is killed", "error", err)
	})
}

// saveChanges does so if there are chunks, if people have come or gone for a while,
// and now and then for what was received.
func (r *Recording) saveChanges(roster, chunks bool) {
	r.stale = r.stale || roster || r.unsaved.Load()
	age := r.eng.clock.now() - r.saved
	if chunks || r.stale && age >= manifestEvery || age >= max(manifestAtLeast, r.progress.pays()) {
		r.stale = false
		r.save()
	}
}
