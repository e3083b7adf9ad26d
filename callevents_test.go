package callreel

import (
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/storage"
)

// A call begins with its first participant and ends with its last, or with its
// recording if that goes on longer; one that begins again is another.
func TestCallEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var told []string
		calls := map[string]int{}
		dir := t.TempDir()
		e, err := New(Config{Storage: storage.Dir(filepath.Join(dir, "store")), Spool: filepath.Join(dir, "spool"), OnEvent: func(e Event) {
			mu.Lock()
			defer mu.Unlock()
			if e.Call == "" {
				return
			}
			if calls[e.Call] == 0 {
				calls[e.Call] = len(calls) + 1
			}
			who := ""
			if e.Participant != nil {
				who = " " + e.Participant.ID
			}
			told = append(told, fmt.Sprintf("%d %s%s", calls[e.Call], e.Type, who))
		}})
		if err != nil {
			t.Fatal(err)
		}
		c, err := e.Conversation("room")
		if err != nil {
			t.Fatal(err)
		}
		join := func(id string) func() {
			leave, err := c.Join(ingest.Participant{ID: id})
			if err != nil {
				t.Fatal(err)
			}
			return leave
		}
		ann := join("ann")
		again := join("ann") // a second connection
		bob := join("bob")
		ann()
		again()
		bob()
		ann = join("ann")
		rec, err := e.Start(t.Context(), RecordingConfig{Conversation: "room", Width: 320, Height: 180})
		if err != nil {
			t.Fatal(err)
		}
		ann()
		time.Sleep(5 * time.Second)
		bob = join("bob")
		bob()
		if _, err := rec.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := []string{
			"1 CallStarted ann", "1 ParticipantJoined ann", "1 ParticipantJoined bob", "1 ParticipantLeft ann", "1 ParticipantLeft bob", "1 CallEnded",
			"2 CallStarted ann", "2 ParticipantJoined ann", "2 ParticipantLeft ann", "2 ParticipantJoined bob", "2 ParticipantLeft bob", "2 CallEnded",
		}
		if !slices.Equal(told, want) {
			t.Errorf("got %q", told)
		}
		if err := e.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
