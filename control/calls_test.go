package control_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/cluster"
	"github.com/callreel/callreel/control"
	"github.com/callreel/callreel/ingest"
)

// A call goes on under its id if somebody comes back after a crash. If nobody
// does, its end is told.
func TestCallsOutliveACrash(t *testing.T) {
	for name, back := range map[string]bool{"somebody comes back": true, "nobody comes back": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, node, dir := &hooks{}, cluster.InMemory(), t.TempDir()
				withHooks := func(c *control.Config) { c.Webhooks.Transport = h }
				first := makeRig(t, dir, node, withHooks)
				first.do("PUT", "/subscriptions/all", `{"endpoint":"https://hook.test/","signingKey":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}`)
				join := func(r *rig) (leave func()) {
					conv, err := r.engine.Conversation("room")
					r.check(err)
					leave, err = conv.Join(ingest.Participant{ID: "ann"})
					r.check(err)
					return leave
				}
				join(first)
				time.Sleep(time.Second) // from now on it is as if it were dead
				next := makeRig(t, dir, node, withHooks)
				time.Sleep(10 * time.Second)
				want := "Started ParticipantAdded ParticipantRemoved"
				if back {
					leave := join(next)
					time.Sleep(5 * time.Minute)
					want += " ParticipantAdded"
					checkCall(t, h, want)
					leave()
					want += " ParticipantRemoved"
				}
				time.Sleep(2*time.Minute + time.Second)
				checkCall(t, h, want+" Ended")
			})
		})
	}
}

// The same goes for a call whose process alone has crashed.
func TestCallOutlivesItsProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hooks{}
		r := makeRig(t, t.TempDir(), cluster.InMemory(), func(c *control.Config) { c.Webhooks.Transport = h })
		r.do("PUT", "/subscriptions/all", `{"endpoint":"https://hook.test/","signingKey":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}`)
		tell := func(what callreel.EventType, call string, err error) {
			ann := callreel.ParticipantInfo{ID: "ann", Joined: time.Now()}
			r.server.Observe(callreel.Event{Type: what, Time: time.Now(), Conversation: "room", Call: call, Participant: &ann, Err: err})
		}
		tell(callreel.CallStarted, "first", nil)
		tell(callreel.ParticipantJoined, "first", nil)
		time.Sleep(time.Second)
		tell(callreel.CallEnded, "first", errors.New("crashed"))
		time.Sleep(10 * time.Second)
		tell(callreel.CallStarted, "second", nil)
		tell(callreel.ParticipantJoined, "second", nil)
		time.Sleep(5 * time.Minute)
		want := "Started ParticipantAdded ParticipantRemoved ParticipantAdded"
		checkCall(t, h, want)
		tell(callreel.CallEnded, "second", errors.New("crashed"))
		time.Sleep(2*time.Minute + time.Second)
		checkCall(t, h, want+" ParticipantRemoved Ended")
	})
}

// checkCall checks what was told of the only call, which comes in any order.
func checkCall(t *testing.T, h *hooks, want string) {
	t.Helper()
	var kinds, calls []string
	seen := make(map[string]bool)
	for _, e := range h.told(t, "hook.test") {
		kind := strings.TrimPrefix(strings.TrimPrefix(e.EventType, "Microsoft.Communication."), "Call")
		if kind != "LegStateChanged" {
			kinds, calls = append(kinds, kind), append(calls, e.Data.CorrelationID)
		}
		if seen[e.ID] {
			t.Errorf("told twice: %+v", e)
		}
		seen[e.ID] = true
	}
	slices.Sort(kinds)
	wants := strings.Fields(want)
	slices.Sort(wants)
	if !slices.Equal(kinds, wants) || len(slices.Compact(calls)) != 1 {
		t.Errorf("told %s of calls %q, want %s", kinds, calls, wants)
	}
}
