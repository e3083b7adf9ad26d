package callreel

import (
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"

	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/storage"
)

// People who come and go, and switch their microphones on and off, leave behind
// a line of the report each, in a pause nothing.
func TestComingAndGoingLeavesLittleBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		e, err := New(Config{Storage: storage.Dir(filepath.Join(dir, "store")), Spool: filepath.Join(dir, "spool")})
		if err != nil {
			t.Fatal(err)
		}
		rec, err := e.Start(t.Context(), RecordingConfig{Conversation: "room", Width: 320, Height: 180})
		if err != nil {
			t.Fatal(err)
		}
		c := rec.Conversation()
		stay, err := c.Join(ingest.Participant{ID: "bob"})
		if err != nil {
			t.Fatal(err)
		}
		come := func(id string) {
			w, err := c.AddTrack(ingest.TrackInfo{Participant: ingest.Participant{ID: id}, MimeType: "audio/PCMU"})
			if err != nil {
				t.Fatal(err)
			}
			p := &rtp.Packet{Header: rtp.Header{Version: 2, SSRC: 1}, Payload: make([]byte, 160)}
			if err := w.WriteRTP(p, time.Now()); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Second)
			if err := w.Close(); err != nil {
				t.Error(err)
			}
		}
		for range 20 {
			come("ann")
			come("bob")
		}
		members, tracks := c.held()
		if members > 4 || tracks > 8 {
			t.Errorf("%d members and %d tracks are kept", members, tracks)
		}
		if err := rec.Pause(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		for range 50 {
			come("ann")
			come("bob")
		}
		if m, n := c.held(); m > members || n > tracks {
			t.Errorf("%d members and %d tracks are kept in a pause", m, n)
		}
		stay()
		res, err := rec.Stop(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n := len(res.Participants); n != 21 {
			t.Errorf("%d stays", n)
		}
		heard := 0
		for range res.Report.Tracks() {
			heard++
		}
		if n := len(res.Report.Participants); n != 2 || heard != 40 {
			t.Errorf("a report of %d people and %d tracks", n, heard)
		}
	})
}

// held returns how many members and tracks a conversation knows.
func (c *Conversation) held() (members, tracks int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.members {
		m.mu.Lock()
		tracks += len(m.tracks)
		m.mu.Unlock()
	}
	return len(c.members), tracks
}

// A recording can be found by its conversation before it has started.
func TestRecordingIsFoundWhileItStarts(t *testing.T) {
	dir := t.TempDir()
	e, err := New(Config{Storage: storage.Dir(filepath.Join(dir, "store")), Spool: filepath.Join(dir, "spool")})
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		c, err := e.Conversation("room")
		if err != nil {
			t.Fatal(err)
		}
		leave, err := c.Join(ingest.Participant{ID: "ann"})
		if err != nil {
			t.Fatal(err)
		}
		found := make(chan error)
		go func() {
			for {
				if rec := c.Info().Recording; rec != nil {
					if rec.Conversation() != c || rec.Result().Conversation != "room" {
						found <- errors.New("nothing is known of it")
					}
					close(found)
					return
				}
			}
		}()
		rec, err := e.Start(t.Context(), RecordingConfig{Conversation: "room", Width: 320, Height: 180, Delay: 200 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		if err := <-found; err != nil {
			t.Error(err)
		}
		leave()
		if _, err := rec.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
